# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tables of the code name is documented where users look for it, and nothing else is."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from ansible_collections.baremetal.sriov.plugins.module_utils.pf.vf_attributes import ATTRIBUTES
from ansible_collections.baremetal.sriov.plugins.modules import sriov_vfs
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
