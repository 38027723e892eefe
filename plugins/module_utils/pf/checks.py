# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks that a goal can be applied; reports every problem before anything is changed. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..model.errors import Problem, problems_of
from ..model.goal import Goal, PfGoal, compact
from ..model.plan import DRAIN, NOW, Step
from ..model.state import AWAY, NO_INTERFACE, TEAM, NodeState, Pf, Vf
from ..shared import pci
from ..shared.driver_kinds import is_uio, is_userspace, is_vfio
from ..usage import iommu_groups
from .drivers import OWN_GROUP
from .free import NOBODY
from .identity import moved_message
from .plan import SWITCHDEV
from .steps import EswitchModeStep, LinkStep, NumVfsStep, PfMtuStep, PfStep

LACP = ("802.3ad", "balance-xor", "balance-rr")  # modes in which a switch takes the ports for one
LOCKDOWN = "/sys/kernel/security/lockdown"
LOSE_LINK = (NumVfsStep, EswitchModeStep, PfMtuStep)  # the PF's link may be lost for a moment, or longer
FIRMWARE = "Switch SR-IOV on in the firmware (BIOS) and on the NIC (mlx: SRIOV_EN, NUM_OF_VFS)."

# Why what a PF carries is unknown -> the words, and what makes it known.
UNKNOWN = {
    AWAY: (
        "its network interface is in another network namespace (of a pod, a container, or one of `ip netns`)",
        "Bring the interface back: delete the pod or container that has it, or see `ip netns` and move it with "
        "`ip -n NAMESPACE link set INTERFACE netns 1`",
    ),
    NO_INTERFACE: (
        "its driver {driver} shows no network interface",
        "See the kernel's log (dmesg) for the driver's reason, and bind the driver again, or reboot",
    ),
}


def pf_problems(
    goal: PfGoal, pf: Pf | None, steps: Sequence[Step], state: NodeState, can_wait: bool = False
) -> list[Problem]:
    """Why this PF can't become what is asked. can_wait: a reboot may be asked for it (see `waits_in_use`)."""
    if pf is None:
        if goal.restore_original:
            return []  # a NIC that was taken out: nothing is left to give back
        return [
            Problem(
                goal.address,
                "a PCI function at this address",
                "none" + moved_message(goal.address, state),
                "The NIC was moved, taken out or switched off; correct the policy if it is another one.",
            )
        ]
    if pf.is_guest_vf and goal.restore_original:
        return list(_driver_problems(goal, pf, state))
    if goal.externally_managed and not goal.restore_original:
        return [*_external(goal, pf), *_driver_problems(goal, pf, state)]
    return [*_capability(goal, pf), *_driver_problems(goal, pf, state), *_in_use(goal, pf, steps, can_wait)]


def _external(goal: PfGoal, pf: Pf) -> list[Problem]:
    """Somebody else makes the VFs of this PF, and chooses its MTU and mode: they must be there already."""
    if pf.is_guest_vf:
        return _guest_vf(goal, pf)
    owner = "Let whoever makes this PF's VFs do so first, or take externally_managed out of the policy."
    highest = max((s.mtu for s in goal.settings if s.mtu is not None), default=0)
    by_others = "(externally_managed)"
    other_mode = goal.eswitch_mode is not None and pf.eswitch_mode not in (None, goal.eswitch_mode)
    return problems_of(
        pf.label,
        (pf.num_vfs < goal.num_vfs, f"{goal.num_vfs} VFs that somebody else made {by_others}", f"{pf.num_vfs}", owner),
        (
            pf.mtu is not None and highest > pf.mtu,
            f"an MTU of {highest} or more on the PF {by_others}",
            f"{pf.mtu}",
            owner,
        ),
        (other_mode, f"eswitch mode {goal.eswitch_mode} {by_others}", f"{pf.eswitch_mode}", owner),
    )


