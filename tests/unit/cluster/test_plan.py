# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cluster's part of a plan against an API server: what plan foretells, site does, and no more than that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.plugin_utils import cluster_objects, injector, multus, networks
from ansible_collections.baremetal.sriov.plugins.plugin_utils.cluster_report import ClusterReport
from support.cluster.server import ApiServer, Settings
from support.planned_runs import PlannedRuns
from support.playbook_runs import Controller

pytestmark = pytest.mark.timeout(600, func_only=True)

NETWORK = {"name": "blue", "resource_name": "pool", "vlan": 5}
DEFINITIONS = "/apis/k8s.cni.cncf.io/v1/namespaces/default/network-attachment-definitions"
READS = 3


@pytest.fixture(scope="module")
def cluster_settings() -> Settings:
    """What these tests need of a cluster."""
    return Settings(controllers=(), scheduler=False, api_flags=("--allow-privileged=true",))


def told(steps: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(step["action"], step["target"].split(".")[0]) for step in steps]


@pytest.mark.parametrize("what", [pytest.param("cluster", id="finding-people-07-cluster-against-an-api-server")])
def test_what_is_foretold_is_what_site_does(api_server: ApiServer, tmp_path: Path, what: str) -> None:
    """Three questions at most; what was approved is done, and something else is refused before it is done."""
    runs = PlannedRuns(Controller(tmp_path), api_server, sriov_networks=[NETWORK])
    api_server.api.request("POST", "/api/v1/nodes", {"metadata": {"name": "node1"}})
    assert told(runs.steps()) == [
        ("add", "network-attachment-definitions"), ("add", "default/blue"), ("add", "node node1 label baremetal")
    ]  # fmt: skip
    assert runs.asked <= READS, what
    tags, approved = ("--tags", "validate,networks"), {"sriov_approved_plan": "plan.json"}
    run = runs.run("site", *tags, sriov_networks=[{**NETWORK, "vlan": 6}], **approved)
    assert run.status == 2 and "The plan of the cluster is not the approved one" in run.output, run.output
    assert api_server.api.request("GET", DEFINITIONS) is None
    run = runs.run("site", *tags, **approved)
    assert run.status == 0, run.output
    assert [item["metadata"]["name"] for item in api_server.api.request("GET", DEFINITIONS)["items"]] == ["blue"]
    assert runs.steps() == []


class Direct:
    """The API server as the plan asks it."""

    def __init__(self, server: ApiServer) -> None:
        self.server = server

    def call(self, method: str, path: str, body: Any = None, query: Any = None) -> Any:
        assert method == "GET"
        return self.server.api.request(method, path)


CERTIFICATE = injector.Injector("not yet", "made")


def values(kind: str, with_injector: bool = True, **more: Any) -> dict[str, Any]:
    wanted = multus.on("kubeadm", kind="thick" if kind == "thick" else "thin", **more)
    return {
        "sriov_multus": kind, "sriov_injector": with_injector, "sriov_networks_enabled": False,
        "sriov_injector_renew_days": 30, "injector_options": {}, "sriov_prune": False,
        "multus_wanted": {"objects": multus.objects(wanted), "references": multus.references("kube-system")},
        "networks_crd": {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                         "metadata": {"name": "network-attachment-definitions.k8s.cni.cncf.io"}},
    }  # fmt: skip


def foretold(server: ApiServer, given: dict[str, Any], **more: Any) -> dict[str, Any]:
    return ClusterReport(Direct(server), lambda name: given[name], **more).told()


def path_of(item: dict[str, Any], **more: str) -> str:
    metadata = {**item["metadata"], **more}
    return cluster_objects.path_of(item["apiVersion"], item["kind"], metadata["name"], metadata.get("namespace", ""))


def titles(found: dict[str, Any]) -> list[tuple[str, str]]:
    return [(step["action"], step["target"]) for step in found["plan"]["steps"] if step["kind"] == "kubernetes_object"]


@pytest.mark.parametrize("kind", [pytest.param(one, id=f"finding-people-07-of-{one}") for one in ("thin", "thick")])
def test_objects_with_what_the_api_server_adds_are_no_change(api_server: ApiServer, kind: str) -> None:
    """First all of them, then none; another image is one change; those that are ours go, and others never."""
    given = values(kind, with_injector=False)
    wanted = given["multus_wanted"]["objects"]
    added = titles(foretold(api_server, given))
    assert len(added) == len(wanted) and {action for action, _title in added} == {"add"}
    for item in wanted:
        assert api_server.api.request("POST", path_of(item, name=""), item)
    assert titles(foretold(api_server, given)) == []
    changed = foretold(api_server, values(kind, with_injector=False, image="other:1"))
    assert titles(changed) == [("change", "DaemonSet kube-system/kube-multus-ds")]
    gone = titles(foretold(api_server, given, absent=True))
    assert [action for action, _title in gone] == ["remove"] * len(wanted)
    assert titles(foretold(api_server, given, absent=True, stays=True)) == []
    for item in reversed(wanted):
        api_server.api.request("DELETE", path_of(item))
    theirs = {**wanted[-1], "metadata": {"name": "their-multus", "namespace": "kube-system"}}
    sets = cluster_objects.path_of("apps/v1", "DaemonSet", "", "kube-system")
    api_server.api.request("POST", sets, theirs)
    refused = foretold(api_server, given)
    assert refused["refused"] == [refused["msg"]] and "of somebody else: their-multus." in refused["msg"]
    api_server.api.request("DELETE", f"{sets}/their-multus")


@pytest.mark.parametrize("what", [pytest.param("injector", id="finding-people-07-objects-of-the-injector")])
def test_the_injector_with_what_the_api_server_adds(api_server: ApiServer, what: str) -> None:
    """A certificate that can't be read is made anew, and so are the objects that carry it."""
    given = values("external")
    wanted = injector.objects(CERTIFICATE)
    assert len(titles(foretold(api_server, given))) == len(wanted), what
    for item in wanted:
        assert api_server.api.request("POST", path_of(item, name=""), item)
    changed = titles(foretold(api_server, given))
    kinds = [title.split()[0] for action, title in changed if action == "change"]
    assert kinds == ["Secret", "Deployment", "MutatingWebhookConfiguration"] and len(changed) == len(kinds)


def test_namespaces_that_networks_would_wait_for_are_told(api_server: ApiServer) -> None:
    wanted = networks.network_attachments([{**NETWORK, "network_namespace": "nowhere"}], "x")
    given = {**values("external", with_injector=False), "sriov_networks_enabled": True, "sriov_namespace_timeout": 60,
             "networks_wanted": wanted}  # fmt: skip
    (warning,) = foretold(api_server, given)["plan"]["warnings"]
    assert warning.startswith("namespace nowhere is not there: site waits 60 s for it")
