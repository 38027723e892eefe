# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Boot override and power over Redfish: compared first, sent once, read back."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.bmc import power_module
from support.bmc.fake import PASSWORD, USER, Fault
from support.bmc.runs import Bench, Ended, module


def run(bench: Bench, bmc: Any, check: bool = False, **options: Any) -> Ended:
    """The module at one BMC."""
    item = {"name": "node1", "address": bench.addresses[id(bmc)], "username": USER, "password": PASSWORD,
            "validate_certs": False}  # fmt: skip
    return module(power_module.SPEC, power_module.main, check, bmcs=[item], **options)


def only(ended: Ended) -> dict[str, Any]:
    """The one result."""
    assert not ended.failed, ended.result
    return dict(ended.result["answers"]["node1"])


def test_a_boot_override_is_set_once(bench: Bench) -> None:
    bmc = bench.bmc("dell")
    predicted = only(run(bench, bmc, True, boot="pxe", boot_mode="uefi"))
    assert bmc.writes == []
    first = only(run(bench, bmc, boot="pxe", boot_mode="uefi"))
    assert first["changed"] and (first["boot"], first["boot_mode"]) == ("pxe", "uefi") and first == predicted
    assert bmc.writes[0][2] == {"Boot": {"BootSourceOverrideTarget": "Pxe", "BootSourceOverrideEnabled": "Once"}}
    assert not only(run(bench, bmc, boot="pxe", boot_mode="uefi"))["changed"] and len(bmc.writes) == 1
    assert only(run(bench, bmc, boot="none"))["changed"] and bmc.boot["target"] == "None"
    assert bmc.resets == [] and bmc.sessions == {}


@pytest.mark.parametrize(
    ("power", "before", "kind", "after"),
    [
        ("on", "Off", "On", "on"),
        ("off", "On", "ForceOff", "off"),
        ("shut_down", "On", "GracefulShutdown", "off"),
        ("reset", "On", "ForceRestart", "on"),
        ("cycle", "On", "PowerCycle", "on"),
        ("reset", "Off", "On", "on"),
        ("cycle", "Off", "On", "on"),
    ],
)
def test_power(bench: Bench, power: str, before: str, kind: str, after: str) -> None:
    bmc = bench.bmc("hpe")
    bmc.power = before
    predicted = only(run(bench, bmc, True, power=power))
    assert bmc.resets == []
    done = only(run(bench, bmc, power=power))
    assert bmc.resets == [kind] and done["power"] == after and done == predicted


@pytest.mark.parametrize(("power", "state"), [("on", "On"), ("off", "Off"), ("shut_down", "Off")])
def test_what_is_so_already_is_left(bench: Bench, power: str, state: str) -> None:
    bmc = bench.bmc("hpe")
    bmc.power = state
    assert not only(run(bench, bmc, power=power))["changed"] and bmc.resets == []


def test_the_override_comes_before_the_reset(bench: Bench) -> None:
    bmc = bench.bmc("lenovo")
    done = only(run(bench, bmc, boot="pxe", power="reset"))
    assert bmc.booted == ["Pxe"] and done["boot"] == "none"


def test_what_the_bmc_does_not_know_is_told_before_anything_is_sent(bench: Bench) -> None:
    bmc = bench.bmc("hpe")
    bmc.faults = [Fault("500", "PATCH")]
    ended = run(bench, bmc, boot="http", power="off")
    assert ended.failed and bmc.resets == [] and bmc.sessions == {}


def test_a_reset_whose_answer_is_lost_is_not_sent_again(bench: Bench) -> None:
    bmc = bench.bmc("hpe")
    bmc.faults = [Fault("die-after", "POST", "Reset")]
    ended = run(bench, bmc, power="reset")
    assert ended.failed and bmc.resets == ["ForceRestart"] and bmc.sessions == {}
