# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A text in a list's place, and all of that kind: refused before anything is done, whichever way a role is used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.baremetal.sriov.plugins.plugin_utils import input_check, scalars, variables
from ansible_collections.baremetal.sriov.plugins.plugin_utils.variable_specs import options
from support.checkout import ROOT
from support.expected_variables import ACCEPTED, KINDS, REFUSED
from support.playbook_runs import Controller, Run

CHECKER = "variables"
ROLES = sorted(path.parents[1].name for path in (ROOT / "roles").glob("*/tasks/main.yml"))
OTHERS = [role for role in ROLES if role != CHECKER]
PLAYBOOKS = sorted(path.stem for path in (ROOT / "playbooks").glob("*.yml"))
ID = "finding-people-01"
TEXT = {"sriov_kernel_arguments": "s"}
TEXT_IS_TOLD = "sriov_kernel_arguments: expected a list of kernel arguments, found 's'. Write"


def told(values: dict[str, Any]) -> list[str]:
    """What the check says of these values."""
    return [str(mistake) for mistake in input_check.mistakes({n: v for n, v in values.items() if n in options()})]


def begins(found: list[str], expected: list[str]) -> bool:
    """True where each sentence begins as is expected, and there are no others."""
    return len(found) == len(expected) and all(map(str.startswith, found, expected))


@pytest.mark.parametrize(("values", "expected"), [pytest.param(v, e, id=f"{ID}-{n}") for n, v, e in REFUSED])
def test_a_wrong_kind_is_told_with_path_expected_and_found(values: dict[str, Any], expected: list[str]) -> None:
    found = told(values)
    assert begins(found, expected), found


@pytest.mark.parametrize("values", [pytest.param(v, id=f"{ID}-{n}") for n, v in ACCEPTED])
def test_a_right_kind_is_taken(values: dict[str, Any]) -> None:
    assert told(values) == []


def test_the_table_is_as_expected() -> None:
    assert {name: (one.kind, one.holds) for name, one in variables.VARIABLES.items()} == KINDS
    for name, one in variables.VARIABLES.items():
        assert variables.mistakes({name: one.example}) == [], "an example is right itself"


def _options() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Role, variable and option of every entry point."""
    for role in ROLES:
        specs = yaml.safe_load((ROOT / "roles" / role / "meta" / "argument_specs.yml").read_text())
        for entry in specs["argument_specs"].values():
            for name, option in entry["options"].items():
                yield role, name, option


def test_no_list_and_no_mapping_of_a_role_is_forgotten() -> None:
    """One that is added later must be in the table, with the kind that its argument spec gives it."""
    kinds = {"list": "list", "dict": "mapping"}
    items: dict[Any, set[str]] = {"str": {"text"}, "dict": {"mapping"}, "raw": {"mapping", "text"}}
    seen = set()
    for role, name, option in _options():
        if option["type"] not in kinds:
            fits = option["type"] in ("str", "path", "bool", "int") or name in scalars.RULES
            assert fits, f"{role}: {name}: a type to think of"
            continue
        seen.add(name)
        assert name in variables.VARIABLES, f"{role}: {name} is missing in plugin_utils/variables.py"
        found = variables.VARIABLES[name]
        assert found.kind == kinds[option["type"]], name
        # A spec does not tell what a mapping holds; KINDS does.
        assert items.get(option.get("elements"), set()) <= found.holds, name
    assert seen == set(variables.VARIABLES), "the table has what no role knows"


@pytest.mark.parametrize("role", OTHERS)
def test_the_defaults_of_a_role_are_of_the_table(role: str) -> None:
    defaults = yaml.safe_load((ROOT / "roles" / role / "defaults" / "main.yml").read_text())
    wrong = [n for n, v in defaults.items() if isinstance(v, (list, dict)) and n not in variables.VARIABLES]
    assert not wrong
    assert told({name: value for name, value in defaults.items() if name in variables.VARIABLES}) == []


@pytest.mark.parametrize("role", OTHERS)
def test_every_role_depends_on_the_check(role: str) -> None:
    """So it comes before a role's first task, at every entry point, before Ansible checks its converted copy."""
    meta = yaml.safe_load((ROOT / "roles" / role / "meta" / "main.yml").read_text())
    assert {"role": f"baremetal.sriov.{CHECKER}"} in meta["dependencies"]


@pytest.fixture
def controller(tmp_path: Path) -> Controller:
    return Controller(tmp_path)


def test_each_host_is_told_all_of_its_mistakes(controller: Controller) -> None:
    """A host for each case, in one run of site."""
    hosts = {f"{ID}-{name}": values for name, values, _expected in REFUSED if name != "number-for-the-name-of-a-label"}
    run = controller.run("baremetal.sriov.site", hosts=hosts)
    run.assert_refused()
    expected = {f"{ID}-{name}": sentences for name, _values, sentences in REFUSED if f"{ID}-{name}" in hosts}
    assert set(run.failures) == set(hosts)
    for host, message in run.failures.items():
        head, *found = message.split("\n  - ")
        assert f" in the variables of {host}, which are checked before anything is done:" in head
        assert begins(found, expected[host]), message


