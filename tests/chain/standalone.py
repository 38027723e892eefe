# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The emulated node and the chain's helpers for programs outside Molecule: the demo, the benchmarks, the long loops.

`make` runs them with tests/chain, tests/lab and tests/soak on the path.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import chain

from sriovlab import power, release
from sriovlab.guest import Lab

ROOT = Path(__file__).resolve().parents[2]
LAB = [sys.executable, str(ROOT / "tests" / "lab" / "lab.py")]
INVENTORY = ROOT / "extensions" / "molecule" / "default" / "inventory"
NVME = "/sys/bus/pci/devices/0000:03:00.0"
WANTED = {"kernel": 4, "dpdk": 7}


def start(pristine: bool, nodes: int = 1, system: str | None = None) -> Lab:
    """The first of the running nodes, from their pristine disk where asked, and the environment that `chain` reads.

    system: the nodes' release; else what the environment names, and for pristine nodes the usual one.
    """
    name = release.asked(system) or (release.USUAL if pristine else None)
    words = ["--nodes", str(nodes), *(["--release", name] if name else [])]
    subprocess.run([*LAB, "reset" if pristine else "up", *words], check=True)
    lab = Lab.from_state()
    folder = lab.kube().parent / "chain"
    folder.mkdir(mode=0o700, exist_ok=True)
    access = {"sriov_nodes": {"vars": {"sriov_kubeconfig": str(lab.kube())}}}
    (folder / "access.yml").write_text(json.dumps(access))
    os.environ["SRIOV_CHAIN_STATE"] = str(folder)
    inventories = [INVENTORY, lab.state.inventory, folder / "access.yml"]
    os.environ["SRIOV_CHAIN_INVENTORY"] = ":".join(map(str, inventories))
    return lab


def configured() -> Lab:
    """The running node with the chain's two policies, brought there where it is not so yet."""
    lab = start(pristine=False)
    if chain.offered(lab) != WANTED:
        site()
        chain.wait_offered(lab, WANTED)
    return lab


def site() -> chain.Run:
    """Run site as the chain does. Raises RuntimeError with its output where it fails."""
    run = chain.playbook("site")
    if run.status != 0:
        raise RuntimeError(f"baremetal.sriov.site failed:\n{run.output}")
    return run


def with_nvme(lab: Lab) -> Lab:
    """The node with the SR-IOV function that is no NIC in its free slot."""
    if lab.run(["test", "-e", NVME], check=False).returncode != 0:
        power.plug(lab.name)
        lab.wait_for("the NVMe", lambda: lab.run(["test", "-e", f"{NVME}/driver"], check=False).returncode == 0)
    return lab


def stop() -> None:
    """Power the node off."""
    subprocess.run([*LAB, "down"], check=True)
