# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The node library without a node: how long it takes to see that nothing is to be done, and to plan for many VFs.

node.nochange_ratio: a call of sriov_node that changes nothing, 2 PFs with 64 VFs each on a fake root, over one
ansible.builtin.ping on the same (local) connection; each in turn, in one playbook run. The node library is installed,
as on every node that the role configured.
node.nochange_bare_ratio: the same call where the library is not installed, as in a plan for a new node.
node.nochange_cpu_ms: CPU time, user and system, of that module's own process from its start to its end.
drift.pass_ratio: CPU time of a pass of the drift timer over the same 128 VFs, all right, with what it starts, over that
of the bare interpreter; in turn.
node.durable_writes: files that are written durably, by a first run that makes 64 VFs, outside sysfs and /run.
plan.4096_vfs_seconds: CPU time to resolve a policy and plan 4,096 VFs of 32 PFs that are yet to be made.
plan.growth: that time for each VF, over the time for each VF at 256 VFs of 2 PFs.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from figures import figure, main

from ansible_collections.baremetal.sriov.plugins.module_utils import import_cache
from ansible_collections.baremetal.sriov.plugins.module_utils.host.host import Host
from ansible_collections.baremetal.sriov.plugins.module_utils.model.state import NodeState, Pf
from ansible_collections.baremetal.sriov.plugins.module_utils.node.concerns import Files, Pfs
from ansible_collections.baremetal.sriov.plugins.module_utils.node.plan import make_plan
from ansible_collections.baremetal.sriov.plugins.module_utils.policy.node_spec import node_spec, parse_spec
from ansible_collections.baremetal.sriov.plugins.module_utils.policy.resolve import resolve
from support.bundle_host import Bundle, BundleHost
from support.fake_host import FakeHost
from support.node_runs import PF1, PF2, present

HERE = Path(__file__).resolve().parent
LIBRARY = HERE.parents[1] / "plugins" / "module_utils"

VFS, PAIRS = 64, 25
PASSES = 15
MANY, FEW, PER_PF, TURNS = 4096, 256, 128, 9
POLICIES = [
    {"name": "kernel", "resource_name": "kernel", "nic_selector": {"pf_names": ["enp1s0"]}, "num_vfs": VFS},
    {"name": "dpdk", "resource_name": "dpdk", "nic_selector": {"pf_names": ["enp2s0"]}, "num_vfs": VFS,
     "device_type": "vfio-pci"},
]  # fmt: skip


def install_library(root: Path) -> None:
    """What the role `node` ships of the library, put there and compiled by the code of its module."""
    shipped = Bundle(BundleHost(root), "node")
    shipped.compiled = True
    for file in sorted(LIBRARY.rglob("*.py")):
        shipped.files[f"{import_cache.FOLDER}/{file.relative_to(LIBRARY)}"] = file.read_bytes()
    shipped.run()


def nochange(folder: Path) -> list[dict[str, Any]]:
    """Build the fake root, bring it to its goal, then let Ansible call the module on it in turn with ping."""
    root = folder / "root"
    host = FakeHost(root)
    for address, name in ((PF1, "enp1s0"), (PF2, "enp2s0")):
        host.add_pf(address, name, VFS)
    host.add_grub('GRUB_CMDLINE_LINUX_DEFAULT="quiet intel_iommu=on iommu=pt"\n')
    present(host, POLICIES[:1])
    files = [line.split()[1] for line in host.log if line.startswith(("write /", "remove /"))]
    durable = [path for path in files if not path.startswith("/run/")]
    present(host, POLICIES)
    install_library(root)
    links = folder / "links.json"
    links.write_text(json.dumps(host._ip_json(["-d", "link", "show"])))
    call = {"bench_node": {"root": str(root), "links": str(links), "spec": node_spec(POLICIES)}}
    cpu = folder / "cpu"
    configured = {**call, "environment": {"SRIOV_BENCH_LIBRARY": str(root), "SRIOV_BENCH_CPU": str(cpu)}}
    bare = {**call, "environment": {"SRIOV_BENCH_LIBRARY": str(folder / "bare")}}
    seconds = task_seconds(folder, [{"ansible.builtin.ping": {}}, configured, bare])
    pings = seconds[0]
    ratios = [
        figure(
            name,
            "ratio",
            [own / other for own, other in zip(ours, pings)],
            "one ansible.builtin.ping, local connection",
            value=statistics.median(ours) / statistics.median(pings),
            limit=limit,
        )
        for name, ours, limit in zip(("node.nochange_ratio", "node.nochange_bare_ratio"), seconds[1:], (1.4, None))
    ]
    spent = [float(line) * 1000 for line in cpu.read_text().splitlines()][1:]
    return [
        *ratios,
        figure("node.nochange_cpu_ms", "ms", spent, limit=250, runs=5),
        figure("node.durable_writes", "files", [len(durable)], limit=10, runs=1),
        drift_pass(root, links),
    ]


