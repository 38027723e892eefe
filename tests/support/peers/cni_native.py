# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our CNI plugin beside host-device here, in a network namespace with a veth in the VF's place."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cni_native

from sriovlab import peers
from support.peers import cni_run
from support.peers.cni_table import SCENARIOS

# The PF stays; the VF is made anew for each scenario: a veth ends with the namespace that it is in, a moment later.
LANES = 4
MAC = "02:00:00:00:ee:01"
AGAIN = f"""
ip link del benchpeer 2>/dev/null
while ip link show benchpeer >/dev/null 2>&1; do sleep 0.02; done
ip link add {cni_native.VF_NAME} address {MAC} type veth peer name benchpeer || exit 1
ip link set benchpeer up
ip link show {cni_native.PF_NAME} >/dev/null 2>&1 || ip link add {cni_native.PF_NAME} type veth peer name benchpfp
"""



def lacking() -> str:
    """What this machine has not got; "" for nothing."""
    if os.geteuid():
        return "root: plugins are called in network namespaces"
    return "" if peers.there(peers.CNI_PLUGINS) else "the Go CNI plugins, which `make lab` builds"


def run(folder: Path, only: tuple[str, ...] = ()) -> dict[str, Any]:
    """What cni_run tells of the scenarios without a real VF; in several worlds at once, since it mostly waits."""
    scenarios = [asdict(one) for one in SCENARIOS if not one.needs and (not only or one.id in only)]
    found: dict[str, Any] = {"theirs": {}, "ours": {}, "left": {}}
    with ThreadPoolExecutor(LANES) as threads:
        for told in threads.map(lambda lane: _lane(folder / str(lane), scenarios[lane::LANES]), range(LANES)):
            for name, part in told.items():
                found[name].update(part)
    return found


def _lane(folder: Path, scenarios: list[dict[str, Any]]) -> dict[str, Any]:
    """Some of them, in a network namespace of their own, with an installation of their own."""
    folder.mkdir()
    program, there = cni_native.install_for_veth(folder), peers.built(peers.CNI_PLUGINS)
    plan = {
        "folder": str(folder / "leases"), "cni_path": str(there.folder), "clean": [str(folder / "state")],
        "netns": f"peers-{os.getpid()}-{folder.name}",
        "vfs": {"": {"name": cni_native.VF_NAME, "address": cni_native.VF, "pf": "", "index": 0, "again": AGAIN}},
        "sides": {
            "theirs": {"host-device": {"program": str(there.program("host-device")),
                                       "config": {"type": "host-device", "device": cni_native.VF_NAME}}},
            "ours": {"host-device": {"program": str(program),
                                     "config": {"type": "sriov", "deviceID": cni_native.VF}}},
        },
        "scenarios": scenarios,
    }  # fmt: skip
    argv = ["unshare", "--net", sys.executable, "-I", cni_run.__file__]
    done = subprocess.run(argv, input=json.dumps(plan), stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found
