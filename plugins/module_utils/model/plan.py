# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps and plans: what every concern (kernel arguments, modules, VFs, drivers, files) speaks.

A concern has a class for each kind of step, which says how it is carried out and what of it the record keeps.
"""

from __future__ import annotations

from typing import Any

from .errors import Problem
from .frozen import dataclass
from .state import NodeState, Record

NOW = "now"
AFTER_REBOOT = "after_reboot"
WHEN_FREE = "when_free"
REBOOT = "reboot"
DRAIN = "drain"
NODE = "node"  # the part of a whole plan that is the node's own; all others are bundles' or the cluster's


@dataclass(frozen=True)
class Step:
    """One change of one object of the host. A class of it gives a kind, and the way to do it."""

    target: Any  # the object: a PF's address, a path, a unit, or a class of its own; its text is in results
    action: str  # for people, in the imperative ("create 4 VFs")
    reason: str  # for people
    before: Any  # a JSON value: what the record of the original state keeps
    after: Any  # a JSON value: all that `apply` needs
    stage: str = NOW  # or AFTER_REBOOT (on the kernel that the next boot starts), WHEN_FREE (see `pf.wait_for_free`)
    needs: tuple[str, ...] = ()  # of REBOOT (takes effect with the next boot) and DRAIN (takes VFs from their holders)
    free: Any = None  # who may not use what when it is done (`pf.free.Free`); None: it takes nothing from anybody

    kind = ""  # the sort of object in results and in the record, e.g. "kernel_arguments", "num_vfs", "file"
    lost_at_boot = False  # a boot undoes it
    recorded = True  # the record keeps what was before

    def __init_subclass__(cls, **told: Any) -> None:
        """What a class of steps has in common, as keywords of its definition."""
        for name, value in told.items():
            setattr(cls, name, value)

    @property
    def key(self) -> str:
        """Names the object in the record of the original state."""
        return f"{self.kind} {self.target}"

    def apply(self, host: Any) -> None:
        """Do it, and see that it took; nothing where that is not for the step itself. Raises HostError."""

    def remember(self, known: Record, state: NodeState, owner: str) -> None:
        """Add to the record what this changes for the first time. owner: the module that asks."""
        if self.recorded:
            known.objects.setdefault(self.key, self.before)

    def as_dict(self) -> dict[str, Any]:
        """For results and JSON."""
        return {"kind": self.kind, "target": str(self.target), "action": self.action, "reason": self.reason,
                "before": self.before, "after": self.after, "stage": self.stage, "needs": list(self.needs)}


class Reboot(Step, kind=REBOOT, recorded=False):
    """What only a boot brings or takes away; `after` lists it. It is the caller's to do."""


@dataclass(frozen=True)
class Plan:
    """Ordered steps, and what they cost."""

    steps: tuple[Step, ...] = ()
    warnings: tuple[str, ...] = ()
    held: tuple[Problem, ...] = ()  # VFs that a step takes away from their holders: it is not carried out now

    @property
    def pending(self) -> list[Step]:
        """The steps to do now; a reboot is for the caller."""
        return [step for step in self.steps if step.stage == NOW and not isinstance(step, Reboot)]

    @property
    def waiting(self) -> list[Step]:
        """The steps that are done once nobody has the VFs that they take."""
        return [step for step in self.steps if step.stage == WHEN_FREE]

    @property
    def reboot_required(self) -> bool:
        """True where a step takes effect with the next boot, or can only be done after it."""
        return any(REBOOT in step.needs or step.stage == AFTER_REBOOT for step in self.steps)

    @property
    def drain_required(self) -> bool:
        """True where a step takes VFs away from pods or VMs now; after a reboot nobody holds them."""
        return any(DRAIN in step.needs and step.stage == NOW for step in self.steps)

    def as_dict(self) -> dict[str, Any]:
        """For results and JSON."""
        return {"steps": [step.as_dict() for step in self.steps], "warnings": list(self.warnings),
                "reboot_required": self.reboot_required, "drain_required": self.drain_required}