@pytest.mark.parametrize(
    ("playbook", "words"),
    [
        *(pytest.param(name, [], id=f"{ID}-{name}") for name in PLAYBOOKS),
        pytest.param("site", ["--tags", "device_plugin"], id=f"{ID}-site-one-part"),
        pytest.param("site", ["--skip-tags", "validate"], id=f"{ID}-site-without-validation"),
        pytest.param("plan", ["--tags", "preflight"], id=f"{ID}-preflight"),
        pytest.param("teardown", ["--tags", "reboot", "--check"], id=f"{ID}-teardown-one-part"),
    ],
)
def test_every_playbook_begins_with_the_check(controller: Controller, playbook: str, words: list[str]) -> None:
    run = controller.run(f"baremetal.sriov.{playbook}", *words, "-e", "sriov_kernel_arguments=s")
    run.assert_refused(TEXT_IS_TOLD)
    assert run.recap["node1"] == (0, 1)


def _by_roles() -> dict[str, dict[str, Any]]:
    """Host -> an item of roles: for it alone, with a wrong parameter."""
    return {
        f"{ID}-{role}-roles": {
            "role": f"baremetal.sriov.{role}",
            "when": f"inventory_hostname == '{ID}-{role}-roles'",
            **TEXT,
        }
        for role in OTHERS
    }


def _by_tasks() -> dict[str, dict[str, Any]]:
    """Host -> a task that uses an entry point of a role, with a wrong parameter."""
    tasks = {}
    for role in OTHERS:
        name = {"name": f"baremetal.sriov.{role}"}
        tasks[f"{ID}-{role}-import"] = {"ansible.builtin.import_role": name, "vars": dict(TEXT)}
        specs = yaml.safe_load((ROOT / "roles" / role / "meta" / "argument_specs.yml").read_text())
        for entry in specs["argument_specs"]:
            include = {"ansible.builtin.include_role": {**name, "tasks_from": entry}, "vars": dict(TEXT)}
            tasks[f"{ID}-{role}-include-{entry}"] = include
    return tasks


def _play(host: str, **parts: Any) -> dict[str, Any]:
    return {"hosts": host, "gather_facts": False, **parts}


@pytest.mark.parametrize("way", ["roles", "tasks"])
def test_a_role_that_is_used_directly_is_refused(controller: Controller, way: str) -> None:
    """By roles:, import_role and include_role, at each entry point, before the role's own tasks."""
    if way == "roles":
        uses = _by_roles()
        plays = [_play("sriov_nodes", roles=list(uses.values()))]
    else:
        uses = _by_tasks()
        # A play in which all hosts fail would end the run.
        plays = [_play(host, tasks=[{"block": [task], "rescue": [{"meta": "noop"}]}]) for host, task in uses.items()]
        plays.append(_play("sriov_nodes", tasks=[{"ansible.builtin.fail": {"msg": "the end"}}]))
    controller.put("uses.yml", yaml.safe_dump(plays))
    run = controller.run("uses.yml", hosts={host: {} for host in uses})
    run.assert_refused()
    assert set(run.failures) == set(uses)
    assert all(f"\n  - {TEXT_IS_TOLD}" in message for message in run.failures.values()), run.failures


TEMPLATES: dict[str, tuple[Any, str]] = {
    "undefined": ("{{ nowhere }}", "sriov_manifests: its template can't be worked out: 'nowhere' is undefined."),
    "undefined-item": (["{{ nowhere }}"], "sriov_manifests: its template can't be worked out: 'nowhere' is undefined."),
    "text": ("{{ 'a/' ~ 'b' }}", "sriov_manifests: expected a list of files or folders, found 'a/b'."),
    "number": ("{{ [1 + 1] }}", "sriov_manifests[0]: expected a file or folder, found 2."),
    "list": ("{{ ['a'] + ['b'] }}", ""),
    "filter": ("{{ ['a', 'b'] | map('upper') }}", ""),
    "keys": ("{{ {'a': 1}.keys() }}", ""),
}


def test_templates_are_worked_out_first(controller: Controller) -> None:
    controller.put("check.yml", "- hosts: all\n  gather_facts: false\n  tasks: [baremetal.sriov.sriov_variables: {}]\n")
    hosts = {f"{ID}-template-{name}": {"sriov_manifests": value} for name, (value, _told) in TEMPLATES.items()}
    hosts |= {f"{ID}-right-{name}": values for name, values in ACCEPTED}
    run: Run = controller.run("check.yml", hosts=hosts)
    run.assert_refused()
    expected = {f"{ID}-template-{name}": sentence for name, (_value, sentence) in TEMPLATES.items() if sentence}
    assert set(run.failures) == set(expected)
    for host, sentence in expected.items():
        assert f"\n  - {sentence}" in run.failures[host]
