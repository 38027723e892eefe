# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way back: a VF as its journal remembers it, wherever it is by now.

All of it is tried, whatever a driver refuses: the caller can't help, and its pod has to go. What is left stays in the
journal, and keeps the VF from being given out.
"""

from __future__ import annotations

import os

from shared import pci
from shared.driver_kinds import is_userspace

from ..host.host import NodeHost
from ..netlink.addresses import ZERO_MAC, mac_text
from ..netlink.messages import IFF_UP, Interface, set_link
from ..netlink.socket import NetlinkError
from ..pod.interface import Pod
from ..pod.netns import Netns, open_netns, own_netns
from ..spec.errors import CniError
from . import withheld
from .journal import Attachment, Store
from .pf_port import PfPort
from .restore_link import restore_link
from .settings import SETTINGS
from .settings.setting import State
from .vf import free_mac, host_link, offer_mac, port_of


def alive(host: NodeHost, attachment: Attachment) -> Netns | None:
    """The namespace that the attachment's VF went to; None where it has ended (its path may name another by
    now).
    """
    if attachment.boot != host.boot_id():
        return None
    netns = open_netns(attachment.netns)
    return netns if netns is not None and netns.identity == attachment.netns_id else None


def give_back(host: NodeHost, store: Store, attachment: Attachment, netns: Netns | None) -> str:
    """Bring the VF back and forget the attachment; one of an earlier boot describes a VF that is no more.

    Returns why the VF is not as it was, "" where it is. It is withheld then, and the attachment marked as of an ADD
    that died: the next ADD of this VF, DEL, GC or the sweep does the rest. Raises CniError (5) where that cannot be
    kept.
    """
    problems: list[str] = []
    if attachment.boot == host.boot_id():
        problems = bring_back(host, store, attachment, Pod(host, netns) if netns is not None else None)
    return settle(host, store, attachment, problems)


def settle(host: NodeHost, store: Store, attachment: Attachment, problems: list[str]) -> str:
    """Forget the attachment, or keep what is left to be done. Returns that, "" for nothing. Raises CniError (5)."""
    if not problems:
        store.remove(attachment)
        withheld.release(host, attachment.address)
        return ""
    why = "; ".join(problems)
    store.reopen(attachment)
    withheld.keep(host, attachment.address, (attachment.container, attachment.ifname), why)
    host.log.error(
        f"VF {attachment.address} is withheld: {why}. It is tried again by the service, by the next ADD of this VF, by "
        "GC and by 'sriov release'"
    )
    return why


def bring_back(host: NodeHost, store: Store, attachment: Attachment, pod: Pod | None) -> list[str]:
    """Undo everything that `attachment` says may have been done. `pod` is the namespace it names, None where that
    is gone.

    May be called again after it failed or was killed. Returns what is left, and why.
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
    problems: list[str] = []
    link: Interface | None = None
    try:
        link = _fetch(host, attachment, pod, problems) if kernel else None
    except (CniError, NetlinkError) as error:
        problems.append(f"the interface of VF {attachment.address} cannot be reached: {error}")
    if attachment.pf:
        _restore_at_pf(host, store, attachment, index, kernel, link, problems)
    if link is not None:
        problems += restore_link(host, attachment, link)
    return problems


def _fetch(host: NodeHost, attachment: Attachment, pod: Pod | None, problems: list[str]) -> Interface | None:
    """The VF's interface, down, in the host's namespace again, under any name; None where it is nowhere."""
    names = attachment.ifname, attachment.host_name
    inside = pod.find(attachment.address, names) if pod is not None else None
    if pod is not None and inside is not None and not host.net_names(attachment.address):
        host.step("move back")
        refused = _move_back(host, attachment, pod, inside)
        if refused:
            problems.append(refused)
            return None
    link = host_link(host, attachment.address, host.settle_seconds)
    if link is None:
        where = f"nor in {attachment.netns}" if pod is not None else f"and {attachment.netns} has ended"
        problems.append(
            f"the interface of VF {attachment.address} is not on the host, {where}, waited {host.settle_seconds:.0f} "
            "s. Does a process hold another namespace with it?"
        )
        return None
    if link.flags & IFF_UP:
        host.socket.change(set_link(link.index, flags=0, change=IFF_UP))
    return link


def _move_back(host: NodeHost, attachment: Attachment, pod: Pod, inside: Interface) -> str:
    """Why it is still in the pod, "" where it is not."""
    home = own_netns()
    try:
        # The kernel uses the name only where the present one is taken, then renames: on EEXIST it is here
        # already.
        pod.socket.change(set_link(inside.index, netns_fd=home.fd, name=attachment.host_name))
    except NetlinkError as error:
        if host.net_names(attachment.address):
            return ""
        try:
            pod.socket.change(set_link(inside.index, netns_fd=home.fd, name="vf%d"))
        except NetlinkError:
            return f"interface {inside.name} of VF {attachment.address} cannot be moved back to the host: {error}"
    finally:
        home.close()
    return ""


