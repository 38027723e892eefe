# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run of site that is refused: what it says, and that it changed nothing."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import chain

from sriovlab.guest import Lab

Snapshot = dict[str, list[Any]]
KERNEL = {"name": "kernel", "resource_name": "kernel", "nic_selector": {"pf_names": ["enp1s0"]}, "num_vfs": 4}


def refused(lab: Lab, before: Snapshot, policies: list[dict[str, Any]], **variables: Any) -> str:
    """Run site with these policies: it must fail and change nothing. Returns the output on one line."""
    boot = lab.boot_id()
    stamp = chain.stamp(lab)
    # Without the inventory's networks, whose pools these policies need not make.
    given = {"sriov_policies": policies, "sriov_networks": [], "sriov_reboot_ok": True, **variables}
    run = chain.playbook("site", given)
    assert run.status != 0, run.output
    assert chain.written_since(lab, stamp) == []
    assert chain.difference(before, chain.snapshot(lab)) == []
    assert lab.boot_id() == boot
    for address in chain.PFS.values():
        path = f"/sys/bus/pci/devices/{address}/sriov_numvfs"
        assert lab.read(path).strip() == "0"
    return " ".join(run.output.split())


@contextmanager
def prepared(lab: Lab, make: list[str], undo: list[str]) -> Iterator[None]:
    """Run commands on the node, and their opposites at the end whatever happens."""
    try:
        for line in make:
            lab.run(shlex.split(line))
        yield
    finally:
        for line in undo:
            lab.run(shlex.split(line), check=False)
