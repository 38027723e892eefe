# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cluster's part of a plan against an API server: what plan foretells, site does, and no more than that."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from support.cluster.server import ApiServer, Settings
from support.playbook_runs import Controller

pytestmark = pytest.mark.timeout(240, func_only=True)

NODE = {"changed": False, "drain_required": False, "refused": [], "reboot_required": False, "resources": {"p": 1},
        "plan": {"steps": [], "warnings": [], "reboot_required": False, "drain_required": False}}  # fmt: skip
HERE = {"ansible_python_interpreter": sys.executable}
NETWORK = {"name": "blue", "resource_name": "pool", "vlan": 5}
DEFINITIONS = "/apis/k8s.cni.cncf.io/v1/namespaces/default/network-attachment-definitions"
READS = 3


@pytest.fixture(scope="module")
def cluster_settings() -> Settings:
    """What these tests need of a cluster."""
    return Settings(controllers=(), scheduler=False)


def steps(told: dict[str, Any]) -> list[tuple[str, str]]:
    """Of the one cluster, and of the node's labels."""
    (cluster,) = told["clusters"].values()
    listed = [*cluster["plan"]["steps"], *told["nodes"]["node1"]["plan"]["steps"]]
    return [(step["action"], step["target"].split(".")[0]) for step in listed]


@pytest.mark.parametrize("what", [pytest.param("cluster", id="finding-people-07-cluster-against-an-api-server")])
def test_what_is_foretold_is_what_site_does(api_server: ApiServer, tmp_path: Path, what: str) -> None:
    """Three questions at most; what was approved is done, and something else is refused before it is done."""
    controller = Controller(tmp_path)
    controller.answer("sriov_node", **NODE)
    api_server.api.request("POST", "/api/v1/nodes", {"metadata": {"name": "node1"}})
    given = {"sriov_kubeconfig": str(api_server.user("planner", groups=["system:masters"])),
             "sriov_networks": [NETWORK], "sriov_device_plugin": False, "sriov_plan_output": "plan.json"}  # fmt: skip

    def planned() -> dict[str, Any]:
        mark = api_server.mark()
        run = controller.run("baremetal.sriov.plan", extra=given, local=HERE)
        assert run.status == 0, run.output
        asked = api_server.audit(since=mark, user="planner")
        assert not [record for record in asked if record.writes], what
        assert len([record for record in asked if record.resource]) <= READS, asked
        found: dict[str, Any] = json.loads(controller.get("plan.json"))
        return found

    assert steps(planned()) == [
        ("add", "network-attachment-definitions"), ("add", "default/blue"), ("add", "node node1 label baremetal")
    ]  # fmt: skip
    approved = {**given, "sriov_approved_plan": "plan.json"}
    other = {**approved, "sriov_networks": [{**NETWORK, "vlan": 6}]}
    run = controller.run("baremetal.sriov.site", "--tags", "validate,networks", extra=other, local=HERE)
    assert run.status == 2 and "The plan of the cluster is not the approved one" in run.output, run.output
    assert api_server.api.request("GET", DEFINITIONS) is None
    run = controller.run("baremetal.sriov.site", "--tags", "validate,networks", extra=approved, local=HERE)
    assert run.status == 0, run.output
    assert [item["metadata"]["name"] for item in api_server.api.request("GET", DEFINITIONS)["items"]] == ["blue"]
    assert steps(planned()) == []
