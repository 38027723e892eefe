# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The back end of sriov_node_state: what a node is, whether it is as it should be, and what how-tos check by hand."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ..host.host import Host
from ..kernel import iommu
from ..model.errors import RefusedError, SriovError
from ..node.acceptance import Wishes, checks
from ..node.concerns import WHOLE, Iommu
from ..node.installation import AUTO
from ..node.node_state import node_state, sync
from ..node.run import run
from ..pf.read import read_state
from ..policy.node_spec import NodeSpec, parse_spec
from ..policy.resolve import resolve
from ..record import record
from .node_module import not_root
from .results import Module, fail


def run_node_state(module: Module, host: Host | None = None) -> None:
    """Look, and end the module with what was found, or with its one error."""
    if host is None and os.geteuid() != 0:
        fail(module, not_root(os.geteuid()))
        return
    params = module.params
    try:
        found = _look(host or Host(), parse_spec(params["spec"]), _wishes(params))
    except SriovError as error:
        fail(module, error)
    else:
        module.exit_json(changed=False, **found)


def _wishes(params: Mapping[str, Any]) -> Wishes:
    return Wishes(
        cni=params["cni"],
        networks=params["networks"],
        cni_bin_dir=params["cni_bin_dir"] or AUTO,
        cni_conf_dir=params["cni_conf_dir"] or AUTO,
    )


def _look(host: Host, spec: NodeSpec, wishes: Wishes) -> dict[str, Any]:
    """Raises SriovError where the host can't be looked at; a plan that is refused is an answer."""
    connection = os.environ.get("SSH_CONNECTION", "")
    units: iommu.IommuState | None
    try:
        outcome = run(host, lambda state: resolve(spec, state), WHOLE, check=True, ssh_connection=connection)
    except RefusedError as error:
        state = read_state(host, record.load(host))
        goal, told = resolve(spec, state), sync(None, str(error))
        units = iommu.read(host)
    else:
        state, goal, told = outcome.last.state, outcome.last.goal, sync(outcome.plan)
        units = outcome.last.part(Iommu).state
    rows = checks(host, goal, state, units, wishes)
    return {
        "state": {**node_state(host, state, goal), **told},
        "checks": [row.as_dict() for row in rows],
        "resources": dict(goal.resources),
    }
