# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of all parts: what it foretells is what the parts do, and what was not approved is not done."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.entry import bundle_module
from ansible_collections.baremetal.sriov.plugins.module_utils.entry.node_module import run_module
from ansible_collections.baremetal.sriov.plugins.module_utils.node.concerns import WHOLE
from support.fake_base import Killed
from support.node_runs import KERNEL, PF1, goal_of, ran
from support.whole_node import CNI_UNIT, FOLDER, PYTHON, Runs, compare, shipments, whole_host

CODE = ("first", "second")


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(whole_host(tmp_path / "host"), tmp_path)


@pytest.mark.parametrize("seed", [pytest.param(n, id=f"finding-people-07-life-{n}") for n in range(4)])
def test_what_is_foretold_is_what_is_done(tmp_path: Path, seed: int) -> None:
    """First run, changed policies, changed own code, drift, teardown; the long form is in the soak loops."""
    assert compare(tmp_path, seed) == []


@pytest.mark.parametrize("what", [pytest.param("bare", id="finding-people-07-bare-host")])
def test_a_bare_host_gets_all_parts(runs: Runs, what: str) -> None:
    """Also one without policies; its device plugin is installed and does not run."""
    told = runs.plan([], shipments("0.1.1", CODE))
    assert told["changed"] and not told["node_changed"], what
    assert {name: one["changed"] for name, one in told["bundles"].items()} == {
        "node": True, "device-plugin": True, "cni": True
    }  # fmt: skip
    code = [step for step in told["plan"]["steps"] if step["kind"] == "code"]
    assert [(step["target"], step["action"], step["before"]) for step in code] == [
        (name, "add 3 files", None) for name in ("node", "device-plugin", "cni")
    ]
    assert {step["after"]["release"] for step in code} == {"0.1.1"}
    started = [step["target"] for step in told["plan"]["steps"] if step["after"] == "start"]
    assert started == [CNI_UNIT]
    assert told["python"]["version"] == PYTHON["version"]
    assert told["cni_bin_dir"] == "/opt/cni/bin"


def test_an_upgrade_is_one_step_with_the_version_before_and_after(runs: Runs) -> None:
    runs.site([KERNEL], shipments("0.1.0", CODE), CODE)
    other = ("first", "other", "new")
    steps = runs.plan([KERNEL], shipments("0.2.0", other))["plan"]["steps"]
    (code,) = [step for step in steps if step["kind"] == "code" and step["bundle"] == "cni"]
    assert (code["action"], code["reason"]) == ("add 1, change 2 files", "another version")
    assert (code["before"]["release"], code["after"]["release"]) == ("0.1.0", "0.2.0")
    assert code["before"]["content"] != code["after"]["content"]
    assert [step["part"] for step in steps] == sorted((step["part"] for step in steps),
                                                      key=["node", "device_plugin", "cni"].index)  # fmt: skip


def test_a_version_without_its_name_is_told(runs: Runs) -> None:
    """Release 0.1.1 and those before ship no file that tells it."""
    shipped = shipments("0.1.1", CODE)
    for one in shipped:
        one["manifest"]["files"] = [file for file in one["manifest"]["files"] if "RELEASE" not in file["path"]]
    runs.site([], shipped, CODE)
    steps = runs.plan([], shipments("0.1.2", CODE))["plan"]["steps"]
    assert {step["before"]["release"] for step in steps if step["kind"] == "code"} == {"0.1.1 or older"}


def test_libraries_for_another_python_are_asked_for(runs: Runs) -> None:
    for given in ({}, {**PYTHON, "libc": "musl 1.2"}):
        params = {"state": "present", "bundles": [], "libraries_for": given}
        result = ran(runs.host, run_module, goal_of([KERNEL]), WHOLE, check=True, params=params).result
        assert result["libraries_missing"] and result["python"]["libc"] == PYTHON["libc"] and "plan" not in result
    params = {"state": "present", "bundles": [], "libraries_for": PYTHON}
    assert "plan" in ran(runs.host, run_module, goal_of([KERNEL]), WHOLE, check=True, params=params).result


def test_all_refusals_are_told_at_once(runs: Runs) -> None:
    """Of the node, and of each bundle; nothing twice."""
    runs.host.put("opt/cni/bin/sriov", "somebody's")
    runs.host.put("etc/systemd/system/baremetal-sriov-device-plugin.service", "somebody's")
    runs.host.routes.append({"dst": "default", "dev": "enp1s0"})
    params = {"state": "present", "bundles": shipments("0.1.1", CODE), "libraries_for": None}
    result = ran(runs.host, run_module, goal_of([KERNEL]), WHOLE, check=True, params=params).result
    assert result["failed"]
    objects = [problem.split(":")[0] for problem in result["refused"]]
    assert [name for name in objects if name.startswith("/")] == [
        "/etc/systemd/system/baremetal-sriov-device-plugin.service", "/opt/cni/bin/sriov"
    ]  # fmt: skip
    assert any(problem.startswith(PF1) for problem in result["refused"])


APPROVED = {"the-same": False, "policy": True, "drift": True}


@pytest.mark.parametrize("case", APPROVED)
def test_what_changes_after_the_approval_is_refused_before_the_first_write(runs: Runs, case: str) -> None:
    """Asked by the module itself, when it has the lock."""
    approved = runs.plan([KERNEL], shipments("0.1.1", CODE))["plan"]["steps"]
    wanted = [{**KERNEL, "num_vfs": 3}] if case == "policy" else [KERNEL]
    if case == "drift":
        runs.host.put("sys/class/net/enp1s0/mtu", "1400")
        runs.host.nets["enp1s0"].mtu = 1400
        wanted = [{**KERNEL, "mtu": 1500}]
    changes = len(runs.host.log)
    result = ran(runs.host, run_module, goal_of(wanted), WHOLE, params={"approved": approved}).result
    assert bool(result.get("failed")) is APPROVED[case], result
    if APPROVED[case]:
        assert "expected the approved steps and no others; found" in result["msg"]
        assert len(runs.host.log) == changes and runs.host.numvfs(PF1) == 0


def test_files_that_were_not_approved_are_not_shipped(runs: Runs) -> None:
    shipped = shipments("0.1.1", CODE)
    approved = runs.plan([KERNEL], shipped)["plan"]["steps"]
    library = {**shipments("0.1.2", CODE)[0], "state": "present", "python": "auto", "gather_only": False}
    for file in library["manifest"]["files"]:
        if "sha256" in file:
            file.update(text="x", sha256=None)
    before = runs.host.tree()
    result = ran(runs.host, bundle_module.run, params={**library, "archive": None, "approved": approved}).result
    assert result["failed"] and "bundle node: expected the approved steps and no others" in result["msg"]
    assert {path: file for path, file in runs.host.tree().items() if path.startswith((FOLDER, "/etc"))} == {
        path: file for path, file in before.items() if path.startswith((FOLDER, "/etc"))
    }


def test_a_plan_writes_nothing(runs: Runs) -> None:
    runs.site([KERNEL], shipments("0.1.0", CODE), CODE)
    before = runs.host.tree()
    try:
        with runs.host.mortal(1):
            runs.plan([], shipments("0.1.1", ("a", "b")))
            runs.plan(None, [{"name": "node", "part": "node"}])
    except Killed as killed:
        pytest.fail(f"written: {killed}")
    assert runs.host.tree() == before
