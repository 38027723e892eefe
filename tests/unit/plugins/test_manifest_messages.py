# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong in a manifest, or in what a filter is handed, reaches the person who runs the playbook."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleError, AnsibleFilterError

from ansible_collections.baremetal.sriov.plugins.filter import filters
from ansible_collections.baremetal.sriov.plugins.module_utils.entry import wheels
from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import HostError, InvalidSpecError
from ansible_collections.baremetal.sriov.plugins.plugin_utils import manifests
from ansible_collections.baremetal.sriov.plugins.plugin_utils.filter_inputs import HostVariables
from support.expected_manifests import FILE, FOLDER, GOOD, NETWORK, PATHS, REFUSED
from support.playbook_runs import Controller

ID = "finding-people-03"


def put(folder: Path, content: str | bytes) -> None:
    """The one file of a case."""
    path = folder / FILE
    path.parent.mkdir(parents=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def mistakes(*paths: str) -> list[str]:
    with pytest.raises(InvalidSpecError) as caught:
        manifests.read(paths)
    return [str(mistake) for mistake in caught.value.mistakes]


def begins(found: list[str], expected: list[str]) -> bool:
    return len(found) == len(expected) and all(map(str.startswith, found, expected))


@pytest.mark.parametrize(("content", "expected"), [pytest.param(c, e, id=f"{ID}-{n}") for n, c, e in REFUSED])
def test_a_mistake_names_file_object_and_field(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | bytes, expected: list[str]
) -> None:
    put(tmp_path, content)
    monkeypatch.chdir(tmp_path)
    found = mistakes(FOLDER)
    assert begins(found, expected), found


def put_paths(folder: Path) -> None:
    (folder / "empty").mkdir()
    (folder / "empty" / "notes.txt").write_text("")
    (folder / "odd" / "folder.yaml").mkdir(parents=True)
    (folder / "dangling.yaml").symlink_to("nowhere")


@pytest.mark.parametrize(("path", "expected"), [pytest.param(p, e, id=f"{ID}-path-{n}") for n, p, e in PATHS])
def test_a_path_that_gives_nothing_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, expected: str
) -> None:
    put_paths(tmp_path)
    monkeypatch.chdir(tmp_path)
    found = mistakes(path)
    assert begins(found, [expected]), found


def test_what_is_right_says_where_it_comes_from(tmp_path: Path) -> None:
    put(tmp_path, f"{GOOD}---\n{NETWORK}")
    found = manifests.read([str(tmp_path / FOLDER)])
    assert found.policy_places == [f"{tmp_path}/{FILE}: SriovNetworkNodePolicy dpdk"]
    assert found.network_places == [f"{tmp_path}/{FILE}: SriovNetwork blue"]


@pytest.fixture
def controller(tmp_path: Path) -> Controller:
    return Controller(tmp_path)


def _hosts(folder: Path) -> tuple[dict[str, dict[str, Any]], dict[str, list[str]]]:
    """A host for each case, with a folder of its own, and the sentences."""
    hosts: dict[str, dict[str, Any]] = {}
    expected: dict[str, list[str]] = {}
    for name, content, sentences in REFUSED:
        host = f"{ID}-{name}"
        put(folder / host, content)
        hosts[host] = {"sriov_manifests": [f"{host}/{FOLDER}"]}
        expected[host] = [f"{host}/{sentence}" for sentence in sentences]
        expected[host] = [sentence.replace(f"in {FILE} already", f"in {host}/{FILE}") for sentence in expected[host]]
    put_paths(folder)
    for name, path, sentence in PATHS:
        hosts[f"{ID}-path-{name}"] = {"sriov_manifests": [path]}
        expected[f"{ID}-path-{name}"] = [sentence]
    return hosts, expected


def test_the_playbooks_begin_with_the_manifests(controller: Controller) -> None:
    """All cases as hosts of one run of site, whatever its tags."""
    hosts, expected = _hosts(controller.base)
    run = controller.run("baremetal.sriov.site", "--tags", "cni", hosts=hosts)
    run.assert_refused()
    assert set(run.failures) == set(hosts)
    for host, message in run.failures.items():
        found = message.split("\n  - ")[1:]
        if not host.startswith(f"{ID}-path"):  # these find their files next to the playbook, or where the run began
            found = [sentence.replace(f"{controller.base}/", "") for sentence in found]
        assert begins(found, expected[host]), message


