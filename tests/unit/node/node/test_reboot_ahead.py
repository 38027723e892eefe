# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What needs a reboot takes effect with it: until then the node is and offers what it was and offered. Nothing else
waits.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import RefusedError
from ansible_collections.baremetal.sriov.plugins.module_utils.model.plan import AFTER_REBOOT
from ansible_collections.baremetal.sriov.plugins.module_utils.node import boot
from support.fake_host import FakeHost
from support.node_runs import DPDK, KERNEL, PF1, PF2, PLUGIN, absent, drivers, make_host, present, snapshot

SECOND = {**DPDK, "device_type": "netdevice"}
CONFIG = "etc/pcidp/config.json"


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    """Two PFs, no IOMMU, a device plugin that runs."""
    host = make_host(tmp_path, iommu=False)
    host.add_grub('GRUB_CMDLINE_LINUX_DEFAULT="quiet"\n')
    host.put("proc/cmdline", "root=/dev/vda1 ro quiet\n")
    host.put("proc/sys/kernel/random/boot_id", "the-first\n")
    host.active.add(PLUGIN)
    return host


def offered(host: FakeHost) -> dict[str, Any]:
    """Resource -> its selectors."""
    return {item["resourceName"]: item["selectors"] for item in json.loads(host.get(CONFIG))["resourceList"]}


def drift(host: FakeHost) -> None:
    """The timer, and the unit of a PF that appears."""
    assert boot.main(host) == 0 and boot.main(host, [boot.ONE_PF, PF2]) == 0


@pytest.mark.parametrize("count", [pytest.param(7, id="finding-node-06-same-count"),
                                   pytest.param(5, id="finding-node-05-another-count")])  # fmt: skip
def test_from_the_kernels_driver_to_vfio(host: FakeHost, count: int) -> None:
    """The old pool stays until the reboot, whatever runs before it; after it the new one is there, by the boot."""
    present(host, [KERNEL, SECOND])
    before, verbs = offered(host), len(host.verbs)
    outcome = present(host, [KERNEL, {**DPDK, "num_vfs": count}])
    assert outcome.plan.reboot_required
    assert {step.target.address for step in outcome.plan.steps if step.stage == AFTER_REBOOT and step.lost_at_boot and
            hasattr(step.target, "address")} == {PF2}  # fmt: skip
    for _time in range(2):
        assert offered(host) == before and len(host.verbs) == verbs
        assert drivers(host, PF2) == ["igbvf"] * 7
        drift(host)
    waiting = present(host, [KERNEL, {**DPDK, "num_vfs": count}])
    assert waiting.plan.reboot_required and not waiting.plan.pending
    host.reboot()
    assert boot.main(host, [boot.EARLY]) == 0
    assert offered(host)["dpdk"] == [{"rootDevices": [PF2], "drivers": ["vfio-pci"]}]
    assert offered(host)["kernel"] == before["kernel"]
    assert boot.main(host) == 0 and drivers(host, PF2) == ["vfio-pci"] * count
    host.run(["modprobe", "--", "vfio-pci"])
    assert not present(host, [KERNEL, {**DPDK, "num_vfs": count}]).plan.steps


@pytest.mark.parametrize("what", [pytest.param("first", id="finding-node-05-first-vfs")])
def test_first_vfs_that_wait(host: FakeHost, what: str) -> None:
    """Nothing makes them before the reboot; a list that is emptied meanwhile is refused as any other."""
    present(host, [DPDK])
    drift(host)
    assert host.numvfs(PF2) == 0, what
    with pytest.raises(RefusedError, match=PF2):
        present(host, [])
    host.reboot()
    assert boot.main(host) == 0 and drivers(host, PF2) == ["vfio-pci"] * 7


@pytest.mark.parametrize("again", [pytest.param(False, id="finding-node-05-given-up"),
                                   pytest.param(True, id="finding-node-05-teardown")])  # fmt: skip
def test_a_change_that_is_taken_back_before_the_reboot(host: FakeHost, again: bool) -> None:
    start = snapshot(host)
    present(host, [KERNEL, SECOND])
    node, before = host.get("etc/baremetal-sriov/node.json"), offered(host)
    present(host, [KERNEL, DPDK])
    if again:
        absent(host)
        assert snapshot(host) == start
        return
    present(host, [KERNEL, SECOND])
    assert (host.get("etc/baremetal-sriov/node.json"), offered(host)) == (node, before)
    host.reboot()
    assert boot.main(host) == 0 and drivers(host, PF2) == ["igbvf"] * 7


@pytest.mark.parametrize("arguments", [
    pytest.param(["isolcpus=2-3"], id="finding-node-05-user-argument"),
    pytest.param(["nosmt", "quiet"], id="finding-node-07-two-arguments"),
])  # fmt: skip
def test_a_count_beside_a_new_argument_does_not_wait(host: FakeHost, arguments: list[str]) -> None:
    """Kernel VFs need nothing of it: site makes them, and drift finds nothing."""
    present(host, [KERNEL])
    outcome = present(host, [{**KERNEL, "num_vfs": 7}], kernel_arguments=arguments)
    assert outcome.plan.reboot_required and host.numvfs(PF1) == 7
    writes = len(host.log)
    drift(host)
    assert not [line for line in host.log[writes:] if "sriov_numvfs" in line]


@pytest.mark.parametrize("line", [
    pytest.param("quiet intel_iommu=on", id="finding-node-07-pt-missing"),
    pytest.param("quiet", id="finding-node-07-on-by-default"),
])  # fmt: skip
def test_an_iommu_that_is_on_already(tmp_path: Path, line: str) -> None:
    """Its groups are there, and just an argument of ours is missing: nothing waits for the reboot."""
    host = make_host(tmp_path)
    host.add_grub(f'GRUB_CMDLINE_LINUX_DEFAULT="{line}"\n')
    host.put("proc/cmdline", f"root=/dev/vda1 ro {line}\n")
    outcome = present(host, [KERNEL, DPDK])
    assert outcome.plan.reboot_required
    assert drivers(host, PF2) == ["vfio-pci"] * 7 and drivers(host, PF1) == ["igbvf"] * 4
    assert set(offered(host)) == {"kernel", "dpdk"}


@pytest.mark.parametrize("device_type", [pytest.param("netdevice", id="finding-node-07-netdevice"),
                                         pytest.param("uio_pci_generic", id="finding-node-07-uio")])  # fmt: skip
def test_what_needs_no_iommu_does_not_wait_beside_what_does(host: FakeHost, device_type: str) -> None:
    host.available.add("uio_pci_generic")
    outcome = present(host, [{**KERNEL, "device_type": device_type}, DPDK])
    assert outcome.plan.reboot_required and host.numvfs(PF1) == 4 and host.numvfs(PF2) == 0


@pytest.mark.parametrize("argument", [pytest.param("pci=realloc", id="finding-node-07-pci-realloc")])
def test_vfs_wait_for_the_room_that_an_argument_gives_them(host: FakeHost, argument: str) -> None:
    present(host, [KERNEL], kernel_arguments=[argument])
    assert host.numvfs(PF1) == 0
    host.reboot()
    assert boot.main(host) == 0 and host.numvfs(PF1) == 4
