# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Multus comes to a real cluster, changes its kind there, and goes; that of somebody else is left alone."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.baremetal.sriov.plugins.plugin_utils import multus
from sriovlab import peers
from support.cluster.kubelets import Kubelets
from support.cluster.server import ApiServer, Settings
from support.playbook_runs import Controller, Run

pytestmark = pytest.mark.timeout(600, func_only=True)

SETS = "/apis/apps/v1/namespaces/kube-system/daemonsets"
ROLES = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
FLANNEL = b'{"name": "net", "plugins": [{"type": "bridge"}]}'


def play(kind: str, entry: str = "main", role: str = "multus", **values: Any) -> dict[str, Any]:
    include = {"name": f"baremetal.sriov.{role}", "tasks_from": entry}
    task = {"name": "Do it", "ansible.builtin.include_role": include}
    values = {"sriov_multus": kind, "sriov_injector": True, "sriov_injector_replicas": 1, **values}
    return {"hosts": "all:!localhost", "gather_facts": False, "vars": values, "tasks": [task]}


@pytest.fixture(scope="module")
def cluster_settings() -> Settings:
    """Pods of nodes' own software may be privileged, as they may in every cluster that somebody installs."""
    return Settings(api_flags=("--allow-privileged=true",))


@pytest.fixture
def controller(tmp_path: Path) -> Controller:
    """One whose nodes have a default network."""
    made = Controller(tmp_path)
    made.answer("find", changed=False, matched=1, files=[{"path": "/etc/cni/net.d/10-bridge.conflist"}])
    made.answer("slurp", changed=False, content=base64.b64encode(FLANNEL).decode(), encoding="base64")
    made.answer("file", changed=True)
    return made


def run(controller: Controller, server: ApiServer, *plays: dict[str, Any]) -> Run:
    controller.put("plays.yml", yaml.safe_dump(list(plays)))
    local = {"ansible_python_interpreter": sys.executable}
    values = {"sriov_kubeconfig": str(server.user("admin")), "sriov_ready_timeout": 60}
    return controller.run("plays.yml", hosts={"node1": {}}, extra=values, local=local)


def test_it_comes_changes_its_kind_and_goes(controller: Controller, api_server: ApiServer, kubelets: Kubelets) -> None:
    """With a node on which its pods run, which verify waits for."""
    kubelets.add(1, labels={"kubernetes.io/os": "linux"})
    done = run(controller, api_server, play("thin"), play("thick"), play("thick", "verify"), play("thick", "absent"))
    assert done.status == 0, done.output
    writes = [entry.verb for entry in api_server.audit(user="admin", writes=True) if "daemonsets" in entry.uri]
    assert writes == ["create", "patch", "delete"], "one for each kind"
    for path in (f"{SETS}/kube-multus-ds", f"{ROLES}/multus"):
        assert api_server.api.request("GET", path) is None


def test_the_injector_comes_and_keeps_its_certificate(controller: Controller, api_server: ApiServer) -> None:
    """On the node of the test before; the second run writes nothing."""
    since = api_server.mark()
    once = play("external", role="injector")
    done = run(controller, api_server, once, once)
    assert done.status == 0, done.output
    writes = api_server.audit(since=since, user="admin", writes=True)
    assert [entry.verb for entry in writes if "/secrets" in entry.uri] == ["create"]
    assert [entry.verb for entry in writes if "mutatingwebhookconfigurations" in entry.uri] == ["create"]
    assert "PRIVATE KEY" not in done.output


def test_that_of_somebody_else_is_left_alone(controller: Controller, api_server: ApiServer) -> None:
    theirs = multus.objects(multus.on("kubeadm"))[-1]
    foreign = {**theirs, "metadata": {"name": "networks", "namespace": "kube-system"}}
    api_server.api.request("POST", SETS, foreign)
    done = run(controller, api_server, play("external"), play("thin"))
    assert done.status != 0 and "of somebody else: networks" in done.output, done.output
    assert not [one for one in api_server.api.request("GET", SETS)["items"] if one["metadata"]["name"] != "networks"]


def test_the_entry_point_knows_all_arguments() -> None:
    """source: the program of Multus' release that the lab has."""
    program = peers.built(peers.MULTUS).program("thin_entrypoint")
    done = subprocess.run([program, "--help"], capture_output=True, text=True, timeout=30, check=False)
    (main,) = multus.objects(multus.on("k3s", master="x", global_namespaces=["a"]))[-1]["spec"]["template"]["spec"][
        "containers"
    ]
    used = {argument.partition("=")[0] for argument in main["args"]}
    assert used <= set(re.findall(r"--[a-z-]+", done.stdout + done.stderr))
