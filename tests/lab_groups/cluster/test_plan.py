# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that site and teardown write in a cluster was foretold: Multus, the injector, slices, networks and labels."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.cluster.kubelets import Kubelets
from support.cluster.server import ApiServer, Settings
from support.planned_runs import PlannedRuns, objects
from support.playbook_runs import Controller

pytestmark = pytest.mark.timeout(900, func_only=True)

NETWORK = {"name": "blue", "resource_name": "pool", "vlan": 5}
IPAM = {"type": "host-local", "ranges_from": "node", "subnet": "10.9.0.0/24", "node_slice_size": 26}
SLICED = {"name": "red", "resource_name": "pool", "ipam": IPAM}
SITE = ("--tags", "validate,cni,multus,injector,networks")
TEARDOWN = ("--tags", "cni,multus,injector,networks")


@pytest.fixture(scope="module")
def cluster_settings() -> Settings:
    """Pods of nodes' own software may be privileged, as they may in every cluster that somebody installs."""
    return Settings(api_flags=("--allow-privileged=true",))


@pytest.mark.parametrize("what", [pytest.param("all", id="finding-people-07-all-of-the-cluster")])
def test_all_that_is_written_was_foretold(
    api_server: ApiServer, kubelets: Kubelets, tmp_path: Path, what: str
) -> None:
    """First run, changed, unchanged, approved and not, teardown; the audit log is the oracle."""
    kubelets.add(["node1"], labels={"kubernetes.io/os": "linux"})
    given = {"sriov_multus": "thin", "sriov_injector": True, "sriov_injector_replicas": 1,
             "sriov_networks": [NETWORK, SLICED]}  # fmt: skip
    runs = PlannedRuns(Controller(tmp_path), api_server, **given)
    approved = {"sriov_approved_plan": "plan.json"}
    first = runs.steps()
    assert {step["role"] for step in first} == {"slices", "multus", "injector", "networks"}, what
    assert runs.written("site", *SITE, **approved) == objects(first)
    assert runs.steps() == [] and runs.written("site", *SITE, **approved) == set()

    changed = {"sriov_multus": "thick", "sriov_networks": [{**NETWORK, "vlan": 6}, SLICED],
               "sriov_injector_replicas": 2}  # fmt: skip
    refused = runs.run("site", *SITE, **{**changed, **approved})
    assert refused.status == 2 and "is not the approved one" in refused.output
    steps = runs.steps(**changed)
    assert runs.written("site", *SITE, **{**changed, **approved}) == objects(steps)
    assert runs.steps(**changed) == []

    gone = runs.steps(sriov_plan_teardown=True, **changed)
    assert runs.written("teardown", *TEARDOWN, **changed) == objects(gone)
    assert runs.steps(sriov_plan_teardown=True, **changed) == []
