# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests of kernel arguments share: the plan, its steps carried out, and what the running kernel has."""

from __future__ import annotations

from ansible_collections.baremetal.sriov.plugins.module_utils.host.host import Host
from ansible_collections.baremetal.sriov.plugins.module_utils.kernel import arguments, cmdline
from ansible_collections.baremetal.sriov.plugins.module_utils.model.plan import Step

IOMMU = ("intel_iommu=on", "iommu=pt")
SHORTER = ("intel_iommu=on",)
NONE = ()


def plan(host: Host, wanted: tuple[str, ...]) -> list[Step]:
    return arguments.plan(wanted, arguments.read(host))


def bring(host: Host, wanted: tuple[str, ...]) -> list[str]:
    steps = plan(host, wanted)
    for step in steps:
        step.apply(host)
    return [step.kind for step in steps]


def bring_all(host: Host) -> None:
    """Ours, fewer of them, and none any more."""
    for wanted in (IOMMU, SHORTER, NONE):
        bring(host, wanted)


def running(host: Host) -> tuple[str, ...]:
    return cmdline.split(host.read_text("/proc/cmdline") or "")
