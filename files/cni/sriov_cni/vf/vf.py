# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The VF itself: find it, remember how it is, hand it to a pod. The way back is in restore."""

from __future__ import annotations

import _thread
import errno
from _collections_abc import Callable
from _signal import SIG_BLOCK, SIGCHLD, pthread_sigmask  # type: ignore[import-not-found]

from shared import pci
from shared.driver_kinds import USERSPACE_DRIVERS, is_userspace

from ..host.host import NodeHost, backoff
from ..netlink.messages import (
    ARPHRD_ETHER,
    IFF_UP,
    Interface,
    get_link,
    set_altnames,
    set_link,
)
from ..netlink.socket import NetlinkError, Socket
from ..pod.interface import Pod
from ..spec.errors import CONFIG, DEVICE, REFUSED, CniError
from . import as_new
from .journal import Attachment, Store
from .pf_port import PfPort
from .settings import SETTINGS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .config import Config

_PROBE_SECONDS = 2.0  # a VF's interface appears a moment after its driver was bound


class Vf:
    """A VF as sysfs shows it now. `kernel` is true where its driver makes a network interface.

    `pf` is "" and `index` -1 for a function without a PF: a VF that a hypervisor gave to this (virtual) node, or a PF
    that goes to the pod as a whole.
    """

    def __init__(self, address: str, pf: str, index: int, driver: str) -> None:
        self.address = address
        self.pf = pf
        self.index = index
        self.driver = driver
        self.kernel = not is_userspace(driver)

    def __str__(self) -> str:
        """For messages."""
        return f"VF {self.index} of PF {self.pf} ({self.address})" if self.pf else f"PCI function {self.address}"


def find(host: NodeHost, address: str) -> Vf:
    """Raises CniError (100) for what is not there, or no VF that can be handed out."""
    root = host.sys_root
    if not pci.exists(root, address):
        raise CniError(
            DEVICE,
            f"deviceID {address}: no such PCI device on this node; VFs vanish when the PF's number of VFs is "
            "changed "
            "or its driver is unloaded: look at sriov_numvfs of the PF",
        )
    pf = pci.physfn(root, address)
    index = pci.vf_index(root, address)
    if pf is None and pci.num_vfs(root, address):
        raise CniError(
            DEVICE, f"deviceID {address}: expected a VF, found a PF with {pci.num_vfs(root, address)} VFs, which would "
            "lose their network; a PF goes to a pod only while its sriov_numvfs is 0",
        )
    if pf is not None and index < 0:
        raise CniError(
            DEVICE, f"deviceID {address}: its PF {pf} does not list it among its VFs (virtfn links)"
        )
    driver = pci.driver(root, address)
    if driver is None:
        raise CniError(
            DEVICE,
            f"deviceID {address}: the device has no driver; expected a network driver or one of "
            + ", ".join(USERSPACE_DRIVERS),
        )
    return Vf(address, pf or "", index, driver)


def port_of(host: NodeHost, address: str, pf: str) -> PfPort:
    """The PF's netlink side. Raises CniError (100) where the PF has no interface."""
    port = PfPort.find(host, pf)
    if port is None:
        raise CniError(
            DEVICE,
            f"PF {pf} of VF {address} has no interface on the host; its driver is not bound, or not ready, or the "
            "interface is in another namespace",
        )
    return port


def host_link(host: NodeHost, address: str, seconds: float) -> Interface | None:
    """The VF's interface in the host's namespace, under whatever name; None where none comes within
    `seconds`.
    """
    for _round in backoff(seconds):
        for name in host.net_names(address):
            try:
                link = Interface(host.socket.get(get_link(name=name)))
            except NetlinkError as error:
                if error.errno == errno.ENODEV:  # renamed between the two looks: look again
                    continue
                raise CniError(DEVICE, f"interface {name} of VF {address} does not answer: {error}") from None
            if not pci.is_address(link.parent) or link.parent == address:  # else another one got the name
                return link
    return None


