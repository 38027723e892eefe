# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cache that all checkouts share."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from devtool import cache


def test_a_folder_is_published_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "cache" / "thing"
    with pytest.raises(RuntimeError), cache.published(target) as folder:
        (folder / "half").touch()
        raise RuntimeError("killed")
    assert not target.exists()
    assert list(target.parent.iterdir()) == []
    for content in ("first", "second"):
        with cache.published(target) as folder:
            (folder / content).touch()
    assert [path.name for path in target.iterdir()] == ["second"]


def test_two_checkouts_take_turns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BAREMETAL_SRIOV_CACHE", str(tmp_path))
    order = []

    def other() -> None:
        with cache.locked("tools"):
            order.append("second")

    with cache.locked("tools"):
        thread = threading.Thread(target=other)
        thread.start()
        while "another run holds the lock" not in capsys.readouterr().out:  # said as one piece
            time.sleep(0.05)
        order.append("first")
    thread.join(timeout=60)
    assert order == ["first", "second"]
