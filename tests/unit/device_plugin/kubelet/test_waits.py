# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A kubelet that does not come, does not look where it should, or never lists: said, and the other way is tried."""

from __future__ import annotations

import socket
import sys
import time
from pathlib import Path

from support import dp_daemon
from support.dp_daemon import KERNEL, POOLS, Daemon
from support.fake_kubelet import FakeKubelet, Plugin, next_ids
from support.processes import eventually
from support.vector_ids import finding

HELD = Path(dp_daemon.__file__).with_name("dp_held.py")


def start(node: Daemon, warn: float = 0.3, other: float = 0.6) -> None:
    """With waits of a test's length."""
    constants = f'{{"kubelet.registration:WAIT_LONG": {warn}, "kubelet.registration:OTHER_WAY_AFTER": {other}}}'
    node.configure(POOLS[0])
    node.start(program=(sys.executable, str(HELD), str(node.folder), constants))


@finding("finding-dp-10-wrong-folder")
def test_a_folder_of_no_kubelet_is_said(node: Daemon) -> None:
    start(node)
    words = f"{node.kubelet_root} has neither plugins_registry nor device-plugins"
    eventually(lambda: words in node.logged(), "the warning")
    assert "WARNING intel.com/kernel: waiting" in node.logged() and "--kubelet-root-dir" in node.logged()
    (node.kubelet_root / "device-plugins").mkdir()
    with FakeKubelet(node.kubelet_root) as kubelet:
        assert kubelet.registered().resource_name == "intel.com/kernel"
    assert node.logged().count("has neither") == 1


@finding("finding-dp-10-registry-unwatched")
def test_a_registry_that_nobody_watches(node: Daemon, watched: Path) -> None:
    with FakeKubelet(node.kubelet_root) as kubelet:
        start(node)
        assert kubelet.registered().endpoint == "intel.com_kernel.sock", "by the other way"
        assert "the kubelet has not asked" in node.logged() and "the other way is tried" in node.logged()
        with kubelet.plugin("intel.com_kernel.sock") as plugin:
            assert next_ids(plugin.watch()) == KERNEL
            assert not list(watched.iterdir())
            eventually(lambda: "1 of them registered" in node.told("STATUS"))


@finding("finding-dp-10-back-to-the-registry")
def test_a_kubelet_that_watches_after_all_is_found(node: Daemon, watched: Path) -> None:
    with FakeKubelet(node.kubelet_root) as kubelet:
        start(node)
        kubelet.registered()
        eventually((watched / "intel.com_kernel.sock").exists, "and the first way again")
        with Plugin(watched / "intel.com_kernel.sock") as plugin:
            assert plugin.info().name == "intel.com/kernel"


@finding("finding-dp-10-one-that-restarts")
def test_a_kubelet_that_listened_is_waited_for_where_it_did(node: Daemon, watched: Path) -> None:
    """While it restarts its old socket is still there, and ours must be where it will look first."""
    path = watched / "intel.com_kernel.sock"
    with FakeKubelet(node.kubelet_root):
        start(node)
        node.told("READY=1")
        with Plugin(path) as plugin:
            assert next_ids(plugin.watch()) == KERNEL
        time.sleep(1.0)  # longer than until the other way is tried
        assert path.exists() and "the other way is tried" not in node.logged()


@finding("finding-dp-10-after-a-boot")
def test_a_kubelet_that_is_still_to_come_is_waited_for_where_it_looks_first(node: Daemon, watched: Path) -> None:
    """The socket of the kubelet before the boot lies there, and nobody listens on it."""
    stale = node.kubelet_root / "device-plugins" / "kubelet.sock"
    stale.parent.mkdir(exist_ok=True)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(stale))
    start(node)
    path = watched / "intel.com_kernel.sock"
    eventually(path.exists, "the first way")
    first = path.stat().st_ino
    time.sleep(1.5)  # longer than until the other way is tried
    assert path.stat().st_ino == first and "the other way is tried" not in node.logged()


@finding("finding-dp-10-never-lists")
def test_a_kubelet_that_never_lists_is_said(node: Daemon, kubelet: FakeKubelet) -> None:
    start(node)
    kubelet.registered()
    eventually(lambda: "the kubelet took the pool and does not list its devices" in node.logged(), "the warning")
    with kubelet.plugin("intel.com_kernel.sock") as plugin:
        assert next_ids(plugin.watch()) == KERNEL


@finding("finding-dp-10-one-that-lists")
def test_nothing_is_said_of_a_kubelet_that_listens(node: Daemon, watched: Path) -> None:
    start(node)
    path = watched / "intel.com_kernel.sock"
    node.told("READY=1")
    with Plugin(path) as plugin:
        assert next_ids(plugin.watch()) == KERNEL
        before = node.logged()
        for gone in KERNEL[1:]:
            node.host.remove(gone)
            time.sleep(0.3)  # together longer than what is waited for
        assert "waiting for" not in node.logged()[len(before) :] and path.exists()
