# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A node that is lost in the middle of its turn: a failure, which ends that turn in words, and not the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure

UNDER_WAY = "roll_under_way"  # the variable that says so, of the role roll


def asked(call: Callable[[], dict[str, Any]], task_vars: Mapping[str, Any] | None) -> dict[str, Any]:
    """The answer of a node. Outside a turn a node that can't be reached is Ansible's to handle."""
    try:
        return call()
    except AnsibleConnectionFailure as error:
        given = task_vars or {}
        if not given.get(UNDER_WAY):
            raise
        host = given.get("inventory_hostname", "the node")
        raise AnsibleActionFail(
            f"{host}: expected an answer in the middle of its change, found none: {error}. See why it is away; a rerun "
            "goes on from here."
        ) from error
