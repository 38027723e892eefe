# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who uses a PF or a VF at the moment of a step: looked for again right before the write that would take it away.

A plan is older than its steps, which may take minutes. A pod that came meanwhile stops the run.
"""

from __future__ import annotations

from ..host.host import Host
from ..model.errors import TakenError
from ..model.frozen import dataclass
from ..model.goal import KUBELET_FOLDERS
from .drivers import Target
from .read import pf_alone

NOBODY, NO_HOLDER = "nobody", "no_holder"


@dataclass(frozen=True)
class Free:
    """What must be free. Of a PF, `pf` is for its own interface, and `vfs` for its VFs."""

    pf: str = ""  # NOBODY, or "" where it may be used
    vfs: str = ""  # NOBODY; NO_HOLDER: the host may use it, as it may a VF that this run has made; or ""
    kubelet_dirs: tuple[str, ...] = KUBELET_FOLDERS
    ended_pods: tuple[str, ...] | None = None  # those that had ended when the plan was made (see `usage.kubelet`)


def need(host: Host, target: Target, free: Free | None) -> None:
    """Raises TakenError where somebody uses what the step would take, HostError where that can't be told."""
    if free is None or not (free.pf or free.vfs):
        return
    pf = pf_alone(host, target.address)
    mine = [vf for vf in pf.vfs if target.index in (None, vf.index)] if pf is not None and free.vfs else []
    if not free.pf and not any(vf.driver is not None for vf in mine):
        return  # a VF without a driver has neither an interface nor a device file
    from ..usage.pf_usage import users_of

    with_network = NOBODY in (free.pf, free.vfs)
    found = users_of(host, lambda: pf_alone(host, target.address), free.kubelet_dirs, with_network, free.ended_pods)
    if found is None:
        return
    words = []
    for vf in found.vfs if free.vfs else ():
        users = vf.in_use if free.vfs == NOBODY else vf.holders
        if users and target.index in (None, vf.index):
            words.append(f"VF {vf.index} ({vf.address}) by {', '.join(users)}")
    if free.pf:
        words += [f"the PF by {use}" for use in found.uses]
        words += ["a PF of which nobody can tell"] if found.unknown else []
    if words:
        raise TakenError(
            str(target),
            "nobody to use it at the moment of the step, as when the plan was made",
            "; ".join(words),
            "Drain the node, or stop what uses it, and run this again.",
        )
