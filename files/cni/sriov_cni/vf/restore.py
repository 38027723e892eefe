# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way back: a VF as its journal remembers it, wherever it is by now."""

from __future__ import annotations

import errno

from shared import pci
from shared.driver_kinds import is_userspace

from ..host.host import NodeHost
from ..netlink.addresses import ZERO_MAC
from ..netlink.messages import IFF_UP, Interface, get_link, set_altnames, set_link
from ..netlink.socket import NetlinkError
from ..pod.interface import Pod
from ..pod.netns import Netns, open_netns, own_netns
from ..spec.errors import REFUSED, CniError
from .journal import Attachment, Store
from .pf_port import PfPort
from .settings import SETTINGS
from .vf import KEPT_FLAGS, free_mac, host_link, offer_mac, port_of, set_mac

_RENAMES = 3  # tries to give the interface its name


def alive(host: NodeHost, attachment: Attachment) -> Netns | None:
    """The namespace that the attachment's VF went to; None where it has ended (its path may name another by
    now).
    """
    if attachment.boot != host.boot_id():
        return None
    netns = open_netns(attachment.netns)
    return netns if netns is not None and netns.identity == attachment.netns_id else None


def give_back(host: NodeHost, store: Store, attachment: Attachment, netns: Netns | None) -> bool:
    """Bring the VF back and forget the attachment; one of an earlier boot describes a VF that is no more.

    False where something is not on this node now that has to be set back: the VF's interface, or its PF's. To try
    again at once would not help, so the attachment is marked as of an ADD that died: the next ADD of this VF, GC or DEL
    does the rest. Raises CniError (101) for what was refused.
    """
    if attachment.boot == host.boot_id():
        missing = bring_back(host, store, attachment, Pod(host, netns) if netns is not None else None)
        if missing:
            store.reopen(attachment)
            host.log.error(f"{'; '.join(missing)}. The rest is left to the next ADD of this VF, or to GC")
            return False
    store.remove(attachment)
    return True


def bring_back(host: NodeHost, store: Store, attachment: Attachment, pod: Pod | None) -> list[str]:
    """Undo everything that `attachment` says may have been done. `pod` is the namespace it names, None where that
    is gone.

    May be called again after it failed or was killed. Returns what is not here to be set back. Raises CniError (101)
    when a driver or the kernel refused.
    """
    vf_driver = pci.driver(host.sys_root, attachment.address)
    index = pci.vf_index(host.sys_root, attachment.address)
    if index < 0 if attachment.pf else not pci.exists(host.sys_root, attachment.address):
        host.log.warning(f"VF {attachment.address} is not there any more: nothing to bring back")
        return []
    kernel = attachment.kernel
    if kernel and (vf_driver is None or is_userspace(vf_driver)):
        host.log.warning(
            f"VF {attachment.address} had driver {attachment.driver}, found {vf_driver or 'none'}: no interface"
        )
        kernel = False
    # First out of the pod, which closes it: the pod must not see the network without its VLAN.
    missing: list[str] = []
    link = _fetch(host, attachment, pod, missing) if kernel else None
    try:
        if attachment.pf:
            _restore_at_pf(host, store, attachment, index, kernel, link, missing)
    finally:  # what the PF refuses must not keep the interface from being set back
        if link is not None:
            _restore_link(host, attachment, link)
    return missing


def _restore_at_pf(
    host: NodeHost, store: Store, attachment: Attachment, index: int, kernel: bool, link: Interface | None,
    missing: list[str],
) -> None:  # fmt: skip
    # What a userspace driver told the PF stays there: the next pod would start with this pod's MAC.
    mac = ["mac"] if not kernel and attachment.original["mac"] and "mac" not in attachment.asked else []
    names = attachment.asked + mac
    if not names:
        return
    try:
        port = port_of(host, attachment.address, pci.physfn(host.sys_root, attachment.address) or attachment.pf)
    except CniError as error:
        missing.append(f"{error}; its settings of the VF ({', '.join(names)}) are not as they were")
        return
    with store.lock(port.address, "PF"):
        _restore_pf(host, attachment, port, index, names, link)


