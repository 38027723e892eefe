# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which objects have to be applied: not those to which the API server has only added something."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.filter.filters import objects_to_apply
from ansible_collections.baremetal.sriov.plugins.plugin_utils import injector, multus

WANTED = [*multus.objects(multus.on("kubeadm", kind="thick")), *injector.objects(injector.Injector("a", "b"))]


def defaulted(value: Any) -> Any:
    """As an API server gives an object back: with more keys in each mapping, and without those that are empty."""
    if isinstance(value, dict):
        kept = {key: defaulted(one) for key, one in value.items() if one not in ({}, [], None)}
        return {**kept, "addedByTheServer": "x"}
    return [defaulted(one) for one in value] if isinstance(value, list) else value


def test_nothing_where_everything_is_there() -> None:
    assert objects_to_apply(WANTED, defaulted(WANTED)) == []


def test_everything_in_an_empty_cluster() -> None:
    assert objects_to_apply(WANTED, []) == WANTED


@pytest.mark.parametrize("kind", sorted({item["kind"] for item in WANTED}))
def test_one_that_is_missing(kind: str) -> None:
    left = [item for item in WANTED if item["kind"] != kind]
    assert {item["kind"] for item in objects_to_apply(WANTED, defaulted(left))} == {kind}


def test_one_that_differs() -> None:
    def daemon_set(items: list[dict[str, Any]]) -> dict[str, Any]:
        return next(item for item in items if item["kind"] == "DaemonSet")

    for change in ("image", "args", "label"):
        found = defaulted(WANTED)
        pod = daemon_set(found)["spec"]["template"]["spec"]
        if change == "image":
            pod["containers"][0]["image"] = "other"
        elif change == "args":
            pod["tolerations"].append({"operator": "Exists"})
        else:
            daemon_set(found)["metadata"]["labels"] = {}
        assert objects_to_apply(WANTED, found) == [daemon_set(WANTED)], change


def test_the_same_name_in_another_namespace() -> None:
    found = copy.deepcopy(WANTED)
    for item in found:
        item["metadata"]["namespace"] = "elsewhere"
    assert objects_to_apply(WANTED, found) == WANTED
