# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the device plugin's tests."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.dp_daemon import PF1, PF2, POOLS, Daemon
from support.dp_host import FakeHost
from support.fake_kubelet import FakeKubelet, pod_lister, response


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    return FakeHost(tmp_path / "host")


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder with a short name: a Unix socket's path has at most 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="dp") as name:
        yield Path(name)


@pytest.fixture
def daemon(host: FakeHost, short_path: Path) -> Iterator[Daemon]:
    with Daemon(short_path, host) as running:
        yield running


@pytest.fixture
def port() -> int:
    """One of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def pod_resources(daemon: Daemon) -> Iterator[Any]:
    """The kubelet's List answers with this message."""
    answer = response()
    with pod_lister(daemon.kubelet_root, lambda request, context: answer):
        yield answer


@pytest.fixture
def node(daemon: Daemon) -> Daemon:
    """Two PFs with four VFs each, the second's bound to vfio-pci; the daemon is configured, not started."""
    daemon.host.add(PF1, name="enp1s0", totalvfs=7, numa=0)
    daemon.host.add(PF2, name="enp2s0", totalvfs=7, numa=1)
    daemon.host.add_vfs(PF1, 4)
    daemon.host.add_vfs(PF2, 4, driver="vfio-pci", group=20)
    daemon.configure(*POOLS)
    return daemon


@pytest.fixture
def kubelet(node: Daemon) -> Iterator[FakeKubelet]:
    """A kubelet of the old way, started."""
    with FakeKubelet(node.kubelet_root) as running:
        yield running


@pytest.fixture
def watched(node: Daemon) -> Path:
    """The folder of the plugin watcher; with it comes the folder of the old way, as with a real kubelet."""
    (node.kubelet_root / "device-plugins").mkdir()
    folder = node.kubelet_root / "plugins_registry"
    folder.mkdir()
    return folder
