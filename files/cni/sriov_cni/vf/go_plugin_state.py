# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attachments that sriov-cni, the program in Go whose name and state folder we share, made before we took its place.

It keeps the configuration with what has to be undone in CONTAINER-IFNAME, and in pci/ADDRESS the namespace of who has
the VF. Neither says which boot it is of: files that are older than this boot describe VFs that are no more.
"""

from __future__ import annotations

import os

from shared import pci
from shared.driver_kinds import is_userspace

from ..host.host import NodeHost, read_file
from ..pod.interface import Pod
from ..pod.netns import Netns, open_netns
from ..spec.errors import JOURNAL, REFUSED, TRY_AGAIN, CniError
from ..spec.json_text import Json, loads
from .journal import Attachment, Store
from .restore import give_back
from .settings import blank
from .settings.vlan import PROTO_8021Q
from .vf import Vf, host_link

_LIMIT = 65536  # bytes
_FILES = 4096  # more than a node has VFs
# Our setting: the keys that asked for it there.
_ASKED = {
    "vlan": ("vlan",), "spoofchk": ("spoofchk",), "trust": ("trust",), "rate": ("min_tx_rate", "max_tx_rate"),
    "link_state": ("link_state",),
}  # fmt: skip
# Our field: the key of what was before.
_BEFORE = {
    "vlan": "Vlan", "qos": "VlanQoS", "proto": "VlanProto", "spoofchk": "SpoofChk", "trust": "Trust",
    "link_state": "LinkState", "min_rate": "MinTxRate", "max_rate": "MaxTxRate",
}  # fmt: skip


def take_back(host: NodeHost, store: Store, container: str, ifname: str, netns: str) -> None:
    """DEL of such an attachment, where there is one. Raises CniError where something is left to be done."""
    name = f"{container}-{ifname}"
    file = f"{host.state}/{name}"
    conf = _read(file)
    if conf is None:
        host.log.info("no journal of this container and interface: no VF to bring back")
        return
    address = _address(host, file, conf)
    with store.lock(address, "VF"):
        if _read(file) is None:  # another DEL was faster
            return
        if store.of_vf(address) is None and not _given_on(host, name, address):
            _give_back(host, store, name, conf, open_netns(netns) if netns else None, (ifname,))
        else:  # another pod has it by now
            _remove(file)


def clear_way(host: NodeHost, store: Store, vf: Vf) -> None:
    """See that no such attachment has the VF; repair what one left. Raises CniError (11) where it is in use."""
    netns = _holder(host, vf.address)
    if netns is not None:
        netns.close()
        raise CniError(
            TRY_AGAIN, f"VF {vf.address} is in use by a pod that another CNI plugin sriov gave it to, whose namespace "
            f"{netns.path} is alive; expected the runtime to call DEL for it first",
        )
    for name, conf in _files(host):
        if _text(conf, "deviceID") == vf.address:
            host.log.warning(f"VF {vf.address} was left by {_owner(name)}: it is brought back first")
            why = _give_back(host, store, name, conf, None, _ifnames(name))
            if why:
                raise CniError(TRY_AGAIN, f"VF {vf.address} is withheld: {why}")
    _remove(_marker(host, vf.address))


def gone(host: NodeHost, network: str, valid: set[tuple[str, str]]) -> list[str]:
    """The network's attachments, by the names of their files, that are not among `valid`: container and interface."""
    kept = {f"{container}-{ifname}" for container, ifname in valid}
    return [name for name, conf in _files(host) if name not in kept and _text(conf, "name") == network]


def attachments(host: NodeHost, store: Store) -> list[Json]:
    """Those of this boot whose VF no later attachment has; keys as `sriov attachments` prints them."""
    latest: dict[str, tuple[str, Json]] = {}
    for name, conf in sorted(_files(host), key=lambda file: _made(f"{host.state}/{file[0]}")):
        if pci.is_address(_text(conf, "deviceID")) and not host.of_earlier_boot(f"{host.state}/{name}"):
            latest[conf["deviceID"]] = name, conf
    found = []
    for address, (name, conf) in latest.items():
        if store.of_vf(address) is not None:
            continue
        container, _dash, ifname = name.rpartition("-")
        netns = _holder(host, address)
        found.append({
            "vf": address, "container": container, "interface": ifname, "network": _text(conf, "name"),
            "netns": netns.path if netns is not None else "", "in_use": netns is not None, "made_by": "sriov-cni",
        })  # fmt: skip
        if netns is not None:
            netns.close()
    return found


def collect(host: NodeHost, store: Store, name: str) -> bool:
    """Give back the VF of one whose pod is gone, by its file; False where its file is left. Raises CniError."""
    file = f"{host.state}/{name}"
    conf = _read(file)
    if conf is None:  # its DEL was faster
        return True
    address = _address(host, file, conf)
    store.prepare()
    with store.lock(address, "VF"):
        if store.of_vf(address) is not None:
            _remove(file)
        elif _given_on(host, name, address):
            # How the VF was before both pods is in this file alone: it is wanted once the other pod has gone.
            host.log.info(f"VF {address} went from {_owner(name)} to another pod, which is left alone")
        elif _read(file) is not None:
            host.log.warning(f"{_owner(name)} is gone: its VF is brought back")
            why = _give_back(host, store, name, conf, _holder(host, address), _ifnames(name))
            if why:
                raise CniError(REFUSED, f"VF {address} is withheld: {why}")
        return _read(file) is None