def remember(host: NodeHost, vf: Vf, config: Config, port: PfPort | None, attachment: Attachment) -> Interface | None:
    """Read what may be changed into `attachment`. Returns the VF's interface, if it has one.

    Raises CniError for a VF that cannot do what is asked.
    """
    attachment.address, attachment.pf, attachment.driver, attachment.kernel = vf.address, vf.pf, vf.driver, vf.kernel
    if vf.pf:
        _remember_pf(host, vf, config, port, attachment)
    else:
        names = [name for name in config.asked if name != "mac" or not vf.kernel]
        if names:
            raise CniError(CONFIG, f"{', '.join(names)}: {vf} has no PF on this node to set it on")
    if config.flags and attachment.original["trust"] == 0 and "trust" not in config.asked:
        raise CniError(
            CONFIG, f"promisc, allmulticast: VF {vf.address} is not trusted, and its PF would ignore them; add "
            "trust: on"
        )
    if not vf.kernel:
        for asked, keys, more in (config.flags, "promisc, allmulticast", ""), (config.mtu, "mtu", " to set it on"):
            if asked:
                raise CniError(CONFIG, f"{keys}: VF {vf.address} has driver {vf.driver}, and so no interface{more}")
        return None
    link = host_link(host, vf.address, _PROBE_SECONDS)
    if link is None:
        raise CniError(
            DEVICE,
            f"VF {vf.address} (driver {vf.driver}) has no network interface on the host; expected one, or "
            "one of the "
            f"drivers {', '.join(USERSPACE_DRIVERS)}. Something else may have put it into another namespace",
        )
    if link.kind != ARPHRD_ETHER:
        raise CniError(
            DEVICE, f"VF {vf.address}: interface {link.name} is not Ethernet; InfiniBand is not supported"
        )
    refuse_programs(vf, link)
    attachment.host_name, attachment.altnames = link.name, link.altnames
    attachment.mac, attachment.mtu, attachment.flags = link.mac, link.mtu, link.flags & as_new.FLAGS
    attachment.link = as_new.record(host, link)
    return link


def refuse_programs(vf: Vf, link: Interface) -> None:
    """Raises CniError (100) for an interface with an eBPF program that goes with it: it may be its administrator's."""
    from ..host.bpf import Bpf

    what, way = "an XDP program", f"'ip link set dev {link.name} xdp off', and xdpgeneric off"
    if not as_new.has_xdp(link):
        try:
            if not Bpf().has_tcx(link.index):
                return
        except OSError:  # without eBPF there is none
            return
        what, way = "an eBPF program beside tc", f"'bpftool net detach tcx_ingress dev {link.name}', or tcx_egress"
    raise CniError(
        DEVICE,
        f"VF {vf.address}: interface {link.name} has {what}, which would see all packets of the pod; "
        f"expected none: take it off ({way}), or the VF out of the pool",
    )


def _remember_pf(host: NodeHost, vf: Vf, config: Config, port: PfPort | None, attachment: Attachment) -> None:
    attachment.asked = config.asked
    try:
        port = port or port_of(host, vf.address, vf.pf)
        attachment.original = port.read(vf.index, config.asked)
    except CniError as error:
        if config.asked:
            raise
        host.log.warning(f"nothing is asked of the PF, so this may be: {error}")
        return
    for name in config.asked:
        if not SETTINGS[name].is_reported(attachment.original):
            SETTINGS[name].unreported(host, port.name, vf.pf, vf.index)


def set_on_pf(host: NodeHost, store: Store, vf: Vf, port: PfPort, config: Config) -> None:
    """Give the PF's driver the settings that are asked for; a MAC is read back. Raises CniError (101)."""
    if not config.asked:
        return
    with store.lock(vf.pf, "PF"):
        host.step("set on pf")
        port.apply(vf.index, config.target, config.asked)
        if not config.mac:
            return
        for _round in backoff(host.mac_seconds):
            found = port.fetch(vf.index)["mac"]
            if found == config.mac:
                return
    raise CniError(
        REFUSED,
        f"mac: PF {port.name} (driver {port.driver}) took {config.mac} for VF {vf.index}, but still reports "
        f"{found} "
        f"after {host.mac_seconds:.0f} s",
    )