def test_plan_shows_it_in_the_place_of_the_table(controller: Controller) -> None:
    put(controller.base, f"{GOOD.replace('4', '0')}---\n{NETWORK}  vlan: 5000\n")
    run = controller.run("baremetal.sriov.plan", extra={"sriov_manifests": [FOLDER]})
    run.assert_refused(
        f'    - {FILE}: SriovNetworkNodePolicy dpdk: spec.numVfs: expected a number from 1 to 65535, found 0\n',
        f'    - {FILE}: SriovNetwork blue: spec.vlan: expected a whole number from 0 to 4094, found 5000\n',
    )


# Role, entry point, the variables, and what has to be read.
DUPLICATE = [{"name": "dpdk", "resource_name": "x", "num_vfs": 1, "nic_selector": {"vendor": "8086"}}]
SELECTING = [{**DUPLICATE[0], "node_selector": {"variables": {"rack": 1}}}]
TWICE = [{"name": "blue", "resource_name": "dpdk", "network_namespace": "nets"}]
DATE = "{{ '2024-01-01 00:00:00' | to_datetime }}"
ROLES: list[tuple[str, str, str, dict[str, Any], str]] = [
    ("missing", "node", "plan", {"sriov_manifests": ["/nowhere"]}, "/nowhere: expected a file or a folder"),
    ("missing", "node", "preflight", {"sriov_manifests": ["/nowhere"]}, "/nowhere: expected a file or a folder"),
    ("missing", "networks", "validate", {"sriov_manifests": ["/nowhere"]}, "/nowhere: expected a file or a folder"),
    (
        "second-of-a-name",
        "node",
        "plan",
        {"sriov_manifests": [FOLDER], "sriov_policies": DUPLICATE},
        f"{FILE}: SriovNetworkNodePolicy dpdk: metadata.name: dpdk is the name of sriov_policies[0] already",
    ),
    (
        "second-network-of-a-name",
        "networks",
        "validate",
        {"sriov_manifests": [FOLDER], "sriov_networks": TWICE},
        f"{FILE}: SriovNetwork blue: metadata.name: nets/blue is also the name of sriov_networks[0]",
    ),
    (
        "override-of-the-host",
        "node",
        "plan",
        {"sriov_manifests": [FOLDER], "sriov_policies_host": [{"name": "dpdk", "num_vfs": 0}]},
        f"{FILE}: SriovNetworkNodePolicy dpdk: spec.numVfs: expected a number from 1 to 65535, found 0",
    ),
    (
        "variable-of-the-host",
        "node",
        "plan",
        {"sriov_policies": SELECTING, "rack": "{{ nowhere }}"},
        "variable rack: its template can't be worked out: 'nowhere' is undefined; a policy's node_selector.variables",
    ),
    (
        "date-in-a-network",
        "networks",
        "validate",
        {"sriov_networks": [{"name": "a", "resource_name": "b", "ipam": {"since": DATE}}]},
        "sriov_networks[0].ipam: expected texts, numbers, lists and mappings, found",
    ),
    (
        "policies-of-two-kinds",
        "node",
        "plan",
        {"sriov_policies": [{"name": "a"}], "sriov_hugepages": [{"size": "2M"}]},
        "sriov_policies[0].num_vfs: is missing",
    ),
]


def test_roles_tell_the_errors_of_lookups_and_filters(controller: Controller) -> None:
    """Where a role is used without the playbooks' check of manifests."""
    put(controller.base, f"{GOOD}---\n{NETWORK}")
    plays, hosts = [], {}
    for name, role, entry, variables, _sentence in ROLES:
        host = f"{ID}-{role}-{entry}-{name}"
        hosts[host] = variables
        task = {"ansible.builtin.include_role": {"name": f"baremetal.sriov.{role}", "tasks_from": entry}}
        plays.append({"hosts": host, "gather_facts": False, "tasks": [{"block": [task], "rescue": [{"meta": "noop"}]}]})
    plays.append({"hosts": "sriov_nodes", "gather_facts": False, "tasks": [{"ansible.builtin.fail": {"msg": "end"}}]})
    controller.put("roles.yml", yaml.safe_dump(plays))
    run = controller.run("roles.yml", hosts=hosts)
    run.assert_refused()
    for name, role, entry, _variables, sentence in ROLES:
        message = run.failures[f"{ID}-{role}-{entry}-{name}"].replace(f"{controller.base}/", "")
        assert f"\n  - {sentence}" in message, message


