# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Eswitch modes, in the orders that PF drivers want: fake host only, since no emulated NIC has an eswitch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import RefusedError
from support.fake_base import killed_at_every_write
from support.fake_host import FakeHost
from support.node_runs import KERNEL, PF1, absent, actions, drivers, make_host, present, snapshot

SWITCHDEV = {**KERNEL, "eswitch_mode": "switchdev"}
VFIO = {**SWITCHDEV, "device_type": "vfio-pci"}


def with_eswitch(root: Path, driver: str) -> FakeHost:
    """One PF whose driver has an eswitch."""
    host = FakeHost(root)
    host.add_pf(PF1, "enp1s0", driver=driver)
    host.add_grub('GRUB_CMDLINE_LINUX_DEFAULT="quiet intel_iommu=on iommu=pt"\n')
    return host


@pytest.mark.parametrize("driver", ["mlx5_core", "ice"])
@pytest.mark.parametrize("policy", [SWITCHDEV, VFIO])
def test_there_and_back(tmp_path: Path, driver: str, policy: dict[str, Any]) -> None:
    """To switchdev, to another count in it, back to legacy by dropping the field, and teardown."""
    host = with_eswitch(tmp_path, driver)
    before = snapshot(host)
    for wanted in ({**policy, "eswitch_mode": "legacy"}, policy, {**policy, "num_vfs": 2}):
        checked = present(host, [wanted], check=True)
        done = present(host, [wanted])
        assert actions(checked) == actions(done)
        assert (host.pfs[PF1].eswitch, host.numvfs(PF1)) == (wanted["eswitch_mode"], wanted["num_vfs"])
        assert set(drivers(host, PF1)) == {"igbvf" if policy is SWITCHDEV else "vfio-pci"}
        assert host.get(f"sys/bus/pci/devices/{PF1}/sriov_drivers_autoprobe").strip() == "1"
        assert not present(host, [wanted]).plan.steps
    present(host, [{**policy, "num_vfs": 2, "eswitch_mode": None}])
    assert host.pfs[PF1].eswitch == "legacy", "what we changed goes back when nothing asks for it"
    present(host, [policy])
    absent(host)
    assert host.pfs[PF1].eswitch == "legacy"
    assert snapshot(host) == before


@pytest.mark.parametrize("driver", ["mlx5_core", "ice"])
def test_killed_at_any_write(tmp_path: Path, driver: str) -> None:
    """The next run ends where it should."""

    def make(number: int) -> FakeHost:
        host = with_eswitch(tmp_path / str(number), driver)
        present(host, [KERNEL])
        return host

    def act(host: FakeHost) -> None:
        present(host, [{**SWITCHDEV, "num_vfs": 3}])

    for host in killed_at_every_write(make, act, 5):
        act(host)
        assert (host.pfs[PF1].eswitch, drivers(host, PF1)) == ("switchdev", ["igbvf"] * 3)
        absent(host)
        assert host.pfs[PF1].eswitch == "legacy"


def test_a_nic_without_an_eswitch(tmp_path: Path) -> None:
    """switchdev is refused in words; legacy is what it has."""
    host = make_host(tmp_path)
    with pytest.raises(RefusedError, match="shows no eswitch mode"):
        present(host, [SWITCHDEV])
    present(host, [{**KERNEL, "eswitch_mode": "legacy"}])
    assert host.numvfs(PF1) == 4


def test_nobody_asks_for_modes_that_no_policy_names(tmp_path: Path) -> None:
    """No devlink command on such a node."""
    host = make_host(tmp_path)

    def never(argv: list[str]) -> Any:
        raise AssertionError(argv)

    host._devlink_show = never  # type: ignore[method-assign]
    present(host, [KERNEL])


def test_a_mode_resets_a_pf_that_the_host_needs(tmp_path: Path) -> None:
    """Also with the user's word for first VFs."""
    host = with_eswitch(tmp_path, "ice")
    present(host, [KERNEL])
    host.routes.append({"dst": "default", "dev": "enp1s0"})
    with pytest.raises(RefusedError, match="made anew"):
        present(host, [{**SWITCHDEV, "allow_in_use": True}])
    assert host.pfs[PF1].eswitch == "legacy"


