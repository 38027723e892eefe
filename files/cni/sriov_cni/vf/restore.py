# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way back: a VF as its journal remembers it, wherever it is by now."""

from __future__ import annotations

import errno

from shared import pci
from shared.driver_kinds import is_userspace

from ..host.host import Host
from ..netlink.addresses import ZERO_MAC
from ..netlink.messages import IFF_UP, Link, get_link, set_altnames, set_link
from ..netlink.socket import NetlinkError
from ..pod.interface import Pod
from ..pod.netns import Netns, open_netns, own_netns
from ..spec.errors import REFUSED, CniError
from .journal import Record, Store
from .pf_port import PfPort
from .settings import SETTINGS
from .vf import KEPT_FLAGS, free_mac, host_link, offer_mac, port_of, set_mac

_RENAMES = 3  # tries to give the interface its name


def alive(host: Host, record: Record) -> Netns | None:
    """The namespace that the record's VF went to; None where it has ended (its path may name another by
    now).
    """
    if record.boot != host.boot_id():
        return None
    netns = open_netns(record.netns)
    return netns if netns is not None and netns.identity == record.netns_id else None


def give_back(host: Host, store: Store, record: Record, netns: Netns | None) -> bool:
    """Bring the VF back and forget the record; one of an earlier boot describes a VF that is no more.

    False where something is not on this node now that has to be set back: the VF's interface, or its PF's. To try
    again at once would not help, so the record is marked as of an ADD that died: the next ADD of this VF, GC or DEL
    does the rest. Raises CniError (101) for what was refused.
    """
    if record.boot == host.boot_id():
        missing = bring_back(host, store, record, Pod(host, netns) if netns is not None else None)
        if missing:
            store.reopen(record)
            host.log.error(f"{'; '.join(missing)}. The rest is left to the next ADD of this VF, or to GC")
            return False
    store.remove(record)
    return True


def bring_back(host: Host, store: Store, record: Record, pod: Pod | None) -> list[str]:
    """Undo everything that `record` says may have been done. `pod` is the namespace it names, None where that
    is gone.

    May be called again after it failed or was killed. Returns what is not here to be set back. Raises CniError (101)
    when a driver or the kernel refused.
    """
    vf_driver = pci.driver(host.sys_root, record.address)
    index = pci.vf_index(host.sys_root, record.address)
    if index < 0 if record.pf else not pci.exists(host.sys_root, record.address):
        host.log.warning(f"VF {record.address} is not there any more: nothing to bring back")
        return []
    kernel = record.kernel
    if kernel and (vf_driver is None or is_userspace(vf_driver)):
        host.log.warning(
            f"VF {record.address} had driver {record.driver}, found {vf_driver or 'none'}: no interface"
        )
        kernel = False
    # First out of the pod, which closes it: the pod must not see the network without its VLAN.
    missing: list[str] = []
    link = _fetch(host, record, pod, missing) if kernel else None
    try:
        if record.pf:
            _restore_at_pf(host, store, record, index, kernel, link, missing)
    finally:  # what the PF refuses must not keep the interface from being set back
        if link is not None:
            _restore_link(host, record, link)
    return missing


def _restore_at_pf(
    host: Host, store: Store, record: Record, index: int, kernel: bool, link: Link | None, missing: list[str]
) -> None:
    # What a userspace driver told the PF stays there: the next pod would start with this pod's MAC.
    mac = ["mac"] if not kernel and record.original["mac"] and "mac" not in record.asked else []
    names = record.asked + mac
    if not names:
        return
    try:
        port = port_of(host, record.address, pci.physfn(host.sys_root, record.address) or record.pf)
    except CniError as error:
        missing.append(f"{error}; its settings of the VF ({', '.join(names)}) are not as they were")
        return
    with store.lock(port.address, "PF"):
        _restore_pf(host, record, port, index, names, link)


def _fetch(host: Host, record: Record, pod: Pod | None, missing: list[str]) -> Link | None:
    """The VF's interface, down, in the host's namespace again, under any name; None where it is nowhere."""
    inside = pod.find(record.address, (record.ifname, record.host_name)) if pod is not None else None
    if pod is not None and inside is not None and not host.net_names(record.address):
        host.step("move back")
        _move_back(host, record, pod, inside)
    link = host_link(host, record.address, host.settle_seconds)
    if link is None:
        where = f"nor in {record.netns}" if pod is not None else f"and {record.netns} has ended"
        missing.append(
            f"the interface of VF {record.address} is not on the host, {where}, waited {host.settle_seconds:.0f} s. "
            "Does a process hold another namespace with it?"
        )
        return None
    if link.flags & IFF_UP:
        host.socket.change(set_link(link.index, flags=0, change=IFF_UP))
    return link


