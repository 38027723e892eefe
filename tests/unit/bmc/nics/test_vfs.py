# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VFs of NICs through the BMC: rounded to what they are given by, staged once, given back."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.bmc import nics_module
from support.bmc.fake import PASSWORD, USER, FakeBmc, Fault
from support.bmc.nics import DellNic, FakeNic
from support.bmc.runs import Bench, Ended, module

MAC = "00:00:5e:00:53:01"


def run(bench: Bench, bmc: FakeBmc, check: bool = False, state: str = "present", **vfs: Any) -> Ended:
    """The module at one BMC. vfs: by MAC address, or those of the first NIC as `vfs`."""
    wanted = {MAC if key == "vfs" else key: count for key, count in vfs.items()}
    item = {"name": "node1", "address": bench.addresses[id(bmc)], "username": USER, "password": PASSWORD,
            "validate_certs": False, "vfs": wanted}  # fmt: skip
    record = str(bench.folder / "record")
    return module(nics_module.SPEC, nics_module.main, check, bmcs=[item], record=record, state=state)


def only(ended: Ended) -> dict[str, Any]:
    """The one result."""
    assert not ended.failed, ended.result
    return dict(ended.result["answers"]["node1"])


def with_nic(bench: Bench, vendor: str = "dell", **options: Any) -> tuple[FakeBmc, FakeNic]:
    """A BMC with one NIC."""
    bmc = bench.bmc(vendor)
    bmc.nics = [FakeNic("NIC1", MAC, **options)]
    return bmc, bmc.nics[0]


@pytest.mark.parametrize("vendor", ["dell", "hpe", "lenovo"])
def test_staged_once_in_effect_after_a_reset_and_given_back(bench: Bench, vendor: str) -> None:
    bmc, nic = with_nic(bench, vendor)
    predicted = only(run(bench, bmc, True, vfs=16))
    assert bmc.writes == []
    first = only(run(bench, bmc, vfs=16))
    assert first == predicted and first["changed"] and first["reboot_required"] and (nic.now, nic.then) == (0, 16)
    second = only(run(bench, bmc, vfs=16))
    assert not second["changed"] and second["reboot_required"] and len(bmc.writes) == 1
    bmc.reset("ForceRestart")
    third = only(run(bench, bmc, vfs=16))
    assert (third["changed"], third["reboot_required"], nic.now) == (False, False, 16)
    assert only(run(bench, bmc, state="absent"))["changed"] and nic.then == 0
    bmc.reset("ForceRestart")
    assert not only(run(bench, bmc, state="absent"))["changed"] and nic.now == 0
    assert not list((bench.folder / "record").glob("*")) and bmc.sessions == {} and bmc.most_sessions == 1


def test_a_count_is_rounded_up_and_told(bench: Bench) -> None:
    bmc, nic = with_nic(bench)
    ended = run(bench, bmc, vfs=10)
    assert only(ended)["functions"]["NIC1-1"]["desired"] == nic.then == 16
    assert "node1: NIC1-1: 10 VFs are rounded up to 16, as it gives them by 8" in ended.warnings
    assert not only(run(bench, bmc, vfs=10))["changed"]


def test_without_a_settings_object_the_function_takes_it(bench: Bench) -> None:
    bmc, nic = with_nic(bench, staging=False)
    assert not only(run(bench, bmc, vfs=8))["reboot_required"] and nic.now == 8


BROADCOM = {"VirtualizationMode": "NONE", "NumberVFAdvertised": 8, "NumberVFSupported": 64, "VFAllocMult": 8,
            "SRIOVSupport": "Capable"}  # fmt: skip


@pytest.mark.parametrize(("before", "after"), [("NONE", "SRIOV"), ("NPAR", "NPARSRIOV"), ("SRIOV", "SRIOV")])
def test_attributes_of_dells_own(bench: Bench, before: str, after: str) -> None:
    """Staged once with what else they need, in effect after a reset, and given back as they were."""
    bmc = bench.bmc("dell")
    nic = DellNic("NIC.Integrated.1", MAC, {**BROADCOM, "VirtualizationMode": before})
    bmc.nics = [nic]
    original = dict(nic.now)
    predicted = only(run(bench, bmc, True, vfs=13))
    assert bmc.writes == []
    first = only(run(bench, bmc, vfs=13))
    assert first == predicted and first["changed"] and first["reboot_required"] and nic.now == original
    assert nic.then == {**original, "VirtualizationMode": after, "NumberVFAdvertised": 16}
    second = only(run(bench, bmc, vfs=13))
    assert not second["changed"] and second["reboot_required"] and len(bmc.writes) == 1
    bmc.reset("ForceRestart")
    third = only(run(bench, bmc, vfs=13))
    assert (third["changed"], third["reboot_required"]) == (False, False)
    assert third["functions"]["NIC.Integrated.1-1-1"]["current"] == 16
    assert only(run(bench, bmc, state="absent"))["changed"]
    bmc.reset("ForceRestart")
    assert nic.now == original and not only(run(bench, bmc, state="absent"))["changed"]
    assert not list((bench.folder / "record").glob("*")) and bmc.sessions == {} and bmc.most_sessions == 1


@pytest.mark.parametrize("lacking", ["VirtualizationMode", "NumberVFAdvertised"])
def test_a_dells_nic_without_such_attributes_is_told(bench: Bench, lacking: str) -> None:
    bmc = bench.bmc("dell")
    bmc.nics = [DellNic("NIC1", MAC, {key: value for key, value in BROADCOM.items() if key != lacking})]
    ended = run(bench, bmc, vfs=8)
    assert ended.failed and "whose VFs the BMC can set, found NIC1-1-1" in ended.result["msg"] and bmc.writes == []


@pytest.mark.parametrize(
    ("options", "vfs", "told"),
    [
        ({}, {"vfs": 100}, f"vfs.{MAC}: expected at most 64 VFs, given by 8, found 100."),
        ({"now": None}, {"vfs": 8}, f"vfs.{MAC}: expected a NIC whose VFs the BMC can set, found NIC1-1 without"),
        ({}, {"NIC9": 8}, "vfs.NIC9: expected one function of this machine, found 0 for 'NIC9'. Known are: NIC1-1"),
        ({}, {"vfs": "many"}, f"vfs.{MAC}: expected a whole number from 0 to 65535, found 'many'."),
        ({}, {"vfs": 8, "NIC1-1": 16}, "vfs.NIC1-1: expected each function once."),
    ],
)
def test_a_wrong_wish_is_told_and_nothing_sent(
    bench: Bench, options: dict[str, Any], vfs: dict[str, Any], told: str
) -> None:
    bmc, _nic = with_nic(bench, **options)
    ended = run(bench, bmc, **vfs)
    assert ended.failed and told in ended.result["msg"] and bmc.writes == [] and bmc.sessions == {}


def test_a_bmc_that_breaks_is_told(bench: Bench) -> None:
    for what in ("html", "die", "garbage"):
        bmc, nic = with_nic(bench)
        bmc.faults = [Fault(what, path="NetworkAdapters")]
        assert run(bench, bmc, vfs=8).failed and nic.then == 0 and bmc.sessions == {}
