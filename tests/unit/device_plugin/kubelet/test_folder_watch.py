# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens in the kubelet's folders is heard at once: it admits pods soon after it has made its socket."""

from __future__ import annotations

import contextlib
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest

from sriov_device_plugin.kubelet.folder_watch import FolderWatch
from support.dp_daemon import PLUGIN, Daemon
from support.fake_kubelet import FakeKubelet
from support.processes import DEADLINE

# The daemon with nothing to look for regularly: what it does within the test, it was woken for.
SLOW = f"""
import sys
sys.path[:0] = [{str(PLUGIN)!r}, {str(PLUGIN.parents[1] / "plugins" / "module_utils")!r}]
sys.path += {sys.path!r}
from sriov_device_plugin import __main__, daemon
daemon.TICK = 36000.0
sys.exit(__main__.main())
"""


@pytest.fixture
def woken() -> Iterator[Callable[[], bool]]:
    """Whether the signal has come since it was asked last. By a handler, as other threads here do not block it."""
    came: list[int] = []
    before = signal.signal(signal.SIGIO, lambda number, _frame: came.append(number))

    def asked() -> bool:
        limit = time.monotonic() + 0.2  # it is sent at once, and may be heard by another thread first
        while not came and time.monotonic() < limit:
            time.sleep(0.001)
        found = bool(came)
        came.clear()
        return found

    yield asked
    asked()
    signal.signal(signal.SIGIO, before)


def test_what_comes_and_goes_in_the_present_folder_wakes(tmp_path: Path, woken: Callable[[], bool]) -> None:
    folder = tmp_path / "device-plugins"
    with contextlib.closing(FolderWatch([str(tmp_path / "none"), str(folder)])) as watch:
        watch.tend()
        folder.mkdir()
        assert not woken()
        watch.tend()
        for turn in range(2):
            (folder / "kubelet.sock").write_text("")
            assert woken() and not woken()
            (folder / "kubelet.sock").rename(folder / "x")
            assert woken()
            (folder / "x").unlink()
            assert woken()
            if turn == 0:  # the kubelet's folder is removed, and made anew
                shutil.rmtree(folder)
                folder.mkdir()
                watch.tend()
                woken()
        watch.close()
        (folder / "y").write_text("")
        assert not woken()


def test_a_kubelet_that_starts_is_not_left_waiting(node: Daemon, kubelet: FakeKubelet) -> None:
    """Its folder is wiped, then its socket is made."""
    node.start("--rescan-interval", "36000", program=(sys.executable, "-c", SLOW))
    sockets = kubelet.both_registered()
    for _turn in range(3):
        kubelet.close()
        kubelet.start()
        assert {kubelet.registered(DEADLINE).resource_name for _pool in sockets} == set(sockets)
