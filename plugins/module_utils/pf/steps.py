# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a PF and its VFs: the one write of each, which is read back, and what the record keeps of it."""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from dataclasses import replace

from ..host import devlink, ethtool, ip_link, quirks
from ..host.host import Host
from ..host.ip_link import Link
from ..model.errors import HostError, PartError, SlowError, TakenError
from ..model.goal import NO_MAC, NODE_OWNER, compact
from ..model.plan import Step
from ..model.state import NodeState, Record
from ..record import unreported
from ..record.record import original_of
from ..shared import pci
from . import causes, drivers, free, netdevs, vf_attributes
from .drivers import Target, vf_address, wait_until
from .identity import identity_of
from .netdevs import NETDEV_SECONDS

APPEAR_SECONDS = 20.0  # and as much again for each 16 VFs: 125 VFs were seen to take 65 s
SETTING_SECONDS, SETTING_PAUSE = 10.0, 1.0  # while a PF still resets, or its link comes up
UDEV_SECONDS = 30.0
BUSY_PF = (errno.EAGAIN, errno.EBUSY)  # a PF that is still being probed or reset answers so for a moment


class PfStep(Step, lost_at_boot=True):
    """A change of a Target."""

    goal_field = ""  # the setting of the PF itself that it changes, in PfGoal

    def need_free(self, host: Host) -> None:
        """To be asked right before a write. Raises TakenError where somebody uses what it would take."""
        free.need(host, self.target, self.free)

    def while_busy(self, host: Host, act: Callable[[], None]) -> None:
        """Do it, again for a while where the PF answers that it is being reset. Raises the last HostError."""
        drivers.retry(host, act, BUSY_PF, SETTING_SECONDS, SETTING_PAUSE)

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
        if self.after:
            # Kernels before 6.2 don't rename an interface that is up (net/core/dev.c, dev_change_name: EBUSY).
            address = self.target.address
            wait_until(host, lambda: netdevs.udev_is_done(host, pci.uplink_name(host.root, address)), UDEV_SECONDS)
        self.while_busy(host, lambda: self._turn(host))
        name = _pf_name(host, self.target.address)
        if _link_of(host, name).up != self.after:
            raise HostError(
                name,
                f"the interface {'up' if self.after else 'down'}",
                "it is not",
                "See who else manages it (NetworkManager, networkd).",
            )

    def _turn(self, host: Host) -> None:
        self.need_free(host)
        ip_link.set_link(host, _pf_name(host, self.target.address), "up" if self.after else "down")


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

        def write() -> None:
            self.need_free(host)
            host.write_attribute(path, str(count), seconds)

        try:
            drivers.retry(host, write, BUSY_PF)
        except (TakenError, SlowError):
            raise
        except HostError as error:
            reason = causes.of_count(host, address, error)
            raise HostError(address, f"to {self.action}", error.problem.found, reason) from error

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
        probed = {index: vfs[index] for index in self.after["probed"] if index in vfs}
        sick = netdevs.wait_for_all(host, list(probed.values()), seconds)
        if sick:
            raise PartError(
                ", ".join(sick),
                "the kernel's driver bound to each new VF, and its network interface",
                "; ".join(f"{vf}: {words}" for vf, words in sick.items()),
                "Is the VF driver's module there, and not blacklisted? See dmesg.",
                [Target(address, index) for index, vf in probed.items() if vf in sick],
            )


class EswitchModeStep(PfStep, kind="eswitch_mode", goal_field="eswitch_mode"):
    """Set the eswitch mode."""

    def apply(self, host: Host) -> None:
        self.while_busy(host, lambda: self._turn(host))

    def _turn(self, host: Host) -> None:
        self.need_free(host)
        devlink.set_mode(host, self.target.address, self.after)


class TcOffloadStep(PfStep, kind="tc_offload", goal_field="tc_offload"):
    """Turn hw-tc-offload on or off."""

    def apply(self, host: Host) -> None:
        self.while_busy(host, lambda: ethtool.set_to(host, _pf_name(host, self.target.address), self.after))


