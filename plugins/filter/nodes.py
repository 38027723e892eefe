# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters about Nodes of the API; the work is done in plugin_utils/nodes.py."""

from __future__ import annotations

from typing import Any, Callable

from ansible.errors import AnsibleFilterError

from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import SriovError
from ansible_collections.baremetal.sriov.plugins.plugin_utils import filter_inputs, nodes


def node_label_patch(value: Any, labels: Any) -> dict[str, Any]:
    """The patch that a Node needs for our labels."""
    node = filter_inputs.mapping("node_label_patch", value, "the Node as the API gives it")
    for name in ("metadata", "status"):
        filter_inputs.mapping(f"node_label_patch: {name}", node.get(name) or {}, "the Node as the API gives it")
    wanted = filter_inputs.mapping("node_label_patch: labels", labels, "labels, names and values")
    filter_inputs.names("node_label_patch: labels", list(wanted), "the names of labels")
    try:
        return nodes.node_label_patch(dict(node), dict(wanted))
    except SriovError as error:
        raise AnsibleFilterError(str(error)) from error


def node_problems(value: Any, resources: Any, old_boot_id: str = "") -> list[str]:
    """What keeps a Node from being Ready with all its VFs."""
    answer = filter_inputs.mapping("node_problems", value, "the registered result of kubernetes.core.k8s_info")
    filter_inputs.mappings("node_problems: resources", answer.get("resources") or [], "Nodes")
    counts = filter_inputs.mapping("node_problems: resources", resources, "names of resources and their numbers")
    return nodes.node_problems(dict(answer), dict(counts), old_boot_id)


class FilterModule:
    """What Ansible asks a filter file for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name to function."""
        return {"node_label_patch": node_label_patch, "node_problems": node_problems}
