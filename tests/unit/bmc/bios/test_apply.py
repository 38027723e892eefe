# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One BMC of each vendor: staged once, predicted by check mode, in effect after a reset, and given back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.bmc.redfish.errors import BmcError, LoginError
from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import (
    InvalidSpecError,
    RefusedError,
    SriovError,
)
from support.bmc import shapes
from support.bmc.expected import ALL_ON, BROKEN, MORE, SENT, WRONG
from support.bmc.fake import PASSWORD, Fault
from support.bmc.runs import Bench, sent, steps

VENDORS = shapes.names()
each_vendor = pytest.mark.parametrize("vendor", VENDORS)


@each_vendor
def test_a_second_run_changes_nothing_and_still_tells_of_the_reset(bench: Bench, vendor: str) -> None:
    bmc = bench.bmc(vendor)
    before = dict(bmc.current)
    first = bench.settle(bmc, words=ALL_ON)
    assert sent(bmc) == [SENT[vendor]] and bmc.current == before
    assert first.reboot_required and first.waiting == SENT[vendor]
    second = bench.settle(bmc, words=ALL_ON)
    assert not second.plan.pending and second.reboot_required and second.waiting == SENT[vendor]
    assert sent(bmc) == [SENT[vendor]] and bmc.resets == []
    bmc.reset("ForceRestart")
    third = bench.settle(bmc, words=ALL_ON)
    assert (third.plan.steps, third.reboot_required) == ((), False)
    assert {name: bmc.current[name] for name in SENT[vendor]} == SENT[vendor]
    assert bmc.sessions == {} and bmc.most_sessions <= 1


@each_vendor
def test_check_mode_tells_what_the_run_does(bench: Bench, vendor: str) -> None:
    bmc = bench.bmc(vendor)
    plan = bench.plan(bmc, words=ALL_ON)
    assert bmc.writes == [] and not (bench.folder / "record").exists()
    done = bench.settle(bmc, words=ALL_ON)
    assert steps(plan) == steps(done)
    assert (plan.waiting, plan.pending, plan.desired) == (done.waiting, done.pending, done.desired)


@each_vendor
@pytest.mark.parametrize("in_effect", [True, False], ids=["after-reset", "staged"])
def test_what_was_before_is_given_back(bench: Bench, vendor: str, in_effect: bool) -> None:
    bmc = bench.bmc(vendor)
    before = dict(bmc.current)
    bench.settle(bmc, words=ALL_ON)
    if in_effect:
        bmc.reset("ForceRestart")
        bench.settle(bmc, words=ALL_ON)
    assert steps(bench.plan(bmc, present=False)) == steps(bench.settle(bmc, present=False))
    assert not bench.settle(bmc, present=False).plan.pending
    bmc.reset("ForceRestart")
    assert bmc.current == before
    assert bench.settle(bmc, present=False).plan.steps == ()
    assert not (bench.folder / "record" / "node1.json").exists()


@each_vendor
def test_one_reset_where_it_is_asked_for(bench: Bench, vendor: str) -> None:
    bmc = bench.bmc(vendor, post_seconds=0.05)
    plan = bench.plan(bmc, words=ALL_ON, reset="graceful")
    assert bmc.resets == [] and ("host_reset", "the host", None, SENT[vendor]) in steps(plan)
    done = bench.settle(bmc, words=ALL_ON, reset="graceful", wait_seconds=20)
    assert bmc.resets == ["GracefulRestart"] and not done.reboot_required and steps(done) == steps(plan)
    assert plan.reboot_required == done.reboot_required
    again = bench.settle(bmc, words=ALL_ON, reset="graceful")
    assert again.plan.steps == () and bmc.resets == ["GracefulRestart"]


def test_a_host_that_is_off_is_switched_on(bench: Bench) -> None:
    bmc = bench.bmc("hpe")
    bmc.power = "Off"
    assert not bench.settle(bmc, words=ALL_ON, reset="force").reboot_required
    assert bmc.resets == ["On"]


@pytest.mark.parametrize(("vendor", "words", "expected"), MORE, ids=[f"{v}-{'-'.join(w)}" for v, w, _e in MORE])
def test_further_words(bench: Bench, vendor: str, words: dict[str, bool], expected: dict[str, Any]) -> None:
    bmc = bench.bmc(vendor)
    bench.settle(bmc, words=words)
    assert sent(bmc) == [expected]


@pytest.mark.parametrize(("vendor", "wish", "expected"), [pytest.param(*row[1:], id=row[0]) for row in WRONG])
def test_a_wrong_wish_is_told_and_nothing_sent(
    bench: Bench, vendor: str, wish: dict[str, Any], expected: list[str]
) -> None:
    bmc = bench.bmc(vendor)
    for check in (True, False):
        with pytest.raises(InvalidSpecError) as caught:
            bench.settle(bmc, check=check, **wish)
        told = [str(mistake) for mistake in caught.value.mistakes]
        assert len(told) == len(expected) and all(map(str.startswith, told, expected)), told
    assert bmc.writes == [] and bmc.sessions == {}


