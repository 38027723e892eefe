# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tables of the code name is documented where users look for it, and nothing else is."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest
import yaml

from ansible_collections.baremetal.sriov.plugins.filter.filters import node_spec as filter_node_spec
from ansible_collections.baremetal.sriov.plugins.module_utils.kernel.bootloaders import table
from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import InvalidSpecError
from ansible_collections.baremetal.sriov.plugins.module_utils.model.goal import NodeOptions
from ansible_collections.baremetal.sriov.plugins.module_utils.pf.vf_attributes import ATTRIBUTES
from ansible_collections.baremetal.sriov.plugins.module_utils.policy.node_spec import node_spec, parse_spec
from ansible_collections.baremetal.sriov.plugins.modules import sriov_kernel_args, sriov_vfs
from devtool.collection import ROOT

NO_ATTRIBUTES = {"indices", "driver"}  # of an entry of vfs


def document(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text())


def options_of_role(role: str = "node") -> dict[str, Any]:
    found: dict[str, Any] = document(f"roles/{role}/meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    return found


def texts(path: str) -> str:
    """The text of sriov_policies, where it is documented."""
    if path.startswith("roles/"):
        return " ".join(options_of_role()["sriov_policies"]["description"])
    return " ".join(document(path)["DOCUMENTATION"]["options"]["_input"]["description"])


def test_vf_attributes_of_the_module() -> None:
    options = yaml.safe_load(sriov_vfs.DOCUMENTATION)["options"]["pfs"]["suboptions"]["vfs"]["suboptions"]
    found = {name: option["type"] for name, option in options.items() if name not in NO_ATTRIBUTES}
    assert found == {row.name: row.kind.__name__ for row in ATTRIBUTES}


@pytest.mark.parametrize("path", ["plugins/filter/node_spec.yml", "roles/node/meta/argument_specs.yml"])
def test_vf_attributes_of_policies(path: str) -> None:
    found = re.search(r"C\(vfs\) is a list of .*?\.(?= |$)", texts(path))
    assert found is not None
    assert set(re.findall(r"C\((\w+)\)", found[0])) - {"vfs", "indices"} == {row.name for row in ATTRIBUTES}


@pytest.mark.parametrize(
    "options",
    [
        document("plugins/filter/node_spec.yml")["DOCUMENTATION"]["options"],
        {"boot_loader": options_of_role()["sriov_boot_loader"]},
        yaml.safe_load(sriov_kernel_args.DOCUMENTATION)["options"],
    ],
    ids=["filter", "role", "module"],
)
def test_boot_loaders(options: dict[str, Any]) -> None:
    assert options["boot_loader"]["choices"] == list(table.NAMES)


# Variables of the role that are no options of a node: what its policies are made of, and what the role itself uses.
NO_OPTIONS = {
    "sriov_policies", "sriov_policies_host", "sriov_manifests", "sriov_present_labels", "sriov_node_labels",
    "sriov_drift_interval", "sriov_kubelet_unit",
}  # fmt: skip
NO_VARIABLES = {"iommu"}  # of the filter alone: the policies tell it
NO_OPTIONS_OF_THE_FILTER = {
    "_input", "host", "group_names", "labels", "host_variables", "policies_host", "manifests",
}  # fmt: skip
OPTIONS = {field.name: field for field in dataclasses.fields(NodeOptions)}
TYPES = {"bool": "bool", "bool | None": "bool", "str": "str", "int": "int"}  # all others are lists


def expected(name: str) -> tuple[str, Any]:
    """The type and the default of an option."""
    default = OPTIONS[name].default
    return TYPES.get(str(OPTIONS[name].type), "list"), list(default) if default == () else default


def test_items_of_lists_are_told_alike() -> None:
    """source: docs of sriov_kernel_modules, whose items are names or mappings."""
    of_filter, of_role = document("plugins/filter/node_spec.yml")["DOCUMENTATION"]["options"], options_of_role()
    shared = {name for name in OPTIONS if expected(name)[0] == "list"}
    found = {name: (of_filter[name]["elements"], of_role[f"sriov_{name}"]["elements"]) for name in shared}
    assert found == {
        "kernel_arguments": ("str", "str"), "hugepages": ("dict", "dict"), "kernel_modules": ("raw", "raw"),
        "take_over": ("str", "str"),
    }  # fmt: skip


def documented(options: dict[str, Any], prefix: str = "") -> dict[str, tuple[str, Any]]:
    return {name[len(prefix) :]: (option["type"], option.get("default")) for name, option in options.items()}


def test_options_of_the_filter() -> None:
    found = documented(document("plugins/filter/node_spec.yml")["DOCUMENTATION"]["options"])
    assert found.keys() - NO_OPTIONS_OF_THE_FILTER == OPTIONS.keys()
    assert {name: found[name] for name in OPTIONS} == {name: expected(name) for name in OPTIONS}


def test_options_of_the_role() -> None:
    options = options_of_role()
    assert set(options) >= NO_OPTIONS
    found = documented({name: option for name, option in options.items() if name not in NO_OPTIONS}, "sriov_")
    assert found == {name: expected(name) for name in OPTIONS if name not in NO_VARIABLES}
    assert {name: document("roles/node/defaults/main.yml")[f"sriov_{name}"] for name in found} == {
        name: default for name, (_type, default) in found.items()
    }
    table = re.findall(r"^\| `sriov_(\w+)` \|", (ROOT / "roles/node/README.md").read_text(), re.M)
    assert set(table) == {name.removeprefix("sriov_") for name in options}


def test_the_role_hands_each_option_to_the_filter() -> None:
    given = dict(re.findall(r"(\w+)=sriov_(\w+)", document("roles/node/vars/main.yml")["node_spec"]))
    assert {name: name for name in OPTIONS if name not in NO_VARIABLES}.items() <= given.items()


def test_the_module_reads_each_option() -> None:
    """The specification that the filter makes has each, and the module's own reader takes it as it is."""
    spec = node_spec([])
    assert spec.keys() == {"format", "policies", "skipped", *OPTIONS}
    assert parse_spec(spec).options == NodeOptions()
    with pytest.raises(InvalidSpecError, match="sriov_adopt: is not a known option; known are adopt, "):
        node_spec([], sriov_adopt=True)


def test_the_filters_earlier_name_of_kernel_modules() -> None:
    """source: plugins/filter/node_spec.yml of release 0.1.1."""
    assert filter_node_spec([], modules=["vfio-pci"]) == filter_node_spec([], kernel_modules=["vfio-pci"])
