# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What other programs leave is told as numbers; what they did not write is not told at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.policy.rendered_files import NODE_PATH
from ansible_collections.baremetal.sriov.plugins.module_utils.policy.waiting import KEY
from ansible_collections.baremetal.sriov.plugins.module_utils.record.record import ASKED
from shared import places
from sriov_device_plugin.host import node_state
from sriov_device_plugin.host.node_state import Drift, NodeState
from support.fake_tree import Tree

DRIFT = {"format": 1, "differences": ["a", "b"], "stopped": {"0000:01:00.0 vf 3": "undone"}, "errors": ["x"],
         "total": 5, "last": 1795900000.5, "repairs": {}, "unfinished": []}  # fmt: skip
ASKED_FOR = {"format": 1, "boot_id": "b0", "arguments": ["iommu=pt"]}


@pytest.fixture
def host(tmp_path: Path) -> Tree:
    made = Tree()
    made.base = tmp_path
    return made


def put(host: Tree, path: str, value: Any) -> None:
    host.put(path.lstrip("/"), value if isinstance(value, str) else json.dumps(value))


def read(host: Tree) -> NodeState:
    return node_state.read(str(host.base))


def test_both_programs_mean_the_same_files() -> None:
    assert (places.NODE, places.REBOOT_ASKED) == (NODE_PATH, ASKED)
    assert KEY == "after_reboot"


def test_nothing_is_told_where_nobody_wrote(host: Tree) -> None:
    assert read(host) == NodeState(None, None, None, None)


def test_drift(host: Tree) -> None:
    put(host, places.DRIFT, DRIFT)
    assert read(host).drift == Drift(2, 1, 1, 5, 1795900000.5)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", json.dumps({**DRIFT, "format": 2}), json.dumps({**DRIFT, "differences": 3}),
     json.dumps({**DRIFT, "total": True}), json.dumps({**DRIFT, "last": "now"}), "[" * 9999,
     json.dumps({**DRIFT, "last": float("nan")}), json.dumps({**DRIFT, "stopped": None})],
)  # fmt: skip
def test_a_file_of_another_form_is_none(host: Tree, text: str) -> None:
    put(host, places.DRIFT, text)
    assert read(host).drift is None


@pytest.mark.parametrize(
    ("asked", "later", "pending"),
    [
        ("", None, False),
        (ASKED_FOR, None, True),
        ({**ASKED_FOR, "arguments": []}, None, False),
        ("", {"boot_id": "b1"}, True),
        ("", {"boot_id": "b0"}, False),  # that boot is over
        ("{", "junk", False),
    ],
)
def test_a_reboot_that_is_due(host: Tree, asked: Any, later: Any, pending: bool) -> None:
    put(host, places.NODE, {"format": 1, "pfs": [], **({KEY: later} if later else {})})
    put(host, node_state.BOOT_ID, "b1\n")
    if asked:
        put(host, places.REBOOT_ASKED, asked)
    assert read(host).reboot_pending is pending


def test_what_the_cni_plugin_could_not_restore(host: Tree) -> None:
    put(host, f"{places.WITHHELD}/0000:01:10.2", {"format": 1})
    put(host, f"{places.WITHHELD}/.0000:01:10.2.new", "")
    assert (read(host).withheld, read(host).set_aside) == (1, 0)
    put(host, f"{places.SET_ASIDE}/0000:01:10.2@c@net1", "junk")
    assert (read(host).withheld, read(host).set_aside) == (1, 1)
