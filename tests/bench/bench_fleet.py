# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook plan over many nodes without a node: local hosts, each with a fake root of 2 PFs x 8 VFs of its own.

All parts are installed on each, by the code of the modules; a third of them has drifted.
fleet.plan_ratio: the playbook over 200 hosts, over a playbook with one ansible.builtin.ping over the same.
fleet.growth: the playbook's time for each of 500 hosts, over that for each of 50.
fleet.controller_rss_mib: the memory of the largest of the controller's processes, with 500 hosts.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest import mock

from figures import figure, main

from ansible_collections.baremetal.sriov.plugins.module_utils.bundle import interpreter, store
from ansible_collections.baremetal.sriov.plugins.module_utils.bundle import plan as bundle_plan
from ansible_collections.baremetal.sriov.plugins.module_utils.entry import bundle_module
from ansible_collections.baremetal.sriov.plugins.module_utils.entry.node_module import run_module
from ansible_collections.baremetal.sriov.plugins.module_utils.host.host import Completed, Host
from ansible_collections.baremetal.sriov.plugins.module_utils.node.concerns import WHOLE
from ansible_collections.baremetal.sriov.plugins.module_utils.node.run import MakeGoal, run
from ansible_collections.baremetal.sriov.plugins.module_utils.policy.node_spec import parse_spec
from ansible_collections.baremetal.sriov.plugins.module_utils.policy.resolve import resolve
from devtool.collection import clean_copy, environment
from support.fake_host import FakeHost
from support.node_runs import PF1, PF2, make_host, ran

HERE = Path(__file__).resolve().parent
PYTHON = "/usr/bin/python3"  # of a node, which runs both the modules and the services
VFS, MOST, MANY, FEW, PAIRS, FORKS = 8, 500, 200, 50, 2, 10
POLICIES = [
    {"name": "kernel", "resource_name": "kernel", "nic_selector": {"pf_names": ["enp1s0"]}, "num_vfs": VFS,
     "mtu": 2000},
    {"name": "dpdk", "resource_name": "dpdk", "nic_selector": {"pf_names": ["enp2s0"]}, "num_vfs": VFS,
     "device_type": "vfio-pci"},
]  # fmt: skip
PING = [{"hosts": "sriov_nodes", "gather_facts": False, "tasks": [{"ansible.builtin.ping": {}}]}]
# What the hosts have of these is one and the same for all: a root of its own each has of the kernel's and our records.
SHARED = ("usr", "opt", "etc/systemd", "var/lib/baremetal-sriov/bundles")


class Recorder(FakeHost):
    """Keeps what commands print; compiling is done by the real interpreter."""

    answers: dict[str, str]

    def run(self, argv: Any, **options: Any) -> Completed:
        done = Host.run(self, argv, **options) if argv[0] == PYTHON else super().run(argv, **options)
        self.answers[" ".join(argv)] = done.stdout
        return done


def with_python(host: FakeHost) -> None:
    """With systemd and the interpreter, which is asked in its own process."""
    host.fill({"run/systemd/system/": "", "etc/systemd/system/": "", "usr/bin/python3": ""})
    host.real("usr/bin/python3").chmod(0o755)


def asked_by(request: dict[str, Any]) -> MakeGoal:
    """What the playbook asks of the node itself."""
    spec = parse_spec(request["spec"])
    return lambda state: resolve(spec, state)


def installed(folder: Path, request: dict[str, Any], sources: Sequence[Path]) -> Recorder:
    """A host with all parts, as the roles would leave it. request: what the playbook asks of it."""
    host = make_host(folder / "root", kind=Recorder)
    assert isinstance(host, Recorder)
    host.answers = {}
    for address, name in ((PF1, "enp1s0"), (PF2, "enp2s0")):
        host.add_pf(address, name, VFS)
    with_python(host)
    run(host, asked_by(request), WHOLE, check=False)
    files = {hashlib.sha256(path.read_bytes()).hexdigest(): path
             for top in sources for path in top.rglob("*") if path.is_file()}  # fmt: skip
    python = interpreter.choose(host)
    for one in request["bundles"]:
        asked = bundle_module.request_of(one, bundle_module.variables_of(host, one, python))
        planned = bundle_plan.plan(host, asked, python)
        bundle_plan.apply(host, asked, planned, python, lambda sha256: files[sha256].read_bytes())
    return host


def answers(host: Recorder, request: dict[str, Any], folder: Path, steps: bool) -> None:
    """What commands print where the playbook plans this host."""
    host.answers = {}
    params = {**request, "bundles": list(request["bundles"])}
    result = ran(host, run_module, asked_by(request), WHOLE, check=True, params=params).result
    if result.get("failed") or bool(result["plan"]["steps"]) is not steps:
        raise RuntimeError(f"expected a plan with{'' if steps else 'out'} steps, found {result}")
    (folder / "answers").mkdir()
    for words, text in host.answers.items():
        (folder / "answers" / words.replace("/", "_")[:200]).write_text(text)


