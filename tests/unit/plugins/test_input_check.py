# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one check of all input, in the words that a person reads when a playbook is run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.baremetal.sriov.plugins.plugin_utils import input_check, variable_names
from ansible_collections.baremetal.sriov.plugins.plugin_utils.variable_specs import options
from support.checkout import ROOT
from support.expected_inputs import ACCEPTED, NAMES, NETWORK, POLICY, REFUSED
from support.playbook_runs import Controller

ID = "finding-people-02"
LEAST = 60  # wrong inputs, each as a host of a real run


def told(values: dict[str, Any]) -> list[str]:
    misspelt = variable_names.misspelt(values, options(), values.get(variable_names.IGNORED, ()))
    known = {name: value for name, value in values.items() if name in options()}
    return [str(mistake) for mistake in misspelt + input_check.mistakes(known)]


def begins(found: list[str], expected: list[str]) -> bool:
    return len(found) == len(expected) and all(map(str.startswith, found, expected))


BY_TEMPLATE = ("template", "found-later")  # of Ansible alone


@pytest.mark.parametrize(
    ("values", "expected"), [pytest.param(v, e, id=f"{ID}-{n}") for n, v, e in REFUSED if n not in BY_TEMPLATE]
)
def test_a_wrong_input_is_told_with_path_expected_found_and_remedy(values: dict[str, Any], expected: list[str]) -> None:
    found = told(values)
    assert begins(found, expected), found


@pytest.mark.parametrize("values", [pytest.param(v, id=f"{ID}-{n}") for n, v in ACCEPTED if n not in BY_TEMPLATE])
def test_a_right_input_is_taken(values: dict[str, Any]) -> None:
    assert told(values) == []


NO_CLUSTER: dict[str, tuple[dict[str, Any], list[str]]] = {
    "none": ({}, []),
    "somebody-elses": ({"sriov_multus": "external", "sriov_injector": "no"}, []),
    "multus": ({"sriov_multus": "thick"}, ["sriov_multus"]),
    "both": ({"sriov_multus": "thin", "sriov_injector": "yes"}, ["sriov_multus", "sriov_injector"]),
}


@pytest.mark.parametrize("case", [pytest.param(one, id=f"{ID}-no-cluster-{one}") for one in NO_CLUSTER])
def test_what_needs_a_cluster_is_refused_without_one(case: str) -> None:
    """It would not be done, and nobody would say so."""
    values, names = NO_CLUSTER[case]
    found = [str(mistake) for mistake in input_check.without_cluster(values)]
    words = "needs a cluster, found neither sriov_kubeconfig nor sriov_kube_host. Name one, or"
    assert begins(found, [f"{name}: {words}" for name in names]), found


def test_roles_that_share_a_variable_say_the_same_of_it() -> None:
    seen: dict[str, tuple[Any, ...]] = {}
    for path in sorted((ROOT / "roles").glob("*/meta/argument_specs.yml")):
        for entry in yaml.safe_load(path.read_text())["argument_specs"].values():
            for name, spec in entry["options"].items():
                this = tuple(spec.get(key) for key in ("type", "elements", "default", "choices"))
                assert seen.setdefault(name, this) == this, f"{path}: {name}"


def test_defaults_of_the_specs_and_of_the_roles_are_right_themselves() -> None:
    defaults = {name: option.default for name, option in options().items() if option.default is not None}
    assert told(defaults) == []
    for path in (ROOT / "roles").glob("*/defaults/main.yml"):
        given = yaml.safe_load(path.read_text())
        assert told({name: value for name, value in given.items() if "{{" not in str(value)}) == [], path


def test_no_known_name_is_a_misspelling_of_another() -> None:
    for name in options():
        assert variable_names.misspelt([name], set(options()) - {name}) == [], name


UNKNOWN = {
    "one": (["sriov_rack", "other"], ["sriov_rack: no variable of this collection; nothing here reads it"]),
    "two": (["sriov_b", "sriov_a"], ["sriov_a, sriov_b: no variables of this", "somebody else's into"]),
    "suggestion": (["sriov_policy"], ["sriov_policy (did you mean sriov_policies?)"]),
    "many": ([f"sriov_x{n:02}" for n in range(30)], ["sriov_x19 and 10 more: no variables"]),
}