def test_two_policies_want_different_modes(tmp_path: Path) -> None:
    """At equal priority nobody could say which; else the lower number wins."""
    host = with_eswitch(tmp_path, "mlx5_core")
    one = {**KERNEL, "nic_selector": {"pf_names": ["enp1s0#0-1"]}, "eswitch_mode": "legacy"}
    two = {**SWITCHDEV, "name": "b", "resource_name": "b", "nic_selector": {"pf_names": ["enp1s0#2-3"]}}
    with pytest.raises(RefusedError, match=r"one eswitch_mode for 0000:01:00\.0; found legacy and switchdev"):
        present(host, [one, two])
    present(host, [one, {**two, "priority": 5}])
    assert host.pfs[PF1].eswitch == "switchdev"


RULES = "etc/udev/rules.d/79-baremetal-sriov-representors.rules"


def test_flows_are_offloaded(tmp_path: Path) -> None:
    """On before the mode, off again after it; not touched where it was on; said where it can't be."""
    host = with_eswitch(tmp_path, "mlx5_core")
    told = actions(present(host, [SWITCHDEV]))
    assert host.pfs[PF1].tc_offload == "on"
    assert told.index(f"{PF1}: turn hw-tc-offload on") < told.index(f"{PF1}: set the eswitch mode to switchdev")
    present(host, [KERNEL])
    assert host.pfs[PF1].tc_offload == "off"
    absent(host)
    host.pfs[PF1].tc_offload = "on"
    present(host, [SWITCHDEV])
    absent(host)
    assert host.pfs[PF1].tc_offload == "on"
    host.pfs[PF1].tc_offload = "off [fixed]"
    outcome = present(host, [SWITCHDEV])
    assert "hw-tc-offload can't be set" in outcome.plan.warnings[0] and host.pfs[PF1].eswitch == "switchdev"


def test_offload_alone_is_given_back(tmp_path: Path) -> None:
    """Where somebody else had set the mode before us."""
    host = with_eswitch(tmp_path, "mlx5_core")
    host.pfs[PF1].eswitch = "switchdev"
    before = snapshot(host)
    present(host, [{**SWITCHDEV, "num_vfs": 4}])
    assert host.pfs[PF1].tc_offload == "on"
    absent(host)
    assert snapshot(host) == before


def test_representors_have_stable_names(tmp_path: Path) -> None:
    """By the PF's name and the VF's index, whatever the kernel finds first; there before the VFs are."""
    host = with_eswitch(tmp_path, "mlx5_core")
    outcome = present(host, [{**SWITCHDEV, "num_vfs": 2}])
    start = f'ACTION=="add", SUBSYSTEM=="net", KERNELS=="{PF1}", ATTR{{phys_port_name}}=='
    assert host.get(RULES).splitlines()[1:] == [
        f'{start}"p[0-9]*", NAME="enp1s0"',
        f'{start}"pf[0-9]*vf0", NAME="enp1s0_0"',
        f'{start}"pf[0-9]*vf1", NAME="enp1s0_1"',
    ]
    kinds = [step.kind for step in outcome.plan.steps]
    assert f"/{RULES}: write it" in actions(outcome)[: kinds.index("num_vfs")]
    assert not present(host, [{**SWITCHDEV, "num_vfs": 2}]).plan.steps
    present(host, [KERNEL])
    assert not host.exists("/" + RULES)


def test_representors_of_a_pf_with_a_long_name(tmp_path: Path) -> None:
    """Its names would not fit; udev's own stay, and it is said."""
    host = FakeHost(tmp_path)
    host.add_pf(PF1, "enp129s0f0npxy", driver="mlx5_core")
    policy = {**SWITCHDEV, "nic_selector": {"root_devices": [PF1]}}
    outcome = present(host, [policy])
    assert "udev names its representors" in outcome.plan.warnings[0] and not host.exists("/" + RULES)
