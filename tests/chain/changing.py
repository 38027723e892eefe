# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes of a configured node, for the chain and the group `changes`: policies, runs of site, what came of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import chain
import pytest

from sriovlab.guest import Lab

KERNEL = {"name": "kernel", "resource_name": "kernel", "nic_selector": {"pf_names": ["enp1s0"]}, "num_vfs": 4}
DPDK = {"name": "dpdk", "resource_name": "dpdk", "nic_selector": {"pf_names": ["enp2s0"]}, "num_vfs": 7,
        "device_type": "vfio-pci"}  # fmt: skip
# The node's part alone: plugins, networks and the cluster's view have their turn in the runs without it.
NODE = ("--tags", "validate,node")
COUNT = "/sys/bus/pci/devices/{}/sriov_numvfs"


def policies(*changed: dict[str, Any]) -> dict[str, Any]:
    """Extra variables: the chain's two policies, with these in the places of those of the same name."""
    by_name = {policy["name"]: policy for policy in (KERNEL, DPDK)}
    by_name.update({policy["name"]: {**by_name.get(policy["name"], {}), **policy} for policy in changed})
    return {"sriov_policies": list(by_name.values())}


def site(variables: dict[str, Any] | None = None, *options: str) -> chain.Run:
    """A run of site that has to succeed, and reboots nothing."""
    run = chain.playbook("site", {"sriov_reboot_ok": False, **(variables or {})}, *options)
    assert run.status == 0, run.output
    return run


def words(run: chain.Run) -> str:
    """The output on one line: YAML folds long messages."""
    return " ".join(run.output.split())


def drivers(lab: Lab) -> dict[str, list[str]]:
    """The drivers of the VFs of each PF."""
    return {pf: [vf["driver"] for vf in chain.vfs(lab, pf)] for pf in chain.PFS}


def identities(lab: Lab, pf: str) -> str:
    """Inodes of a PF's VFs in sysfs: VFs that were made anew have other ones."""
    return lab.run(["sh", "-c", f"ls -di /sys/bus/pci/devices/{chain.PFS[pf]}/virtfn*/driver_override"]).stdout


def set_count(lab: Lab, pf: str, count: int) -> None:
    """What somebody does by hand."""
    lab.run(["sh", "-c", f"echo {count} > {COUNT.format(chain.PFS[pf])}"])


@pytest.fixture
def untouched(lab: Lab) -> Iterator[None]:
    """Whatever the test runs, no file of the node is written, no VF made, and there is no reboot."""
    before = (lab.boot_id(), chain.num_vfs(lab), drivers(lab), chain.snapshot(lab))
    stamp = chain.stamp(lab)
    yield
    assert chain.written_since(lab, stamp) == []
    after = (lab.boot_id(), chain.num_vfs(lab), drivers(lab), chain.snapshot(lab))
    assert before[:3] == after[:3]
    assert chain.difference(before[3], after[3]) == []
