# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters that show a plan to people; the work is done in plugin_utils/plan_table.py."""

from __future__ import annotations

from typing import Any, Callable

from ansible_collections.baremetal.sriov.plugins.plugin_utils import filter_inputs
from ansible_collections.baremetal.sriov.plugins.plugin_utils import plan_table as plans


def plan_table(value: Any, node: str) -> str:
    """The plan of a node as a table."""
    return plans.plan_table(dict(filter_inputs.module_result("plan_table", value)), node)


def plan_markdown(value: Any, node: str) -> str:
    """The plan of a node as Markdown."""
    return plans.plan_markdown(dict(filter_inputs.module_result("plan_markdown", value)), node)


def unused_policies(value: Any, hosts: Any) -> list[str]:
    """Policies that fit none of the hosts."""
    results = filter_inputs.mapping("unused_policies", value, "results of baremetal.sriov.sriov_node by host")
    for host, result in results.items():
        filter_inputs.mapping(f"unused_policies[{host}]", {} if result is None else result, "a result of sriov_node")
    return plans.unused_policies(dict(results), filter_inputs.names("unused_policies: hosts", hosts, "names of hosts"))


class FilterModule:
    """What Ansible asks a filter file for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name to function."""
        return {"plan_markdown": plan_markdown, "plan_table": plan_table, "unused_policies": unused_policies}
