# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps and plans: what every concern (kernel arguments, modules, VFs, drivers, files) speaks.

A concern is a module with three functions: `read(host, ...)` tells what is, `plan(spec, state)` (pure) gives the steps
from what is to what should be, `apply(host, step)` does one of them. `apply.APPLIERS` maps a step's kind to the last.
"""

from __future__ import annotations

from dataclasses import field
from typing import Any

from .frozen import dataclass

NOW = "now"
AFTER_REBOOT = "after_reboot"
REBOOT = "reboot"
DRAIN = "drain"


@dataclass(frozen=True)
class Step:
    """One change of one object of the host.

    kind: what sort of object, e.g. "kernel_arguments", "module_options", "num_vfs", "driver", "file".
    target: the object: a PF's address, "0000:01:00.0 vf 3", a path, a unit.
    action, reason: for people; the action in the imperative ("create 4 VFs").
    before, after: JSON values; `before` is what the record of the original state keeps, `after` all that apply needs.
    stage: NOW, or AFTER_REBOOT where the step can only be done on the kernel that the next boot starts.
    needs: of REBOOT (takes effect with the next boot) and DRAIN (takes VFs away from who holds them).
    """

    kind: str
    target: str
    action: str
    reason: str
    before: Any
    after: Any
    stage: str = NOW
    needs: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Names the object in the record of the original state."""
        return f"{self.kind} {self.target}"

    def as_dict(self) -> dict[str, Any]:
        """For results and JSON."""
        return {"kind": self.kind, "target": self.target, "action": self.action, "reason": self.reason,
                "before": self.before, "after": self.after, "stage": self.stage, "needs": list(self.needs)}


@dataclass(frozen=True)
class Plan:
    """Ordered steps, and what they cost."""

    steps: tuple[Step, ...] = ()
    warnings: tuple[str, ...] = field(default=())

    @property
    def pending(self) -> list[Step]:
        """The steps to do now; a reboot is for the caller."""
        return [step for step in self.steps if step.stage == NOW and step.kind != REBOOT]

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
