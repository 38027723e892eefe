# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A PF is drained instead of a node: what would take VFs from pods or VMs waits until these have gone by themselves.

Until then what is free of it is withheld (`withdrawal`), so that it gets free in the end, and all else of the run is
done. The drift timer, or the next run, makes the change as soon as nobody has a VF of it. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..model.plan import DRAIN, NOW, WHEN_FREE, Step
from ..model.state import NodeState
from ..record.record import Forget, ForgetAll
from .steps import PfStep


def held(steps: Sequence[Step]) -> list[PfStep]:
    """The steps that take VFs from somebody now."""
    return [step for step in steps if isinstance(step, PfStep) and DRAIN in step.needs and step.stage == NOW]


def until_free(steps: Sequence[Step]) -> list[Step]:
    """The steps, of which those wait that take VFs from somebody, and what goes with them: all of a PF whose VFs are
    made anew, and all of a VF alone.
    """
    found = held(steps)
    whole = {step.target.address for step in found if step.target.index is None}
    single = {step.target for step in found}

    def waits(step: Step) -> bool:
        if isinstance(step, Forget) and not isinstance(step, ForgetAll):
            return step.target in whole
        return isinstance(step, PfStep) and step.stage == NOW and (
            step.target.address in whole or step.target in single
        )

    def later(step: Step) -> Step:
        return replace(step, stage=WHEN_FREE, needs=tuple(need for need in step.needs if need != DRAIN))

    return [later(step) if waits(step) else step for step in steps]


def messages(steps: Sequence[Step], state: NodeState) -> list[str]:
    """For each object that has to wait, who has it. steps: as they were before `until_free`."""
    found = {}
    for step in held(steps):
        pf = state.pf(step.target.address)
        vfs = [vf for vf in pf.vfs if step.target.index in (None, vf.index)] if pf is not None else []
        words = [f"VF {vf.index} by {', '.join(vf.in_use)}" for vf in vfs if vf.in_use]
        words += dict.fromkeys(vf.offered_by for vf in vfs if vf.offered_by)
        found[str(step.target)] = (
            f"{step.target}: its change waits until nobody has its VFs (sriov_wait_for_free): {'; '.join(words)}. What "
            "is free of it is withheld from pods; the node makes the change by itself then, or the next run does"
        )
    return list(found.values())