class Fleet:
    """A folder with hosts, and runs of ansible-playbook over them."""

    def __init__(self, folder: Path, copy: Path) -> None:
        self.folder, self.copy = folder, copy
        shutil.copy(HERE / "modules" / "fleet_node.py", copy / "plugins" / "modules" / "sriov_node.py")
        (folder / "ping.json").write_text(json.dumps(PING))

    def build(self) -> None:
        """First one host, to learn what the playbook asks for; then all."""
        same, drifted = self.folder / "same", self.folder / "drifted"
        self._host("h000", same)
        with_python(make_host(same / "root", kind=Recorder))
        (same / "answers").mkdir()
        request = self.folder / "request.json"
        told = self.output("baremetal.sriov.plan", 1, SRIOV_BENCH_REQUEST=str(request)).stdout
        if not request.exists():
            raise RuntimeError(f"the playbook asked for nothing:\n{told}")
        asked = json.loads(request.read_text())
        shutil.rmtree(same)
        cache = Path(environment()["HOME"]) / ".cache" / "baremetal-sriov" / "wheels"
        host = installed(same, asked, [self.copy, cache])
        shutil.copytree(same / "root", drifted / "root", symlinks=True)
        answers(host, asked, same, steps=False)
        host.base = drifted / "root"
        Host.__init__(host, str(host.base))
        host.nets["enp1s0"].mtu = 1400
        host.put("sys/class/net/enp1s0/mtu", "1400")
        answers(host, asked, drifted, steps=True)
        for number in range(MOST):
            kind = drifted if number % 3 == 0 else same
            own = self.folder / "hosts" / f"h{number:03}"
            self._host(own.name, own)
            shutil.copytree(kind / "root", own / "root", symlinks=True, ignore=_shared(kind / "root"))
            (own / "answers").symlink_to(kind / "answers")
            for path in SHARED:
                (own / "root" / path).parent.mkdir(parents=True, exist_ok=True)
                (own / "root" / path).symlink_to(same / "root" / path)

    def _host(self, name: str, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        program = self.folder / f"python-{name}"
        program.write_text(f'#!/bin/sh\nSRIOV_BENCH_ROOT={folder} exec {PYTHON} "$@"\n')
        program.chmod(0o755)

    def run(self, playbook: str, count: int) -> float:
        """Run it over the first hosts, which all have to answer; how long it takes."""
        started = time.monotonic()
        done = self.output(playbook, count)
        taken = time.monotonic() - started
        drifted = -(-count // 3)
        right = playbook == "ping.json" or f"{count - drifted} unchanged, {drifted} changes" in done.stdout
        if done.returncode or not right:
            raise RuntimeError(f"not as expected:\n{done.stdout[-6000:]}{done.stderr[-2000:]}")
        return taken

    def output(self, playbook: str, count: int, **more: str) -> subprocess.CompletedProcess[str]:
        """Run it over the first hosts."""
        hosts = {f"h{number:03}": {"ansible_python_interpreter": str(self.folder / f"python-h{number:03}")}
                 for number in range(count)}  # fmt: skip
        shared = {"ansible_connection": "local", "ansible_become": False, "sriov_policies": POLICIES}
        inventory = self.folder / "inventory.json"
        inventory.write_text(json.dumps({"all": {"vars": shared, "children": {"sriov_nodes": {"hosts": hosts}}}}))
        env = environment(self.copy.parents[2], ANSIBLE_PIPELINING="true", ANSIBLE_FORKS=str(FORKS), **more)
        own = {name: value for name, value in env.items() if not name.startswith("PYTHON")}
        argv = [sys.executable, "-m", "ansible.cli.playbook", "--inventory", str(inventory), playbook]
        return subprocess.run(argv, env=own, cwd=self.folder, capture_output=True, text=True, timeout=1800, check=False)


def _shared(root: Path) -> Any:
    """For copytree: leave out what all hosts share."""
    left = {str(root / path) for path in SHARED}
    return lambda folder, names: [name for name in names if f"{folder}/{name}" in left]


def measured() -> list[dict[str, Any]]:
    """Plan and ping in turn over many hosts; plan over all and over few of them between."""
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with clean_copy() as copy, tempfile.TemporaryDirectory(prefix="bench-fleet-", dir=memory) as folder:
        fleet = Fleet(Path(folder), copy)
        with mock.patch.object(store, "sync_folder"):
            fleet.build()
        fleet.run("baremetal.sriov.plan", FEW)
        turns = [(fleet.run("baremetal.sriov.plan", MANY), fleet.run("ping.json", MANY),
                  fleet.run("baremetal.sriov.plan", FEW), fleet.run("baremetal.sriov.plan", MOST))
                 for _turn in range(PAIRS)]  # fmt: skip
        # Of all that this process started: the runs above are the largest by far, and a host's modules small.
        mib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    plans, pings, few, most = zip(*turns)
    print("seconds:", [[round(value, 1) for value in turn] for turn in turns], flush=True)
    ratios, growth = [a / b for a, b in zip(plans, pings)], [(a / MOST) / (b / FEW) for a, b in zip(most, few)]
    than = f"a playbook with one ansible.builtin.ping over {MANY} local hosts"
    return [
        figure("fleet.plan_ratio", "ratio", ratios, than, value=statistics.median(ratios), limit=1.7),
        figure("fleet.growth", "ratio", growth, f"time for each of {FEW} hosts", limit=1.2),
        figure("fleet.controller_rss_mib", "MiB", [mib], limit=1024),
    ]


if __name__ == "__main__":
    sys.exit(main(__doc__, measured))
