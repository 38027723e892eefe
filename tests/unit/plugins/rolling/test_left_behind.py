# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A node that has left the inventory: nobody takes back what it has, and so it is named; nothing of it is touched."""

from __future__ import annotations

from typing import Any

from ansible_collections.baremetal.sriov.plugins.plugin_utils.nodes import LABELS_ANNOTATION
from ansible_collections.baremetal.sriov.plugins.plugin_utils.rolling import lease
from ansible_collections.baremetal.sriov.plugins.plugin_utils.rolling.fleet import Fleet
from ansible_collections.baremetal.sriov.plugins.plugin_utils.rolling.steps import Steps
from support.fake_api import FakeApi


def node(name: str, ours: bool) -> dict[str, Any]:
    annotations = {LABELS_ANNOTATION: "{}"} if ours else {}
    ready = [{"type": "Ready", "status": "True"}]
    return {"metadata": {"name": name, "annotations": annotations}, "spec": {}, "status": {"conditions": ready}}


def lines(hosts: list[str], inventory: list[str], *nodes: dict[str, Any]) -> tuple[list[str], list[str]]:
    """What a plan tells, and what it wrote."""
    api = FakeApi({f"/api/v1/nodes/{one['metadata']['name']}": one for one in nodes})
    hostvars = {name: {"sriov_kubeconfig": "/k", "sriov_history": ""} for name in inventory}
    fleet = Fleet(hostvars, hosts, inventory, lambda used: api, [], inventory)
    return Steps(fleet, lease.runner(1)).plan(foretell=False)["lines"], api.writes


def test_one_that_was_ours_and_is_no_hosts_any_more_is_named() -> None:
    told, writes = lines(["a"], ["a"], node("a", ours=True), node("gone", ours=True), node("theirs", ours=False))
    assert told == [
        "node gone was set up by this collection, and no host of the inventory stands for it: run teardown for it, or "
        "put it back"
    ]
    assert writes == []


def test_with_a_limit_the_others_are_not_gone() -> None:
    assert lines(["a"], ["a", "b"], node("a", ours=True), node("b", ours=True)) == ([], [])
