# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands for an administrator, and for the installer: what has which VF, and whether a configuration is good."""

from __future__ import annotations

import os
from _collections_abc import Callable, Iterator

from shared.pci import is_address

from . import SUPPORTED
from .commands import releases
from .host.host import SETTING, NodeHost, read_all
from .host.log_file import folder_of, problem
from .spec.config import KEYS, canonical, is_identifier, shown
from .spec.delegate import MARK, ipam_type, is_ours, itself
from .spec.errors import REFUSED, CniError
from .spec.json_text import Json, dumps, loads
from .vf import go_plugin_state, withheld
from .vf.config import MISSING_DEVICE, judge
from .vf.journal import Attachment, Store
from .vf.restore import alive, give_back

USAGE = """\
usage: sriov --version
       sriov check-config FILE   judge a network configuration, a list of plugins, or stdin for -
       sriov attachments         list who has which VF, as JSON; "in_use" tells whether the namespace is alive. Without
                                 a VF: whose address its IPAM plugin ("address_held_by") did not release yet
       sriov release             bring back the VFs that were left behind: their namespace is gone, or their ADD died;
                                 ask IPAM plugins again for the addresses that they did not release
       sriov set-aside VF        the journal's file of a VF, by its PCI address, cannot be used, and the VF is in order:
                                 move the file away, and have the VF given out again
A container runtime calls this program with CNI_COMMAND in the environment instead.
"""
_LIMIT = 1 << 20  # bytes
_MOST_ADDRESSES = 1024
_CNI_PATH = "/opt/cni/bin:/usr/libexec/cni:/usr/lib/cni"  # where runtimes have their plugins, unless CNI_PATH says it


def run(arguments: list[str]) -> tuple[int, str]:
    """Exit code (0 good, 1 mistakes, 2 wrong use) and what to print."""
    if arguments == ["--version"]:
        return 0, f"sriov, the CNI plugin of baremetal.sriov; CNI {', '.join(SUPPORTED)}\n"
    if arguments in (["attachments"], ["release"]):
        if MARK in os.environ and arguments == ["release"]:
            return 1, "release: called by a plugin that this one had started, which would go on without end\n"
        try:
            return _attachments() if arguments == ["attachments"] else _release()
        except (CniError, OSError) as error:
            return 1, f"{error}\n"
    if len(arguments) == 2 and arguments[0] == "set-aside":
        try:
            return _set_aside(arguments[1])
        except CniError as error:
            return 1, f"{error}\n"
    if len(arguments) != 2 or arguments[0] != "check-config":
        return 2, USAGE
    try:
        conf, chained = _read(arguments[1])
    except (OSError, ValueError) as error:
        return 1, f"{arguments[1]}: {error.strerror if isinstance(error, OSError) else error}\n"
    mistakes = _judge(conf) + [text for kind in chained for text in _judge_program("plugins", "a plugin", kind)]
    if mistakes:
        return 1, "".join([f"{arguments[1]}: {text}\n" for text in mistakes])
    return 0, f"{arguments[1]}: good\n"


def _attachments(host: NodeHost | None = None) -> tuple[int, str]:
    host = host or NodeHost()
    store = Store(host)
    found = [
        {
            "vf": seen.address, "container": seen.container, "interface": seen.ifname, "network": seen.network,
            "netns": seen.netns, "in_use": seen.complete and alive(host, seen) is not None,
            "made_by": "baremetal.sriov", **_why_withheld(host, seen.address),
        }
        for seen in store.attachments()
    ]  # fmt: skip
    # Of what cannot be read nobody knows that it is not in use, but for an ADD that never ended.
    found += [
        {
            "vf": bad.address, "container": bad.container, "interface": bad.ifname, "network": "", "netns": "",
            "in_use": bad.complete and is_address(bad.address) and withheld.read(host, bad.address) is None,
            "made_by": "baremetal.sriov", "error": str(bad.error), **_why_withheld(host, bad.address),
        }
        for bad in store.damaged()
    ]  # fmt: skip
    return 0, dumps(found + go_plugin_state.attachments(host, store) + releases.entries(host)) + "\n"


