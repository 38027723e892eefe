# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters about Nodes of the API; the work is done in plugin_utils/nodes.py."""

from __future__ import annotations

from typing import Any, Callable

from ansible.errors import AnsibleFilterError

from ansible_collections.baremetal.sriov.plugins.module_utils.errors import SriovError
from ansible_collections.baremetal.sriov.plugins.plugin_utils import nodes


def node_label_patch(value: Any, labels: Any) -> dict[str, Any]:
    """The patch that a Node needs for our labels."""
    try:
        return nodes.node_label_patch(value, labels)
    except SriovError as error:
        raise AnsibleFilterError(str(error)) from error


def node_problems(value: Any, resources: Any, old_boot_id: str = "") -> list[str]:
    """What keeps a Node from being Ready with all its VFs."""
    return nodes.node_problems(value, resources, old_boot_id)


class FilterModule:
    """What Ansible asks a filter file for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name to function."""
        return {"node_label_patch": node_label_patch, "node_problems": node_problems}
