# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A node whose emulator fails while it boots."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from sriovlab import node, state
from sriovlab.definition import Definition
from sriovlab.progress import QemuEnded
from sriovlab.snapshot import BOOT
from sriovlab.state import State

ASSERTION = "qemu-system-x86_64: physmem.c:1: iotlb_to_section: Assertion `section_index < n' failed."


@pytest.fixture
def starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """The starts that are asked for; the first boot ends before SSH answers."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    found: list[bool] = []

    def start(names: Sequence[str], count: int, _lock_timeout: float, **more: Any) -> list[node.Started]:
        assert (list(names), count) == (["node1"], 1)
        found.append(more.get("fresh", False))
        return [(State(len(found), "tcg", "/image", 2201, 6401, definition=Definition(cpus=1)), 1.0)]

    def wait(current: State, _until: str, _started: float | None) -> State:
        if current.pid == 1:
            raise QemuEnded("the node's QEMU ended")
        return current

    monkeypatch.setattr(node, "start", start)
    monkeypatch.setattr(node, "wait", wait)
    return found


def log(text: str) -> None:
    (state.make_node_dir("node1") / "qemu.log").write_text(text)


def test_an_assertion_of_qemu_is_answered_with_one_more_start(
    starts: list[bool], capsys: pytest.CaptureFixture[str]
) -> None:
    log(f"qemu-system-x86_64: warning: hub 0 is not connected to host network\n{ASSERTION}\n")
    assert node.reset(None, None, "ssh", 1, BOOT)[0].pid == 2
    assert starts == [True, False], "the second start keeps the disk"
    assert ASSERTION in capsys.readouterr().err


def test_what_ended_otherwise_is_an_error(starts: list[bool]) -> None:
    log("qemu-system-x86_64: terminating on signal 15 from pid 1\n")
    with pytest.raises(QemuEnded):
        node.reset(None, None, "ssh", 1, BOOT)
    assert starts == [True]
