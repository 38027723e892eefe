# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role cni shares out a network's addresses among nodes, with the record in a real cluster."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.cluster.server import ApiServer, Settings
from support.playbook_runs import Controller, Run

pytestmark = pytest.mark.timeout(600, func_only=True)

RECORD = "/api/v1/namespaces/kube-system/configmaps/baremetal-sriov-slices"
IPAM = {"type": "host-local", "ranges_from": "node", "subnet": "10.9.0.0/24"}
NETWORK = {"name": "blue", "resource_name": "kernel", "ipam": IPAM}


def play(hosts: str, entry: str = "slices", role: str = "cni") -> dict[str, Any]:
    include = {"name": f"baremetal.sriov.{role}", "tasks_from": entry}
    shown = {"msg": ["{{ cni_ranges | default({}) | to_json }}"]}
    tasks = [
        {"name": "Share", "ansible.builtin.include_role": include, "vars": {"cni_slice_write": True}},
        {"name": "Show", "ansible.builtin.debug": shown},
    ]
    return {"hosts": hosts, "gather_facts": False, "tasks": tasks}


@pytest.fixture(scope="module")
def cluster_settings() -> Settings:
    """What these tests need of a cluster."""
    return Settings(controllers=(), scheduler=False)


@pytest.fixture
def controller(tmp_path: Path) -> Controller:
    return Controller(tmp_path)


def run(controller: Controller, server: ApiServer, *plays: dict[str, Any], **extra: Any) -> Run:
    controller.put("plays.yml", yaml.safe_dump(list(plays)))
    values = {"sriov_kubeconfig": str(server.user("admin")), "sriov_networks": [NETWORK], **extra}
    hosts: dict[str, dict[str, Any]] = {name: {} for name in ("a", "b", "c")}
    local = {"ansible_python_interpreter": sys.executable}
    return controller.run("plays.yml", hosts=hosts, extra=values, local=local)


def record(server: ApiServer) -> dict[str, list[str]]:
    found: dict[str, list[str]] = json.loads(server.api.request("GET", RECORD)["data"]["blue"])
    return found


def test_nodes_come_one_by_one_and_keep_what_they_have(controller: Controller, api_server: ApiServer) -> None:
    """A run about one node needs no other, and a node that has addresses in use keeps its range."""
    controller.answer("find", changed=False, matched=1, files=[{"path": "/var/lib/cni/networks/blue/10.9.0.2"}])
    done = run(controller, api_server, play("b"), play("a,b"), play("a", "slices_absent"))
    assert done.status == 0, done.output
    assert record(api_server) == {"a": ["10.9.0.64-10.9.0.127"], "b": ["10.9.0.1-10.9.0.63"]}
    assert json.loads(done.shown["a"][0])["blue"] == [
        [{"subnet": "10.9.0.0/24", "rangeStart": "10.9.0.64", "rangeEnd": "10.9.0.127", "gateway": "10.9.0.1"}]
    ]
    assert "keeps its ranges" in done.output
    writes = api_server.audit(user="admin", writes=True)
    assert [entry.verb for entry in writes] == ["create", "patch", "patch"]


def test_the_last_node_takes_the_record_with_it(controller: Controller, api_server: ApiServer) -> None:
    controller.answer("find", changed=False, matched=0, files=[])
    done = run(controller, api_server, play("a", "slices_absent"), play("b", "slices_absent"))
    assert done.status == 0, done.output
    assert api_server.api.request("GET", RECORD) is None


def test_a_record_of_somebody_else(controller: Controller, api_server: ApiServer) -> None:
    foreign = {"metadata": {"name": "baremetal-sriov-slices"}, "data": {"x": "y"}}
    api_server.api.request("POST", RECORD.rpartition("/")[0], foreign)
    done = run(controller, api_server, play("a"))
    expected = "found one without the label app.kubernetes.io/managed-by=baremetal.sriov"
    assert done.status != 0 and expected in done.output, done.output
    assert api_server.api.request("GET", RECORD)["data"] == {"x": "y"}


def test_networks_wait_for_their_namespaces(controller: Controller, api_server: ApiServer) -> None:
    """The others are applied, and what is left out of them is said."""
    networks = [
        {**NETWORK, "ipam": {"type": "static", "routes": [{"dst": "0.0.0.0/0"}]}},
        {**NETWORK, "network_namespace": "kube-system", "ipam": {}},
        {**NETWORK, "network_namespace": "not-there", "name": "late", "ipam": {}},
    ]
    values = {"sriov_networks": networks, "sriov_namespace_timeout": 0}
    done = run(controller, api_server, play("a", "main", role="networks"), **values)
    assert done.status != 0 and "No namespace not-there was there within 0 s, so late was not applied" in done.output
    assert "network default/blue: the default route 0.0.0.0/0 of ipam is left out" in done.output
    path = "/apis/k8s.cni.cncf.io/v1/namespaces/{}/network-attachment-definitions/blue"
    for namespace in ("default", "kube-system"):
        assert api_server.api.request("GET", path.format(namespace)) is not None, done.output
