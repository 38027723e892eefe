# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one write of each step of a PF: link, autoprobe, count, settings of a VF, MTU. Each is read back."""

from __future__ import annotations

import errno
from collections.abc import Callable

from ..host import devlink, ethtool, ip_link, quirks
from ..host.host import Host
from ..host.ip_link import Link
from ..kernel import cmdline
from ..model.errors import HostError
from ..model.goal import NO_MAC, compact
from ..model.plan import Step
from ..shared import pci, pci_classes
from . import drivers, vf_attributes
from .drivers import vf_address, wait_until
from .steps import (
    AttributesStep,
    AutoprobeStep,
    DriverStep,
    EswitchModeStep,
    LinkStep,
    NumVfsStep,
    PfMtuStep,
    PfStep,
    TcOffloadStep,
    VfMtuStep,
)

APPEAR_SECONDS = 20.0  # and as much again for each 16 VFs: 125 VFs were seen to take 65 s
NETDEV_SECONDS = 10.0
SETTING_SECONDS, SETTING_PAUSE = 10.0, 1.0  # while a PF still resets, or its link comes up
LOG_LINES = 2000
REASONS = {
    errno.EBUSY: "The VFs are in use, or the PF is busy with a reset or another change; see who holds them, and dmesg.",
    errno.EAGAIN: "The PF is still being set up by its driver or firmware; see dmesg, and run this again.",
    errno.ERANGE: "The PF can't have as many; lower num_vfs.",
    errno.ENOENT: "The PF's driver can't create VFs (it has no sriov_configure), or none is bound; bind one that can.",
    errno.EIO: "The PF did not answer its driver: is its link up, and its firmware well? See dmesg.",
    errno.EPERM: "The NIC's firmware or driver does not allow it: SR-IOV may be off there (mlx: SRIOV_EN). See dmesg.",
    errno.EACCES: "The NIC's firmware or driver does not allow it: SR-IOV may be off there (mlx: SRIOV_EN). See dmesg.",
    errno.EOPNOTSUPP: "The PF's driver creates no VFs in its present mode (eswitch, XDP, DCB, ...); see dmesg.",
    errno.EINVAL: "The PF's driver does not take that number: some want a lower one, or one that fits their queues.",
    errno.ETIMEDOUT: "The NIC's firmware did not answer in time; see dmesg, and update it.",
}


def apply(host: Host, step: PfStep) -> None:
    """Do one step. Raises HostError where it fails, or did not take."""
    {
        LinkStep: _link,
        AutoprobeStep: _autoprobe,
        NumVfsStep: _num_vfs,
        EswitchModeStep: lambda host, step: devlink.set_mode(host, step.target.address, step.after),
        TcOffloadStep: lambda host, step: ethtool.set_to(host, _pf_name(host, step.target.address), step.after),
        AttributesStep: _attributes,
        PfMtuStep: _pf_mtu,
        VfMtuStep: _vf_mtu,
        DriverStep: drivers.apply,
    }[type(step)](host, step)


def _pf_name(host: Host, address: str) -> str:
    name = pci.uplink_name(host.root, address)
    if name is None:
        raise HostError(address, "a network interface of the PF", "none", "See whether its driver is still bound.")
    return name


def _link_of(host: Host, name: str) -> Link:
    link = ip_link.read_links(host, name).get(name)
    if link is None:
        raise HostError(name, "the interface to be there", "it is gone", "Somebody else renamed it; run this again.")
    return link


def _vf_name(host: Host, vf: str) -> str:
    names = pci.net_names(host.root, vf)
    if not names:
        raise HostError(vf, "a network interface", "none", "See whether the VF's driver is bound, and dmesg.")
    return names[0]


def _vf_link(host: Host, vf: str) -> Link:
    """A VF's interface. udev renames a new one, perhaps between two looks: its name is asked for again, for a while."""
    return drivers.retry(host, lambda: _link_of(host, _vf_name(host, vf)), drivers.ANY, NETDEV_SECONDS)


def _link(host: Host, step: Step) -> None:
    name = _pf_name(host, step.target.address)
    ip_link.set_up(host, name, step.after)
    if _link_of(host, name).up != step.after:
        raise HostError(
            name,
            f"the interface {'up' if step.after else 'down'}",
            "it is not",
            "See who else manages it (NetworkManager, networkd).",
        )


def _autoprobe(host: Host, step: Step) -> None:
    path = f"{pci.DEVICES}/{step.target.address}/sriov_drivers_autoprobe"
    host.write_attribute(path, "1" if step.after else "0")
    if pci.read_int(host.path(path)) != int(step.after):
        raise HostError(path, str(int(step.after)), "another value")


def _num_vfs(host: Host, step: Step) -> None:
    address = step.target.address
    path = f"{pci.DEVICES}/{address}/sriov_numvfs"
    count = int(step.after["num_vfs"])
    found = pci.num_vfs(host.root, address)
    if count and found:
        raise HostError(
            address,
            "no VFs before VFs are created",
            f"{found}",
            "Somebody else created VFs meanwhile; run this again.",
        )
    seconds = APPEAR_SECONDS * (1 + max(count, found) / 16)
    try:
        # A PF that is still being probed or reset answers so for a moment.
        drivers.retry(
            host, lambda: host.write_attribute(path, str(count), seconds), (errno.EAGAIN, errno.EBUSY) if count else ()
        )
    except HostError as error:
        text, code = error.problem.found, drivers.errno_of(error)
        reason = REASONS.get(code, "See the kernel's log (dmesg).")
        if code == errno.ENOMEM:
            reason = _no_room(host, address)
        raise HostError(address, f"to {step.action}", text, reason) from error

    def done() -> bool:
        return pci.num_vfs(host.root, address) == count == len(pci.virtfns(host.root, address))

    if not wait_until(host, done, seconds):
        raise HostError(
            address,
            f"{count} VFs within {seconds:g} s",
            f"{len(pci.virtfns(host.root, address))} VFs, sriov_numvfs {pci.num_vfs(host.root, address)}",
            "See the kernel's log (dmesg).",
        )
    vfs = pci.virtfns(host.root, address)
    _wait_for_drivers(host, [vfs[index] for index in step.after["probed"] if index in vfs], seconds)


