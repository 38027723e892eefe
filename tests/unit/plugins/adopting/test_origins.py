# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ran the nodes before us leaves one node, and all is as it was when the last one is given back."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.plugin_utils.adopting import origins
from ansible_collections.baremetal.sriov.plugins.plugin_utils.adopting.origins import LABEL, AdoptError
from support.fake_api import FakeApi
from support.fake_base import Killed

NAMES = ["deployment/op/operator", "unit/sriovdp.service", "daemonset/kube-system/dp"]
SET = "/apis/apps/v1/namespaces/kube-system/daemonsets/dp"
DEPLOYMENT = "/apis/apps/v1/namespaces/op/deployments/operator"
TERM = {"matchExpressions": [{"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]}]}
ROLLING = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}}
PREFERRED = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}, "podAffinity": {}}
AFFINITIES = {
    "none": None, "terms": {"nodeAffinity": {origins._REQUIRED: {"nodeSelectorTerms": [TERM, {}]}}},
    "preferred": PREFERRED,
}  # fmt: skip


def api(affinity: Any = None) -> FakeApi:
    def named(name: str, **more: Any) -> dict[str, Any]:
        return {"metadata": {"name": name, "resourceVersion": "1"}, **more}

    spec: dict[str, Any] = {"containers": []} if affinity is None else {"containers": [], "affinity": affinity}
    return FakeApi({
        SET: named("dp", spec={"template": {"spec": spec}, "updateStrategy": ROLLING}),
        DEPLOYMENT: named("operator", spec={"replicas": 2}),
        "/api/v1/nodes/n1": named("n1"), "/api/v1/nodes/n2": named("n2"),
    })  # fmt: skip


def wants(spec: dict[str, Any], labels: dict[str, str]) -> bool:
    """Whether a DaemonSet's pod is to be on a node, by its required terms."""
    required = ((spec.get("affinity") or {}).get("nodeAffinity") or {}).get(origins._REQUIRED)
    if required is None:
        return True
    known = {"kubernetes.io/os": "linux", **labels}

    def holds(one: dict[str, Any]) -> bool:
        return one["key"] not in known if one["operator"] == "DoesNotExist" else known.get(one["key"]) in one["values"]

    # A term without expressions matches nothing.
    terms = [term for term in required["nodeSelectorTerms"] if term.get("matchExpressions")]
    return any(all(map(holds, term["matchExpressions"])) for term in terms)


@pytest.mark.parametrize("affinity", AFFINITIES.values(), ids=AFFINITIES)
def test_one_node_is_left_and_all_comes_back(affinity: Any) -> None:
    server, wanted = api(affinity), origins.origins(NAMES)
    before = copy.deepcopy(server.objects)
    assert origins.leave(server, "n1", wanted)
    assert server.writes == [DEPLOYMENT, SET, "/api/v1/nodes/n1"]
    spec = server.objects[SET]["spec"]
    assert spec["updateStrategy"] == {"type": "OnDelete"} and server.objects[DEPLOYMENT]["spec"]["replicas"] == 0
    assert wants(spec["template"]["spec"], {}) and not wants(spec["template"]["spec"], {LABEL: "true"})
    assert not origins.leave(server, "n1", wanted)
    origins.leave(server, "n2", wanted)
    assert origins.come_back(server, "n1", wanted) and not origins.finish_back(server, wanted)
    assert server.objects[SET]["spec"] == spec, "n2 is ours still"
    origins.come_back(server, "n2", wanted)
    assert origins.finish_back(server, wanted)
    for path, value in server.objects.items():
        value["metadata"] = {key: part for key, part in value["metadata"].items() if part}
        assert value == before[path], path


@pytest.mark.parametrize("back", [False, True], ids=["over", "back"])
def test_a_kill_at_every_write_is_made_good(back: bool) -> None:
    wanted = origins.origins(NAMES)

    def act(server: FakeApi) -> None:
        if back:
            origins.come_back(server, "n1", wanted)
            origins.finish_back(server, wanted)
        else:
            origins.leave(server, "n1", wanted)

    def make() -> FakeApi:
        server = api(PREFERRED)
        if back:
            origins.leave(server, "n1", wanted)
        server.writes.clear()
        return server

    whole = make()
    act(whole)
    for number in range(1, len(whole.writes) + 1):
        server = make()
        server.die_at = number
        with pytest.raises(Killed):
            act(server)
        server.die_at = float("inf")
        act(server)
        assert server.objects == whole.objects, number


def test_what_is_not_there_or_not_allowed_is_told_before_anything() -> None:
    server = api()
    del server.objects[SET]
    wanted = origins.origins(NAMES)
    assert origins.problems(server, wanted) == [
        "sriov_adopt_from: expected daemonset/kube-system/dp in the cluster, found none; correct its name"
    ]
    server.refused = {"patch"}
    assert [re.sub(r" \(.*", "", text) for text in origins.problems(server, wanted)] == [
        "the user of sriov_kubeconfig lacks: patch deployments.apps operator",
        "the user of sriov_kubeconfig lacks: patch daemonsets.apps dp",
    ]
    with pytest.raises(AdoptError, match="make it again, or take it out"):
        origins.leave(server, "n1", wanted)
    assert LABEL not in (server.objects["/api/v1/nodes/n1"]["metadata"].get("labels") or {})


@pytest.mark.parametrize("wrong", ["dp", "daemonset/dp", "pod/ns/x", "unit/x", "daemonset/ns/x/y", "unit/../a.service"])
def test_other_forms_are_refused(wrong: str) -> None:
    with pytest.raises(AdoptError, match=r"expected unit/NAME\.service, daemonset/NAMESPACE/NAME"):
        origins.origins([wrong])


def test_the_daemon_set_of_a_pod() -> None:
    server = FakeApi({"/api/v1/namespaces/ns/pods/p": {"metadata": {"ownerReferences": [
        {"kind": "DaemonSet", "name": "dp", "controller": True}]}}})  # fmt: skip
    assert origins.owner(server, "ns/p") == "daemonset/ns/dp"
    assert origins.owner(server, "ns/q") == origins.owner(server, "with the UID x") == ""
