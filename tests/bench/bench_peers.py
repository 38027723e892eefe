# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Both plugins beside upstream's in Go (tests/lab/peers), each in turn.

Here, over one made-up host with two PFs and eleven VFs, the device plugins:
peers.dp_start_ratio: exec to the kubelet's Register request.
peers.dp_allocate_ratio: Allocate of one device, the median of many calls.
peers.dp_rss_ratio: resident memory after those.
On the emulated node, on the same VF, with host-local, the CNI plugin by its service:
peers.sriov_cni_add_ratio, peers.sriov_cni_del_ratio: the Go sriov-cni of 2019, both with a VLAN.
peers.host_device_add_ratio, peers.host_device_del_ratio: host-device 1.10, both without (with one: bench_cni.py).
`--native` leaves the emulated node out.
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

import bench_cni
from bench_device_plugin import rss
from figures import figure, main

from sriovlab import peers
from support.peers import dp_native, dp_run, dp_table

STARTS, CALLS, TURNS, ROUNDS = 7, 500, 4, 40
# Stands in the namespaces for as long as its standard input is open; says when they are ready.
HOLDER = """
set -e
mount --make-rprivate /
mount -t tmpfs none /var/lib
mount -t tmpfs none /run
ln -s {folder}/theirs/k /var/lib/kubelet
ln -s {folder}/theirs/i /run/k8s.cni.cncf.io
"""


@contextlib.contextmanager
def sides(folder: Path) -> Iterator[dict[str, list[str]]]:
    """What starts each in the same namespaces, which are made once."""
    ours = dp_native.sides(dp_native.node(folder / "h"))["ours"]
    names = " ".join(sorted(path.name for path in (folder / "h/sys/class/net").iterdir()))
    shell = (HOLDER + dp_native.HERE + "echo ready; exec cat").replace("{folder}", str(folder))
    shell = shell.replace("{root}", str(folder / "h")).replace("{names}", names)
    (folder / ".cache").mkdir()
    (folder / ".cache/pci.ids").write_text("8086  Intel\n\t10ca  VF\nC 02  Network\n\t00  Ethernet\n")
    argv = ["unshare", "--mount", "--net", "sh", "-c", shell]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        if holder.stdout.readline() != b"ready\n":
            raise RuntimeError("the namespaces could not be made")
        enter = ["nsenter", f"--target={holder.pid}", "--mount", "--net", "env", f"HOME={folder}"]
        program = str(peers.built(peers.DEVICE_PLUGIN).program("sriovdp"))
        theirs = [program, "-logtostderr", "-config-file={config}"]
        yield {"ours": [*enter, *ours], "theirs": [*enter, *theirs]}


def device_plugins() -> list[dict[str, Any]]:
    """Starts in turn; then both run, and are asked in turn."""
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
    (case,) = ({**one, "id": "bench"} for one in dp_table.plan() if one["id"] == "drivers-two")
    samples: dict[str, list[float]] = {"ours": [], "theirs": []}
    with tempfile.TemporaryDirectory(prefix="p", dir=dp_native.SHORT) as text, sides(Path(text)) as argvs:
        for _turn in range(STARTS):
            for name, argv in argvs.items():
                with dp_run.Started(Path(text, name), argv, case, 60) as started:
                    started.kubelet.registered()
                    samples[name].append(time.monotonic() - started.began)
        calls, sizes = _asked(Path(text), argvs, case)
    what = "the Go device plugin"
    for name in argvs:
        start, call = (1000 * statistics.median(taken[name]) for taken in (samples, calls))
        print(f"{name}: registered after {start:.0f} ms, Allocate {call:.2f} ms, {sizes[name]:.1f} MiB")
    return [bench_cni.ratio("peers.dp_start_ratio", samples["ours"], samples["theirs"], what),
            bench_cni.ratio("peers.dp_allocate_ratio", calls["ours"], calls["theirs"], what),
            figure("peers.dp_rss_ratio", "ratio", [sizes["ours"] / sizes["theirs"]], what)]


def _asked(
    folder: Path, argvs: dict[str, list[str]], case: dict[str, Any]
) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Seconds of Allocate, a median for each turn; MiB."""
    calls: dict[str, list[float]] = {name: [] for name in argvs}
    with contextlib.ExitStack() as stack:
        plugins, pids = {}, {}
        for name, argv in argvs.items():
            started = stack.enter_context(dp_run.Started(folder / name, argv, case, 60))
            plugins[name] = stack.enter_context(started.kubelet.plugin(started.kubelet.registered().endpoint))
            next(plugins[name].watch())
            pids[name] = started.process.pid
        for turn in range(TURNS + 1):
            for name, plugin in plugins.items():
                taken = []
                for number in range(CALLS):
                    began = time.perf_counter()
                    plugin.allocate([dp_table.ALL[number % len(dp_table.ALL)]])
                    taken.append(time.perf_counter() - began)
                if turn:  # the first warms up
                    calls[name].append(statistics.median(taken))
        return calls, {name: rss(pid) for name, pid in pids.items()}


def cni_plugins() -> list[dict[str, Any]]:
    """On the node."""
    node, found = bench_cni.Node(), []
    vf, folder = node.vfs[0], bench_cni.NODE
    ipam = {"type": "host-local", "dataDir": f"{folder}/leases", "subnet": "198.51.100.0/24"}
    for key, group, program, version, theirs, both in (
        ("sriov_cni", peers.SRIOV_CNI, "sriov", "0.3.1", {"type": "sriov", "deviceID": vf}, {"vlan": 100}),
        ("host_device", peers.CNI_PLUGINS, "host-device", "1.0.0", {"type": "host-device", "pciBusID": vf}, {}),
    ):
        node.lab.put(peers.built(group).program(program).read_bytes(), f"{folder}/peer-{program}", 0o755)
        calls = {"ours": (bench_cni.WARM, {"type": "sriov", "deviceID": vf}),
                 "theirs": (f"{folder}/peer-{program}", theirs)}  # fmt: skip
        plan = {"rounds": ROUNDS, "sides": {
            name: [{"program": path, "config": {"cniVersion": version, "name": f"peers-{name}", "ipam": ipam, **own,
                                                **both}}]
            for name, (path, own) in calls.items()
        }}  # fmt: skip
        taken = node.measure(plan, 900)
        for command in ("ADD", "DEL"):
            found.append(bench_cni.ratio(f"peers.{key}_{command.lower()}_ratio", taken["ours"][command],
                                         taken["theirs"][command], f"{program} {command}"))  # fmt: skip
    node.stop()
    return found


if __name__ == "__main__":
    sys.exit(main(__doc__, device_plugins, cni_plugins))
