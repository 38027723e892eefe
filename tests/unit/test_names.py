# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that the project has given up for the field's terms: none comes back."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from devtool.collection import ROOT, tracked_files

# Of release 0.1.1, with what has taken their place. A name of meta/runtime.yml's redirects is none of a file.
MODULES = {
    "hands": "other_managers", "people": "cli", "meeting": "handoff", "rehearsal": "warm_up",
    "holding": "renamed_allocations", "ours": "appended_arguments", "adopted": "go_plugin_state",
    "upkeep": "gc_status", "functions": "rdma_vdpa", "host_use": "host_interfaces", "plan_record": "ownership",
    "refusals": "checks", "resolve_pfs": "selectors", "kernel_reboot": "pending_reboot",
    "sriov_preflight": "sriov_preflight_info",
}  # fmt: skip
NAMES = {
    "held_elsewhere": "allocated_under_other_name", "Presence": "PoolEndpoint", "owed": "stale_arguments, HeldAddress",
    "useless": "without_effect", "is_away": "in_other_netns", "alone": "is_guest_vf",
    "group_strangers": "iommu_group_conflicts", "given_back": "restore_original", "FRESH": "VF_DEFAULTS",
    "due": "pending", "patiently": "retry", "wait_for": "wait_until", "Pauses": "Backoff", "ours": "appended",
}  # fmt: skip
WORDS = "_words"  # the end of functions that now end in _message


def _defined(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Classes, functions, constants of the module, and fields of classes; what is local to a function is its own."""
    bodies = [tree, *(node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))]
    for node in ast.walk(tree):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.lineno, node.name
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr
    for body in bodies:
        for node in body.body:
            targets = [*getattr(node, "targets", []), getattr(node, "target", None)]
            yield from ((node.lineno, target.id) for target in targets if isinstance(target, ast.Name))


@pytest.mark.parametrize("old", MODULES)
def test_no_module_has_an_old_name(old: str) -> None:
    here = [name for name in tracked_files() if name.startswith(("plugins/", "files/"))]
    wrong = [name for name in here if name.rpartition("/")[2].removesuffix(".py") == old]
    assert not wrong, f"{wrong}: expected {MODULES[old]}"


def test_nothing_is_called_by_an_old_name() -> None:
    wrong = [
        f"{path}:{line}: {name}: expected {NAMES.get(name) or 'a name that ends in _message'}"
        for path in tracked_files()
        if path.startswith(("plugins/", "files/")) and path.endswith(".py")
        for line, name in _defined(ast.parse((ROOT / path).read_text()))
        if name in NAMES or (name.endswith(WORDS) and name != WORDS)
    ]
    assert not wrong, "\n".join(wrong)