def set_on_host(host: NodeHost, store: Store, vf: Vf, port: PfPort | None, link: Interface, config: Config) -> None:
    """What is best set on the VF's interface before it moves. Raises CniError (101).

    The MAC goes to the VF before it goes to the PF: once a PF's driver has an administrator's MAC, many take
    none from the VF any more, and some reset the VF to make it read the new one. A refusal here is no error:
    set_mac() decides.
    """
    if config.mac and link.mac != config.mac:
        if port is not None and port.frees_mac:
            with store.lock(port.address, "PF"):
                free_mac(host, port, vf.index)
        offer_mac(host, link, config.mac)
    if config.mtu and link.mtu != config.mtu:
        host.step("set mtu")
        try:
            host.socket.change(set_link(link.index, mtu=config.mtu))
        except NetlinkError as error:
            raise CniError(
                REFUSED, f"mtu: interface {link.name} (driver {vf.driver}) refused {config.mtu}: {error}"
            ) from None


def free_mac(host: NodeHost, port: PfPort, index: int) -> None:
    """Have the PF forget an administrator's MAC until the caller sets one, so that the VF may take its own: to set it
    up and down instead takes a hundred times as long. To be called under the PF's lock, after port.read().
    """
    host.step("free mac")
    try:
        port.forget_mac(index)
    except NetlinkError as error:
        host.log.debug(f"PF {port.name} does not free the MAC of VF {index}: {error}")


def offer_mac(host: NodeHost, link: Interface, mac: str) -> None:
    """Set the MAC, if the driver takes it without more."""
    host.step("set mac on vf")
    try:
        host.socket.change(set_link(link.index, mac=mac))
    except NetlinkError as error:
        host.log.debug(f"{link.name} does not take {mac} before its PF has it: {error}")


def move_to_pod(host: NodeHost, link: Interface, ifname: str, pod: Pod, meanwhile: Callable[[], None]) -> Interface:
    """Move and rename in one message: no other name is ever seen, neither here nor in the pod. Raises
    CniError (101).

    A failure can leave the interface on either side; restore.bring_back() finds it on both. `meanwhile` is called
    while the kernel moves.
    """
    try:
        if ifname in link.altnames:
            host.step("remove altname")
            host.socket.change(set_altnames(link.index, [ifname], add=False))
        host.step("move")
        move = set_link(link.index, netns_fd=pod.netns.fd, name=ifname)
        _together(lambda: host.socket.change(move), meanwhile)
    except NetlinkError as error:
        raise CniError(
            REFUSED, f"interface {link.name} cannot be moved to {pod.netns.path} as {ifname}: {error}"
        ) from None
    moved = pod.link(ifname)
    if moved is None:
        raise CniError(
            REFUSED, f"interface {link.name} was moved, but {ifname} is not in {pod.netns.path}"
        )
    return moved


def _together(slow: Callable[[], None], quick: Callable[[], None]) -> None:
    """Call `slow` in a thread and `quick` in this one, and wait for both. Raises what either raises.

    SIGCHLD stays blocked: the thread inherits that, so the end of a program that `quick` starts reaches who waits.
    """
    pthread_sigmask(SIG_BLOCK, [SIGCHLD])
    errors: list[BaseException] = []
    done = _thread.allocate_lock()
    done.acquire()

    def run() -> None:
        try:
            slow()
        except BaseException as error:
            errors.append(error)
        finally:
            done.release()

    _thread.start_new_thread(run, ())
    try:
        quick()
    finally:
        done.acquire()
    if errors:
        raise errors[0]


def set_mac(host: NodeHost, socket: Socket, link: Interface, mac: str) -> None:
    """Have the interface take `mac`, and see that it did; the interface is down before and after.

    Drivers differ: one takes it from the VF, one from the PF a moment later, one (igbvf) from the PF when it
    is reset, which setting it up and down does. Raises CniError (101) when none of it helped in time.
    """
    problem = ""
    for number, _round in enumerate(backoff(host.mac_seconds), 1):
        if Interface(socket.get(get_link(link.index))).mac == mac:
            return
        host.step("set mac")
        try:
            socket.change(set_link(link.index, mac=mac))
            if Interface(socket.get(get_link(link.index))).mac == mac:
                return
            problem = "it was accepted, but not taken"
        except NetlinkError as error:
            problem = str(error)
        if number in (1, 4):
            try:
                socket.change(
                    set_link(link.index, flags=IFF_UP, change=IFF_UP),
                    set_link(link.index, flags=0, change=IFF_UP),
                )
            except NetlinkError as error:
                host.log.debug(f"{link.name} cannot be reset: {error}")
    raise CniError(REFUSED, f"interface {link.name} does not take the MAC {mac}: {problem}")
