# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a PF and its VFs. `apply` carries them out: a run without a change does not import that."""

from __future__ import annotations

from dataclasses import replace

from ..model.frozen import dataclass
from ..model.goal import NODE_OWNER
from ..model.plan import Step
from ..model.state import NodeState, Record
from ..record.record import original_of
from .identity import identity_of


@dataclass(frozen=True)
class Target:
    """A PF, or one of its VFs."""

    address: str  # the PF's
    index: int | None = None  # the VF's; None for the PF itself

    def __str__(self) -> str:
        return self.address if self.index is None else f"{self.address} vf {self.index}"


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


class AutoprobeStep(PfStep, kind="autoprobe", goal_field="autoprobe"):
    """Turn driver autoprobe of its VFs on or off."""


class NumVfsStep(PfStep, kind="num_vfs"):
    """Create VFs, or remove all."""


class EswitchModeStep(PfStep, kind="eswitch_mode", goal_field="eswitch_mode"):
    """Set the eswitch mode."""


class TcOffloadStep(PfStep, kind="tc_offload", goal_field="tc_offload"):
    """Turn hw-tc-offload on or off."""


class AttributesStep(PfStep, kind="vf_attributes"):
    """Make settings of a VF that go through the PF."""


class PfMtuStep(PfStep, kind="pf_mtu", goal_field="mtu"):
    """Set the PF's MTU."""


class VfMtuStep(PfStep, kind="vf_mtu"):
    """Set the MTU of a VF's interface."""


class DriverStep(PfStep, kind="driver"):
    """Give a VF another driver."""