def _why_withheld(host: NodeHost, address: str) -> Json:
    seen = withheld.read(host, address)
    return {"withheld": seen["cause"]} if seen is not None else {}


def _set_aside(address: str, host: NodeHost | None = None) -> tuple[int, str]:
    host = host or NodeHost()
    store = Store(host)
    address = address.lower() if is_address(address.lower()) else address
    store.prepare()
    if not is_address(address) and address not in [bad.address for bad in store.damaged()]:
        return 1, f"set-aside: expected the PCI address of a VF, found {shown(address)}\n"
    with store.lock(address, "VF"):
        moved = store.set_aside(address)
        if not moved:
            return 1, f"VF {address}: expected a file of the journal that cannot be used, found none\n"
        withheld.release(host, address)
    return 0, "".join([f"VF {address}: {path}\n" for path in moved])


def _release(host: NodeHost | None = None) -> tuple[int, str]:
    """One line for each VF that is back, or not, with the reason where one is known; then the exit code is 1. One for
    each address that its IPAM plugin was asked for: it is not ours, and the code does not tell of it.
    """
    host = host or NodeHost()
    store = Store(host)
    lines: list[str] = []
    good = [_tell(lines, seen.address, seen.owner, _give_back, host, store, seen) for seen in store.attachments()]
    for bad in store.damaged():
        lines.append(f"VF {bad.address} of container {bad.container} interface {bad.ifname} is not back: {bad.error}\n")
        good.append(False)
    for entry in _left_by_others(host, store):
        owner = f"container {entry['container']} interface {entry['interface']}"
        name = f"{entry['container']}-{entry['interface']}"
        good.append(_tell(lines, entry["vf"], owner, go_plugin_state.collect, host, store, name))
    for (container, ifname), failure in releases.sweep(host, _MOST_ADDRESSES, forced=True):
        what = f"is not released: {failure}" if failure else "is released"
        lines.append(f"the address of container {container} interface {ifname} {what}\n")
    return 0 if all(good) else 1, "".join(lines)


def _tell(lines: list[str], address: str, owner: str, act: Callable[..., bool | None], *arguments: object) -> bool:
    """False where the VF is not back; one that fails keeps no other from coming back. None: nothing was left."""
    reason = ""
    try:
        back = act(*arguments)
    except (CniError, OSError) as error:
        back, reason = False, f": {error}"
    if back is not None:
        lines.append(f"VF {address} of {owner} is {'' if back else 'not '}back{reason}\n")
    return back is not False


def _give_back(host: NodeHost, store: Store, seen: Attachment) -> bool | None:
    """None where it is in use, or its DEL was faster."""
    with store.lock(seen.address, "VF"):
        attachment = store.of_owner(seen.container, seen.ifname)
        if attachment is None or (attachment.complete and alive(host, attachment) is not None):
            return None
        releases.expect(host, attachment.container, attachment.ifname)
        why = give_back(host, store, attachment, alive(host, attachment))
        if why:
            raise CniError(REFUSED, why)
        return True


def _left_by_others(host: NodeHost, store: Store) -> Iterator[Json]:
    """Attachments of sriov-cni whose pods are gone, each once; one may come to light when a later one is given back."""
    seen: list[Json] = []
    while True:
        entries = go_plugin_state.attachments(host, store)
        left = [entry for entry in entries if not entry["in_use"] and entry not in seen]
        if not left:
            return
        yield from left
        seen += left


def _read(path: str) -> tuple[Json, list[object]]:
    """The configuration of this plugin in a file, and the types of others in its list. Raises OSError, ValueError."""
    fd = 0 if path == "-" else os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    raw = read_all(fd, _LIMIT)
    if len(raw) > _LIMIT:
        raise ValueError(f"expected at most {_LIMIT} bytes, found more")
    conf = loads(raw)
    if not isinstance(conf, dict):
        raise ValueError("expected a JSON object")
    plugins = conf.get("plugins")
    if plugins is None:
        return conf, []
    if not isinstance(plugins, list) or not all(isinstance(plugin, dict) for plugin in plugins):
        raise ValueError("plugins: expected a list of objects")
    shared = {key: conf[key] for key in ("cniVersion", "name") if key in conf}
    ours = [{**plugin, **shared} for plugin in plugins if plugin.get("type") == "sriov"]
    if len(ours) != 1:  # the second would get the VF that the first has
        raise ValueError(f"plugins: expected one of type sriov, found {len(ours) or 'none'}")
    return ours[0], [plugin.get("type") for plugin in plugins if plugin.get("type") != "sriov"]