def test_a_missing_word_may_be_let_go(bench: Bench) -> None:
    bmc = bench.bmc("hpe")
    assert bench.plan(bmc, words={"acs": True}, on_missing="ignore").missing == ("acs",)
    warned = bench.plan(bmc, words={"acs": True}, on_missing="warn")
    assert "settings.acs is left as it is: hpe's table" in warned.plan.warnings[0]


def test_a_name_that_is_given_comes_before_the_table(bench: Bench) -> None:
    bmc = bench.bmc("lenovo")
    name = "MellanoxNetworkAdapter_B83FD2000001__Slot15_VirtualizationMode"
    bench.settle(bmc, words={"sriov": True}, names={"sriov": {"attribute": name, "on": "SR_IOV", "off": "None"}})
    assert sent(bmc) == [{name: "SR_IOV"}]


def test_without_a_registry_the_kind_of_the_value_is_judged(bench: Bench) -> None:
    bmc = bench.bmc("dell")
    bmc.has_registry = False
    with pytest.raises(InvalidSpecError, match="expected a value like 60, found 'sixty'"):
        bench.settle(bmc, attributes={"AcPwrRcvryUserDelay": "sixty"})
    bench.settle(bmc, words=ALL_ON)
    assert sent(bmc) == [SENT["dell"]]


@pytest.mark.parametrize("what", BROKEN)
@pytest.mark.parametrize("place", ["/redfish/v1$", "Systems/1$", "Bios/Settings", "Bios$"])
def test_a_bmc_that_breaks_is_told_and_nothing_is_sent(bench: Bench, what: str, place: str) -> None:
    bmc = bench.bmc("dell")
    bench.seconds = 0.4 if what in ("hang", "drip") else 10.0
    bmc.faults = [Fault(what, path=place)]
    with pytest.raises(BmcError) as caught:
        bench.settle(bmc, words=ALL_ON)
    assert BROKEN[what] in str(caught.value) and place.rstrip("$") in str(caught.value)
    assert bmc.writes == [] and bmc.sessions == {} and PASSWORD not in str(caught.value)


@pytest.mark.parametrize("place", ["/redfish/v1$", "Systems$", "Systems/1$", "Bios$", "Bios/Settings", "Registries"])
def test_answers_of_wrong_kinds_end_in_words(bench: Bench, place: str) -> None:
    bmc = bench.bmc("dell")
    bmc.faults = [Fault("garbage", path=place)]
    try:
        bench.plan(bmc, words=ALL_ON)
    except SriovError as error:
        assert "expected" in str(error)
    assert bmc.writes == [] and bmc.sessions == {}


@pytest.mark.parametrize("login", ["auto", "session", "basic"])
def test_a_wrong_password_is_tried_once(bench: Bench, login: str) -> None:
    bmc = bench.bmc("hpe")
    with pytest.raises(LoginError) as caught:
        bench.settle(bmc, words=ALL_ON, password="wrong-Secret", login=login)
    assert bmc.refused == 1 and "expected a login as sriov; found HTTP status 401" in str(caught.value)
    assert "wrong-Secret" not in str(caught.value) and bmc.sessions == {}


def test_where_no_session_is_free_the_login_is_basic(bench: Bench) -> None:
    bmc = bench.bmc("hpe", session_limit=1)
    bmc.sessions["9"] = "somebody"
    done = bench.settle(bmc, words=ALL_ON)
    assert bmc.sessions == {"9": "somebody"} and "no session is free" in done.warnings[0]
    with pytest.raises(BmcError, match="SessionLimitExceeded"):
        bench.settle(bmc, words=ALL_ON, login="session")


@pytest.mark.parametrize("what", ["412", "428"])
def test_settings_that_changed_meanwhile_are_looked_at_again(bench: Bench, what: str) -> None:
    bmc = bench.bmc("lenovo")
    bmc.faults = [Fault(what, "PATCH", times=1)]
    bench.settle(bmc, words=ALL_ON)
    assert sent(bmc) == [SENT["lenovo"]]
    bmc = bench.bmc("ami")
    bmc.faults = [Fault(what, "PATCH")]
    with pytest.raises(BmcError, match=f"HTTP status {what}"):
        bench.settle(bmc, words=ALL_ON)
    assert [method for method, _path in bmc.log].count("PATCH") == 2 and bmc.sessions == {}


def test_a_job_of_somebody_else_is_named_and_left(bench: Bench) -> None:
    bmc = bench.bmc("dell")
    job = bmc.new_job()
    for check in (True, False):
        with pytest.raises(RefusedError, match=f"{job}: expected no job of somebody else that waits; found Configure"):
            bench.settle(bmc, check=check, words=ALL_ON)
    assert bmc.writes == [] and len(bmc.jobs) == 1
    bmc.jobs["JID_1"]["JobType"] = bmc.jobs["JID_1"]["Name"] = "FirmwareUpdate"
    bmc.jobs["JID_1"]["JobState"] = "Completed"
    bench.settle(bmc, words=ALL_ON)


