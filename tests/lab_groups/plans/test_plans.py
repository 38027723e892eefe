# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What plan foretells of all parts is what site and teardown do: a run that may do nothing else than the file says.

The tests stand in the order in which they run.
"""

from __future__ import annotations

import json
from typing import Any

import chain
import pytest
from changing import policies

from sriovlab.guest import Lab

CODE = "/usr/lib/baremetal-sriov"
Steps = list[dict[str, Any]]


def planned(variables: dict[str, Any]) -> Steps:
    """The steps of the node that plan tells; its file is kept for an approval."""
    path = chain.folder() / "approved.json"
    run = chain.playbook("plan", {**variables, "sriov_plan_output": str(path)})
    assert run.status == 0, run.output
    steps: Steps = json.loads(path.read_text())["nodes"]["node1"]["plan"]["steps"]
    return steps


def site_as_approved(variables: dict[str, Any]) -> chain.Run:
    """Site, which refuses each step that the file does not have, in its modules too."""
    run = chain.playbook("site", {**variables, "sriov_approved_plan": str(chain.folder() / "approved.json")})
    assert run.status == 0, run.output
    return run


def test_a_changed_policy(lab: Lab) -> None:
    wanted = policies({"name": "dpdk", "num_vfs": 3})
    steps = planned(wanted)
    assert {step["part"] for step in steps} == {"node"}
    site_as_approved(wanted)
    assert planned(wanted) == []
    assert chain.num_vfs(lab)["enp2s0"] == 3


def test_a_network_that_is_added(lab: Lab) -> None:
    network = {"name": "third", "resource_name": "kernel", "vlan": 7}
    wanted = {**policies({"name": "dpdk", "num_vfs": 3}), "sriov_networks": [network]}
    assert planned(wanted) == []
    (cluster,) = json.loads((chain.folder() / "approved.json").read_text())["clusters"].values()
    assert [(step["action"], step["target"]) for step in cluster["plan"]["steps"]] == [("add", "default/third")]
    site_as_approved(wanted)
    assert lab.api("GET", "/apis/k8s.cni.cncf.io/v1/namespaces/default/network-attachment-definitions/third")


def test_own_code_that_differs(lab: Lab) -> None:
    """As after an upgrade: the release before, another text of a file, and one that is missing."""
    wanted = policies({"name": "dpdk", "num_vfs": 3})
    lab.run(["sh", "-c", f"echo 0.0.9 > {CODE}/device-plugin/RELEASE; rm {CODE}/device-plugin/run.py; "
             f"echo '#' >> {CODE}/lib/baremetal_sriov/node/run.py"])  # fmt: skip
    steps = [step for step in planned(wanted) if step["kind"] == "code"]
    assert {step["bundle"]: step["action"] for step in steps} == {
        "node": "change 1 file", "device-plugin": "add 1, change 1 files",
    }  # fmt: skip
    site_as_approved(wanted)
    assert planned(wanted) == []


def test_what_changes_after_the_approval_is_refused(lab: Lab) -> None:
    wanted = policies({"name": "dpdk", "num_vfs": 3})
    assert planned(wanted) == []
    lab.run(["rm", "/opt/cni/bin/sriov"])
    path = str(chain.folder() / "approved.json")
    run = chain.playbook("site", {**wanted, "sriov_approved_plan": path})
    assert run.status == 2
    assert "planned now, and not approved: /opt/cni/bin/sriov: install" in " ".join(run.output.split())
    assert lab.run(["test", "-e", "/opt/cni/bin/sriov"], check=False).returncode != 0
    assert chain.playbook("site", wanted).status == 0


@pytest.mark.parametrize("what", ["teardown"])
def test_a_teardown(lab: Lab, what: str) -> None:
    told = planned({"sriov_plan_teardown": True})
    parts = list(dict.fromkeys(step["part"] for step in told))
    assert parts == ["device_plugin", "cni", "node", "cluster"], what
    gone = [step["target"] for step in told if step["kind"] == "code"]
    assert gone == ["device-plugin", "cni", "node"]
    run = chain.playbook(what)
    assert run.status == 0, run.output
    assert planned({"sriov_plan_teardown": True}) == []
    assert chain.num_vfs(lab) == {"enp1s0": 0, "enp2s0": 0}
    for step in told:
        if step["kind"] == "file" and step["after"] == "remove":
            assert lab.run(["test", "-e", step["target"]], check=False).returncode != 0, step
