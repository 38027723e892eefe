# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A DRA driver's objects on a real API server: plan names them, site changes nothing, and without them all goes on."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from support.cluster.server import ApiServer
from support.playbook_runs import Controller

DRA = "/apis/resource.k8s.io/v1"
DRIVER = "sriovnetwork.k8snetworkplumbingwg.io"
VF, RESOURCE = "0000:01:10.2", "baremetal.sriov/kernel"
PLAN = {"changed": False, "refused": [], "reboot_required": False, "drain_required": False, "managed": [VF],
        "resources": {RESOURCE: 1}, "plan": {"steps": [], "warnings": []}}  # fmt: skip


@pytest.fixture
def controller(tmp_path: Path) -> Controller:
    made = Controller(tmp_path)
    made.answer("sriov_node", **PLAN)
    return made


def ran(controller: Controller, kubeconfig: Path, playbook: str, *words: str) -> Any:
    # node2 has no slice; its Python is the same that only answers for sriov_node.
    given = {"sriov_kubeconfig": str(kubeconfig), "sriov_policies_may_be_empty": True}
    return controller.run(f"baremetal.sriov.{playbook}", *words, hosts={"node1": given, "node2": given},
                          local={"ansible_python_interpreter": sys.executable})  # fmt: skip


def test_what_a_dra_driver_offers_is_not_offered_again(api_server: ApiServer, controller: Controller) -> None:
    for name in ("node1", "node2"):
        api_server.api.request("POST", "/api/v1/nodes", {"metadata": {"name": name}})
    run = ran(controller, api_server.user("admin"), "plan")
    assert run.status == 0, run.output
    api_server.api.request("POST", f"{DRA}/resourceslices", {
        "metadata": {"name": "s1"},
        "spec": {"driver": DRIVER, "nodeName": "node1", "pool": {"name": "p", "generation": 1, "resourceSliceCount": 1},
                 "devices": [{"name": "vf1", "attributes": {"resource.kubernetes.io/pciBusID": {"string": VF}}}]},
    })  # fmt: skip
    api_server.api.request("POST", f"{DRA}/deviceclasses", {
        "metadata": {"name": "vfs"},
        "spec": {"extendedResourceName": RESOURCE,
                 "selectors": [{"cel": {"expression": f'device.driver == "{DRIVER}"'}}]},
    })  # fmt: skip
    for playbook, words in (("plan", ()), ("site", ("--tags", "validate"))):
        run = ran(controller, api_server.user("admin"), playbook, *words)
        text = " ".join(run.output.split())
        assert run.status != 0, run.output
        assert f"ResourceSlice s1: the DRA driver {DRIVER} offers {VF}" in text, run.output
        assert "DeviceClass vfs has the extended resource name" in text, run.output
        assert run.recap["node1"][1] == 1
        assert set(run.calls) == {"sriov_node"}, "nothing else was done on a node"