def address_of(host: NodeHost, store: Store, container: str, ifname: str) -> str:
    """The VF of such an attachment, "" where there is none. Raises CniError (103) for a file that cannot be used."""
    file = f"{host.state}/{container}-{ifname}"
    conf = _read(file)
    if conf is None or host.of_earlier_boot(file):
        return ""
    address = _address(host, file, conf)
    return address if store.of_vf(address) is None else ""


def _files(host: NodeHost) -> list[tuple[str, Json]]:
    found = [(name, _read(f"{host.state}/{name}")) for name in pci.list_dir(host.state)[:_FILES]]
    return [(name, conf) for name, conf in found if conf is not None]


def _address(host: NodeHost, file: str, conf: Json) -> str:
    address = _text(conf, "deviceID")
    if not pci.is_address(address):
        raise CniError(JOURNAL, f"the file {file} cannot be used: expected a PCI address as deviceID")
    host.log.fields["vf"] = address
    return address


def _ifnames(name: str) -> tuple[str, ...]:
    """What of a file's name may be the interface's, the likely one first: it too may have dashes."""
    parts = name.split("-")
    return tuple(["-".join(parts[at:]) for at in range(len(parts) - 1, 0, -1)])


def _owner(name: str) -> str:
    """For messages."""
    container, _rest, ifname = name.rpartition("-")
    return f"container {container} interface {ifname}"


def _marker(host: NodeHost, address: str) -> str:
    return f"{host.state}/pci/{address}"


def _holder(host: NodeHost, address: str) -> Netns | None:
    """The namespace of the pod that was given the VF last, None where that has ended."""
    marker = _marker(host, address)
    path = pci.read_text(marker) or ""
    return open_netns(path) if path and not host.of_earlier_boot(marker) else None


def _given_on(host: NodeHost, name: str, address: str) -> bool:
    """Whether a later attachment has this VF: it gives a VF away again once the namespace has ended, DEL or not."""
    made = _made(f"{host.state}/{name}")
    others = [other for other, conf in _files(host) if other != name and _text(conf, "deviceID") == address]
    return any(_made(f"{host.state}/{other}") > made for other in others)


def _made(file: str) -> int:
    try:
        return os.stat(file).st_mtime_ns
    except OSError:
        return 0


def _give_back(
    host: NodeHost, store: Store, name: str, conf: Json, netns: Netns | None, ifnames: tuple[str, ...]
) -> str:
    """Why the VF is not as it was, "" where it is; what is left to be done is in a journal of ours then."""
    file, why = f"{host.state}/{name}", ""
    if not host.of_earlier_boot(file):
        attachment = _attachment(host, conf, name, netns, ifnames)
        why = give_back(host, store, attachment, netns)
        if why:
            store.begin(attachment)
    _remove(_marker(host, _text(conf, "deviceID")))
    _remove(file)
    if not why:
        host.log.info("the VF is back, which another CNI plugin sriov had given away")
    return why


def _attachment(
    host: NodeHost, conf: Json, name: str, netns: Netns | None, ifnames: tuple[str, ...]
) -> Attachment:
    before = conf.get("OrigVfState")
    before = before if isinstance(before, dict) else {}
    container, _rest, ifname = name.rpartition("-")
    address, host_name, mac = _text(conf, "deviceID"), _text(before, "HostIFName"), _text(before, "AdminMAC").lower()
    driver = pci.driver(host.sys_root, address) or ""
    original = {field: _number(before, key) for field, key in _BEFORE.items()}
    attachment = Attachment(
        container=container, ifname=ifname, network=_text(conf, "name"), boot=host.boot_id(),
        netns=netns.path if netns is not None else "its namespace",
        netns_id=netns.identity if netns is not None else "",
        address=address, pf=pci.physfn(host.sys_root, address) or "", driver=driver,
        host_name=host_name, kernel=bool(host_name) and not is_userspace(driver),
        mac=_text(before, "EffectiveMAC").lower(), mtu=_number(before, "MTU") or _number(conf, "MTU"),
        asked=[key for key, keys in _ASKED.items() if any(conf.get(name) not in (None, "") for name in keys)],
        original={**blank(), **original, "mac": mac, "proto": original["proto"] or PROTO_8021Q},
    )  # fmt: skip
    attachment.asked += ["mac"] if mac else []
    link = Pod(host, netns).find(attachment.address, ifnames) if netns is not None and attachment.kernel else None
    attachment.ifname = link.name if link is not None else attachment.ifname
    link = link or (host_link(host, attachment.address, 0) if attachment.kernel else None)
    # It did not write them down: all are the host's but the pod's name, which udev may have kept as one.
    attachment.altnames = [other for other in link.altnames if other not in ifnames] if link is not None else []
    return attachment


def _text(conf: Json, key: str) -> str:
    value = conf.get(key)
    return value if isinstance(value, str) else ""


def _number(conf: Json, key: str) -> int:
    value = conf.get(key)
    return int(value) if isinstance(value, int) and 0 <= value <= 0xFFFFFFFF else 0


def _read(file: str) -> Json | None:
    """None for what is none of its files."""
    try:
        conf = loads(read_file(file, _LIMIT))
    except (OSError, ValueError):  # a folder, or what its crash left; it takes such a file for none as well
        return None
    return conf if isinstance(conf, dict) and "deviceID" in conf else None


def _remove(file: str) -> None:
    try:
        os.unlink(file)
    except OSError:
        return
