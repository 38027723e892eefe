# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters that show a plan to people; the work is done in plugin_utils/plan_table.py."""

from __future__ import annotations

from typing import Any, Callable

from ansible_collections.baremetal.sriov.plugins.plugin_utils.plan_table import (
    plan_markdown,
    plan_table,
    unused_policies,
)


class FilterModule:
    """What Ansible asks a filter file for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name to function."""
        return {"plan_markdown": plan_markdown, "plan_table": plan_table, "unused_policies": unused_policies}