def _no_room(host: Host, address: str) -> str:
    """ENOMEM has two causes, and the kernel's log tells which (drivers/pci/iov.c): bus numbers, or address space."""
    log = host.run(["dmesg"], check=False).stdout.splitlines()[-LOG_LINES:]
    buses = any(address in line and "out of range of" in line for line in log)
    argument = "pci=assign-busses" if buses else "pci=realloc"
    what = "no bus numbers left for them" if buses else "no address space for them"
    running = cmdline.split(host.read_text("/proc/cmdline") or "")
    other = "put the NIC into another slot" if buses else "switch on decoding above 4G in the firmware (BIOS)"
    if cmdline.satisfied(running, argument):
        return f"There is {what}, although the kernel was started with {argument}: {other}, or lower num_vfs."
    return f"There is {what}: add {argument} to sriov_kernel_arguments, which needs a reboot, or {other}."


def _wait_for_drivers(host: Host, addresses: list[str], seconds: float) -> None:
    """The kernel binds its own driver to new VFs, perhaps after udev has loaded the module; nudge it once."""

    def waiting() -> list[str]:
        return [a for a in addresses if pci.driver(host.root, a) is None]

    if addresses and not wait_until(host, lambda: not waiting(), min(seconds, drivers.BIND_SECONDS)):
        for address in waiting():
            drivers.probe_default(host, address)
        if waiting():
            raise HostError(
                ", ".join(waiting()),
                "the kernel's driver bound to each new VF",
                "no driver",
                "Is the VF driver's module there, and not blacklisted? See dmesg.",
            )
    for address in addresses:
        _wait_for_netdev(host, address)


def _wait_for_netdev(host: Host, address: str) -> bool:
    """A network VF's interface appears a moment after its driver; one more binding helps some NICs.
    False: none came.
    """
    if not pci_classes.is_network(pci.class_id(host.root, address)):
        return True
    if wait_until(host, lambda: bool(pci.net_names(host.root, address)), NETDEV_SECONDS):
        return True
    drivers.rebind(host, address)
    return wait_until(host, lambda: bool(pci.net_names(host.root, address)), NETDEV_SECONDS)


def _attributes(host: Host, step: Step) -> None:
    """Settings through the PF. A VF's kernel driver reads its MAC address when it is bound, so it is
    bound again.
    """
    vf = vf_address(host, step.target)
    name = _pf_name(host, step.target.address)
    _set_vf(host, name, step)
    told = compact(vf_attributes.read(_link_of(host, name).vfs.get(step.target.index, {})))
    wrong = {k: told.get(k) for k, v in step.after.items() if k in told and told[k] != v}
    if wrong:
        raise HostError(
            step.target,
            f"{step.after}",
            f"{wrong}",
            f"The PF's driver did not take it; see dmesg for {name}.",
        )
    wanted = step.after.get("mac")
    if wanted in (None, NO_MAC) or not pci.net_names(host.root, vf):
        return
    if _vf_link(host, vf).mac != wanted:
        drivers.rebind(host, vf)
        found = _vf_link(host, vf).mac if _wait_for_netdev(host, vf) else None
        if found != wanted:
            raise HostError(
                step.target,
                f"an interface with the MAC address {wanted}",
                f"{found or 'none'} after binding its driver again",
                "See dmesg for the VF.",
            )


def _set_vf(host: Host, name: str, step: Step) -> None:
    """What a PF refuses while its link is still coming up is tried for a while."""
    index = step.target.index
    refused = quirks.of(pci.driver(host.root, step.target.address)).refused_without_link
    seconds = SETTING_SECONDS if set(refused) & set(step.after) else 0.0
    commands = vf_attributes.commands(step.after)
    drivers.retry(host, lambda: ip_link.set_vf(host, name, index, commands), drivers.ANY, seconds, SETTING_PAUSE)


def _pf_mtu(host: Host, step: Step) -> None:
    _set_mtu(host, lambda: _pf_name(host, step.target.address), step.after)
    _need_mtu(step, _link_of(host, _pf_name(host, step.target.address)))


def _vf_mtu(host: Host, step: Step) -> None:
    vf = vf_address(host, step.target)
    if not _wait_for_netdev(host, vf):
        raise HostError(step.target, "an interface to set the MTU of", "none", "See whether the VF's driver is bound.")
    _set_mtu(host, lambda: _vf_name(host, vf), step.after)
    _need_mtu(step, _vf_link(host, vf))


def _set_mtu(host: Host, name: Callable[[], str], mtu: int) -> None:
    """A VF refuses while its PF still resets, and udev may rename its interface meanwhile: try for a while."""
    drivers.retry(
        host, lambda: ip_link.set_mtu(host, name(), mtu), drivers.ANY, SETTING_SECONDS, SETTING_PAUSE
    )


def _need_mtu(step: Step, link: Link) -> None:
    if link.mtu != step.after:
        raise HostError(
            step.target, f"MTU {step.after}", str(link.mtu), "The NIC's driver did not take it; see dmesg."
        )
