# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real daemon as a process, and a kubelet's side of both ways of registration."""

from __future__ import annotations

import shutil
import socket
import time
from pathlib import Path

import pytest

from sriov_device_plugin.host.discovery import Scanner
from sriov_device_plugin.kubelet import registration
from sriov_device_plugin.kubelet.plugin_server import PoolService
from sriov_device_plugin.kubelet.renamed_allocations import RenamedAllocations
from sriov_device_plugin.pool import config
from sriov_device_plugin.pool.pools import Pool
from support.dp_daemon import KERNEL, POOLS, Daemon
from support.fake_kubelet import FakeKubelet, Plugin, next_ids
from support.processes import eventually
from support.vector_ids import vectors

WITHIN = 1.0  # seconds: promised after the kubelet's return; the best of three, since other work may run here


@vectors("dp", 87, differs=True)
def test_the_kubelet_comes_later(node: Daemon) -> None:
    """No kubelet is no error, it is waited for. READY does not wait for it."""
    node.start()
    node.told("READY=1")
    with FakeKubelet(node.kubelet_root) as kubelet:
        assert set(kubelet.both_registered()) == {"intel.com/kernel", "intel.com/vfio"}
        node.told("8 devices in 2 pools, 2 of them registered")


def test_the_kubelet_restarts(node: Daemon, kubelet: FakeKubelet) -> None:
    node.start()
    sockets = kubelet.both_registered()
    seconds = []
    for _turn in range(3):
        kubelet.close()
        time.sleep(0.3)
        kubelet.start()
        began = time.monotonic()
        assert kubelet.both_registered() == sockets
        seconds.append(time.monotonic() - began)
        with kubelet.plugin(sockets["intel.com/kernel"]) as plugin:
            assert next_ids(plugin.watch()) == KERNEL
    assert min(seconds) < WITHIN


def test_a_socket_that_was_wiped_is_not_registered(node: Daemon, kubelet: FakeKubelet, tmp_path: Path) -> None:
    """Source: Kubernetes, pkg/kubelet/cm/devicemanager: a start empties the folder, then makes kubelet.sock."""
    (loaded,) = config.parse(b'{"resourceList": [{"resourceName": "vf", "selectors": {}}]}', "a.b").pools
    renamed = RenamedAllocations(str(tmp_path), str(tmp_path))
    root = str(node.kubelet_root)
    endpoint = registration.PoolEndpoint(PoolService(Pool(loaded), Scanner(root), str(tmp_path), "", renamed), root)
    try:
        endpoint.tend(1.0)
        Path(endpoint.service.endpoint).unlink()
        registration.register(root, [endpoint])
        assert kubelet.requests.empty() and not endpoint.registered
        endpoint.tend(2.0)
        registration.register(root, [endpoint])
        assert kubelet.registered().resource_name == "a.b/vf" and endpoint.registered
    finally:
        endpoint.close()


def test_a_new_kubelet_socket_is_enough_to_register_again(node: Daemon, kubelet: FakeKubelet) -> None:
    node.start()
    sockets = kubelet.both_registered()
    kubelet.close()
    kubelet.start(wipe=False)
    assert kubelet.both_registered() == sockets


@vectors("dp", 87, differs=True)
def test_a_refusal_is_said_and_tried_again(node: Daemon, kubelet: FakeKubelet) -> None:
    """The Go plugin ends here."""
    kubelet.refuse_with = "unsupported version"
    node.start()
    kubelet.both_registered()
    eventually(lambda: "did not register it: UNKNOWN: unsupported version" in node.logged(), "the reason in the log")
    kubelet.refuse_with = ""
    assert set(kubelet.both_registered()) == {"intel.com/kernel", "intel.com/vfio"}


def test_the_plugin_watcher_asks(node: Daemon, watched: Path) -> None:
    node.start()
    node.told("READY=1")
    path = watched / "intel.com_kernel.sock"
    with Plugin(path) as plugin:
        info = plugin.info()
        assert (info.type, info.name, info.endpoint) == ("DevicePlugin", "intel.com/kernel", str(path))
        assert list(info.supported_versions) == ["v1beta1"]
        plugin.tell(True)
        node.told("2 pools, 1 of them registered")
        assert next_ids(plugin.watch()) == KERNEL
    with Plugin(path) as later:  # the kubelet restarted: it finds the socket again and asks anew
        assert later.info().name == "intel.com/kernel"
        assert next_ids(later.watch()) == KERNEL