def _move_back(host: Host, record: Record, pod: Pod, inside: Link) -> None:
    home = own_netns()
    try:
        # The kernel uses the name only where the present one is taken, then renames: on EEXIST it is here
        # already.
        pod.socket.change(set_link(inside.index, netns_fd=home.fd, name=record.host_name))
    except NetlinkError as error:
        if host.net_names(record.address):
            return
        try:
            pod.socket.change(set_link(inside.index, netns_fd=home.fd, name="vf%d"))
        except NetlinkError:
            raise CniError(
                REFUSED,
                f"interface {inside.name} of VF {record.address} cannot be moved back to the host: {error}",
            ) from None
    finally:
        home.close()


def _restore_pf(
    host: Host, record: Record, port: PfPort, index: int, names: list[str], link: Link | None
) -> None:
    """Put back those settings that differ, or that the driver does not report. Raises CniError (101)."""
    state, original = port.read(index, names), record.original
    asked = [SETTINGS[name] for name in names]
    differing = [one.name for one in asked if one.values(state) != one.values(original)]
    unreported = [one.name for one in asked if one.name not in differing and not one.is_reported(state)]
    if "mac" in names and port.frees_mac and link is not None and record.mac not in ("", ZERO_MAC):
        if link.mac != record.mac:
            free_mac(host, port, index)
            offer_mac(host, link, record.mac)
        if "mac" not in differing + unreported:  # the VF's own looks the same there
            differing.append("mac")
    # A MAC of zeros means "none": some drivers refuse to be told so.
    if "mac" in differing and original["mac"] in ("", ZERO_MAC):
        differing.remove("mac")
        unreported += ["mac"] if original["mac"] else []
    if differing or unreported:
        host.step("restore pf")
    for name in unreported:
        try:
            port.send(index, original, [name])
        except NetlinkError as error:
            host.log.info(
                f"PF {port.name} keeps its {name} for VF {index}: it does not take it back ({error})"
            )
    if differing:
        port.apply(index, original, differing)


def _restore_link(host: Host, record: Record, link: Link) -> None:
    """Name, MTU, MAC, alternative names, flags. Raises CniError (101); a name in use is reported and left."""
    socket = host.socket
    added = [name for name in link.altnames if name not in record.altnames]
    try:
        if added:
            host.step("remove altnames")
            socket.change(set_altnames(link.index, added, add=False))
        if link.name != record.host_name:
            host.step("rename back")
            _rename(host, record, link)
        if link.mtu != record.mtu:
            host.step("restore mtu")
            socket.change(set_link(link.index, mtu=record.mtu))
        if record.mac not in ("", ZERO_MAC):
            set_mac(host, socket, link, record.mac)
        lost = [name for name in record.altnames if name not in link.altnames and name != record.host_name]
        if lost:
            host.step("restore altnames")
            socket.change(set_altnames(link.index, lost, add=True))
    except NetlinkError as error:
        raise CniError(
            REFUSED, f"interface {link.name} of VF {record.address} cannot be set back as it was: {error}"
        ) from None
    try:
        host.step("restore flags")
        socket.change(set_link(link.index, flags=record.flags, change=KEPT_FLAGS))
    except NetlinkError as error:  # a VF cannot be set up while its PF is down
        host.log.warning(f"interface {link.name} of VF {record.address} does not take its flags back: {error}")


def _rename(host: Host, record: Record, link: Link) -> None:
    """Give the interface its name; udev may give it that as an alternative name while it is called otherwise."""
    for _turn in range(_RENAMES):
        try:
            host.socket.change(set_link(link.index, name=record.host_name))
            return
        except NetlinkError as error:
            if error.errno != errno.EEXIST:
                raise
        now = Link(host.socket.get(get_link(link.index)))
        if record.host_name not in now.altnames:
            break
        host.step("remove altname")
        try:
            host.socket.change(set_altnames(link.index, [record.host_name], add=False))
        except NetlinkError as error:
            host.log.debug(f"{now.name} has no alternative name {record.host_name} any more: {error}")
    host.log.error(
        f"VF {record.address} was {record.host_name} before; that name is in use now, so it stays "
        f"{link.name}"
    )
