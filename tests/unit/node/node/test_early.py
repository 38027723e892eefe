# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The boot before the network: udev's word on a PF's name, and VFs that each driver probes once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.node import boot
from support.fake_host import FakeHost
from support.node_runs import DPDK, KERNEL, PF1, drivers, make_host, present

MAC = "02:00:00:00:aa:01"
UDEV_DATA = "run/udev/data"


class SlowUdev(FakeHost):
    """udev has the kernel's names of PFs renamed at a time of its own, and refuses an interface that is up by then:
    Linux before 6.2, net/core/dev.c, dev_change_name.
    """

    at = 7.0
    kernels: dict[str, str]

    def boot_up(self, speaks: bool = True, entry: str = "") -> None:
        """A boot with udev at work; entry: what its database has of an interface before."""
        self.reboot()
        self.clock = 0.0
        self.kernels = {}
        self.put("run/udev/control", "")
        for number, pf in enumerate(sorted(self.pfs), 2):
            name = self.pfs[pf].name
            self._rename(pf, name, f"eth{number}")
            self.put(f"sys/class/net/eth{number}/ifindex", f"{number}\n")
            if entry:
                self.put(f"{UDEV_DATA}/n{number}", entry)
            if speaks:
                self.kernels[f"eth{number}"] = name

    def _rename(self, pf: str, old: str, new: str) -> None:
        self.nets[new] = net = self.nets.pop(old)
        net.name = self.pfs[pf].name = new
        for folder in ("sys/class/net", f"sys/bus/pci/devices/{pf}/net"):
            self.real(f"{folder}/{old}").rename(self.real(f"{folder}/{new}"))

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        if self.clock >= self.at:
            for old, new in self.kernels.items():
                if not self.nets[old].up:
                    self._rename(next(pf for pf in self.pfs if self.pfs[pf].name == old), old, new)
                number = int(old[3:])
                self.put(f"{UDEV_DATA}/n{number}", "I:123456\nE:ID_NET_NAME_PATH=x\n")
            self.kernels = {}


@pytest.fixture
def slow(tmp_path: Path) -> SlowUdev:
    host = make_host(tmp_path, kind=SlowUdev)
    assert isinstance(host, SlowUdev)
    present(host, [KERNEL, DPDK])
    return host


@pytest.mark.parametrize("what", [pytest.param(boot.EARLY, id="finding-node-11-early"),
                                  pytest.param(boot.ALL, id="finding-node-11-all")])  # fmt: skip
@pytest.mark.parametrize("entry", ["", "E:ID_RENAMING=1\nI:1\n", "E:SYSTEMD_ALIAS=x\n"])
def test_a_pf_is_not_brought_up_before_udev_has_named_it(slow: SlowUdev, what: str, entry: str) -> None:
    """Both PFs have their names, and their VFs."""
    slow.boot_up(entry=entry)
    assert boot.main(slow, [] if what == boot.ALL else [what]) == 0
    assert {"enp1s0", "enp2s0"} <= set(slow.nets) and slow.numvfs(PF1) == 4
    assert not any("dev eth" in line and line.endswith(" up") for line in slow.log)


@pytest.mark.parametrize("what", [pytest.param("site", id="finding-node-11-site")])
def test_the_same_for_a_run_of_the_role(slow: SlowUdev, what: str) -> None:
    """A PF that was hot-plugged just now."""
    slow.boot_up()
    by_address = [{**KERNEL, "nic_selector": {"root_devices": [PF1]}}]
    present(slow, by_address)
    assert "enp1s0" in slow.nets and slow.nets["enp1s0"].up, what


@pytest.mark.parametrize("limit", [pytest.param(300, id="finding-node-11-bounded")])
def test_udev_that_never_speaks_keeps_no_pf_from_its_vfs(slow: SlowUdev, limit: float) -> None:
    slow.boot_up(speaks=False)
    boot.main(slow, [boot.EARLY])
    assert slow.numvfs(PF1) == 4 and slow.clock < limit


def probes(host: FakeHost, start: int, index: int) -> int:
    """How often a driver was asked to take a VF of PF 1."""
    vf = host.vf_address(PF1, index)
    return sum(vf in line and ("/bind=" in line or "drivers_probe=" in line) for line in host.log[start:])


@pytest.mark.parametrize("where", [pytest.param(name, id=f"finding-node-19-mac-{name}") for name in ("site", "boot")])
def test_a_vf_with_a_mac_is_probed_once(host: FakeHost, where: str) -> None:
    """It is set while the VF has no driver, before the network too, so that the network finds it with its address."""
    policy: dict[str, Any] = {**KERNEL, "vfs": [{"indices": 0, "mac": MAC, "vlan": 5, "max_tx_rate": 100}]}
    start = len(host.log)
    present(host, [policy])
    if where == "boot":
        host.reboot()
        start = len(host.log)
        assert boot.main(host, [boot.EARLY]) == 0
        assert host.nets["enp1s0v0"].mac == MAC and len([n for n in host.nets if n.startswith("enp1s0v")]) == 4
        assert boot.main(host) == 0
    assert not any("unbind" in line for line in host.log[start:])
    assert [probes(host, start, index) for index in range(4)] == [1] * 4
    assert host.pfs[PF1].settings[0]["vlan"] == 5 and host.pfs[PF1].settings[0]["max_tx_rate"] == 100
    assert drivers(host, PF1) == ["igbvf"] * 4
    assert host.get(f"sys/bus/pci/devices/{PF1}/sriov_drivers_autoprobe").strip() == "1"


@pytest.mark.parametrize("kernels", [pytest.param("0", id="finding-node-19-one-of-seven"),
                                     pytest.param("0-2", id="finding-node-19-three-of-seven")])  # fmt: skip
def test_vfs_for_userspace_are_never_probed_by_the_kernels_driver(host: FakeHost, kernels: str) -> None:
    """Where some of a PF's VFs stay with it."""
    last = int(kernels[-1])
    policies = [
        {**KERNEL, "nic_selector": {"pf_names": [f"enp1s0#{kernels}"]}, "num_vfs": 7},
        {**DPDK, "nic_selector": {"pf_names": [f"enp1s0#{last + 1}-5"]}},
    ]
    wanted = ["igbvf"] * (last + 1) + ["vfio-pci"] * (5 - last) + ["igbvf"]
    present(host, policies)
    assert drivers(host, PF1) == wanted and not any("unbind" in line for line in host.log)
    host.reboot()
    start = len(host.log)
    assert boot.main(host, [boot.EARLY]) == 0
    assert len([name for name in host.nets if name.startswith("enp1s0v")]) == last + 2, "those of the network are there"
    assert boot.main(host) == 0 and drivers(host, PF1) == wanted
    assert not any("unbind" in line for line in host.log[start:])
    assert not present(host, policies).plan.steps
