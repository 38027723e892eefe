# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A DRA driver in the kubelet's plugins_registry is asked for its name, which is told; nobody else's is."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from sriov_device_plugin.api import pluginregistration_pb2 as watcher_api
from sriov_device_plugin.host.beside import Beside
from sriov_device_plugin.kubelet import dra
from sriov_device_plugin.kubelet.dra import DraDrivers
from support.dp_daemon import Daemon, get
from support.fake_kubelet import FakeKubelet, serve
from support.processes import eventually

DRIVER = "sriovnetwork.k8snetworkplumbingwg.io"


def plugin(path: Path, kind: str, name: str) -> Any:
    """Another plugin of the kubelet's."""
    info = watcher_api.PluginInfo(type=kind, name=name, endpoint=str(path), supported_versions=["v1"])
    method = "pluginregistration.Registration/GetInfo"
    return serve(path, method, lambda request, context: info, watcher_api.InfoRequest)


def test_the_drivers_among_the_kubelets_plugins(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dra, "ASK_SECONDS", 0.2)
    folder = short_path / "plugins_registry"
    drivers = DraDrivers(str(short_path), Beside())
    drivers.look(())
    assert drivers.names == {}
    folder.mkdir()
    (folder / "file").write_text("")
    with socket.socket(socket.AF_UNIX) as silent, plugin(folder / "csi.sock", "CSIPlugin", "csi.example"):
        silent.bind(str(folder / "silent.sock"))
        silent.listen()
        with plugin(folder / "d-reg.sock", dra.TYPE, DRIVER), plugin(folder / "ours.sock", dra.TYPE, "ours"):
            drivers.look([str(folder / "ours.sock")])
            assert drivers.names == {DRIVER: str(folder / "d-reg.sock")}
            monkeypatch.setattr(dra, "_driver", None)  # each socket is asked once
            drivers.look([str(folder / "ours.sock")])
            assert list(drivers.names) == [DRIVER]
        drivers.look(())
        assert drivers.names == {}


def test_it_is_told_in_the_log_and_the_metrics(node: Daemon, kubelet: FakeKubelet, port: int) -> None:
    with plugin(node.kubelet_root / "plugins_registry" / "d-reg.sock", dra.TYPE, f'{DRIVER}"\n'):
        node.start("--metrics-port", str(port))
        node.told("READY=1")
        eventually(lambda: f"the DRA driver {DRIVER}" in node.logged(), "the driver in the log")
        assert f'sriov_dra_driver{{driver="{DRIVER}\\""}} 1' in get(port, "/metrics")[1].splitlines()
