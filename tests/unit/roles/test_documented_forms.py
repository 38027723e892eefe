# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is documented passes the roles' own argument specs, which Ansible checks before a role's first task."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.baremetal.sriov.plugins.plugin_utils import scalars, variables
from support.checkout import ROOT

# Forms that the texts of the argument specs name.
FORMS: dict[str, list[Any]] = {
    "sriov_kernel_modules": [
        ["vhost_net"], [{"name": "igb", "options": {"max_vfs": 0}}], ["vfio-pci", {"name": "igb", "blacklist": True}],
        [{"name": "a", "softdep_pre": ["b"], "load": False}],
    ],
    "sriov_hugepages": [[{"size": "1G", "count": 4, "at": "boot"}], [{"size": "2M", "nodes": {0: 512, "1": 512}}]],
    "sriov_present_labels": [{"zone": "a", "gpu": True, "rack": 7}],
    "sriov_node_labels": [{"baremetal.sriov/configured": "true"}],
    "sriov_kubelet_unit": ["auto", "k3s.service"],
    "sriov_drift_interval": ["", "5min"],
    "sriov_serial": [1, "25%", [1, "50%"]],
    "sriov_manifests": [["operator/"], []],
    **{name: [one.example] for name, one in variables.VARIABLES.items() if name not in (
        "sriov_kernel_modules", "sriov_hugepages", "sriov_present_labels", "sriov_node_labels", "sriov_manifests")},
    **{name: [rule.example] for name, rule in scalars.RULES.items() if name not in (
        "sriov_kubelet_unit", "sriov_drift_interval", "sriov_serial")},
}  # fmt: skip


def specs() -> list[tuple[str, dict[str, Any]]]:
    found = []
    for path in sorted((ROOT / "roles").glob("*/meta/argument_specs.yml")):
        for entry in yaml.safe_load(path.read_text())["argument_specs"].values():
            found.append((path.parents[1].name, entry["options"]))
    return found


@pytest.mark.parametrize("name", [pytest.param(name, id=f"finding-node-25-{name}") for name in FORMS])
def test_documented_forms_pass_the_roles_own_spec(name: str) -> None:
    roles = [(role, options) for role, options in specs() if name in options]
    assert roles
    for role, options in roles:
        for form in FORMS[name]:
            result = ArgumentSpecValidator({name: options[name]}).validate({name: form})
            assert not result.error_messages, (role, form, result.error_messages)
