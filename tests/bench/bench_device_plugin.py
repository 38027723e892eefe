# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures of the device plugin, as a process of this machine over a made-up host.

dp.start_seconds, dp.start_512_seconds: exec to the kubelet's Register request, with 8 and 512 VFs.
dp.scan_4096_seconds, dp.scan_growth: one pass over 4,096 VFs; time for each of them, compared with 256.
dp.rss_mib: resident memory with 512 VFs, after a ListAndWatch and an Allocate.
dp.rss_over_bare_mib, dp.rss_over_bare_4096_mib: the same less that of a bare grpcio server, with 512 and 4,096 VFs.
dp.allocate_p50_ms, dp.allocate_p99_ms: 10,000 Allocate calls.
dp.allocate_ratio_p50, dp.allocate_ratio_p99: the same over calls of a bare server that answers with the same bytes.
dp.event_ms: a link's end, told by the kernel's netlink, to the ListAndWatch message; the hold of 200 ms is in it.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from figures import figure, main

from sriov_device_plugin.api import deviceplugin_pb2 as api
from sriov_device_plugin.host.discovery import Scanner
from support.dp_daemon import PROGRAM, Daemon
from support.dp_host import FakeHost
from support.fake_kubelet import FakeKubelet, Plugin, next_ids

STARTS = 7
SCANS = 7
CALLS, TURNS = 10_000, 20
EVENTS = 10
UNSHARE = ("unshare", "--net")
SERVER = """
import grpc, sys, time
from concurrent.futures import ThreadPoolExecutor
server = grpc.server(ThreadPoolExecutor(8))
answer = bytes.fromhex(sys.argv[2])
echo = grpc.unary_unary_rpc_method_handler(lambda request, context: answer)
server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("v1beta1.DevicePlugin", {"Allocate": echo})])
server.add_insecure_port("unix:" + sys.argv[1])
server.start()
print("up", flush=True)
time.sleep(600)
"""


