# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the daemon ends: at a fault of its own, where another one serves the node, and with files that could hold it."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import grpc
import pytest

from support import dp_daemon
from support.dp_daemon import KERNEL, Daemon
from support.fake_kubelet import FakeKubelet, next_ids
from support.processes import DEADLINE, eventually
from support.vector_ids import finding

HELD = Path(dp_daemon.__file__).with_name("dp_held.py")
FAULTS = {
    "scan": "host.discovery:Scanner.scan", "links": "pool.health:Links.observe",
    "tend": "kubelet.registration:register", "withheld": "pool.withheld:Withheld.look",
}  # fmt: skip
# A fault from the moment on that a file is there.
FAULTY = """
import importlib, os, sys
sys.path[:0] = {paths!r}
module, _colon, name = {place!r}.partition(":")
holder = importlib.import_module("sriov_device_plugin." + module)
*parts, last = name.split(".")
for part in parts:
    holder = getattr(holder, part)
real = getattr(holder, last)
def faulty(*arguments, **more):
    if os.path.exists({trigger!r}):
        raise {error}
    return real(*arguments, **more)
setattr(holder, last, faulty)
from sriov_device_plugin.__main__ import main
sys.exit(main())
"""


def faulty(node: Daemon, place: str, error: str = "RuntimeError('a fault')") -> tuple[str, ...]:
    paths = [str(dp_daemon.PLUGIN), str(dp_daemon.SHARED.parent)]
    program = node.folder / "faulty.py"
    program.write_text(FAULTY.format(paths=paths, place=place, trigger=str(node.folder / "fault"), error=error))
    return sys.executable, str(program)


@pytest.mark.parametrize("place", [pytest.param(place, id=f"finding-dp-04-{name}") for name, place in FAULTS.items()])
def test_a_fault_in_the_loop_ends_it_at_once(node: Daemon, kubelet: FakeKubelet, place: str) -> None:
    node.start(program=faulty(node, place))
    with kubelet.plugin(kubelet.both_registered()["intel.com/kernel"]) as plugin:
        stream = plugin.watch()
        assert next_ids(stream) == KERNEL
        (node.folder / "fault").touch()
        assert node.process.wait(DEADLINE) == 1
        with pytest.raises((StopIteration, grpc.RpcError)):
            next(stream)
    assert "a fault of the device plugin" in node.logged() and "RuntimeError: a fault" in node.logged()
    assert [entry.name for entry in kubelet.folder.iterdir()] == ["kubelet.sock"], "its sockets are gone"


@pytest.mark.parametrize("error", [pytest.param("MemoryError()", id="finding-dp-04-memory"),
                                   pytest.param("RecursionError()", id="finding-dp-04-recursion"),
                                   pytest.param("SystemExit(0)", id="finding-dp-04-exit")])  # fmt: skip
def test_a_fault_of_any_kind_at_the_start(node: Daemon, error: str) -> None:
    (node.folder / "fault").touch()
    node.start(program=faulty(node, FAULTS["scan"], error))
    assert node.process.wait(DEADLINE) == 1
    assert "a fault of the device plugin" in node.logged()


@finding("finding-dp-11")
def test_a_second_one_takes_nothing_from_the_first(node: Daemon, kubelet: FakeKubelet) -> None:
    node.start()
    endpoint = kubelet.both_registered()["intel.com/kernel"]
    first = node.process
    with kubelet.plugin(endpoint) as plugin:
        stream = plugin.watch()
        assert next_ids(stream) == KERNEL
        node.start(program=(sys.executable, str(HELD), str(node.folder), '{"kubelet.instance:PATIENCE": 0.5}'))
        assert node.process.wait(DEADLINE) == 75
        assert stream.is_active() and first.poll() is None
        assert kubelet.requests.empty(), "nobody registered again"
    assert f"another device plugin serves this node (process {first.pid}," in node.logged()


