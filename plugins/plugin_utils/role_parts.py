# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles would ship to a node, by the variables that their own tasks use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from ansible.parsing.dataloader import DataLoader

ROLES = Path(__file__).resolve().parents[2] / "roles"
# A part of a node -> the variable that switches it, and its bundles. In the order in which site does them.
PARTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "node": ("", ("node",)),
    "device_plugin": ("sriov_device_plugin", ("device-plugin",)),
    "cni": ("sriov_cni", ("cni", "cni-plugins")),
}
MAY_BE_IDLE = "device_plugin"  # its units run only where the node offers something
_CLUSTER = ("multus", "injector", "networks", "verify")  # roles of the cluster's part
SHIPMENTS = "_shipments"  # the end of the variable that has a role's bundles


def variables(given: Mapping[str, Any], more: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The variables of all parts' roles, as their tasks see them: defaults, then the host's, then the roles' own.

    given: the variables of a task; more: what stands in the place of tasks' results.
    """
    defaults, own = _files()
    return {**defaults, **given, **own, **(more or {})}


@lru_cache(maxsize=1)
def _files() -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    loader = DataLoader()
    found: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
    for role in (*PARTS, *_CLUSTER):
        for folder, values in zip(("defaults", "vars"), found):
            path = ROLES / role / folder / "main.yml"
            values.update(loader.load_from_file(str(path), trusted_as_template=True) or {})
    # They look for the collection's files from there, and each of them is as far from it.
    found[1]["role_path"] = str(ROLES / "node")
    return found


def bundle_names(parts: Sequence[str]) -> list[tuple[str, str]]:
    """Part and name of each bundle that the parts may have."""
    return [(part, name) for part in parts for name in PARTS[part][1]]