def _guest_vf(goal: PfGoal, pf: Pf) -> list[Problem]:
    """A passthrough VF, whose PF belongs to the hypervisor: it can be bound to a driver, and nothing else."""
    settings = sorted({name for settings in goal.settings for name in compact(settings.attributes)})
    settings += ["mtu"] if any(one.mtu is not None for one in goal.settings) else []
    settings += ["eswitch_mode"] if goal.eswitch_mode is not None else []
    return problems_of(
        pf.label,
        (
            goal.num_vfs != 1,
            f"a PF, for {goal.num_vfs} VFs",
            "a NIC without SR-IOV in a virtual machine: a passthrough VF, or no VF at all",
            "Ask for num_vfs: 1, which binds it alone, or configure the hypervisor.",
        ),
        (
            settings,
            f"a PF, for {', '.join(settings)}",
            "a passthrough VF (its PF belongs to the hypervisor)",
            f"Take {', '.join(settings)} out of the policy, and set it there.",
        ),
    )


def _capability(goal: PfGoal, pf: Pf) -> list[Problem]:
    if goal.num_vfs == 0:
        return []
    vfs = problems_of(
        pf.label,
        (
            pf.driver is None,
            "a driver on the PF",
            "no driver is bound to it",
            "Load the NIC's driver; the kernel creates VFs through it.",
        ),
        (
            pf.total_vfs < 0,
            "a PF with SR-IOV",
            f"its driver {pf.driver} shows no sriov_totalvfs",
            "The function has no SR-IOV, or it is hidden by the firmware. " + FIRMWARE,
        ),
        (pf.total_vfs == 0, f"{goal.num_vfs} VFs to be possible", "sriov_totalvfs is 0", FIRMWARE),
        (
            goal.num_vfs > pf.total_vfs,
            f"at most {pf.total_vfs} VFs (sriov_totalvfs)",
            f"{goal.num_vfs} asked for",
            "Lower num_vfs, or raise the number of VFs in the NIC's firmware.",
        ),
    )
    others = problems_of(
        pf.label,
        (
            goal.eswitch_mode == SWITCHDEV and pf.eswitch_mode is None,
            "an eswitch that can be in switchdev mode",
            f"its driver {pf.driver or '(none)'} shows no eswitch mode (devlink dev eswitch show pci/{pf.address})",
            "Take eswitch_mode out of the policy, or use a NIC that has one.",
        ),
        (
            _vectors(goal) and pf.total_msix is None,
            "a PF whose driver shares its interrupt vectors out to VFs (msix_count)",
            f"its driver {pf.driver or '(none)'} shows no {pci.TOTAL_MSIX}, which mlx5 does from Linux 5.13 on",
            "Take msix_count out of the policy.",
        ),
        (
            pf.total_msix is not None and _vectors(goal) > pf.total_msix,
            f"at most {pf.total_msix} interrupt vectors for all VFs ({pci.TOTAL_MSIX})",
            f"{_vectors(goal)} asked for (msix_count)",
            "Lower msix_count.",
        ),
        (
            not pf.is_nic and (goal.mtu is not None or goal.eswitch_mode is not None),
            "a NIC, which alone has an MTU and an eswitch mode",
            f"a function of PCI class {pf.class_id}",
            "Take mtu and eswitch_mode out of the policy.",
        ),
        (
            pf.name is None and any(compact(settings.attributes) for settings in goal.settings),
            "a network interface of the PF, which VF settings are made through",
            "none here",
            "Bind the PF's network driver, or take mac, vlan, rates etc. out of the policy.",
        ),
    )
    return [*vfs[:1], *others]


def _vectors(goal: PfGoal) -> int:
    """All that are asked for."""
    return sum(settings.attributes.msix_count or 0 for settings in goal.settings)


def _driver_problems(goal: PfGoal, pf: Pf, state: NodeState) -> Iterator[Problem]:
    """Drivers that a VF could be bound to, and that nobody could then use."""
    uio = sorted({settings.driver or "" for settings in goal.settings if is_uio(settings.driver)})
    if uio and state.lockdown and not goal.restore_original:
        yield Problem(
            pf.label,
            f"a kernel that gives user space the registers of VFs, which {', '.join(uio)} is for",
            f"it is locked down ({state.lockdown}, {LOCKDOWN})",
            "Use device_type vfio-pci, or switch Secure Boot off in the firmware (BIOS).",
        )
    wanted = {index for index, settings in goal.vfs if is_vfio(settings.driver)}
    for vf in pf.vfs:
        if vf.index in wanted and vf.iommu_group_conflicts and pf.num_vfs == goal.num_vfs and not is_vfio(vf.driver):
            found = f"it shares one with {', '.join(vf.iommu_group_conflicts)}"
            remedy = iommu_groups.remedy_of(vf.iommu_group_conflicts, pf.address)
            yield Problem(f"{pf.label} vf {vf.index}", OWN_GROUP, found, remedy)