def test_a_job_of_ours_gives_way_to_another_wish(bench: Bench) -> None:
    bmc = bench.bmc("dell")
    bench.settle(bmc, words={"sriov": True})
    plan = bench.plan(bmc, words=ALL_ON)
    done = bench.settle(bmc, words=ALL_ON)
    assert steps(plan) == steps(done) and steps(done)[0][0] == "bios_job"
    assert list(bmc.jobs) == ["JID_1"] and bmc.staged == SENT["dell"]
    bmc.reset("ForceRestart")
    assert not bench.settle(bmc, words=ALL_ON).plan.steps


def test_what_is_staged_without_a_job_gets_one(bench: Bench) -> None:
    bmc = bench.bmc("dell")
    bmc.staged = dict(SENT["dell"])
    assert bench.settle(bmc, words=ALL_ON).plan.pending
    assert bmc.applied_by_job and not bench.settle(bmc, words=ALL_ON).plan.pending


def test_what_somebody_else_staged_is_named_and_left(bench: Bench) -> None:
    bmc = bench.bmc("hpe")
    bmc.staged = {"ProcX2Apic": "Enabled"}
    done = bench.settle(bmc, words=ALL_ON)
    assert "ProcX2Apic is staged by somebody else" in done.plan.warnings[0]
    assert bmc.staged == {"ProcX2Apic": "Enabled", **SENT["hpe"]}
    bench.settle(bmc, present=False)
    bmc.reset("ForceRestart")
    assert bmc.current["ProcX2Apic"] == "Enabled" and bmc.current["Sriov"] == "Disabled"


def test_what_somebody_else_set_since_is_not_given_back(bench: Bench) -> None:
    bmc = bench.bmc("lenovo")
    name = "DevicesandIOPorts_PCI64BitResourceAllocation"
    bench.settle(bmc, attributes={name: "Enabled"})
    bmc.reset("ForceRestart")
    bmc.current[name] = "Auto"
    done = bench.settle(bmc, present=False)
    assert done.plan.steps == () and f"{name} is left as it is: 'Auto'" in done.plan.warnings[0]


def test_a_wish_that_goes_is_given_back_beside_those_that_stay(bench: Bench) -> None:
    bmc = bench.bmc("hpe")
    bench.settle(bmc, words=ALL_ON)
    bmc.reset("ForceRestart")
    bench.settle(bmc, words={"iommu": True})
    bmc.reset("ForceRestart")
    assert (bmc.current["Sriov"], bmc.current["IntelProcVtd"]) == ("Disabled", "Enabled")


def test_a_setting_that_the_bios_refuses_is_named(bench: Bench) -> None:
    bmc = bench.bmc("hpe")
    bmc.refuses = {"Sriov"}
    with pytest.raises(BmcError, match=r"expected Sriov to take effect; found Base\.1\.8\.SettingsFailed"):
        bench.settle(bmc, words=ALL_ON, reset="force", wait_seconds=5)
    assert bmc.resets == ["ForceRestart"] and bmc.sessions == {}


def test_a_host_that_does_not_come_back_is_not_reset_again(bench: Bench) -> None:
    bmc = bench.bmc("hpe", post_seconds=60)
    with pytest.raises(BmcError, match="It was reset once, and is not reset again"):
        bench.settle(bmc, words=ALL_ON, reset="force", wait_seconds=0.3)
    assert bmc.resets == ["ForceRestart"] and bmc.sessions == {}


def test_the_bmc_may_be_away_while_the_host_starts(bench: Bench) -> None:
    bmc = bench.bmc("supermicro", post_seconds=0.05)
    bmc.faults = [Fault("die", path="Bios", after=4, times=5), Fault("503", path="Systems/1$", after=2, times=3)]
    assert not bench.settle(bmc, words=ALL_ON, reset="force", wait_seconds=20).reboot_required
    assert bmc.resets == ["ForceRestart"]


def test_another_machine_at_the_same_address_is_refused(bench: Bench) -> None:
    bmc = bench.bmc("hpe")
    bench.settle(bmc, words=ALL_ON)
    path = bench.folder / "record" / "node1.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "identity": "another"}))
    with pytest.raises(BmcError, match="expected the machine another of"):
        bench.settle(bmc, present=False)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 9}', '{"original": 7}'])
def test_a_damaged_record_is_told_and_nothing_is_sent(bench: Bench, text: str) -> None:
    bmc = bench.bmc("hpe")
    bench.settle(bmc, words={"sriov": True})
    (bench.folder / "record" / "node1.json").write_text(text)
    count = len(bmc.writes)
    with pytest.raises(SriovError, match="expected a record of format 1"):
        bench.settle(bmc, words=ALL_ON)
    assert len(bmc.writes) == count and bmc.sessions == {}


def test_a_bmc_without_a_bios_says_so(bench: Bench) -> None:
    bmc = bench.bmc("other")
    bmc.has_bios = False
    with pytest.raises(BmcError, match="expected settings over Redfish; found a system without Bios"):
        bench.plan(bmc, words=ALL_ON)