def _wait_for_another(path: Path, before: registration.Identity | None) -> None:
    """A later socket at the same path."""

    def another() -> bool:
        return registration.identity(str(path)) not in (None, before)

    eventually(another, "a new socket")


@pytest.mark.parametrize("mode", ["watcher", "register"])
def test_a_kubelet_that_goes_is_no_longer_registered_with(node: Daemon, mode: str) -> None:
    """Its end is the end of its stream; it comes back to the same socket, or to a new one after some time."""
    (node.kubelet_root / "device-plugins").mkdir()
    folder = node.kubelet_root / ("plugins_registry" if mode == "watcher" else "device-plugins")
    folder.mkdir(exist_ok=True)
    kubelet = FakeKubelet(node.kubelet_root) if mode == "register" else None
    node.configure(POOLS[0])
    node.start()
    node.told("READY=1")
    path = folder / "intel.com_kernel.sock"
    eventually(path.exists, "the socket")
    for _turn in range(2):
        with Plugin(path) as plugin:
            assert next_ids(plugin.watch()) == KERNEL
            if mode == "watcher":
                plugin.tell(True)
            node.told("1 pools, 1 of them registered")
        node.told("1 pools, 0 of them registered")
    _wait_for_another(path, registration.identity(str(path)))
    if kubelet is not None:
        assert len([kubelet.registered(), kubelet.registered()]) == 2
        kubelet.close()


def test_a_removed_socket_is_made_again_for_the_watcher(node: Daemon, watched: Path) -> None:
    node.start()
    node.told("READY=1")
    path = watched / "intel.com_kernel.sock"
    shutil.rmtree(watched)
    watched.mkdir()
    eventually(path.exists, "the socket is back")
    with Plugin(path) as plugin:
        assert plugin.info().name == "intel.com/kernel"


def test_a_refusal_by_the_watcher_makes_a_new_socket(node: Daemon, watched: Path) -> None:
    """The watcher asks again only when it sees a new socket."""
    node.start()
    node.told("READY=1")
    path = watched / "intel.com_kernel.sock"
    before = registration.identity(str(path))
    with Plugin(path) as plugin:
        plugin.tell(False, "not now")
    _wait_for_another(path, before)
    assert "the kubelet refused it: not now" in node.logged()
    with Plugin(path) as plugin:
        assert plugin.info().name == "intel.com/kernel"


def test_a_long_path_gets_a_short_socket(node: Daemon, kubelet: FakeKubelet) -> None:
    node.configure({"resourceName": "n" * 63, "resourcePrefix": "p" * 60 + ".example", "selectors": {}})
    node.start()
    request = kubelet.registered()
    assert len(request.endpoint) == 21
    with kubelet.plugin(request.endpoint) as plugin:
        assert len(next_ids(plugin.watch())) == 8


@vectors("dp", 85)
def test_socket_names() -> None:
    from sriov_device_plugin.kubelet.registration import socket_path

    assert socket_path("/a/plugins_registry", "fakename.fakesuffix", "x") == (
        "/a/plugins_registry/fakename.fakesuffix_x.sock"
    )


@vectors("dp", 93, differs=True)
def test_what_is_no_socket_is_not_removed(node: Daemon, kubelet: FakeKubelet) -> None:
    stranger = kubelet.folder / "intel.com_kernel.sock"
    stranger.write_text("not ours")
    node.start()
    assert kubelet.registered().resource_name == "intel.com/vfio"
    eventually(lambda: "can't listen on" in node.logged(), "the reason in the log")
    assert stranger.read_text() == "not ours"


def test_a_stale_kubelet_socket_is_waited_out(node: Daemon) -> None:
    folder = node.kubelet_root / "device-plugins"
    folder.mkdir()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(folder / "kubelet.sock"))
    node.start()
    node.told("READY=1")
    eventually(lambda: "no kubelet answers" in node.logged(), "the wait in the log")
    with FakeKubelet(node.kubelet_root) as kubelet:
        assert len(kubelet.both_registered()) == 2