def _fetch(host: NodeHost, attachment: Attachment, pod: Pod | None, missing: list[str]) -> Interface | None:
    """The VF's interface, down, in the host's namespace again, under any name; None where it is nowhere."""
    inside = pod.find(attachment.address, (attachment.ifname, attachment.host_name)) if pod is not None else None
    if pod is not None and inside is not None and not host.net_names(attachment.address):
        host.step("move back")
        _move_back(host, attachment, pod, inside)
    link = host_link(host, attachment.address, host.settle_seconds)
    if link is None:
        where = f"nor in {attachment.netns}" if pod is not None else f"and {attachment.netns} has ended"
        missing.append(
            f"the interface of VF {attachment.address} is not on the host, {where}, waited {host.settle_seconds:.0f} "
            "s. Does a process hold another namespace with it?"
        )
        return None
    if link.flags & IFF_UP:
        host.socket.change(set_link(link.index, flags=0, change=IFF_UP))
    return link


def _move_back(host: NodeHost, attachment: Attachment, pod: Pod, inside: Interface) -> None:
    home = own_netns()
    try:
        # The kernel uses the name only where the present one is taken, then renames: on EEXIST it is here
        # already.
        pod.socket.change(set_link(inside.index, netns_fd=home.fd, name=attachment.host_name))
    except NetlinkError as error:
        if host.net_names(attachment.address):
            return
        try:
            pod.socket.change(set_link(inside.index, netns_fd=home.fd, name="vf%d"))
        except NetlinkError:
            raise CniError(
                REFUSED,
                f"interface {inside.name} of VF {attachment.address} cannot be moved back to the host: {error}",
            ) from None
    finally:
        home.close()


def _restore_pf(
    host: NodeHost, attachment: Attachment, port: PfPort, index: int, names: list[str], link: Interface | None
) -> None:
    """Put back those settings that differ, or that the driver does not report. Raises CniError (101)."""
    state, original = port.read(index, names), attachment.original
    asked = [SETTINGS[name] for name in names]
    differing = [one.name for one in asked if one.values(state) != one.values(original)]
    unreported = [one.name for one in asked if one.name not in differing and not one.is_reported(state)]
    if "mac" in names and port.frees_mac and link is not None and attachment.mac not in ("", ZERO_MAC):
        if link.mac != attachment.mac:
            free_mac(host, port, index)
            offer_mac(host, link, attachment.mac)
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


def _restore_link(host: NodeHost, attachment: Attachment, link: Interface) -> None:
    """Name, MTU, MAC, alternative names, flags. Raises CniError (101); a name in use is reported and left."""
    socket = host.socket
    added = [name for name in link.altnames if name not in attachment.altnames]
    try:
        if added:
            host.step("remove altnames")
            socket.change(set_altnames(link.index, added, add=False))
        if link.name != attachment.host_name:
            host.step("rename back")
            _rename(host, attachment, link)
        if link.mtu != attachment.mtu:
            host.step("restore mtu")
            socket.change(set_link(link.index, mtu=attachment.mtu))
        if attachment.mac not in ("", ZERO_MAC):
            set_mac(host, socket, link, attachment.mac)
        lost = [name for name in attachment.altnames if name not in link.altnames and name != attachment.host_name]
        if lost:
            host.step("restore altnames")
            socket.change(set_altnames(link.index, lost, add=True))
    except NetlinkError as error:
        raise CniError(
            REFUSED, f"interface {link.name} of VF {attachment.address} cannot be set back as it was: {error}"
        ) from None
    try:
        host.step("restore flags")
        socket.change(set_link(link.index, flags=attachment.flags, change=KEPT_FLAGS))
    except NetlinkError as error:  # a VF cannot be set up while its PF is down
        host.log.warning(f"interface {link.name} of VF {attachment.address} does not take its flags back: {error}")


def _rename(host: NodeHost, attachment: Attachment, link: Interface) -> None:
    """Give the interface its name; udev may give it that as an alternative name while it is called otherwise."""
    for _turn in range(_RENAMES):
        try:
            host.socket.change(set_link(link.index, name=attachment.host_name))
            return
        except NetlinkError as error:
            if error.errno != errno.EEXIST:
                raise
        now = Interface(host.socket.get(get_link(link.index)))
        if attachment.host_name not in now.altnames:
            break
        host.step("remove altname")
        try:
            host.socket.change(set_altnames(link.index, [attachment.host_name], add=False))
        except NetlinkError as error:
            host.log.debug(f"{now.name} has no alternative name {attachment.host_name} any more: {error}")
    host.log.error(
        f"VF {attachment.address} was {attachment.host_name} before; that name is in use now, so it stays "
        f"{link.name}"
    )
