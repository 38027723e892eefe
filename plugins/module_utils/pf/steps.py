# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a PF and its VFs: the one write of each, which is read back, and what the record keeps of it."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import replace

from ..host import devlink, ethtool, ip_link, quirks
from ..host.host import Host
from ..host.ip_link import Link
from ..kernel import cmdline
from ..model.errors import HostError
from ..model.goal import NO_MAC, NODE_OWNER, compact
from ..model.plan import Step
from ..model.state import NodeState, Record
from ..record.record import original_of
from ..shared import pci, pci_classes
from . import drivers, vf_attributes
from .drivers import vf_address, wait_until
from .identity import identity_of

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


class PfStep(Step, lost_at_boot=True):
    """A change of a Target."""

    goal_field = ""  # the setting of the PF itself that it changes, in PfGoal

    def remember(self, known: Record, state: NodeState, owner: str) -> None:
        """The PF's VFs as they were, and of the PF itself just what we change: the rest is the administrator's, who
        may change it meanwhile.
        """
        pf = state.pf(self.target.address)
        if pf is not None:
            known.owners.setdefault(pf.address, NODE_OWNER if pf.address in known.pfs else owner)
            known.identities.setdefault(pf.address, identity_of(pf))
            original = known.pfs.get(pf.address) or original_of(pf)
            if self.goal_field and getattr(original, self.goal_field) is None:
                original = replace(original, **{self.goal_field: self.before})
            if isinstance(self, NumVfsStep):  # their count is ours from now on
                original = replace(original, externally_managed=False)
            known.pfs[pf.address] = original


class LinkStep(PfStep, kind="pf_link", goal_field="up"):
    """Bring the PF up or down."""

    def apply(self, host: Host) -> None:
        name = _pf_name(host, self.target.address)
        ip_link.set_link(host, name, "up" if self.after else "down")
        if _link_of(host, name).up != self.after:
            raise HostError(
                name,
                f"the interface {'up' if self.after else 'down'}",
                "it is not",
                "See who else manages it (NetworkManager, networkd).",
            )


class AutoprobeStep(PfStep, kind="autoprobe", goal_field="autoprobe"):
    """Turn driver autoprobe of its VFs on or off."""

    def apply(self, host: Host) -> None:
        path = f"{pci.DEVICES}/{self.target.address}/sriov_drivers_autoprobe"
        host.write_attribute(path, "1" if self.after else "0")
        if pci.read_int(host.path(path)) != int(self.after):
            raise HostError(path, str(int(self.after)), "another value")


class NumVfsStep(PfStep, kind="num_vfs"):
    """Create VFs, or remove all."""

    def apply(self, host: Host) -> None:
        address = self.target.address
        path = f"{pci.DEVICES}/{address}/sriov_numvfs"
        count = int(self.after["num_vfs"])
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
            codes = (errno.EAGAIN, errno.EBUSY) if count else ()
            drivers.retry(host, lambda: host.write_attribute(path, str(count), seconds), codes)
        except HostError as error:
            text, code = error.problem.found, drivers.errno_of(error)
            reason = REASONS.get(code, "See the kernel's log (dmesg).")
            if code == errno.ENOMEM:
                reason = _no_room(host, address)
            raise HostError(address, f"to {self.action}", text, reason) from error

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
        _wait_for_drivers(host, [vfs[index] for index in self.after["probed"] if index in vfs], seconds)


class EswitchModeStep(PfStep, kind="eswitch_mode", goal_field="eswitch_mode"):
    """Set the eswitch mode."""

    def apply(self, host: Host) -> None:
        devlink.set_mode(host, self.target.address, self.after)


class TcOffloadStep(PfStep, kind="tc_offload", goal_field="tc_offload"):
    """Turn hw-tc-offload on or off."""

    def apply(self, host: Host) -> None:
        ethtool.set_to(host, _pf_name(host, self.target.address), self.after)


class AttributesStep(PfStep, kind="vf_attributes"):
    """Make settings of a VF through the PF. The VF's kernel driver reads its MAC address when it is bound, so it is
    bound again.
    """

    def apply(self, host: Host) -> None:
        vf = vf_address(host, self.target)
        name = _pf_name(host, self.target.address)
        self._set(host, name)
        told = compact(vf_attributes.read(_link_of(host, name).vfs.get(self.target.index, {})))
        wrong = {k: told.get(k) for k, v in self.after.items() if k in told and told[k] != v}
        if wrong:
            raise HostError(
                self.target,
                f"{self.after}",
                f"{wrong}",
                f"The PF's driver did not take it; see dmesg for {name}.",
            )
        wanted = self.after.get("mac")
        if wanted in (None, NO_MAC) or not pci.net_names(host.root, vf):
            return
        if _vf_link(host, vf).mac != wanted:
            drivers.rebind(host, vf)
            found = _vf_link(host, vf).mac if _wait_for_netdev(host, vf) else None
            if found != wanted:
                raise HostError(
                    self.target,
                    f"an interface with the MAC address {wanted}",
                    f"{found or 'none'} after binding its driver again",
                    "See dmesg for the VF.",
                )

    def _set(self, host: Host, name: str) -> None:
        """What a PF refuses while its link is still coming up is tried for a while."""
        index = self.target.index
        refused = quirks.of(pci.driver(host.root, self.target.address)).refused_without_link
        seconds = SETTING_SECONDS if set(refused) & set(self.after) else 0.0
        commands = vf_attributes.commands(self.after)
        drivers.retry(host, lambda: ip_link.set_vf(host, name, index, commands), drivers.ANY, seconds, SETTING_PAUSE)


class PfMtuStep(PfStep, kind="pf_mtu", goal_field="mtu"):
    """Set the PF's MTU."""

    def apply(self, host: Host) -> None:
        _set_mtu(host, lambda: _pf_name(host, self.target.address), self.after)
        _need_mtu(self, _link_of(host, _pf_name(host, self.target.address)))


class VfMtuStep(PfStep, kind="vf_mtu"):
    """Set the MTU of a VF's interface."""

    def apply(self, host: Host) -> None:
        vf = vf_address(host, self.target)
        if not _wait_for_netdev(host, vf):
            remedy = "See whether the VF's driver is bound."
            raise HostError(self.target, "an interface to set the MTU of", "none", remedy)
        _set_mtu(host, lambda: _vf_name(host, vf), self.after)
        _need_mtu(self, _vf_link(host, vf))


class DriverStep(PfStep, kind="driver"):
    """Give a VF another driver."""

    def apply(self, host: Host) -> None:
        drivers.give(host, vf_address(host, self.target), self.after)


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


def _set_mtu(host: Host, name: Callable[[], str], mtu: int) -> None:
    """A VF refuses while its PF still resets, and udev may rename its interface meanwhile: try for a while."""
    drivers.retry(
        host, lambda: ip_link.set_link(host, name(), "mtu", str(mtu)), drivers.ANY, SETTING_SECONDS, SETTING_PAUSE
    )


def _need_mtu(step: Step, link: Link) -> None:
    if link.mtu != step.after:
        raise HostError(
            step.target, f"MTU {step.after}", str(link.mtu), "The NIC's driver did not take it; see dmesg."
        )
