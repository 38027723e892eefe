# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rolling change at a real API server: limits, budgets, the Lease, and the rights that the controller needs."""

from __future__ import annotations

import dataclasses
import os
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.plugin_utils.rolling import availability, drain, lease, rights
from ansible_collections.baremetal.sriov.plugins.plugin_utils.rolling.api import ApiError, items, path_of
from ansible_collections.baremetal.sriov.plugins.plugin_utils.rolling.gate import GO, Candidate, Gate
from support.cluster.calls import GROUP, RBAC, USER, UserCalls, give_rights, manifest
from support.cluster.kubelets import Kubelets
from support.cluster.server import ApiServer, Settings
from support.cluster.waiting import until

pytestmark = pytest.mark.timeout(180, func_only=True)

DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
BUDGETS = "/apis/policy/v1/namespaces/default/poddisruptionbudgets"
PODS = "/api/v1/namespaces/default/pods"
PAUSE = {"name": "main", "image": "example.org/pause:1"}


@pytest.fixture(scope="module")
def cluster_settings() -> Settings:
    return Settings(node_grace_seconds=40)


@pytest.fixture(scope="module")
def user(api_server: ApiServer) -> UserCalls:
    """The controller, with the rights that the manifest gives it and no others."""
    give_rights(api_server)
    return UserCalls(api_server, USER, [GROUP])


@pytest.fixture(scope="module")
def nodes(kubelets: Kubelets, api_server: ApiServer) -> list[str]:
    names = kubelets.add(6, resources={"baremetal.sriov/fast": 4})

    def ready() -> bool:
        found = api_server.api.request("GET", "/api/v1/nodes")["items"]
        return not any(availability.why_unavailable(node) or node["spec"].get("taints") for node in found)

    until("six Ready nodes", ready)
    return names


@pytest.fixture
def given_back(user: UserCalls, nodes: list[str]) -> Iterator[None]:
    yield
    for name in nodes:
        user.call("PATCH", path_of(name), availability.uncordon_patch())


# Rights.


def test_the_manifest_has_what_the_table_has_and_no_more() -> None:
    found = set()
    for item in manifest():
        for rule in item.get("rules", ()):
            for group in rule["apiGroups"]:
                for resource in rule["resources"]:
                    for verb in rule["verbs"]:
                        for name in rule.get("resourceNames", [""]):
                            found.add((verb, group, resource, name, item["kind"] == "Role"))
    assert found == {(one.verb, one.group, one.resource, one.name, one.namespaced) for one in rights.RIGHTS}


def wait_missing(user: UserCalls, expected: set[rights.Right]) -> None:
    """The API server's authorizer follows its roles a moment later."""
    until("the rights of the user", lambda: set(rights.missing(user, rights.PARTS, "default")) == expected)


def test_each_permission_that_is_taken_away_is_named(api_server: ApiServer, user: UserCalls) -> None:
    """By the API server's own word, one after another."""
    assert rights.missing(user, rights.PARTS, "default") == []
    nobody = UserCalls(api_server, "nobody")
    assert rights.missing(nobody, rights.PARTS, "default") == list(rights.RIGHTS)
    sentence = rights.sentence(rights.missing(nobody, [rights.DRAIN], "default"), "sriov_kubeconfig (x)")
    assert "- create pods/eviction (to let pods go as their budgets allow it)" in sentence
    assert "- list poddisruptionbudgets.policy (to foretell which budgets block)" in sentence
    roles = {item["kind"]: item for item in manifest() if "rules" in item}
    for kind, path in (("ClusterRole", "clusterroles"), ("Role", "namespaces/default/roles")):
        role = roles[kind]
        whole = f"{RBAC}/{path}/{role['metadata']['name']}"
        for number, rule in enumerate(role["rules"]):
            left = [*role["rules"][:number], *role["rules"][number + 1 :]]
            api_server.api.request("PUT", whole, {**role, "rules": left})
            expected = {
                one for one in rights.RIGHTS
                if one.group in rule["apiGroups"] and one.resource in rule["resources"] and one.verb in rule["verbs"]
            }  # fmt: skip
            wait_missing(user, expected)
        api_server.api.request("PUT", whole, role)
    wait_missing(user, set())


# The gate.


def candidates(nodes: list[str], pool: str) -> list[Candidate]:
    return [Candidate(name, name, pool, "for a reboot") for name in nodes]


def cordoned(server: ApiServer) -> list[str]:
    listed = server.api.request("GET", "/api/v1/nodes")["items"]
    return [availability.name_of(node) for node in listed if availability.is_cordoned(node)]


