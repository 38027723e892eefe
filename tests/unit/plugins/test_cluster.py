# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to the cluster, and answers that no second try makes better.

source: messages of kubernetes.core 6.2 with the Python client 34, noted from runs against a closed port, an unknown
name and files that are wrong; the API server's status codes.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.plugin_utils.cluster import access, not_asked, refusal
from support.playbook_runs import Controller

NAMES = ("KUBECONFIG", "CONTEXT", "HOST", "API_KEY")
KUBECONFIG = {"kubeconfig": "/etc/kubernetes/admin.conf"}
NAMED = "sriov_kubeconfig (/etc/kubernetes/admin.conf): expected"


@pytest.fixture(autouse=True)
def nobodys_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(f"K8S_AUTH_{name}", raising=False)


# Answer of the module, how the sentence goes on; "" where one more try may help.
ANSWERS: dict[str, tuple[dict[str, Any], str]] = {
    "401": ({"msg": "Could not create API client: 401\nReason: Unauthorized"}, "credentials that the API server takes"),
    "401-status": ({"msg": "Failed to retrieve", "status": 401}, "credentials that the API server takes; found 401"),
    "403": ({"msg": 'nodes "x" is forbidden: User "u" cannot get', "status": 403}, "a user that may do this in the"),
    "host": (
        {"msg": "Max retries exceeded (Caused by NameResolutionError(\"Failed to resolve 'api.x' ([Errno -2]\"))"},
        "an API server whose name can be resolved; found unknown host api.x. Correct",
    ),
    "context": (
        {"msg": "Invalid kube-config file. Expected object with name blue in x/contexts list"},
        "a kubeconfig that has the context, and what the context names; found no blue in it. Correct sriov_kube_c",
    ),
    "no-kubeconfig": ({"msg": "Invalid kube-config file. No configuration found."}, "a kubeconfig; found a file th"),
    "missing": ({"msg": "Could not find or access '/x' on the Ansible Controller."}, "a kubeconfig that exists on"),
    "library": (
        {"msg": "Failed to import the required Python library (kubernetes) on c's Python /usr/bin/python3."},
        "the Python library kubernetes on the controller; found no kubernetes. Install it",
    ),
    "certificate": ({"msg": "SSLError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate"}, "an API server with a"),
    "refused": ({"msg": "Failed to establish a new connection: [Errno 111] Connection refused"}, ""),
    "timeout": ({"msg": "Read timed out. (read timeout=None)"}, ""),
    "busy": ({"msg": "etcdserver: request timed out", "status": 500}, ""),
    "none-of-that-name": ({"resources": []}, ""),
}  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "words"), [pytest.param(*row, id=f"finding-people-04-{name}") for name, row in ANSWERS.items()]
)
def test_what_stays_as_it_is_is_told_at_once(answer: dict[str, Any], words: str) -> None:
    found = refusal(answer, KUBECONFIG)
    assert found.startswith(f"{NAMED} {words}") if words else found == "", found


@pytest.mark.parametrize("way", [pytest.param("host", id="finding-people-04-host-and-token")])
def test_a_token_is_never_named(way: str) -> None:
    used = access(host="https://api:6443", token="s3cret")
    assert used == {"host": "https://api:6443", "api_key": "s3cret"}
    found = refusal({"msg": "401"}, used)
    assert found.startswith("sriov_kube_host (https://api:6443), in the place of sriov_kubeconfig: expected")
    assert "s3cret" not in found, way


def test_the_ways_to_a_cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert access() == {} and access(context="x") == {} and access(token="x") == {}
    assert access("admin.conf") == {"kubeconfig": f"{tmp_path}/admin.conf"}
    assert access("/a:~/b")["kubeconfig"] == f"/a:{os.path.expanduser('~/b')}"
    for name in NAMES:
        monkeypatch.setenv(f"K8S_AUTH_{name}", f"/{name.lower()}")
    assert access() == {"kubeconfig": "/kubeconfig", "context": "/context", "host": "/host", "api_key": "/api_key"}
    assert access("/a", "b", "c", "d") == {"kubeconfig": "/a", "context": "b", "host": "c", "api_key": "d"}


@pytest.mark.parametrize("side", [pytest.param(s, id=f"finding-people-05-{s}") for s in ("without", "with")])
def test_the_collection_of_the_cluster_is_needed_for_a_cluster_alone(tmp_path: Path, side: str) -> None:
    """A controller that has it not; the run with a cluster ends before anything, in a sentence."""
    controller = Controller(tmp_path, with_others=False)
    controller.put("kubeconfig", "")
    extra = {"sriov_kubeconfig": "kubeconfig"} if side == "with" else {}
    controller.answer("sriov_node", changed=False, refused=[], reboot_required=False, drain_required=False,
                      plan={"steps": [], "warnings": []})  # fmt: skip
    run = controller.run("baremetal.sriov.site", "--tags", "validate", extra=extra)
    if side == "without":
        assert run.status == 0, run.output
    else:
        run.assert_refused("sriov_kubeconfig: needs the collection kubernetes.core on the controller, found none.")


CONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{"name": "c", "cluster": {"server": "https://api.nowhere.invalid:6443"}}],
    "users": [{"name": "u", "user": {"token": "s3cret"}}],
    "contexts": [{"name": "a", "context": {"cluster": "c", "user": "u"}}],
    "current-context": "a",
}
RUNS: dict[str, tuple[dict[str, Any], str]] = {
    "unknown-host": ({}, "found unknown host api.nowhere.invalid. Correct the kubeconfig's server"),
    "wrong-context": ({"sriov_kube_context": "blue"}, "found no blue in it. Correct sriov_kube_context"),
}


def test_a_wrong_way_to_the_cluster_is_not_tried_again(tmp_path: Path) -> None:
    """By the real modules, at both places that ask first; a timeout of minutes is not waited for."""
    controller = Controller(tmp_path)
    controller.put("admin.conf", json.dumps(CONFIG))
    start = time.monotonic()
    for name, (variables, sentence) in RUNS.items():
        entry = "node" if variables else "member"
        role = {"ansible.builtin.include_role": {"name": "baremetal.sriov.verify", "tasks_from": entry}}
        controller.put("ask.yml", json.dumps([{"hosts": "sriov_nodes", "gather_facts": False, "tasks": [role]}]))
        given = {"sriov_kubeconfig": "admin.conf", "sriov_ready_timeout": 600, **variables}
        here = {"ansible_python_interpreter": sys.executable}
        run = controller.run("ask.yml", hosts={f"finding-people-04-{name}": given}, local=here)
        text = " ".join(run.output.split())
        assert run.status == 2 and f"sriov_kubeconfig ({tmp_path}/admin.conf): expected" in text, run.output
        assert sentence in text and "s3cret" not in text, run.output
    assert time.monotonic() - start < 120


@pytest.mark.parametrize(("problem", "status", "waited", "ends"), [
    pytest.param("Connection refused", 0, 900, "Connection refused, for 900 s. See whether the API server is up, and "
                 "wait longer where it needs more.", id="nobody-answers"),
    pytest.param("Connection refused", 0, 0, "Connection refused", id="asked-once"),
    pytest.param("Unauthorized", 401, 900, "Renew the kubeconfig's certificate or token.", id="refused-at-once"),
])  # fmt: skip
def test_a_wait_for_the_api_server_says_how_long_it_was(problem: str, status: int, waited: int, ends: str) -> None:
    """An answer that stays as it is is not waited for."""
    assert not_asked(problem, status, {"host": "https://192.0.2.1:6443"}, waited).endswith(ends)