def _restore_at_pf(
    host: NodeHost, store: Store, attachment: Attachment, index: int, kernel: bool, link: Interface | None,
    problems: list[str],
) -> None:  # fmt: skip
    names = list(attachment.asked)
    if "mac" not in names and attachment.original["mac"] and _may_have_told_a_mac(attachment, kernel, link):
        names.append("mac")
    if not names:
        return
    try:
        port = port_of(host, attachment.address, pci.physfn(host.sys_root, attachment.address) or attachment.pf)
        with store.lock(port.address, "PF"):
            _restore_pf(host, attachment, port, index, [name for name in SETTINGS if name in names], link, problems)
    except (CniError, NetlinkError) as error:
        if attachment.asked or not kernel:
            problems.append(f"{error}; its settings of the VF ({', '.join(names)}) are not as they were")
        else:  # as ADD, which asks nothing of the PF then
            host.log.warning(f"nothing was asked of the PF, so this may be: {error}")


def _may_have_told_a_mac(attachment: Attachment, kernel: bool, link: Interface | None) -> bool:
    """A trusted VF, one that changed its MAC, and a userspace driver tell the PF of MACs of their own: the next pod
    would start with this one's. To ask the PF takes its time, with many VFs most of a DEL.
    """
    if not kernel or link is None or link.mac != attachment.mac:
        return True
    return bool(attachment.asked) or attachment.original["trust"] > 0


def _restore_pf(
    host: NodeHost, attachment: Attachment, port: PfPort, index: int, names: list[str], link: Interface | None,
    problems: list[str],
) -> None:  # fmt: skip
    """Put back those settings that differ, or that the driver does not report; the MAC before trust, without which
    some drivers (i40e, ice) take no MAC of the VF's own. Raises CniError where the PF does not answer.
    """
    state, original = port.fetch(index), attachment.original
    for name in attachment.asked:
        try:
            state.update(SETTINGS[name].read(host, port.address, index))
        except CniError as error:
            problems.append(str(error))
            names.remove(name)
    # The MAC of a VF whose MAC nobody asked for is the VF's own matter, unless the PF tells of another one.
    own = "mac" if "mac" not in attachment.asked and link is not None else ""
    asked = [SETTINGS[name] for name in names]
    differing = [one.name for one in asked if one.values(state) != one.values(original)]
    unreported = [
        one.name for one in asked if one.name not in (*differing, own) and not one.is_reported(state)
    ]
    if link is not None and link.mac != attachment.mac and attachment.mac not in ("", ZERO_MAC):
        if port.frees_mac and not own:
            free_mac(host, port, index)
            offer_mac(host, link, attachment.mac)
        elif own or "trust" in differing:
            # While it is trusted it may do so itself; the PF may tell nothing of a MAC that it did not set.
            offer_mac(host, link, attachment.mac)
    if "mac" in names and not own and port.frees_mac and link is not None and "mac" not in differing:
        differing.insert(0, "mac")  # the VF's own looks the same there
    if own in differing and port.fetch(index)["mac"] in (original["mac"], attachment.mac):
        differing.remove("mac")  # without an administrator's MAC, which the VF did not have
    if differing or unreported:
        host.step("restore pf")
    # A MAC of zeros means "none": some drivers refuse to be told so.
    if "mac" in differing and original["mac"] == ZERO_MAC:
        differing.remove("mac")
        problems += _forget_mac(host, attachment, port, index)
    for name in unreported:
        try:
            port.send(index, original, [name])
        except NetlinkError as error:
            host.log.info(
                f"PF {port.name} keeps its {name} for VF {index}: it does not take it back ({error})"
            )
    problems += port.refusals(index, original, differing)


def _forget_mac(host: NodeHost, attachment: Attachment, port: PfPort, index: int) -> list[str]:
    """Have the PF have no MAC for the VF, as before. Where its driver refuses zeros it gets the VF's own, or one that
    nobody has: two pods must not have the same. Returns what was refused.
    """
    zeros: State = {"mac": ZERO_MAC}
    try:
        port.send(index, zeros, ["mac"])
        return []
    except NetlinkError as error:
        host.log.info(f"PF {port.name} takes no MAC of zeros for VF {index} ({error}): it gets another one")
    own = attachment.mac if attachment.mac not in ("", ZERO_MAC) else mac_text(b"\x02" + os.urandom(5))
    return port.refusals(index, {"mac": own}, ["mac"])