@pytest.mark.parametrize(("names", "words"), [pytest.param(*row, id=f"{ID}-{name}") for name, row in UNKNOWN.items()])
def test_unknown_names_are_one_sentence(names: list[str], words: list[str]) -> None:
    sentence = variable_names.unknown(names, options())
    assert all(word in sentence for word in words), sentence
    assert variable_names.unknown(names, options(), ["sriov_*"]) == ""


def test_names_of_the_roles_and_of_the_test_inventories_are_known() -> None:
    """What our own playbooks and roles set must not be told of."""
    for path in [*(ROOT / "playbooks").glob("*.yml"), *(ROOT / "roles").glob("*/*/*.yml")]:
        assert set(re.findall(r"^ *(sriov_\w+):", path.read_text(), re.MULTILINE)) <= set(options()), path


@pytest.fixture
def controller(tmp_path: Path) -> Controller:
    return Controller(tmp_path)


def test_all_wrong_inputs_are_read_in_one_run_of_plan(controller: Controller) -> None:
    """A host for each case; nothing is called on any of them, and each sentence stands once in the output."""
    assert len(REFUSED) >= LEAST
    hosts = {f"{ID}-{name.replace('_', '-')}": values for name, values, _expected in REFUSED}
    expected = {f"{ID}-{name.replace('_', '-')}": sentences for name, _values, sentences in REFUSED}
    assert len(hosts) == len(REFUSED)
    run = controller.run("baremetal.sriov.plan", hosts=hosts)
    run.assert_refused()
    assert set(run.shown) == set(hosts)
    for host, sentences in expected.items():
        found = [line.removeprefix("    - ") for line in run.shown[host] if line.startswith("    - ")]
        assert begins(found, sentences), (host, found)


def test_one_warning_of_unknown_names_for_all_hosts(controller: Controller) -> None:
    wrong = {"sriov_reboot_ok": "x"}  # so that nothing is asked of the hosts
    hosts = {"a": {"sriov_rack": 1, **wrong}, "b": {"sriov_shelf": 2, **wrong}, "c": wrong}
    run = controller.run("baremetal.sriov.verify", hosts=hosts)
    text = " ".join(run.output.split())
    assert text.count("nothing here reads") == 1, run.output
    assert "sriov_rack, sriov_shelf: no variables of this collection; nothing here reads them." in text


@pytest.mark.parametrize("playbook", ["teardown"])
def test_other_playbooks_say_the_same(controller: Controller, playbook: str) -> None:
    """They begin with the same task; a few of each kind show it."""
    cases = [NAMES[0], *REFUSED[len(NAMES) : len(NAMES) + 2], REFUSED[-1]]
    hosts = {f"{ID}-{playbook}-{name.replace('_', '-')}": values for name, values, _expected in cases}
    run = controller.run(f"baremetal.sriov.{playbook}", hosts=hosts)
    run.assert_refused()
    for (_name, _values, sentences), message in zip(cases, (run.failures[host] for host in hosts)):
        assert begins(message.split("\n  - ")[1:], sentences), message


@pytest.mark.parametrize("where", [pytest.param("other-host", id="finding-people-07-pool-of-another-host")])
def test_networks_may_name_a_pool_of_another_host(controller: Controller, where: str) -> None:
    """Also of one beyond --limit; a text of a list that another host has is no pool."""
    hosts = {
        "a": {"sriov_networks": [NETWORK, {"name": "red", "resource_name": "nowhere"}]},
        "b": {"sriov_policies": [POLICY], "sriov_policies_host": "x"},
    }
    run = controller.run("baremetal.sriov.plan", "--limit", "a", hosts=hosts)
    run.assert_refused("sriov_networks[1].resource_name: expected a pool that a policy makes (dpdk), found 'nowhere'.")
    assert "sriov_networks[0]" not in run.output, where


def test_each_finding_has_a_test() -> None:
    """Of what people type, read and miss: 01 to 10."""
    texts = "".join(path.read_text() for path in (ROOT / "tests" / "unit").rglob("test_*.py"))
    numbers = {int(number) for number in re.findall(r"finding-people-([0-9]{2})", texts)}
    assert numbers >= set(range(1, 11)), set(range(1, 11)) - numbers
