# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our CNI plugin beside the Go ones here, in a network namespace with a veth in the VF's place.

The Go sriov-cni reads /sys: it has a mount namespace with a made-up one, which follows where the veth is.
"""

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
from support import cni_code
from support.peers import cni_run
from support.peers.cni_table import SCENARIOS

# The PF stays; the VF is made anew for each scenario: a veth ends with the namespace that it is in, a moment later.
LANES = 4
MAC = "02:00:00:00:ee:01"
AGAIN = f"""
ip link del benchpeer 2>/dev/null
tries=500
while [ $tries -gt 0 ] && ip link show benchpeer >/dev/null 2>&1; do tries=$((tries - 1)); sleep 0.02; done
ip link add {cni_native.VF_NAME} address {MAC} type veth peer name benchpeer || exit 1
ip link set benchpeer up
ip link show {cni_native.PF_NAME} >/dev/null 2>&1 || ip link add {cni_native.PF_NAME} type veth peer name benchpfp
"""


# It has the folder of its state for itself, too.
SRIOV = """#!/bin/sh
exec unshare --mount sh -c '
set -e
mount --make-rprivate /
mount --bind {folder}/sysfs /sys
mkdir -p /var/lib/cni/sriov
mount --bind {folder}/state-of-go /var/lib/cni/sriov
if ip link show {vf} >/dev/null 2>&1; then mkdir -p {net}; else rm -rf {net}; fi
exec {program}'
"""


def sriov_cni(folder: Path) -> Path:
    """A program that runs the Go sriov-cni on its own sysfs."""
    pf, vf = (folder / "sysfs/bus/pci/devices" / address for address in (cni_native.PF, cni_native.VF))
    (pf / "net" / cni_native.PF_NAME).mkdir(parents=True)
    (vf / "net").mkdir(parents=True)
    (vf / "physfn").symlink_to(f"../{pf.name}")
    (vf / "driver").symlink_to("../../drivers/igbvf")
    (pf / "virtfn0").symlink_to(f"../{vf.name}")
    (pf / "sriov_numvfs").write_text("1\n")
    interface = folder / "sysfs/class/net" / cni_native.PF_NAME
    interface.mkdir(parents=True)
    (interface / "device").symlink_to(f"../../../bus/pci/devices/{pf.name}")
    (folder / "state-of-go").mkdir()
    program = peers.built(peers.SRIOV_CNI).program("sriov")
    net = f"/sys/bus/pci/devices/{vf.name}/net/{cni_native.VF_NAME}"
    text = SRIOV.format(folder=folder, vf=cni_native.VF_NAME, net=net, program=program)
    return cni_code.put(folder / "sriov-cni", text)


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
    ours = {"program": str(program), "config": {"type": "sriov", "deviceID": cni_native.VF}}
    plan = {
        "folder": str(folder / "leases"), "cni_path": str(there.folder),
        "clean": [str(folder / "state"), str(folder / "state-of-go")],
        "netns": f"peers-{os.getpid()}-{folder.name}",
        "vfs": {"": {"name": cni_native.VF_NAME, "address": cni_native.VF, "pf": "", "index": 0, "again": AGAIN}},
        "sides": {
            "theirs": {"host-device": {"program": str(there.program("host-device")),
                                       "config": {"type": "host-device", "device": cni_native.VF_NAME}},
                       "sriov-cni": {**ours, "program": str(sriov_cni(folder))}},
            "ours": {"host-device": ours, "sriov-cni": ours},
        },
        "scenarios": scenarios,
    }  # fmt: skip
    argv = ["unshare", "--net", sys.executable, "-I", cni_run.__file__]
    done = subprocess.run(argv, input=json.dumps(plan), stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found