def fill(host: FakeHost, vfs: int) -> list[str]:
    """PFs with up to 128 VFs each; returns the VFs' addresses."""
    made = []
    for bus in range(1, (vfs + 127) // 128 + 1):
        pf = f"0000:{bus:02x}:00.0"
        host.add(pf, name=f"eth{bus}", totalvfs=128, numa=bus % 2)
        host.link(f"eth{bus}")
        for index in range(min(128, vfs - len(made))):
            address = f"0000:{bus:02x}:{1 + index // 8:02x}.{index % 8}"
            host.add(address, name=f"eth{bus}v{index}", driver="iavf", numa=bus % 2)
            (host.pci(address) / "physfn").symlink_to(f"../{pf}")
            (host.pci(pf) / f"virtfn{index}").symlink_to(f"../{address}")
            made.append(address)
        (host.pci(pf) / "sriov_numvfs").write_text("128\n")
    return made


@contextlib.contextmanager
def node(vfs: int) -> Iterator[tuple[Daemon, FakeKubelet]]:
    """A configured device plugin that is not started, and a kubelet that is."""
    with tempfile.TemporaryDirectory(prefix="dp") as folder:
        host = FakeHost(Path(folder) / "host")
        fill(host, vfs)
        with Daemon(Path(folder), host) as daemon, FakeKubelet(daemon.kubelet_root) as kubelet:
            daemon.configure({"resourceName": "vf", "selectors": {"drivers": ["iavf"]}})
            yield daemon, kubelet


def bare_start() -> float:
    """Seconds that an interpreter needs to listen with gRPC on a socket, and no more."""
    return bare_server()[0]


def bare_server() -> tuple[float, float]:
    """Seconds to listen, and MiB of memory."""
    began = time.monotonic()
    with bare() as (process, _path):
        return time.monotonic() - began, rss(process.pid)


@contextlib.contextmanager
def bare(answer: bytes = b"") -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A server that does nothing but to answer each Allocate with these bytes, and its socket."""
    with tempfile.TemporaryDirectory(prefix="dp") as folder:
        command = [sys.executable, "-I", "-c", SERVER, f"{folder}/s", answer.hex()]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            try:
                yield process, Path(folder) / "s"
            finally:
                process.kill()


def rss(pid: int) -> float:
    """Resident memory in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:"))


def start(name: str, vfs: int) -> dict[str, Any]:
    """Exec to registered, and the same for a server without a task; in turns."""
    samples, base = [], []
    for _turn in range(STARTS):
        with node(vfs) as (daemon, kubelet):
            began = time.monotonic()
            daemon.start("--rescan-interval", "10")
            kubelet.registered()
            samples.append(time.monotonic() - began)
        base.append(bare_start())
    limit = 0.3 if vfs < 512 else None
    return figure(name, "s", samples, "a bare grpcio server", base=statistics.median(base), limit=limit)


def scans() -> list[dict[str, Any]]:
    """Passes over 4,096 and 256 VFs, in turns."""
    with tempfile.TemporaryDirectory(prefix="dp") as folder:
        hosts = {vfs: FakeHost(Path(folder) / str(vfs)) for vfs in (256, 4096)}
        for vfs, host in hosts.items():
            fill(host, vfs)
        seconds: dict[int, list[float]] = {vfs: [] for vfs in hosts}
        for _turn in range(SCANS):
            for vfs, host in hosts.items():
                scanner = Scanner(str(host.root))
                began = time.monotonic()
                found = scanner.scan(["02"])
                seconds[vfs].append(time.monotonic() - began)
                if sum(1 for device in found if device.pf_address) != vfs:
                    raise RuntimeError(f"{len(found)} functions found, of {vfs} VFs")
    growth = [large / small / 16 for large, small in zip(seconds[4096], seconds[256])]
    return [
        figure("dp.scan_4096_seconds", "s", seconds[4096], limit=1),
        figure("dp.scan_growth", "ratio", growth, "256 VFs, each", limit=1.3),
    ]


def memory() -> list[dict[str, Any]]:
    """With 512 and 4,096 VFs, after some passes; and a server without a task."""
    found = {}
    for vfs in (512, 4096):
        with node(vfs) as (daemon, kubelet):
            daemon.start("--rescan-interval", "1")
            with kubelet.plugin(kubelet.registered().endpoint) as plugin:
                ids = next_ids(plugin.watch())
                plugin.allocate(ids[:1])
                time.sleep(3 if vfs == 512 else 8)
                found[vfs] = rss(daemon.process.pid)
    base, than = bare_server()[1], "a bare grpcio server"
    return [
        figure("dp.rss_mib", "MiB", [found[512]], than, base=base, limit=40),
        figure("dp.rss_over_bare_mib", "MiB", [found[512] - base], than, base=base, limit=3),
        figure("dp.rss_over_bare_4096_mib", "MiB", [found[4096] - base], than, base=base, limit=7),
    ]


def percentile(samples: list[float], share: float) -> float:
    """The sample below which `share` of all lie."""
    return sorted(samples)[int(len(samples) * share)]


def _timed(plugin: Plugin, ids: list[str], calls: int) -> list[float]:
    samples = []
    for number in range(calls):
        began = time.perf_counter()
        plugin.allocate([ids[number % len(ids)]])
        samples.append((time.perf_counter() - began) * 1000)
    return samples


def allocate() -> list[dict[str, Any]]:
    """One device of 8 in each call."""
    with node(8) as (daemon, kubelet):
        daemon.start("--rescan-interval", "10")
        with kubelet.plugin(kubelet.registered().endpoint) as plugin:
            ids = next_ids(plugin.watch())
            answer = api.AllocateResponse(container_responses=plugin.allocate([ids[0]])).SerializeToString()
            samples, echoed = [], []
            with bare(answer) as served, Plugin(served[1]) as echo:
                _timed(plugin, ids, 100)
                _timed(echo, ids, 100)
                for _turn in range(TURNS):  # beside each other, whatever else the machine does
                    samples += _timed(plugin, ids, CALLS // TURNS)
                    echoed += _timed(echo, ids, CALLS // TURNS)
    figures = []
    # Wanted are 1.25 and 1.5. Of the time above the echo's, nearly half goes into a look at the device as it is now.
    for share, limit in ((0.50, 2), (0.99, 3)):
        ratio = percentile(samples, share) / percentile(echoed, share)
        than = "a bare echo of the same bytes"
        figures.append(figure(f"dp.allocate_ratio_p{share * 100:.0f}", "ratio", [ratio], than, limit=limit))
    for name, share, limit in (("dp.allocate_p50_ms", 0.50, 1), ("dp.allocate_p99_ms", 0.99, 3)):
        entry = figure(name, "ms", samples, value=percentile(samples, share), limit=limit)
        figures.append({**entry, "samples": []})  # ten thousand numbers would be most of the file
    return figures


def events() -> dict[str, Any]:
    """In a network namespace of its own, whose loopback interface makes the kernel speak."""
    samples = []
    with node(8) as (daemon, kubelet):
        daemon.start("--rescan-interval", "3600", program=(*UNSHARE, *PROGRAM))
        with kubelet.plugin(kubelet.registered().endpoint) as plugin:
            stream = plugin.watch()
            next(stream)
            for turn in range(2 * EVENTS):
                state = "down" if turn % 2 == 0 else "up"
                began = time.monotonic()
                daemon.host.link("eth1", state)
                other = "up" if turn % 2 == 0 else "down"  # it begins down, and only a change is told
                say = ["nsenter", "--target", str(daemon.process.pid), "--net", "ip", "link", "set", "lo", other]
                subprocess.run(say, check=True)
                devices = next(stream).devices
                if state == "down":
                    samples.append((time.monotonic() - began) * 1000)
                wanted = "Healthy" if state == "up" else "Unhealthy"
                if {device.health for device in devices} != {wanted}:
                    raise RuntimeError(f"the link is {state}, and the message says otherwise")
                time.sleep(0.1)
    return figure("dp.event_ms", "ms", samples, limit=1000)


def measured() -> list[dict[str, Any]]:
    """All of them."""
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
    figures = [start("dp.start_seconds", 8), start("dp.start_512_seconds", 512)]
    return [*figures, *scans(), *memory(), *allocate(), events()]


if __name__ == "__main__":
    sys.exit(main(__doc__, measured))
