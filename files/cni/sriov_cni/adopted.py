# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attachments that sriov-cni, the program in Go whose name and state folder we share, made before we took its place.

It keeps the configuration with what has to be undone in CONTAINER-IFNAME, and in pci/ADDRESS the namespace of who has
the VF. Neither says which boot it is of: files that are older than this boot describe VFs that are no more.
"""

from __future__ import annotations

import os
import time

from . import pci
from .errors import JOURNAL, TRY_AGAIN, CniError
from .journal import Record
from .jsontext import loads
from .netns import open_netns
from .pod import Pod
from .restore import give_back
from .rtnl import PROTO_8021Q
from .vf import USERSPACE_DRIVERS, host_link

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .host import Host
    from .journal import Store
    from .netns import Netns
    from .vf import Vf

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


def take_back(host: Host, store: Store, container: str, ifname: str, netns: str) -> None:
    """DEL of such an attachment, where there is one. Raises CniError where something is left to be done."""
    file = f"{host.state}/{container}-{ifname}"
    conf = _read(file)
    if conf is None:
        host.log.info("no journal of this container and interface: no VF to bring back")
        return
    address = _text(conf, "deviceID")
    if not pci.is_address(address):
        raise CniError(JOURNAL, f"the file {file} cannot be used: expected a PCI address as deviceID")
    host.log.fields["vf"] = address
    with store.lock(address, "VF"):
        if store.of_vf(address) is None:
            _give_back(host, store, file, conf, container, ifname, open_netns(netns) if netns else None)
        else:  # an ADD of ours has it by now
            _remove(file)


def clear_way(host: Host, store: Store, vf: Vf) -> None:
    """See that no such attachment has the VF; repair what one left. Raises CniError (11) where it is in use."""
    marker = f"{host.state}/pci/{vf.address}"
    netns = pci.read_text(marker) or ""
    found = open_netns(netns) if netns and not _of_earlier_boot(marker) else None
    if found is not None:
        found.close()
        raise CniError(
            TRY_AGAIN, f"VF {vf.address} is in use by a pod that another CNI plugin sriov gave it to, whose namespace "
            f"{netns} is alive; expected the runtime to call DEL for it first",
        )
    for name in pci.list_dir(host.state)[:_FILES]:
        conf = _read(f"{host.state}/{name}")
        if conf is not None and _text(conf, "deviceID") == vf.address:
            container, _rest, ifname = name.rpartition("-")
            host.log.warning(f"VF {vf.address} was left by container {container}: it is brought back first")
            _give_back(host, store, f"{host.state}/{name}", conf, container, ifname, None)
    _remove(marker)


def _give_back(
    host: Host, store: Store, file: str, conf: dict[str, Any], container: str, ifname: str, netns: Netns | None
) -> None:
    done = _of_earlier_boot(file) or give_back(host, store, _record(host, conf, container, ifname, netns), netns)
    if done:
        _remove(f"{host.state}/pci/{_text(conf, 'deviceID')}")
        _remove(file)
        host.log.info("the VF is back, which another CNI plugin sriov had given away")


def _record(host: Host, conf: dict[str, Any], container: str, ifname: str, netns: Netns | None) -> Record:
    before = conf.get("OrigVfState")
    before = before if isinstance(before, dict) else {}
    record = Record()
    record.container, record.ifname, record.network = container, ifname, _text(conf, "name")
    record.boot = host.boot_id()
    record.netns, record.netns_id = (netns.path, netns.identity) if netns is not None else ("its namespace", "")
    record.address = _text(conf, "deviceID")
    record.pf = pci.physfn(host.sys_root, record.address) or ""
    record.driver = pci.driver(host.sys_root, record.address) or ""
    record.host_name = _text(before, "HostIFName")
    record.kernel = bool(record.host_name) and record.driver not in USERSPACE_DRIVERS
    record.mac = _text(before, "EffectiveMAC").lower()
    record.mtu = _number(before, "MTU") or _number(conf, "MTU")
    record.original.mac = _text(before, "AdminMAC").lower()
    record.asked = [key for key, keys in _ASKED.items() if any(conf.get(name) not in (None, "") for name in keys)]
    record.asked += ["mac"] if record.original.mac else []
    for field, key in _BEFORE.items():
        setattr(record.original, field, _number(before, key))
    record.original.proto = record.original.proto or PROTO_8021Q
    link = Pod(host, netns).find(record.address, (ifname,)) if netns is not None and record.kernel else None
    link = link or (host_link(host, record.address, 0) if record.kernel else None)
    # It did not write them down: all are the host's but the pod's name, which udev may have kept as one.
    record.altnames = [name for name in link.altnames if name != ifname] if link is not None else []
    return record


def _text(conf: dict[str, Any], key: str) -> str:
    value = conf.get(key)
    return value if isinstance(value, str) else ""


def _number(conf: dict[str, Any], key: str) -> int:
    value = conf.get(key)
    return int(value) if isinstance(value, int) and 0 <= value <= 0xFFFFFFFF else 0


def _of_earlier_boot(file: str) -> bool:
    try:
        return os.stat(file).st_mtime < time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    except OSError:
        return False


def _read(file: str) -> dict[str, Any] | None:
    """None for what is none of its files."""
    try:
        fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        conf = loads(os.read(fd, _LIMIT))
    except (OSError, ValueError):  # a folder, or what its crash left; it takes such a file for none as well
        return None
    finally:
        os.close(fd)
    return conf if isinstance(conf, dict) and "deviceID" in conf else None


def _remove(file: str) -> None:
    try:
        os.unlink(file)
    except OSError:
        return