def _judge(raw: Json) -> list[str]:
    """The mistakes; deviceID may be missing, as Multus adds it when a pod gets its VF."""
    conf = canonical(raw)
    found = []
    version = conf.get("cniVersion", "0.1.0")
    if version not in SUPPORTED:
        found.append(f"cniVersion: expected one of {', '.join(SUPPORTED)}, found {shown(version)}")
    name = conf.get("name", "")
    if not isinstance(name, str) or not is_identifier(name):
        words = "a letter or digit, then letters, digits, '_', '.', '-'" if name else "the network's name"
        found.append(f"name: expected {words}, found {shown(name)}")
    capabilities = conf.get("capabilities", {})
    if not isinstance(capabilities, dict) or not all(isinstance(value, bool) for value in capabilities.values()):
        found.append("capabilities: expected an object of true and false")
    if conf.get("type") != "sriov":
        found.append(f"type: expected sriov, found {shown(conf.get('type', ''))}")
    config, problems = judge(conf, log=_judge_log_file(conf.get("logFile")))
    found += [text for text in problems + config.doubts if text != MISSING_DEVICE]
    found += _judge_keys(conf)
    if any(text.startswith("ipam") for text in found):
        return found
    return found + _judge_ranges(conf) + _judge_delegate(conf)


def _judge_keys(conf: Json) -> list[str]:
    """Keys that are left alone, and are ours but for the way they are written: in manifests of others they have other
    names.
    """
    ours = {_plain(key): key for key in KEYS}
    return [f"{key}: expected {ours[_plain(key)]}, found a key that is left alone" for key in conf
            if key not in KEYS and _plain(key) in ours]  # fmt: skip


def _plain(key: str) -> str:
    return key.lower().replace("_", "").replace("-", "")


def _judge_ranges(conf: Json) -> list[str]:
    """The refusal of a network whose ranges this node does not have."""
    if not ipam_type(conf) or "ranges_from" not in conf["ipam"]:
        return []
    from .pod.node_ranges import fill

    try:
        fill(conf, SETTING, "ADD")
    except CniError as error:
        return [str(error)]
    return []


def _judge_log_file(file: object) -> str:
    if not isinstance(file, str) or not file:
        return ""
    try:
        return problem(file, folder_of(SETTING))
    except ValueError as error:
        return f"logFile: {error}"


def _judge_delegate(conf: Json) -> list[str]:
    """The refusal of an IPAM plugin that is not on this node, or is this program under another name."""
    kind = ipam_type(conf)
    path = _program(kind)
    if path and os.access(path, os.X_OK) and is_ours(path):
        return [itself(kind, str(conf.get("name", "")), path)]
    return _judge_program("ipam.type", "an IPAM plugin", kind) if kind else []


def _program(kind: object) -> str:
    """Where a plugin of this type is, "" for nowhere."""
    paths = [f"{folder}/{kind}" for folder in (os.environ.get("CNI_PATH") or _CNI_PATH).split(":")]
    return next((path for path in paths if kind and os.path.isfile(path)), "")


def _judge_program(key: str, what: str, kind: object) -> list[str]:
    """The refusal of a plugin that is not on this node, or no program."""
    path, given = _program(kind), os.environ.get("CNI_PATH")
    if path:
        cannot = f"{key}: expected a program, found {path}, which cannot be executed"
        return [] if os.access(path, os.X_OK) else [cannot]
    where = f"CNI_PATH ({given})" if given else f"the usual folders ({_CNI_PATH})"
    return [
        f"{key}: expected {what} in {where}, found no {shown(kind)} there: install it, correct the name, or say in "
        "CNI_PATH where the runtime has its plugins"
    ]
