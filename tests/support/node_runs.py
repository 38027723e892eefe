# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the node library share: a host with two PFs, runs on it, and kernel arguments alone on any."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable
from unittest import mock

from ansible_collections.baremetal.sriov.plugins.module_utils.entry.results import Module
from ansible_collections.baremetal.sriov.plugins.module_utils.host.host import Host
from ansible_collections.baremetal.sriov.plugins.module_utils.kernel import arguments, cmdline
from ansible_collections.baremetal.sriov.plugins.module_utils.model.goal import Goal, NodeOptions
from ansible_collections.baremetal.sriov.plugins.module_utils.model.plan import Step
from ansible_collections.baremetal.sriov.plugins.module_utils.model.state import NodeState
from ansible_collections.baremetal.sriov.plugins.module_utils.node.concerns import WHOLE
from ansible_collections.baremetal.sriov.plugins.module_utils.node.run import Outcome, run
from ansible_collections.baremetal.sriov.plugins.module_utils.policy.node_spec import node_spec, parse_spec
from ansible_collections.baremetal.sriov.plugins.module_utils.policy.resolve import resolve
from support.fake_host import FakeHost

PF1, PF2 = "0000:01:00.0", "0000:02:00.0"
PLUGIN = "baremetal-sriov-device-plugin.service"

KERNEL = {
    "name": "kernel",
    "resource_name": "kernel",
    "nic_selector": {"pf_names": ["enp1s0"]},
    "num_vfs": 4,
}
DPDK = {
    "name": "dpdk",
    "resource_name": "dpdk",
    "nic_selector": {"root_devices": [PF2]},
    "num_vfs": 7,
    "device_type": "vfio-pci",
}


def make_host(root: Path, driver: str = "igb", kind: type[FakeHost] = FakeHost, **options: Any) -> FakeHost:
    """Two PFs of this driver, GRUB, and the IOMMU's arguments on the running command line."""
    host = kind(root, **options)
    host.add_pf(PF1, "enp1s0", driver=driver)
    host.add_pf(PF2, "enp2s0", driver=driver)
    host.add_grub('GRUB_CMDLINE_LINUX_DEFAULT="quiet intel_iommu=on iommu=pt"\n')
    return host


def somebody_makes(host: FakeHost, count: int, pf: str = PF1) -> None:
    """Another program creates VFs on a PF."""
    host.nets[host.pfs[pf].name].up = True
    host._set_numvfs(pf, str(count))


def goal_of(policies: list[dict[str, Any]], **options: Any) -> Callable[[NodeState], Goal]:
    """What sriov_node asks for."""
    spec = parse_spec(node_spec(policies, **options))
    return lambda state: resolve(spec, state)


def present(
    host: FakeHost, policies: list[dict[str, Any]], *, check: bool = False, ssh_connection: str = "", **options: Any
) -> Outcome:
    """sriov_node with state present."""
    return run(host, goal_of(policies, **options), WHOLE, check=check, ssh_connection=ssh_connection)


def absent(host: FakeHost, *, check: bool = False, **words: bool) -> Outcome:
    """sriov_node with state absent. words: reboot_ok, drained."""
    return run(host, lambda state: Goal(absent=True, options=NodeOptions(**words)), WHOLE, check=check)


def ran(
    host: Host, entry: Callable[..., None], *args: Any, check: bool = False, params: Any = None, **options: Any
) -> SimpleNamespace:
    """How a module ends, by its function in module_utils/entry: its result, and its warnings."""
    module = mock.Mock(spec=Module, check_mode=check, _diff=True, params=params,
                       **{"exit_json.side_effect": SystemExit, "fail_json.side_effect": SystemExit})  # fmt: skip
    with contextlib.suppress(SystemExit):
        entry(module, *args, host=host, **options)
    (end,) = (*module.exit_json.mock_calls, *module.fail_json.mock_calls)
    result = {**({"failed": True} if module.fail_json.called else {}), **json.loads(json.dumps(end.kwargs))}
    return SimpleNamespace(result=result, warnings=[call.args[0] for call in module.warn.mock_calls])


def drivers(host: FakeHost, pf: str) -> list[str | None]:
    """The VFs' drivers, by index."""
    return [host.driver(host.vf_address(pf, index)) for index in range(host.numvfs(pf))]


def actions(outcome: Outcome) -> list[str]:
    """The plan in short."""
    return [f"{step.target}: {step.action}" for step in outcome.plan.steps]


def snapshot(host: FakeHost) -> dict[str, object]:
    """Everything that a person would look at: configuration files, PFs, VFs and interfaces."""
    found: dict[str, object] = {**host.tree("etc", "boot", "var"), "huge pages": sorted(host.counts.items())}
    for address, pf in host.pfs.items():
        autoprobe, net = host.get(f"sys/bus/pci/devices/{address}/sriov_drivers_autoprobe"), host.nets.get(pf.name)
        kept = (autoprobe, str(pf.settings), pf.eswitch, pf.tc_offload)
        found[address] = (drivers(host, address), *kept, net and (net.up, net.mtu))
    return found


# Kernel arguments alone.

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