def _resets(steps: Sequence[Step]) -> bool:
    """Through 0; taking VFs away for good is like the first ones."""
    return sum(isinstance(s, NumVfsStep) for s in steps) > 1 or any(isinstance(s, EswitchModeStep) for s in steps)


def waits_in_use(goal: PfGoal, pf: Pf, steps: Sequence[Step]) -> bool:
    """True where a PF that the host needs would be reset, by the user's word or to give it back: its VFs and modes do
    not outlive a reboot, so what is asked for is made after it, before the network is up, and what we made is gone.
    """
    return pf.in_use and _resets(steps) and (goal.allow_in_use or goal.restore_original)


def _in_use(goal: PfGoal, pf: Pf, steps: Sequence[Step], can_wait: bool) -> list[Problem]:
    """A PF that the host lives on is not reset but by a reboot; first VFs and a new MTU need the user's word."""
    resets = _resets(steps)
    if not pf.in_use or not _touches(steps) or (can_wait and waits_in_use(goal, pf, steps)):
        return []
    keep = "keep the number of VFs and the eswitch mode as they are"
    keep = f"{keep}, or set allow_in_use: true, and a reboot makes them" if can_wait else f"or {keep}"
    back = "and run this again, or let a reboot do it (sriov_reboot_ok: true)"
    where = f"policy {' or '.join(goal.policies)}" if goal.policies else "pfs of sriov_vfs, or in the policy"
    return problems_of(
        pf.label,
        (
            resets,
            "a PF that the host does not need, since its VFs have to be made anew",
            _use_message(pf),
            f"{_way_out(pf)} first, {back if goal.restore_original else keep}.",
        ),
        (
            not resets and not goal.allow_in_use and not goal.restore_original,
            f"a PF that the host does not need, or allow_in_use: true in the {where}",
            _use_message(pf),
            f"{_way_out(pf)}. Or set allow_in_use: true, if its link may be down for a moment while VFs are made or "
            "taken away, or the MTU changes.",
        ),
    )


def use_warnings(goal: PfGoal, pf: Pf, steps: Sequence[Step]) -> list[str]:
    """What a plan does to a PF in use, on the user's word or to give it back."""
    if not pf.in_use or not _touches(steps) or goal.externally_managed:
        return []
    if waits_in_use(goal, pf, steps):
        done = "it is given back by the reboot" if goal.restore_original else (
            "its VFs are made anew by the reboot (allow_in_use)"
        )
        return [f"{pf.label}: {_use_message(pf)}; {done}"]
    word = "" if goal.restore_original else " (allow_in_use)"
    return [f"{pf.label}: {_use_message(pf)}; its link may be down for a moment{word}"]


def bond_warnings(goal: PfGoal, pf: Pf) -> list[str]:
    """What a bond does to its ports, and what it does not do for their VFs (Linux Documentation/networking/bonding.rst,
    drivers/net/bonding/bond_main.c, bond_enslave: the port gets the bond's MTU). A team does so, too
    (drivers/net/team/team_core.c, team_port_add).
    """
    if not pf.bond or not goal.num_vfs or goal.restore_original:
        return []
    found = []
    kind = TEAM if pf.bond_mode == TEAM else "bond"
    lower = pf.bond_mtu is not None and goal.mtu is not None and pf.bond_mtu < goal.mtu
    if lower and not goal.externally_managed:
        found.append(
            f"{pf.label}: MTU {goal.mtu} is asked for, and the {kind} {pf.bond} has {pf.bond_mtu}, which it gives its "
            f"ports at each start: give the {kind} that MTU in the host's network configuration"
        )
    if pf.bond_mode in LACP:
        found.append(
            f"{pf.label}: it is a port of the bond {pf.bond} ({pf.bond_mode}), which its VFs do not follow: they stay "
            "on this port when its link is down, and the switch may drop what they send beside the aggregate"
        )
    return found


