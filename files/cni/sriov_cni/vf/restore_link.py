# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A VF's interface, on the host again, set back as its journal has it: each part by itself."""

from __future__ import annotations

import errno

from ..host import ethtool
from ..host.host import NodeHost
from ..netlink.addresses import ZERO_MAC
from ..netlink.messages import IFF_UP, Interface, get_link, set_altnames, set_link
from ..netlink.socket import Message, NetlinkError
from ..spec.errors import CniError
from . import as_new
from .journal import Attachment
from .vf import set_mac

_RENAMES = 3  # tries to give the interface its name
_TURNS = 5  # for an interface that somebody else renames meanwhile


class _Parts:
    """What is set back one after the other, and what was refused."""

    def __init__(self, host: NodeHost, what: str) -> None:
        self._host, self._what = host, what
        self.problems: list[str] = []

    def refused(self, part: str, error: Exception) -> None:
        self.problems.append(f"{self._what} does not take its {part} back: {error}")

    def change(self, step: str, part: str, message: Message) -> None:
        self._host.step(step)
        try:
            self._host.socket.change(message)
        except NetlinkError as error:
            self.refused(part, error)


def restore_link(host: NodeHost, attachment: Attachment, link: Interface) -> list[str]:
    """All that as_new has, MAC, MTU and names. Returns what was refused; a name in use is reported and left.

    udev may rename an interface that has just come, and some of it goes by names: then it is looked at once more.
    """
    for _turn in range(_TURNS):
        problems = _restore(host, attachment, link)
        try:
            if ethtool.name_of(host.socket, link.index) == link.name:
                break
            link = Interface(host.socket.get(get_link(link.index)))
        except OSError as error:
            return [*problems, f"interface {link.name} of VF {attachment.address} is gone: {error}"]
    return problems


def _restore(host: NodeHost, attachment: Attachment, link: Interface) -> list[str]:
    parts = _Parts(host, f"interface {link.name} of VF {attachment.address}")
    _take_off_programs(host, link, parts)
    for name in link.altnames:
        if name not in attachment.altnames:
            _change_altname(host, link, name, False, parts)
    if link.name != attachment.host_name:
        host.step("rename back")
        try:
            link.name = _rename(host, attachment, link)
        except NetlinkError as error:
            parts.refused("name", error)
    if link.mtu != attachment.mtu:
        parts.change("restore mtu", f"MTU {attachment.mtu}", set_link(link.index, mtu=attachment.mtu))
    if attachment.mac not in ("", ZERO_MAC):
        try:
            set_mac(host, host.socket, link, attachment.mac)
        except (CniError, NetlinkError) as error:
            parts.refused(f"MAC {attachment.mac}", error)
    for name in attachment.altnames:
        if name not in (*link.altnames, link.name, attachment.host_name):
            _change_altname(host, link, name, True, parts)
    _restore_rest(host, attachment, link, parts)
    _restore_flags(host, attachment, link, parts)
    return parts.problems


def _change_altname(host: NodeHost, link: Interface, name: str, add: bool, parts: _Parts) -> None:
    """Add an alternative name, or remove it; udev does so as well, and another interface may have it by now."""
    host.step("restore altnames" if add else "remove altnames")
    try:
        host.socket.change(set_altnames(link.index, [name], add=add))
    except NetlinkError as error:
        if (name in _altnames(host, link.index)) is add:
            return
        if add and error.errno == errno.EEXIST:
            host.log.error(f"{link.name} had the alternative name {name} before; that is in use now")
        else:
            parts.refused(f"alternative name {name}", error)


def _altnames(host: NodeHost, index: int) -> list[str]:
    """As they are now; none of an interface that is gone."""
    try:
        return Interface(host.socket.get(get_link(index))).altnames
    except NetlinkError:
        return []


def _restore_rest(host: NodeHost, attachment: Attachment, link: Interface, parts: _Parts) -> None:
    """What as_new has of the interface."""
    for name, message in as_new.attribute_changes(attachment, link).items():
        parts.change(f"restore {name}", name, message)
    for kind in ethtool.KINDS:
        before = attachment.link.get(kind)
        try:
            if isinstance(before, list) and before != ethtool.read(host.socket, link.index, kind):
                host.step(f"restore {kind}")
                ethtool.write(host.socket, link.index, kind, before)
        except OSError as error:
            parts.refused(kind, error)
    conf = as_new.conf_of(attachment, link)
    if conf:
        from .sysctls import restore

        host.step("restore sysctls")
        restore(host, link.index, conf)


def _restore_flags(host: NodeHost, attachment: Attachment, link: Interface, parts: _Parts) -> None:
    host.step("restore flags")
    flags, mask = attachment.flags, as_new.flags_of(attachment)
    try:
        host.socket.change(set_link(link.index, flags=flags, change=mask))
        return
    except NetlinkError as error:  # a VF cannot be set up while its PF is down
        host.log.warning(f"interface {link.name} of VF {attachment.address} cannot be set up again: {error}")
    parts.change("restore flags", "flags", set_link(link.index, flags=flags & ~IFF_UP, change=mask & ~IFF_UP))


def _take_off_programs(host: NodeHost, link: Interface, parts: _Parts) -> None:
    """eBPF programs that would see, or drop, the next pod's packets."""
    from ..host.bpf import Bpf

    try:
        bpf = Bpf()
    except OSError as error:
        host.log.debug(f"eBPF programs cannot be looked for: {error}")
        bpf = None
    for message in as_new.xdp_off(link):
        host.step("take off xdp")
        try:
            host.socket.change(message)
        except NetlinkError as error:
            try:
                if bpf is None or error.errno != errno.EBUSY:  # a link of bpf(2) holds it
                    raise
                bpf.take_off_xdp_link(link.index)
            except OSError as refusal:
                parts.problems.append(f"the XDP program on {link.name} stays: {refusal}")
    try:
        if bpf is not None and bpf.take_off_tcx(link.index):
            host.log.info(f"eBPF programs beside tc of {link.name} were taken off")
    except OSError as error:
        parts.problems.append(f"an eBPF program beside tc of {link.name} stays: {error}")


def _rename(host: NodeHost, attachment: Attachment, link: Interface) -> str:
    """Give the interface its name; udev may give it that as an alternative name while it is called otherwise. Returns
    what it is called then. Raises NetlinkError.
    """
    for _turn in range(_RENAMES):
        try:
            host.socket.change(set_link(link.index, name=attachment.host_name))
            return attachment.host_name
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
    return link.name