class AttributesStep(PfStep, kind="vf_attributes"):
    """Make settings of a VF through the PF. The VF's kernel driver reads its MAC address when it is bound, so it is
    bound again.
    """

    def apply(self, host: Host) -> None:
        vf = vf_address(host, self.target)
        name = _pf_name(host, self.target.address)
        self._set(host, name)
        self._set_in_sysfs(host, vf)
        told = compact(vf_attributes.read(_link_of(host, name).vfs.get(self.target.index, {})))
        wrong = {k: told.get(k) for k, v in self.after.items() if k in told and told[k] != v}
        if wrong:
            raise HostError(
                self.target,
                f"{self.after}",
                f"{wrong}",
                f"The PF's driver did not take it; see dmesg for {name}.",
            )
        if untold := {k: v for k, v in self.after.items() if k not in told}:
            unreported.note(host, vf, untold)
        wanted = self.after.get("mac")
        if wanted in (None, NO_MAC) or not pci.net_names(host.root, vf):
            return
        if _vf_link(host, vf).mac != wanted:
            drivers.rebind(host, vf, lambda: self.need_free(host))
            found = _vf_link(host, vf).mac if netdevs.interface_comes(host, vf) else None
            if found != wanted:
                raise HostError(
                    self.target,
                    f"an interface with the MAC address {wanted}",
                    f"{found or 'none'} after binding its driver again",
                    "See dmesg for the VF.",
                )

    def _set_in_sysfs(self, host: Host, vf: str) -> None:
        """What a VF takes without a driver alone."""
        for row in vf_attributes.ATTRIBUTES:
            if row.sysfs and row.name in self.after:
                path, value = f"{pci.DEVICES}/{vf}/{row.sysfs}", str(self.after[row.name])

                def write(path: str = path, value: str = value) -> None:
                    self.need_free(host)
                    host.write_attribute(path, value)

                drivers.rebind(host, vf, lambda: self.need_free(host), write)

    def _set(self, host: Host, name: str) -> None:
        """What a PF refuses while its link is still coming up, or the VF is being reset, is tried for a while: each
        setting on its own, since one that was taken may reset the VF anew.
        """
        row = quirks.of(pci.driver(host.root, self.target.address))
        for words in vf_attributes.commands(self.after):
            needs_link = set(row.refused_without_link) & set(words)

            def send(words: Sequence[str] = words) -> None:
                self.need_free(host)
                ip_link.set_vf(host, name, self.target.index, words)

            codes, seconds = (drivers.ANY, SETTING_SECONDS) if needs_link else (row.busy, row.busy_seconds)
            drivers.retry(host, send, codes, max(seconds, row.busy_seconds), SETTING_PAUSE)


class PfMtuStep(PfStep, kind="pf_mtu", goal_field="mtu"):
    """Set the PF's MTU."""

    def apply(self, host: Host) -> None:
        _set_mtu(self, host, lambda: _pf_name(host, self.target.address))
        _need_mtu(self, _link_of(host, _pf_name(host, self.target.address)))


class VfMtuStep(PfStep, kind="vf_mtu"):
    """Set the MTU of a VF's interface."""

    def apply(self, host: Host) -> None:
        vf = vf_address(host, self.target)
        if not netdevs.interface_comes(host, vf):
            remedy = "See whether the VF's driver is bound."
            raise HostError(self.target, "an interface to set the MTU of", "none", remedy)
        _set_mtu(self, host, lambda: _vf_name(host, vf))
        _need_mtu(self, _vf_link(host, vf))


class DriverStep(PfStep, kind="driver"):
    """Give a VF another driver."""

    def apply(self, host: Host) -> None:
        drivers.give(host, vf_address(host, self.target), self.after, lambda: self.need_free(host))


class RebindStep(PfStep, kind="driver_again"):
    """Bind a VF's driver again, which has made no network interface."""

    def apply(self, host: Host) -> None:
        vf = vf_address(host, self.target)
        drivers.rebind(host, vf, lambda: self.need_free(host))
        if not netdevs.have_come(host, [vf], NETDEV_SECONDS):
            raise HostError(
                self.target,
                "a network interface",
                f"none after binding {self.after} again",
                "See dmesg for the VF; a reset of the PF (its VFs made anew) may help.",
            )


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


def _set_mtu(step: PfStep, host: Host, name: Callable[[], str]) -> None:
    """A VF refuses while its PF still resets, and udev may rename its interface meanwhile: try for a while."""

    def send() -> None:
        step.need_free(host)
        ip_link.set_link(host, name(), "mtu", str(step.after))

    drivers.retry(host, send, drivers.ANY, SETTING_SECONDS, SETTING_PAUSE)


def _need_mtu(step: Step, link: Link) -> None:
    if link.mtu != step.after:
        raise HostError(
            step.target, f"MTU {step.after}", str(link.mtu), "The NIC's driver did not take it; see dmesg."
        )