FILTERS: list[tuple[str, Callable[..., Any], tuple[Any, ...], str]] = [
    (
        "definition-without-a-name",
        filters.network_changes,
        ([], [{"metadata": {}}]),
        "network_changes: found[0].metadata.name: expected the name of one of the cluster's definitions, a text; found",
    ),
    (
        "definition-without-metadata",
        filters.network_changes,
        ([{"spec": {}}], []),
        "network_changes[0].metadata: expected the metadata of one of the wanted definitions, a mapping; found",
    ),
    (
        "number-for-the-hosts",
        filters.unused_policies,
        ({}, 5),
        "unused_policies: hosts: expected names of hosts, a list of texts; found 5",
    ),
    (
        "text-for-a-result",
        filters.unused_policies,
        ({"node1": "x"}, ["node1"]),
        "unused_policies[node1]: expected a result of sriov_node, a mapping; found 'x'",
    ),
    (
        "number-for-a-labels-name",
        filters.node_label_patch,
        ({}, {5: "a"}),
        "node_label_patch: labels: expected the names of labels, a list of texts; found [5]",
    ),
    ("plan-table", filters.plan_as_table, ("x", "n"), "plan_table: expected the registered result of"),
    ("plan-steps", filters.plan_as_markdown, ({"plan": {"steps": [1]}}, "n"), "plan_markdown: plan.steps: expected"),
    ("plan", filters.plan_as_table, ({"plan": "x"}, "n"), "plan_table: plan: expected the registered result of"),
    ("unused-policies", filters.unused_policies, ([1], ["n"]), "unused_policies: expected results of"),
    ("label-patch-node", filters.node_label_patch, (5, {}), "node_label_patch: expected the Node"),
    ("label-patch-metadata", filters.node_label_patch, ({"metadata": 5}, {}), "node_label_patch: metadata: expected"),
    ("label-patch-labels", filters.node_label_patch, ({}, "a=b"), "node_label_patch: labels: expected labels"),
    ("problems", filters.node_problems, (5, {}), "node_problems: expected the registered result of"),
    ("problems-resources", filters.node_problems, ({}, ["a"]), "node_problems: resources: expected names"),
    ("changes", filters.network_changes, ("x", []), "network_changes: expected the wanted definitions"),
    ("changes-found", filters.network_changes, ([], {"a": 1}), "network_changes: found: expected"),
    ("attachments-manifests", filters.network_attachments, ([], "p", [1]), "1 mistake in the spec"),
    ("spec-arguments", partial(filters.node_spec, kernel_arguments="nosmt"), ([], "h"), "h: 1 mistake in the spec"),
]


@pytest.mark.parametrize(
    ("call", "given", "sentence"), [pytest.param(c, g, s, id=f"{ID}-{n}") for n, c, g, s in FILTERS]
)
def test_a_filter_tells_what_it_expected(call: Callable[..., Any], given: tuple[Any, ...], sentence: str) -> None:
    with pytest.raises(AnsibleFilterError) as caught:
        call(*given)
    assert str(caught.value).startswith(sentence), str(caught.value)


def test_variables_of_a_host_are_read_when_they_are_asked_for() -> None:
    """Only the one that a policy names can fail, and it is named."""

    class Failing(dict[str, Any]):
        def __getitem__(self, name: str) -> Any:
            raise AnsibleError(f"no {name}")

    variables = HostVariables(Failing(rack=1, other=2))
    assert "rack" in variables and list(variables) == ["rack", "other"] and len(variables) == 2
    with pytest.raises(InvalidSpecError, match="variable rack: its template can't be worked out: no rack;"):
        variables.get("rack")
    assert HostVariables({"rack": 1})["rack"] == 1


def test_a_date_in_a_network_is_told() -> None:
    network = {"name": "a", "resource_name": "b", "ipam": {"x": date(2024, 1, 1)}}
    with pytest.raises(AnsibleFilterError, match=r"sriov_networks\[0\].ipam: expected texts.* Put dates in quotes"):
        filters.network_attachments([network])


def test_a_missing_folder_of_wheels_is_told(tmp_path: Path) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("")
    request = wheels.WheelsRequest(str(requirements), "3.11", "x86_64", "glibc 2.36", "/nowhere")
    with pytest.raises(HostError, match=r"/nowhere: expected a readable folder of wheels.*sriov_device_plugin_wheels"):
        wheels.prepare(request, str(tmp_path / "cache"), sys.executable)


def test_the_parser_of_the_device_plugin_has_the_last_word(controller: Controller) -> None:
    """What it says of an option is what is read, and not its usage."""
    task = {"ansible.builtin.include_role": {"name": "baremetal.sriov.device_plugin", "tasks_from": "validate"}}
    controller.put("options.yml", yaml.safe_dump([{"hosts": "sriov_nodes", "gather_facts": False, "tasks": [task]}]))
    run = controller.run("options.yml", extra={"sriov_device_plugin_options": ["--metrics-port=abc"]})
    run.assert_refused("sriov_device_plugin_options is ['--metrics-port=abc']; the device plugin does not take it:")
    assert "invalid _port value: 'abc'" in run.output
