# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose a PF is, and what of the record a plan gives back, takes over or forgets. Pure.

The module that changed a PF first owns its record, and only its owner gives it back: sriov_node leaves alone what a
play set with sriov_vfs or sriov_driver. A PF that a policy names belongs to sriov_node from then on.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..model.errors import Problem
from ..model.goal import NODE_OWNER, Goal, PfGoal
from ..model.plan import Step
from ..model.state import NodeState, Pf
from ..pf.identity import is_another, swap_message
from ..pf.plan import pf_steps
from ..pf.steps import LinkStep
from ..policy import waiting
from ..policy.rendered_files import CONFIG_PATH, HOTPLUG_PATH, NODE_PATH
from ..record.record import ORIGINAL, ForgetAll, TakeOver, forget


def owner_of(address: str, state: NodeState) -> str:
    """The module that owns a recorded PF; records of older versions don't name one."""
    return state.record.owners.get(address, NODE_OWNER)


def restore_original(goal: Goal, state: NodeState) -> list[PfGoal]:
    """PFs of this owner that nothing names any more, as their remembered originals."""
    if not goal.whole:
        return []
    named = {pf.address for pf in goal.pfs} | {function.address for function in goal.functions}
    return [
        original
        for address, original in sorted(state.record.pfs.items())
        if address not in named and owner_of(address, state) == goal.owner
    ]


def wanted_pfs(goal: Goal, state: NodeState) -> list[PfGoal]:
    """The PFs of the goal, and those to give back."""
    return [*goal.pfs, *restore_original(goal, state)]


def emptied_problems(goal: Goal, state: NodeState) -> list[Problem]:
    """A host that had policies is left without any by the user's word alone: an inventory that was not found, or a
    variable with a wrong name, gives an empty list as well.
    """
    if not goal.whole or goal.absent or goal.pfs or goal.options.policies_may_be_empty or goal.problems:
        return []  # with problems its policies did not fit, which they say
    had = _had_policies(goal, state)
    if not had:
        return []
    reasons = "; ".join(f"{name} ({reason})" for name, reason in goal.skipped)
    return [
        Problem(
            "sriov_policies",
            f"a policy for this host, as an earlier run had: {', '.join(had)}",
            f"none of {len(goal.skipped)} for this host: {reasons}" if reasons else "no policy at all",
            "Look whether the right inventory is used, its group_vars and host_vars are found, and sriov_policies, "
            "sriov_policies_host and sriov_manifests are spelt right. If this host shall give back all VFs, set "
            "sriov_policies_may_be_empty: true for it, or run the playbook teardown (sriov_node with state: absent).",
        )
    ]


def _had_policies(goal: Goal, state: NodeState) -> list[str]:
    """What tells that this host had policies: PFs that an earlier run noted or changed; else our files for such."""
    known = {original.address for original in restore_original(goal, state)}
    known |= waiting.all_addresses(state.file_texts.get(NODE_PATH))
    found = []
    for address in sorted(known):
        pf = state.pf(address)
        found.append(address if pf is None else f"{pf.label} with {pf.num_vfs} VF{'s' if pf.num_vfs != 1 else ''}")
    return found or sorted({CONFIG_PATH, HOTPLUG_PATH} & set(state.record.files))


def original_for(address: str, state: NodeState) -> PfGoal | None:
    """What the PF was before our first change; None where that is not known, or was another NIC."""
    pf = state.pf(address)
    return None if pf is not None and is_another(pf, state) else state.record.pfs.get(address)


def swap_warnings(goal: Goal, state: NodeState) -> tuple[str, ...]:
    """A sentence for each PF of the plan whose place another NIC has taken."""
    found = []
    for pf_goal in wanted_pfs(goal, state):
        pf = state.pf(pf_goal.address)
        if pf is not None and is_another(pf, state):
            then = "its policy is for it now; is that meant?"
            if pf_goal.restore_original:
                then = "nothing is given back to it"
            found.append(f"{pf.label}: {swap_message(pf, state)}; {then}")
    return tuple(found)


def swap_problems(goal: Goal, pf_goal: PfGoal, state: NodeState) -> list[Problem]:
    """The boot service does not set up another NIC by its place alone: a person runs sriov_node, which says it."""
    pf = state.pf(pf_goal.address)
    if goal.whole or goal.owner != NODE_OWNER or pf is None or not is_another(pf, state):
        return []
    return [
        Problem(
            pf.label,
            "the NIC that was there when its policy was applied",
            swap_message(pf, state),
            "If the policy is meant for this one too, run the playbook site (the module sriov_node) again.",
        )
    ]


def pf_record_steps(pf_goal: PfGoal, goal: Goal, state: NodeState, changed: bool) -> Iterator[Step]:
    """What happens to the record of one PF of the plan, besides what its first change adds."""
    address = pf_goal.address
    if pf_goal.restore_original:
        yield forget(address)
        return
    pf = state.pf(address)
    if address not in state.record.pfs:
        return
    if pf is not None and is_another(pf, state):
        if not changed:
            yield forget(address, "another NIC is there now")
    elif goal.whole and owner_of(address, state) != goal.owner:
        owner = owner_of(address, state)
        reason = f"a policy names it now; {owner} set it before"
        yield TakeOver(address, f"take it over from {owner}", reason, owner, goal.owner)


def forget_all(goal: Goal, state: NodeState) -> tuple[list[Step], tuple[str, ...]]:
    """At the end of a teardown: the steps that forget the record, but for PFs of other owners that are not yet as they
    were; and a sentence for each of those.
    """
    if not (goal.absent and state.record.exists):
        return [], ()
    kept = [
        address
        for address, original in sorted(state.record.pfs.items())
        if owner_of(address, state) != goal.owner and _differs(state.pf(address), original, state)
    ]
    if not kept:
        return [ForgetAll(ORIGINAL, "remove the record", "everything is given back", True, None)], ()
    others = set(state.record.pfs) - set(kept)
    action = f"forget all but {', '.join(kept)}"
    steps: list[Step] = [ForgetAll(ORIGINAL, action, "all else is given back", True, kept)]
    words = "was set by {} and stays as it is; give it back there (num_vfs: 0, driver: default), and run this again"
    told = tuple(f"{address} {words.format(owner_of(address, state))}" for address in kept)
    return steps if others or state.record.files or state.record.objects else [], told


def _differs(pf: Pf | None, original: PfGoal, state: NodeState) -> bool:
    """Whether the PF is not as it was; one that is up harms nobody."""
    if pf is None or is_another(pf, state):
        return False
    return any(not isinstance(step, LinkStep) for step in pf_steps(original, pf, original))