@pytest.mark.usefixtures("given_back")
def test_a_gate_keeps_the_limits_of_both_pools(api_server: ApiServer, user: UserCalls, nodes: list[str]) -> None:
    """Whoever made a node unavailable; what others cordoned is none of ours."""
    api_server.api.request("PATCH", path_of(nodes[0]), {"spec": {"unschedulable": True}})
    pools = {"a": nodes[:3], "b": nodes[3:]}
    gate = Gate(user, pools, {"a": 2, "b": 1}, 0)
    found = gate.let_in(candidates(nodes[1:3], "a") + candidates(nodes[3:5], "b"))
    assert [word for word, _words in found.of.values()] == [GO, "left out", GO, "left out"]
    assert found.cordoned == [nodes[1], nodes[3]] and cordoned(api_server) == [nodes[0], nodes[1], nodes[3]]
    words = found.of[nodes[2]][1]
    assert f"at most 2 may be unavailable (sriov_max_unavailable), and {nodes[0]} (cordoned by somebody" in words
    again = gate.let_in(candidates([nodes[1]], "a"))
    assert again.of[nodes[1]][0] == GO and again.cordoned == [], "one that is unavailable already costs nothing"
    assert not drain.give_back(user, nodes[0]) and drain.give_back(user, nodes[1])
    assert cordoned(api_server) == [nodes[0], nodes[3]]


@pytest.mark.usefixtures("given_back")
def test_a_gate_waits_for_room_and_no_node_starts_after_a_failure(
    api_server: ApiServer, user: UserCalls, nodes: list[str]
) -> None:
    api_server.api.request("PATCH", path_of(nodes[0]), {"spec": {"unschedulable": True}})
    free = {"spec": {"unschedulable": None}}
    timer = threading.Timer(1.0, lambda: api_server.api.request("PATCH", path_of(nodes[0]), free))
    timer.start()
    found = Gate(user, {"a": nodes}, {"a": 1}, 60).let_in(candidates(nodes[1:2], "a"))
    timer.join()
    assert found.cordoned == nodes[1:2]
    shut = Gate(user, {"a": nodes}, {"a": 5}, 60, closed=lambda: "not started, since x failed.")
    assert shut.let_in(candidates(nodes[2:], "a")).of[nodes[2]] == ("left out", "not started, since x failed.")
    assert cordoned(api_server) == nodes[1:2]


@pytest.mark.usefixtures("given_back")
def test_nodes_of_the_control_plane_wait_for_each_other(
    api_server: ApiServer, user: UserCalls, nodes: list[str]
) -> None:
    label = "node-role.kubernetes.io/control-plane"
    for name in nodes[:2]:
        api_server.api.request("PATCH", path_of(name), {"metadata": {"labels": {label: ""}}})
    try:
        gate = Gate(user, {"a": nodes}, {"a": 6}, 0)
        assert gate.let_in(candidates(nodes[:1], "a")).cordoned == nodes[:1]
        words = gate.let_in(candidates(nodes[1:2], "a")).of[nodes[1]][1]
        assert f"go one at a time, and {nodes[0]} is not available (cordoned by this collection)" in words
    finally:
        for name in nodes[:2]:
            api_server.api.request("PATCH", path_of(name), {"metadata": {"labels": {label: None}}})


# Drains.


def deployment(name: str, node: str, replicas: int) -> dict[str, Any]:
    labels = {"app": name}
    spec = {"containers": [PAUSE], "nodeSelector": {"kubernetes.io/hostname": node}}
    template = {"metadata": {"labels": labels}, "spec": spec}
    wanted = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return {"metadata": {"name": name}, "spec": wanted}


