# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Firmware settings of NVIDIA NICs: set where a policy asks, told what they need, and given back."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import InvalidSpecError, RefusedError
from ansible_collections.baremetal.sriov.plugins.module_utils.model.plan import AFTER_REBOOT
from ansible_collections.baremetal.sriov.plugins.module_utils.node import boot
from support.fake_base import killed_at_every_write
from support.fake_mstconfig import MstHost
from support.node_runs import KERNEL, PF1, absent, actions, drivers, present

BOOT_ID = "proc/sys/kernel/random/boot_id"
PORT1 = "0000:01:00.1"
FIRMWARE: dict[str, Any] = {**KERNEL, "firmware": {}}


def make(root: Path, **settings: str) -> MstHost:
    """One card with two ports, as it comes out of the box."""
    host = MstHost(root)
    host.add_pf(PF1, "enp1s0", driver="mlx5_core", vendor="0x15b3")
    host.add_pf(PORT1, "enp1s1", driver="mlx5_core", vendor="0x15b3")
    host.add_grub('GRUB_CMDLINE_LINUX_DEFAULT="quiet intel_iommu=on iommu=pt"\n')
    host.put(BOOT_ID, "boot 0\n")
    host.add_card(PF1[:-2], **settings)
    return host


@pytest.fixture
def host(tmp_path: Path) -> MstHost:
    return make(tmp_path)


def reboot(host: MstHost, power: bool = False) -> None:
    host.reboot(power)
    host.put(BOOT_ID, f"{host.get(BOOT_ID).strip()}'\n")
    boot.main(host, [boot.EARLY])
    boot.main(host)


def settings(host: MstHost) -> list[str]:
    return [line for line in host.log if line.startswith("mstconfig")]


def test_it_is_set_and_takes_effect_with_the_reboot(host: MstHost) -> None:
    """The VFs that need it wait, are there after the boot, and the rerun is empty."""
    checked = present(host, [FIRMWARE], check=True)
    assert settings(host) == [] and checked.plan.reboot_required
    done = present(host, [FIRMWARE])
    assert done.plan == checked.plan
    assert settings(host) == [f"mstconfig -d {PF1} -y set SRIOV_EN=True NUM_OF_VFS=4"]
    assert [s.target.address for s in done.plan.steps if s.stage == AFTER_REBOOT and s.kind == "num_vfs"] == [PF1]
    (warning,) = done.plan.warnings
    assert "power cycle" in warning and "reboot" in warning
    waiting = present(host, [FIRMWARE]).plan
    assert waiting.reboot_required and not waiting.pending and len(settings(host)) == 1
    reboot(host)
    assert drivers(host, PF1) == ["igbvf"] * 4
    rerun = present(host, [FIRMWARE]).plan
    assert not rerun.steps and not rerun.warnings


def test_without_the_field_nothing_asks_for_mstconfig(host: MstHost) -> None:
    """And the refusal names the settings, as before."""
    shown: list[tuple[str, ...]] = []
    show = host.show
    host.show = lambda argv: shown.append(argv) or show(argv)  # type: ignore[method-assign, func-returns-value]
    with pytest.raises(RefusedError, match="mlx: SRIOV_EN, NUM_OF_VFS"):
        present(host, [KERNEL])
    assert not [argv for argv in shown if argv[0] == "mstconfig"]


def test_two_ports_share_the_number_of_vfs(host: MstHost) -> None:
    """The larger one; a card that has more already is left as it is."""
    other = {**KERNEL, "name": "b", "resource_name": "b", "nic_selector": {"pf_names": ["enp1s1"]}, "num_vfs": 6,
             "firmware": {"num_vfs": 8}}  # fmt: skip
    present(host, [FIRMWARE, other])
    assert settings(host) == [f"mstconfig -d {PF1} -y set SRIOV_EN=True NUM_OF_VFS=8"]
    reboot(host)
    assert (host.numvfs(PF1), host.numvfs(PORT1)) == (4, 6)
    assert not present(host, [FIRMWARE]).plan.reboot_required and len(settings(host)) == 1


def test_a_selector_by_vendor_finds_a_card_whose_sriov_is_off(host: MstHost) -> None:
    """With the capability hidden, as such a card has none."""
    for address in (PF1, PORT1):
        host.real(f"sys/bus/pci/devices/{address}/sriov_totalvfs").unlink()
    policy = {**FIRMWARE, "nic_selector": {"vendor": "15b3"}, "firmware": {"link_type": None}}
    assert present(host, [policy]).plan.reboot_required
    assert settings(host) == [f"mstconfig -d {PF1} -y set SRIOV_EN=True NUM_OF_VFS=4"]
    reboot(host)
    assert (host.numvfs(PF1), host.numvfs(PORT1)) == (4, 4)
    assert not present(host, [policy]).plan.steps


def test_link_types_by_port(tmp_path: Path) -> None:
    host = make(tmp_path, LINK_TYPE_P1="IB", LINK_TYPE_P2="IB")
    present(host, [{**KERNEL, "firmware": {"link_type": "eth"}}])
    assert settings(host) == [f"mstconfig -d {PF1} -y set SRIOV_EN=True NUM_OF_VFS=4 LINK_TYPE_P1=ETH"]
    assert host.cards[PF1[:-2]].after["LINK_TYPE_P2"] == "IB"


