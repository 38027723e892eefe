# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the plan of all parts takes from the roles: their own variables, their own switches, their own bundles."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from ansible_collections.baremetal.sriov.plugins.plugin_utils import release, role_parts
from support.checkout import ROOT
from support.playbook_runs import Controller

ROLES = ROOT / "roles"


def document(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text())


def bundles_that_go(part: str) -> list[str]:
    tasks = document(f"roles/{part}/tasks/absent.yml")
    return [task["baremetal.sriov.sriov_bundle"]["name"] for task in tasks if "baremetal.sriov.sriov_bundle" in task]


@pytest.mark.parametrize("part", [pytest.param(name, id=f"finding-people-07-{name}") for name in role_parts.PARTS])
def test_bundles_are_those_of_the_role(part: str) -> None:
    assert sorted(role_parts.PARTS[part][1]) == sorted(bundles_that_go(part))
    text = (ROLES / part / "vars" / "main.yml").read_text()
    assert re.search(rf"^{part}{role_parts.SHIPMENTS}:", text, re.M)
    assert set(re.findall(r"^ +-? ?name: ([a-z-]+)$", text, re.M)) >= set(role_parts.PARTS[part][1])


@pytest.mark.parametrize("part", role_parts.PARTS)
def test_the_task_takes_all_from_the_shipment(part: str) -> None:
    """No file, unit or variable is named by a task alone: the plan would not know of it."""
    for task in document(f"roles/{part}/tasks/main.yml"):
        for key in ("name", "files", "units", "variables"):
            given = task.get("baremetal.sriov.sriov_bundle", {})
            if key in given and "gather_only" not in given:
                assert re.fullmatch(r"\{\{ \w+(\[0\])?\." + key + r" \}\}", given[key]), task["name"]


def test_parts_are_switched_as_in_site() -> None:
    conditions = {}
    for play in document("playbooks/site.yml"):
        for task in play.get("tasks", ()):
            role = task.get("ansible.builtin.import_role", {}).get("name", "").rpartition(".")[2]
            if role in role_parts.PARTS and task["name"].startswith(("Configure", "Install")):
                given = [task["when"]] if isinstance(task["when"], str) else task["when"]
                # What waits for a drain has its turn later.
                words = [one.removesuffix(" | bool") for one in given if "rolling_turn" not in one]
                conditions[role] = " and ".join(words)
    assert conditions == {part: switch for part, (switch, _names) in role_parts.PARTS.items()}


def test_the_release_is_that_of_the_collection() -> None:
    assert release.release() == document("galaxy.yml")["version"]


@pytest.mark.parametrize("parts", [pytest.param("all", id="finding-people-07-one-call")])
def test_one_call_carries_what_the_roles_ship(tmp_path: Any, parts: str) -> None:
    """Of each host, whatever its parts are."""
    controller = Controller(tmp_path)
    plan = {"steps": [], "warnings": [], "reboot_required": False, "drain_required": False}
    controller.answer("sriov_node", changed=False, plan=plan, resources={}, skipped_policies={}, refused=[])
    off: dict[str, Any] = {parts: {}, "no_device_plugin": {"sriov_device_plugin": "no"},
                           "none": {"sriov_device_plugin": False, "sriov_cni": False}}  # fmt: skip
    hosts = {name: {"sriov_cache": str(tmp_path), **values} for name, values in off.items()}
    run = controller.run("baremetal.sriov.plan", hosts=hosts)
    assert run.status == 0, run.output
    assert run.calls == ("sriov_node",) * len(off), run.output