@finding("finding-dp-11-takes-over")
def test_a_second_one_takes_over_when_the_first_ends(node: Daemon, kubelet: FakeKubelet) -> None:
    node.start()
    kubelet.both_registered()
    first = node.process
    node.start()
    eventually(lambda: "waiting for its end" in node.logged(), "the wait in the log")
    first.terminate()
    assert set(kubelet.both_registered()) == {"intel.com/kernel", "intel.com/vfio"}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("config.json", id="finding-dp-18-configuration"),
        pytest.param("k/device-plugins/kubelet_internal_checkpoint", id="finding-dp-18-checkpoint"),
        pytest.param("devinfo/dp/intel.com-kernel-0000:01:10.0-device.json", id="finding-dp-18-device-info"),
        pytest.param("host/run/baremetal-sriov/device-plugin/memory.json", id="finding-dp-18-memory"),
        pytest.param("host/var/lib/cni/sriov/withheld/0000:02:10.0", id="finding-dp-18-withheld"),
    ],
)
def test_a_fifo_in_a_files_place_keeps_nobody(node: Daemon, tmp_path: Path, name: str) -> None:
    path = tmp_path / name if name.startswith("host/") else node.folder / name
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(path)
    node.start()
    if path == node.config:
        assert node.process.wait(DEADLINE) == 78
        assert "can't be read: expected a regular file, found a FIFO" in node.logged()
        return
    node.told("READY=1")
    kernel = node.kubelet_root / "device-plugins"
    kernel.mkdir(exist_ok=True)
    eventually((kernel / "intel.com_kernel.sock").exists, "it serves")
    assert node.stop() == 0


@finding("finding-dp-21")
def test_a_mistake_in_one_pool_leaves_the_others(node: Daemon, kubelet: FakeKubelet) -> None:
    node.configure(dp_daemon.POOLS[0], {"resourceName": "wrong", "selectors": {"pfName": ["enp2s0"]}})
    node.start()
    assert kubelet.registered().resource_name == "intel.com/kernel"
    assert "mistakes in the configuration: 1" in node.told("READY=1")
    assert "resourceList[1].selectors.pfName: unknown key, did you mean pfNames?" in node.logged()
    assert kubelet.requests.empty()


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"resourceName": "w.w", "selectors": {}}, id="finding-dp-21-name"),
        pytest.param({"resourceName": "w"}, id="finding-dp-21-no-selectors"),
        pytest.param({"resourceName": "w", "deviceType": "gpu", "selectors": {}}, id="finding-dp-21-type"),
        pytest.param({"resourceName": "kernel", "selectors": {}}, id="finding-dp-21-twice"),
        pytest.param("junk", id="finding-dp-21-no-object"),
    ],
)
def test_what_is_sound_of_a_configuration(tmp_path: Path, wrong: Any) -> None:
    from sriov_device_plugin.errors import ConfigError
    from sriov_device_plugin.pool import config

    path = tmp_path / "config.json"
    path.write_text(json.dumps({"resourceList": [dp_daemon.POOLS[0], wrong, dp_daemon.POOLS[1]]}))
    loaded = config.load_sound(str(path), "intel.com")
    assert [pool.name for pool in loaded.pools] == ["kernel", "vfio"]
    assert loaded.problems and all(problem.startswith("resourceList[1]") for problem in loaded.problems)
    for nothing_sound in ([wrong], "junk"):
        path.write_text(json.dumps({"resourceList": nothing_sound}))
        if wrong != {"resourceName": "kernel", "selectors": {}} or nothing_sound == "junk":
            with pytest.raises(ConfigError):
                config.load_sound(str(path), "intel.com")


@finding("finding-dp-12-silent")
def test_silent_connections_do_not_starve_health(node: Daemon, port: int) -> None:
    import socket

    node.start("--metrics-port", str(port))
    node.told("READY=1")
    silent = [socket.create_connection(("127.0.0.1", port)) for _turn in range(300)]
    began = time.monotonic()
    assert dp_daemon.get(port, "/healthz") == (200, "ok\n")
    assert time.monotonic() - began < 3.0, "less than what a silent one is waited for"
    for client in silent:
        client.close()
    assert node.stop() == 0


@finding("finding-dp-12-port")
def test_a_port_that_is_taken_is_said_and_tried_again(node: Daemon, port: int) -> None:
    import socket

    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        program = (sys.executable, str(HELD), str(node.folder), '{"daemon:METRICS_AGAIN": 0.2}')
        node.start("--metrics-port", str(port), program=program)
        node.told(f"no metrics on 127.0.0.1 port {port}")
    eventually(lambda: f"metrics on 127.0.0.1 port {port}" in node.logged().split("tried again")[-1], "it is free")
    assert dp_daemon.get(port, "/healthz") == (200, "ok\n")
    assert node.logged().count("no metrics on") == 1