def _touches(steps: Sequence[Step]) -> bool:
    """Whether the PF's link may be lost for a moment, or longer."""
    return any(isinstance(s, LOSE_LINK) or (isinstance(s, LinkStep) and not s.after) for s in steps)


def _use_message(pf: Pf) -> str:
    """Every reason why a PF counts as in use."""
    parts = filter(None, [", ".join(pf.uses[:-1]), *pf.uses[-1:]])
    words = ["it carries " + " and ".join(parts)] if pf.uses else []
    words += [UNKNOWN[pf.unknown][0].format(driver=pf.driver) + ", so what it carries is unknown"] if pf.unknown else []
    return "; ".join(words)


def _way_out(pf: Pf) -> str:
    """What makes a PF free."""
    ways = ["Move that to another interface, or stop what uses it"] if pf.uses else []
    return ". ".join([*ways, *([UNKNOWN[pf.unknown][1]] if pf.unknown else [])])


def with_drains(steps: Sequence[Step], state: NodeState) -> list[Step]:
    """The steps, and those marked that take VFs which another device plugin may give to a pod at any moment: nobody can
    have it take them back.
    """
    return [
        replace(step, needs=(*step.needs, DRAIN))
        if DRAIN not in step.needs and any(vf.offered_by for vf in _taken_by(step, state))
        else step
        for step in steps
    ]


def _taken_by(step: Step, state: NodeState) -> list[Vf]:
    """The VFs that nobody may use when a step is done."""
    pf = state.pf(step.target.address) if isinstance(step, PfStep) else None
    if pf is None or step.free is None or step.free.vfs != NOBODY:
        return []
    return [vf for vf in pf.vfs if step.target.index in (None, vf.index)]


def drain_problems(steps: Sequence[Step], state: NodeState) -> list[Problem]:
    """The steps that would take VFs away from their holders now."""
    found = []
    for step in steps:
        if not isinstance(step, PfStep) or DRAIN not in step.needs or step.stage != NOW:
            continue
        pf = state.pf(step.target.address)
        vfs = [vf for vf in pf.vfs if step.target.index in (None, vf.index)] if pf else []
        held = [f"VF {vf.index} ({vf.address}) by {', '.join(vf.in_use)}" for vf in vfs if vf.in_use]
        held += list(dict.fromkeys(vf.offered_by for vf in vfs if vf.offered_by))
        offered = any(vf.offered_by for vf in vfs)
        way = "say so (sriov_drained: true), or stop that device plugin" if offered else "or stop what uses them"
        found.append(
            Problem(
                str(step.target),
                f"VFs that nobody uses, in order to {step.action}",
                f"needs drain: {'; '.join(held)}",
                f"Drain the node{' and' if offered else ','} {way}, and run this again.",
            )
        )
    return found


def iommu_problems(goal: Goal, state: NodeState, found: Sequence[Problem]) -> list[Problem]:
    """VFs can't go to vfio-pci without IOMMU groups; `found` is why there are none on a kernel that was
    asked for them.
    """
    problems = []
    for wanted in goal.pfs:
        pf = state.pf(wanted.address)
        if pf is None or not any(is_vfio(s.driver) for s in wanted.settings) or wanted.restore_original:
            continue
        without = [vf.address for vf in pf.vfs if vf.iommu_group is None and not is_userspace(vf.driver)]
        if found or (pf.vfs and without and pf.num_vfs == wanted.num_vfs):
            reasons = list(found) or [
                Problem(
                    pf.label,
                    "an IOMMU group for each VF",
                    f"none for {', '.join(without)}",
                    "Switch the IOMMU on (iommu: true), or use device_type netdevice.",
                )
            ]
            problems += [reason for reason in reasons if reason not in problems]
    return problems