def test_a_card_without_link_types_is_refused_in_its_words(host: MstHost) -> None:
    with pytest.raises(RefusedError, match="doesn't support LINK_TYPE_P1"):
        present(host, [{**KERNEL, "firmware": {"link_type": "ETH"}}])
    assert settings(host) == []


def test_a_reboot_that_does_not_help_is_not_asked_for_again(host: MstHost) -> None:
    """A card that is reset by a power cycle alone: a person is told, and nothing resets it."""
    host.cards[PF1[:-2]].cold = True
    present(host, [FIRMWARE])
    reboot(host)
    for _time in range(2):
        with pytest.raises(RefusedError, match="Power-cycle the machine"):
            present(host, [FIRMWARE])
    reboot(host, power=True)
    assert not present(host, [FIRMWARE]).plan.reboot_required and host.numvfs(PF1) == 4


@pytest.mark.parametrize("when", ["before-the-reboot", "after-it"])
def test_teardown_gives_it_back_and_asks_for_no_reboot(host: MstHost, when: str) -> None:
    card = host.cards[PF1[:-2]]
    card.default["NUM_OF_VFS"] = card.running["NUM_OF_VFS"] = card.after["NUM_OF_VFS"] = "2"
    present(host, [FIRMWARE])
    if when == "after-it":
        reboot(host)
    removed = absent(host)
    assert (card.after["SRIOV_EN"], card.after["NUM_OF_VFS"]) == ("False", "2")
    assert not [step for step in removed.plan.steps if step.kind == "reboot"]
    assert [text for text in removed.plan.warnings if "as they were before" in text]
    assert not absent(host).plan.steps


def test_a_policy_that_does_not_ask_any_more_gives_it_back(host: MstHost) -> None:
    """The VFs are there, and the running firmware has them: they stay until its next start."""
    present(host, [FIRMWARE])
    reboot(host)
    done = present(host, [KERNEL])
    assert f"{PF1}: set the NIC's firmware as it was" in actions(done)
    assert host.cards[PF1[:-2]].after["SRIOV_EN"] == "False" and host.numvfs(PF1) == 4
    assert not present(host, [KERNEL]).plan.steps


REFUSED = {
    "no-mstconfig": ("mstconfig, to set", "mstflint"),
    "locked-down": ("locked down", "Secure Boot"),
    "operator": ("sriov-network-config-daemon-x", "one who sets"),
    "nvidia-operator": ("nic-configuration-daemon-x", "one who sets"),
    "dpu": ("DPU mode", "its own system"),
    "other-vendor": ("vendor 8086", "NIC's own setup"),
}


@pytest.mark.parametrize("why", REFUSED)
def test_refused_in_words(tmp_path: Path, why: str) -> None:
    """And nothing is set."""
    host = make(tmp_path, **({"INTERNAL_CPU_OFFLOAD_ENGINE": "ENABLED"} if why == "dpu" else {}))
    pci = f"sys/bus/pci/devices/{PF1}"
    if why == "no-mstconfig":
        host.real("usr/bin/mstconfig").unlink()
    elif why == "locked-down":
        host.put("sys/kernel/security/lockdown", "none [integrity] confidentiality\n")
    elif why in ("operator", "nvidia-operator"):
        pod = REFUSED[why][0]
        host.real(f"var/log/pods/x_{pod}_0f6c51a5").mkdir(parents=True)
    elif why == "dpu":
        host.put(f"{pci}/device", "0xa2d6\n")
    else:
        host.put(f"{pci}/vendor", "0x8086\n")
        host.real(f"{pci}/driver").unlink()
        host.real(f"{pci}/driver").symlink_to("../../drivers/igb")
    with pytest.raises(RefusedError) as refused:
        present(host, [FIRMWARE])
    assert all(word in str(refused.value) for word in REFUSED[why]), refused.value
    assert settings(host) == []


@pytest.mark.parametrize(("value", "told"), [
    (True, "firmware"), ({"num_vfs": 2}, "num_vfs"), ({"link_type": "fc"}, "link_type"), ({"sriov": True}, "sriov"),
])  # fmt: skip
def test_mistakes(tmp_path: Path, value: Any, told: str) -> None:
    with pytest.raises(InvalidSpecError, match=told):
        present(make(tmp_path), [{**KERNEL, "firmware": value}])


def test_with_externally_managed_it_is_a_contradiction(host: MstHost) -> None:
    with pytest.raises(InvalidSpecError, match="contradicts externally_managed"):
        present(host, [{**FIRMWARE, "externally_managed": True}])


def test_a_kill_at_any_write_is_made_good(tmp_path: Path) -> None:
    def act(host: MstHost) -> None:
        present(host, [FIRMWARE])

    for host in killed_at_every_write(lambda number: make(tmp_path / str(number)), act, 5):
        act(host)
        assert not present(host, [FIRMWARE]).plan.pending
        absent(host)
        assert host.cards[PF1[:-2]].after == host.cards[PF1[:-2]].default
        shutil.rmtree(host.base)
