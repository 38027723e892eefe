# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many BMCs in one call: each has its own result, and refused logins end the run."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.bmc import bios_module
from support.bmc.expected import ALL_ON, SENT
from support.bmc.fake import PASSWORD, USER, FakeBmc, Fault
from support.bmc.runs import Bench, Ended, module


def item(bench: Bench, name: str, bmc: FakeBmc, **options: Any) -> dict[str, Any]:
    """One of bmcs."""
    given = {"name": name, "address": bench.addresses[id(bmc)], "username": USER, "password": PASSWORD,
             "validate_certs": False, "settings": ALL_ON}  # fmt: skip
    return {**given, **options}


def run(bench: Bench, items: list[dict[str, Any]], check: bool = False, **options: Any) -> Ended:
    """The module, as Ansible calls it."""
    record = str(bench.folder / "record")
    return module(bios_module.SPEC, bios_module.main, check, bmcs=items, record=record, **options)


def test_each_has_its_own_result(bench: Bench) -> None:
    good, broken = bench.bmc("ami"), bench.bmc("dell")
    broken.faults = [Fault("html", path="Bios")]
    items = [item(bench, "node1", good), item(bench, "node2", broken)]
    ended = run(bench, items)
    assert ended.failed and ended.result["changed"] and "1 of 2 BMCs:\n  - node2: GET" in ended.result["msg"]
    found = ended.result["answers"]
    assert found["node1"]["waiting"] == SENT["ami"] and not found["node1"]["failed"]
    assert found["node2"]["failed"] and found["node2"]["reason"] == "failed"
    assert not run(bench, items, fail=False).failed
    assert PASSWORD not in str(ended)


def test_the_diff_and_the_plan_are_those_of_other_modules(bench: Bench) -> None:
    ended = run(bench, [item(bench, "node1", bench.bmc("hpe"))], check=True)
    step = ended.result["answers"]["node1"]["plan"]["steps"][0]
    assert step == {
        "kind": "bios_setting", "target": "IntelProcVtd", "action": "stage 'Enabled'", "before": "Disabled",
        "after": "Enabled", "stage": "now", "needs": ["reboot"],
        "reason": "iommu: hpe's name, confidence high (attribute registry of a ProLiant Gen10 (U58))",
        "part": "bios",
    }  # fmt: skip
    assert ended.result["reboot_required"] and ended.result["diff"][0]["before"] == '"Disabled"\n'


def test_three_refused_logins_end_the_run(bench: Bench) -> None:
    bmcs = [bench.bmc("hpe") for _number in range(12)]
    ended = run(bench, [item(bench, f"node{n}", bmc, password="wrong") for n, bmc in enumerate(bmcs)])
    assert sum(bmc.refused for bmc in bmcs) == 3
    reasons = [one["reason"] for one in ended.result["answers"].values()]
    assert sorted(reasons) == ["login"] * 3 + ["stopped"] * 9


def test_one_refused_login_does_not_end_the_others(bench: Bench) -> None:
    bmcs = [bench.bmc("hpe") for _number in range(6)]
    bmcs[2].password = "another"
    ended = run(bench, [item(bench, f"node{n}", bmc) for n, bmc in enumerate(bmcs)])
    assert [one["failed"] for one in ended.result["answers"].values()] == [n == 2 for n in range(6)]
    assert all(bmc.sessions == {} and bmc.most_sessions <= 1 for bmc in bmcs)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"parallel": 0}, "parallel: expected a number from 1 to 86400, found 0"),
        ({"reset_timeout": -1}, "reset_timeout: expected a number from 1"),
    ],
)
def test_wrong_options_are_told_before_any_bmc_is_asked(bench: Bench, options: dict[str, int], told: str) -> None:
    bmc = bench.bmc("hpe")
    ended = run(bench, [item(bench, "node1", bmc)], **options)
    assert ended.failed and told in ended.result["msg"] and bmc.log == []


def test_a_bmc_twice_is_told(bench: Bench) -> None:
    bmc = bench.bmc("hpe")
    ended = run(bench, [item(bench, "node1", bmc), item(bench, "node2", bmc)])
    assert "expected each address once" in ended.result["msg"] and bmc.log == []


def test_a_run_that_is_ended_closes_its_sessions_and_begins_nothing(bench: Bench) -> None:
    bmcs = [bench.bmc("hpe") for _number in range(2)]
    bmcs[0].faults = [Fault("hang", path="bios")]
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM)).start()
    ended = run(bench, [item(bench, f"node{n}", bmc, timeout=1) for n, bmc in enumerate(bmcs)], parallel=1)
    assert [one["reason"] for one in ended.result["answers"].values()] == ["failed", "stopped"]
    assert bmcs[0].opened == 1 and bmcs[0].sessions == {} and bmcs[1].log == []
    assert signal.getsignal(signal.SIGTERM) is not None


def test_what_is_away_keeps_no_other_from_its_login(bench: Bench) -> None:
    bmcs = [bench.bmc("hpe") for _number in range(6)]
    for bmc in bmcs[:4]:
        bmc.faults = [Fault("hang", path="/redfish/v1$")]
    start = time.monotonic()
    ended = run(bench, [item(bench, f"node{n}", bmc, timeout=1) for n, bmc in enumerate(bmcs)])
    assert [one["failed"] for one in ended.result["answers"].values()] == [True] * 4 + [False] * 2
    assert time.monotonic() - start < 4 and all(bmc.opened == 0 for bmc in bmcs[:4])
