# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the device plugin's tests."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from device_plugin.dp_daemon import Daemon
from device_plugin.dp_host import FakeHost

# Before gRPC is imported: its fork handlers stop the fake kubelet's server where subprocess forks (Python 3.9).
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    return FakeHost(tmp_path / "host")


@pytest.fixture
def daemon(host: FakeHost, short_path: Path) -> Iterator[Daemon]:
    running = Daemon(short_path, host)
    running.kubelet_root.mkdir()
    yield running
    running.close()


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder with a short name: a Unix socket's path has at most 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="dp") as name:
        yield Path(name)
