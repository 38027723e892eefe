# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Metrics, liveness and readiness over HTTP, and systemd's watchdog."""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from sriov_device_plugin import __version__, metrics
from sriov_device_plugin.notify import Watchdog, notify
from support.dp_daemon import PROGRAM, Daemon, get
from support.fake_kubelet import FakeKubelet
from support.processes import eventually

PF = "0000:01:00.0"
VFS = [f"0000:01:10.{n}" for n in (0, 2, 4)]
SIDES = {side: {"bytes": 10, "packets": 2, "dropped": 0} for side in ("rx", "tx")}
LINK = [{"ifname": "enp1s0", "vfinfo_list": [{"vf": 0, "stats": SIDES}, {"vf": 1}, "junk", {"vf": 2, "stats": SIDES}]}]


@pytest.fixture
def node(daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Daemon:
    """Three VFs, and an `ip` that tells what LINK holds."""
    daemon.host.add(PF, name="enp1s0", totalvfs=7)
    daemon.host.add_vfs(PF, 3)
    daemon.configure({"resourceName": "vf", "selectors": {}})
    program = tmp_path / "bin" / "ip"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n[ \"$*\" = '-j -s link show dev enp1s0' ] && echo '{json.dumps(LINK)}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return daemon


def test_metrics(node: Daemon, kubelet: FakeKubelet, pod_resources: Any, port: int) -> None:
    container = pod_resources.pod_resources.add(name="p", namespace="n").containers.add(name="c")
    container.devices.add(resource_name="intel.com/vf", device_ids=[VFS[2]])
    container.devices.add(resource_name="example.com/gpu", device_ids=["0"])
    node.start("--metrics-port", str(port))
    kubelet.registered()
    eventually(lambda: "registered with the kubelet" in node.logged(), "registered")
    status, text = get(port, "/metrics")
    assert status == 200
    lines = text.splitlines()
    resource = 'resource="intel.com/vf"'
    for line in (
        f'sriov_device_plugin_info{{version="{__version__}"}} 1',
        "sriov_pod_resources_up{} 1",
        f"sriov_pool_devices{{{resource}}} 3",
        f"sriov_pool_healthy_devices{{{resource}}} 3",
        f"sriov_pool_allocated_devices{{{resource}}} 1",
        f"sriov_pool_registered{{{resource}}} 1",
        f'sriov_vf_receive_bytes_total{{{resource},device="{VFS[0]}",pf="enp1s0",vf="0",'
        'namespace="",pod="",container=""} 10',
        f'sriov_vf_transmit_packets_total{{{resource},device="{VFS[2]}",pf="enp1s0",vf="2",'
        'namespace="n",pod="p",container="c"} 2',
    ):
        assert line in lines
    assert not any(f'device="{VFS[1]}"' in line for line in lines), "its PF counts nothing for it"
    families = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(families) == len(set(families)) == 12
    assert node.stop() == 0


def test_without_the_kubelets_answer_the_rest_is_told(node: Daemon, kubelet: FakeKubelet, port: int) -> None:
    node.host.link("enp1s0", "down")
    node.start("--metrics-port", str(port), "--link-first-after", "0")
    kubelet.registered()
    _status, text = get(port, "/metrics")
    assert "sriov_pod_resources_up{} 0" in text and "sriov_pool_allocated" not in text
    assert 'sriov_pool_healthy_devices{resource="intel.com/vf"} 0' in text


def test_liveness_and_readiness(node: Daemon, port: int) -> None:
    node.start("--metrics-port", str(port))
    node.told("READY=1")
    assert get(port, "/healthz") == (200, "ok\n")
    assert get(port, "/readyz") == (503, "not registered with the kubelet: intel.com/vf\n")
    assert get(port, "/else")[0] == 404
    with FakeKubelet(node.kubelet_root):
        eventually(lambda: get(port, "/readyz") == (200, "ok\n"), "ready once the kubelet has taken the pool")


def test_silent_clients_do_not_keep_others_out(node: Daemon, port: int) -> None:
    node.start("--metrics-port", str(port))
    node.told("READY=1")
    silent = [socket.create_connection(("127.0.0.1", port)) for _turn in range(metrics.CLIENTS)]
    assert get(port, "/healthz")[0] == 200
    for client in silent:
        client.close()
    assert node.stop() == 0


def test_a_port_that_is_taken_keeps_no_device_from_pods(node: Daemon, kubelet: FakeKubelet) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        node.start("--metrics-port", str(other.getsockname()[1]))
        assert kubelet.registered().resource_name == "intel.com/vf"
    assert "no metrics on 127.0.0.1 port" in node.logged()


def test_no_scrape_loses_the_counters(node: Daemon, kubelet: FakeKubelet, port: int, tmp_path: Path) -> None:
    """Where Python starts programs with fork(), gRPC's handlers abort one child in a hundred unless they are off."""
    program = tmp_path / "bin/ip"
    program.write_text(f"{program.read_text()}echo \"handlers=$GRPC_ENABLE_FORK_SUPPORT\" >> {tmp_path}/called\n")
    node.start("--metrics-port", str(port))
    kubelet.registered()
    eventually(lambda: get(port, "/readyz")[0] == 200, "registered")
    for _turn in range(200):
        assert f'sriov_vf_receive_bytes_total{{resource="intel.com/vf",device="{VFS[0]}"' in get(port, "/metrics")[1]
    assert (tmp_path / "called").read_text() == "handlers=0\n" * 200
    assert "no counters" not in node.logged()


def test_a_failing_ip_is_told_once(node: Daemon, kubelet: FakeKubelet, port: int, tmp_path: Path) -> None:
    program = tmp_path / "bin/ip"
    working = program.read_text()
    failing = "#!/bin/sh\necho 'Device \"enp1s0\" does not exist.' >&2\nexit 1\n"
    node.start("--metrics-port", str(port))
    kubelet.registered()
    for text in (failing, failing, working, failing):
        program.write_text(text)
        assert ("sriov_vf_receive_bytes_total{" in get(port, "/metrics")[1]) == (text == working)
    told = "no counters of enp1s0 and its VFs: ip ended with status 1: 'Device \"enp1s0\" does not exist.\\n'"
    assert node.logged().count(told) == 2


@pytest.mark.parametrize("answer", ["", "[]", "{}", "[1]", '[{"vfinfo_list": 3}]', '[{"vfinfo_list": [{"vf": "0"}]}]'])
def test_odd_answers_of_ip_are_no_counters(node: Daemon, tmp_path: Path, answer: str) -> None:
    (tmp_path / "bin/ip").write_text(f"#!/bin/sh\necho '{answer}'\n")
    assert metrics._stats({"enp1s0"}) == {}


def test_label_values_are_escaped() -> None:
    metric = metrics.Metric("m", "gauge", "h", [({"a": 'x"\\\n'}, 0.5)])
    assert list(metric.lines())[-1] == 'm{a="x\\"\\\\\\n"} 0.5'


def test_it_loads_no_tls(node: Daemon, kubelet: FakeKubelet) -> None:
    node.start(program=(PROGRAM[0], "-X", "importtime", *PROGRAM[1:]))
    kubelet.registered()
    loaded = {line.rpartition("|")[2].strip() for line in node.logged().splitlines() if line.startswith("import time:")}
    assert "grpc" in loaded
    assert loaded & {"_ssl", "_hashlib"} == set()  # "ssl" is tried, and told as such


def test_the_watchdog_is_fed_while_the_loop_turns(node: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "400000")
    node.start()
    for _turn in range(3):
        node.told("WATCHDOG=1")
    assert node.stop() == 0


@pytest.mark.parametrize(("microseconds", "pid"), [("", ""), ("junk", ""), ("400000", "1")])
def test_without_a_watchdog_nothing_is_said(microseconds: str, pid: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr("sriov_device_plugin.notify.notify", lambda *states: not told.extend(states))
    monkeypatch.setenv("WATCHDOG_USEC", microseconds)
    monkeypatch.setenv("WATCHDOG_PID", pid)
    Watchdog().beat(1e9)
    assert told == []


def test_a_busy_service_manager_does_not_hold_us_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "n"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "n"))
        began = time.monotonic()
        answers = [notify(f"STATUS={number}") for number in range(2000)]
        assert answers[0] and not answers[-1]
        assert time.monotonic() - began < 10.0  # a message that waits would wait for ever