def drift_pass(root: Path, links: Path) -> dict[str, Any]:
    """CPU seconds of a pass, and of an interpreter that does nothing."""
    python = os.path.realpath(sys.executable)
    passes, bare = [], []
    for _turn in range(PASSES + 1):
        passes.append(child_cpu([python, "-I", str(HERE / "drift_pass.py"), str(root), str(links)]))
        bare.append(child_cpu([python, "-I", "-c", "pass"]))
    value = statistics.median(passes[1:]) / statistics.median(bare[1:])
    samples = [own / other for own, other in zip(passes[1:], bare[1:])]
    return figure("drift.pass_ratio", "ratio", samples, "the bare interpreter", value=value, limit=8)


def child_cpu(argv: list[str]) -> float:
    """CPU seconds, user and system, of a program that has to end well, and of what it starts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode or done.stdout:
        raise RuntimeError(f"a pass found something to do:\n{done.stdout}{done.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def task_seconds(folder: Path, tasks: list[dict[str, Any]]) -> list[tuple[float, ...]]:
    """How long each task takes, PAIRS times in turn in one play after a first turn that warms up."""
    play = {"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks * (PAIRS + 1)}
    (folder / "play.yml").write_text(json.dumps([play]))
    log = folder / "log"
    # With PYTHONUNBUFFERED, Python would read a module from its standard input byte by byte, as it does on no node.
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment = {**own, "ANSIBLE_LIBRARY": str(HERE / "modules"), "TASK_SECONDS_LOG": str(log),
                   "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback_plugins"), "ANSIBLE_PIPELINING": "true",
                   "ANSIBLE_CALLBACKS_ENABLED": "task_seconds", "ANSIBLE_PYTHON_INTERPRETER": sys.executable}
    argv = [sys.executable, "-m", "ansible.cli.playbook", "--inventory=localhost,", str(folder / "play.yml")]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode or "changed=0 " not in done.stdout:
        raise RuntimeError(f"the module failed or changed something:\n{done.stdout}{done.stderr}")
    taken = [float(line.split()[1]) for line in log.read_text().splitlines()][len(tasks) :]
    if len(taken) != PAIRS * len(tasks):
        raise RuntimeError(f"expected {PAIRS} turns of {len(tasks)} tasks, found the times of {len(taken)} tasks")
    return [tuple(taken[number :: len(tasks)]) for number in range(len(tasks))]


def seconds_to_plan(vfs: int) -> float:
    """CPU seconds from the specification to the plan's JSON form; nothing is there yet."""
    policies = [
        {"name": "all", "resource_name": "all", "nic_selector": {"vendor": "8086"}, "num_vfs": PER_PF,
         "device_type": "vfio-pci", "vfs": [{"indices": list(range(PER_PF)), "trust": True}]},
    ]  # fmt: skip
    spec = node_spec(policies)
    pfs = tuple(
        Pf(
            f"0000:{number:02x}:00.0",
            vendor="8086",
            device="1592",
            driver="ice",
            name=f"ens{number}",
            total_vfs=PER_PF,
            autoprobe=True,
            up=True,
        )
        for number in range(vfs // PER_PF)
    )
    started = time.process_time()
    state = NodeState(pfs=pfs)
    goal = resolve(parse_spec(spec), state)
    plan = make_plan(goal, state, [concern(Host(), goal, state) for concern in (Pfs, Files)]).as_dict()
    taken = time.process_time() - started
    if len(plan["steps"]) < 2 * vfs:
        raise RuntimeError(f"expected steps for {vfs} VFs, found {len(plan['steps'])} steps")
    return taken


def planning() -> list[dict[str, Any]]:
    """Both sizes in turn."""
    pairs = [(seconds_to_plan(MANY), seconds_to_plan(FEW)) for _turn in range(TURNS)]
    many, few = zip(*pairs)
    growth = (min(many) / MANY) / (min(few) / FEW)
    samples = [(one / MANY) / (other / FEW) for one, other in pairs]
    return [
        figure("plan.4096_vfs_seconds", "s", list(many), limit=1),
        figure("plan.growth", "ratio", samples, f"time for each VF at {FEW} VFs", value=growth, limit=1.3),
    ]


def measured() -> list[dict[str, Any]]:
    """All of them."""
    with tempfile.TemporaryDirectory(prefix="bench-node-") as folder:
        return [*nochange(Path(folder)), *planning()]


if __name__ == "__main__":
    sys.exit(main(__doc__, measured))