def pods_of(server: ApiServer, app: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.api.request("GET", f"{PODS}?labelSelector=app={app}")["items"]
    return found


def test_a_budget_that_blocks_is_named_and_the_cordon_is_taken_back(
    api_server: ApiServer, user: UserCalls, nodes: list[str]
) -> None:
    node = nodes[5]
    for name, replicas in (("web", 2), ("free", 1)):
        api_server.api.request("POST", DEPLOYMENTS, deployment(name, node, replicas))
    budget = {"metadata": {"name": "web"}, "spec": {"minAvailable": 2, "selector": {"matchLabels": {"app": "web"}}}}
    api_server.api.request("POST", BUDGETS, budget)
    until(
        "three running pods, and a budget that knows it",
        lambda: all(pod["status"].get("phase") == "Running" for pod in pods_of(api_server, "web"))
        and api_server.api.request("GET", f"{BUDGETS}/web")["status"].get("currentHealthy") == 2
        and len(pods_of(api_server, "free")) == 1,
    )
    mark = api_server.mark()
    assert Gate(user, {"a": nodes}, {"a": 1}, 30).let_in(candidates([node], "a")).cordoned == [node]
    drainer = drain.Drainer(user, 1.0)
    only = {f"default/{pod['metadata']['name']}" for pod in pods_of(api_server, "free")}
    gone = drainer.drain(node, only)
    assert gone == sorted(only) and len(pods_of(api_server, "web")) == 2, "only those that were named"
    with pytest.raises(drain.BlockedError) as caught:
        drainer.drain(node)
    text = str(caught.value)
    assert text.startswith(f"{node} is not drained: expected that these pods go within 1 s (sriov_drain_timeout)")
    assert "default/web-" in text and "disruption budget web needs 2 healthy pods and has 2 currently" in text
    assert drain.give_back(user, node) and cordoned(api_server) == []
    writes = {(one.verb, one.resource) for one in api_server.audit(mark, user=USER, writes=True)}
    assert writes == {("patch", "nodes"), ("create", "pods/eviction")}
    for path in (f"{DEPLOYMENTS}/web", f"{DEPLOYMENTS}/free", f"{BUDGETS}/web"):
        api_server.api.request("DELETE", path)


def test_a_node_that_failed_says_why(api_server: ApiServer, user: UserCalls, nodes: list[str]) -> None:
    assert not drain.keep_cordoned(user, nodes[4], "no answer"), "one that nobody has cordoned is left alone"
    assert Gate(user, {"a": nodes}, {"a": 1}, 30).let_in(candidates([nodes[4]], "a")).cordoned
    assert drain.keep_cordoned(user, nodes[4], "no answer")
    found = api_server.api.request("GET", path_of(nodes[4]))
    assert availability.annotations_of(found) == {availability.MARK: "for a reboot", availability.FAILURE: "no answer"}
    assert drain.give_back(user, nodes[4])
    assert availability.annotations_of(api_server.api.request("GET", path_of(nodes[4]))) == {}


# The Lease.


def test_two_runs_exclude_each_other(user: UserCalls) -> None:
    now = datetime.now(timezone.utc)
    me = lease.runner(os.getpid())
    far = lease.Runner("ann@elsewhere (ansible-playbook, process 7)", "another-boot/pid:[1]/7/1")
    assert lease.hold(user, "default", me, 600, now) == "" and lease.hold(user, "default", me, 600, now) == ""
    with pytest.raises(lease.LeaseHeldError, match=r"found one of .*process \d+\) since .*sriov_lease_take_over=true"):
        lease.hold(user, "default", far, 600, now)
    assert lease.hold(user, "default", far, 600, now + timedelta(seconds=601)) == me.who, "it had run out"
    with pytest.raises(lease.LeaseHeldError, match="found one of ann@elsewhere"):
        lease.hold(user, "default", me, 600, now + timedelta(seconds=700))
    assert lease.hold(user, "default", me, 600, now, take_over=True) == far.who
    lease.release(user, "default", far, now)  # another's is left alone
    with pytest.raises(lease.LeaseHeldError):
        lease.hold(user, "default", far, 600, now)
    lease.release(user, "default", me, now)
    assert lease.hold(user, "default", far, 600, now) == ""
    lease.release(user, "default", far, now)


def test_a_run_on_this_machine_that_was_killed_is_taken_over_at_once(user: UserCalls) -> None:
    now = datetime.now(timezone.utc)
    me = lease.runner(os.getpid())
    assert not lease.has_ended(me.process)
    dead = dataclasses.replace(me, who="dead", process=me.process.rpartition("/")[0] + "/1")  # another start time
    assert lease.has_ended(dead.process)
    lease.hold(user, "default", dead, 600, now)
    assert lease.hold(user, "default", me, 600, now) == "dead"
    lease.release(user, "default", me, now)


def test_of_two_runs_that_begin_at_once_one_gets_it(user: UserCalls) -> None:
    runners = [lease.Runner(f"r{number}", f"b/p/{number}/1") for number in range(6)]
    got: list[str] = []

    def begin(one: lease.Runner) -> None:
        try:
            lease.hold(user, "default", one, 600, datetime.now(timezone.utc))
            got.append(one.who)
        except lease.LeaseHeldError:
            pass

    threads = [threading.Thread(target=begin, args=(one,)) for one in runners]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 1
    lease.release(user, "default", runners[int(got[0][1:])], datetime.now(timezone.utc))


def test_what_is_not_allowed_is_an_error_and_a_kind_that_is_not_there_is_none(
    api_server: ApiServer, user: UserCalls
) -> None:
    with pytest.raises(ApiError, match="403"):
        user.call("DELETE", f"{PODS}/x")
    assert items(UserCalls(api_server, "owner", ["system:masters"]), "/apis/nowhere.example.org/v1/things") == []
