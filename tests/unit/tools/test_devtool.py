# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program behind `make`: its verdicts must not hide a failure, and what it starts must end."""

from __future__ import annotations

import os
import sys
import threading
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from devtool import ansible_log, cache, checks, context, junit, programs, stages
from devtool.console import ToolError, run_logged
from devtool.context import Context, Stage, StageFailed, StageSkipped
from devtool.junit import Case, Tally


def test_junit_survives_what_logs_hold(tmp_path: Path) -> None:
    path = tmp_path / "x.xml"
    cases = [
        Case("good", 1.5),
        Case("bad", failure="\x1b[31mred\x1b[0m \x00 <&> \x08"),
        Case("left out", skipped="not here"),
        Case("silent", failure=""),
    ]
    junit.write(path, "suite", cases)
    assert junit.count([path]) == Tally(passed=1, failed=2, skipped=1)
    assert junit.read(path)[1].failure == "red  <&>"
    assert ET.parse(path).getroot()[0].get("failures") == "2"


def test_junit_counts_errors_as_failures(tmp_path: Path) -> None:
    path = tmp_path / "x.xml"
    path.write_text('<testsuite><testcase name="a"><error message="no fixture"/></testcase></testsuite>')
    assert junit.count([path]) == Tally(failed=1)


@pytest.mark.parametrize("text", ["", "<testsuite>", "nothing"])
def test_a_file_that_is_no_junit_is_a_failure(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.xml"
    path.write_text(text)
    assert junit.count([path]).failed == 1


FAILED_RUN = """
TASK [Look] ********************************************************************
fatal: [node1]: FAILED! =>
    msg: not there yet
...ignoring

TASK [baremetal.sriov.node : Apply the plan] ***********************************
[ERROR]: Task failed: Module failed: 0000:01:00.0: 7 VFs wanted,
found 3
Origin: /some/where/main.yml:4:3

fatal: [node1]: FAILED! =>
    changed: false
    msg: |-
        0000:01:00.0: 7 VFs wanted,

        found 3
    rc: 1

PLAY RECAP *********************************************************************
node1 : ok=3 changed=0 unreachable=0 failed=1
"""


def test_the_task_that_failed_is_told_in_a_line(tmp_path: Path) -> None:
    log = tmp_path / "molecule.log"
    assert ansible_log.failed_task(log) == ""
    log.write_text(FAILED_RUN)
    told = ansible_log.failed_task(log).split(" | ")
    assert told[:2] == ["TASK [baremetal.sriov.node : Apply the plan]", "fatal: [node1]: FAILED! =>"]
    assert told[-1] == "0000:01:00.0: 7 VFs wanted, found 3"
    log.write_text(FAILED_RUN.partition("TASK [baremetal")[0])
    assert ansible_log.failed_task(log) == "", "what a play ignores is no failure"
    log.write_text("TASK [Gathering Facts] ****\nfatal: [node1]: UNREACHABLE! => \n    msg: 'no route'\n")
    assert ansible_log.failed_task(log) == "TASK [Gathering Facts] | fatal: [node1]: UNREACHABLE! => | 'no route'"


@pytest.fixture
def output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stages write below a temporary folder; the clean copy is not needed."""
    (tmp_path / "junit").mkdir()
    for module in (context, stages):
        monkeypatch.setattr(module, "OUTPUT", tmp_path)
        monkeypatch.setattr(module, "JUNIT", tmp_path / "junit")
    return tmp_path


def _fail(stage: Context) -> None:
    stage.note("looking")
    raise StageFailed("it is broken")


def _fail_after_good_cases(stage: Context) -> None:
    junit.write(stage.junit, stage.name, [Case("one"), Case("two")])
    raise StageFailed("the program crashed afterwards")


def _report_a_failure(stage: Context) -> None:
    junit.write(stage.junit, stage.name, [Case("one"), Case("two", failure="wrong")])


def _crash(stage: Context) -> None:
    raise ZeroDivisionError


def _cannot(stage: Context) -> None:
    raise ToolError("git is missing")


def _skip(stage: Context) -> None:
    raise StageSkipped("there is no Python 3.9")


def _pass(stage: Context) -> None:
    stage.note("fine")


@pytest.mark.parametrize(
    ("check", "verdict", "tally"),
    [
        (_pass, "passed", Tally(passed=1)),
        (_fail, "failed", Tally(failed=1)),
        (_fail_after_good_cases, "failed", Tally(passed=2, failed=1)),
        (_report_a_failure, "failed", Tally(passed=1, failed=1)),
        (_cannot, "failed", Tally(failed=1)),
        (_crash, "failed", Tally(failed=1)),
        (_skip, "skipped", Tally(skipped=1)),
    ],
)
def test_a_stage_hides_no_failure(output: Path, check: Callable[[Context], None], verdict: str, tally: Tally) -> None:
    result = stages.carry_out(Stage("example", "an example", check), output)
    assert (result.verdict, result.tally) == (verdict, tally)
    assert junit.count((output / "junit").glob("*.xml")) == tally


def test_the_end_is_one_line_and_the_status(
    output: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BAREMETAL_SRIOV_CACHE", str(output / "cache"))
    monkeypatch.setattr(stages, "clean_copy", lambda: nullcontext(output))
    assert stages.run([Stage("a", "good", _pass), Stage("b", "bad", _fail), Stage("c", "good", _pass)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "2 passed, 1 failed"
    assert "failed in b: b: it is broken" in lines, "whoever sees only the end knows what failed"
    assert stages.run([Stage("a", "good", _pass)]) == 0


def test_what_could_not_be_checked_has_failed(
    output: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BAREMETAL_SRIOV_CACHE", str(output / "cache"))
    monkeypatch.setattr(stages, "clean_copy", lambda: nullcontext(output))
    monkeypatch.setattr(stages, "LAB", output)
    power: list[str] = []
    monkeypatch.setattr(stages.checks, "power_off", lambda: power.append("off"))
    chosen = [
        replace(stages.TOOLS, check=_pass),
        replace(stages.LAB_TOOLS, check=_cannot),
        Stage("a", "good", _pass),
        Stage("b", "on the node", _pass, lab=True),
    ]
    assert stages.run(chosen) == 1
    text = capsys.readouterr().out
    assert "not run, since lab-deps failed" in text
    assert power == ["off"]
    assert text.splitlines()[-1] == "2 passed, 2 failed"


def test_the_node_is_tried_beside_the_other_checks(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """But not before what is built for it is there; each stage counts its own JUnit files."""
    monkeypatch.setenv("BAREMETAL_SRIOV_CACHE", str(output / "cache"))
    monkeypatch.setattr(stages, "clean_copy", lambda: nullcontext(output))
    monkeypatch.setattr(stages, "LAB", output)
    monkeypatch.setattr(stages.checks, "power_off", lambda: None)
    built, meet = threading.Event(), threading.Barrier(2, timeout=20)

    def build(stage: Context) -> None:
        time.sleep(0.2)
        built.set()

    def on_the_node(stage: Context) -> None:
        assert built.is_set()
        meet.wait()
        junit.write(stages.JUNIT / "chain-one.xml", "chain-one", [Case("a"), Case("b", failure="wrong")])

    def beside(stage: Context) -> None:
        meet.wait()
        _report_a_failure(stage)

    results: list[stages.Result] = []
    chosen = [Stage("build", "first", build, alone=True), Stage("unit", "beside", beside),
              Stage("molecule", "on the node", on_the_node, lab=True)]  # fmt: skip
    stages._carry_out_all(chosen, results)
    found = {result.stage.name: result.tally for result in results}
    assert found == {"build": Tally(passed=1), "unit": Tally(1, 1), "molecule": Tally(1, 1)}


def test_a_stage_without_result_is_no_success(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAREMETAL_SRIOV_CACHE", str(output / "cache"))
    monkeypatch.setattr(stages, "_carry_out_all", lambda chosen, results: None)
    assert stages.run([Stage("a", "good", _pass)]) == 1


def test_unknown_stages_are_named() -> None:
    with pytest.raises(ToolError, match=r"unknown stage nonsense; there are: .*ruff"):
        stages.choose("ruff,nonsense", fast=False)
    assert not any(stage.lab for stage in stages.choose(None, fast=True))
    assert [stage.name for stage in stages.choose("molecule", fast=False)] == ["deps", "lab-deps", "molecule"]


def _ended(pid: int, seconds: float = 10.0) -> bool:
    """Whether a process is gone, or waits to be reaped, within that time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state in "ZX":
            return True
        time.sleep(0.05)
    return False


def test_a_command_that_hangs_is_stopped_with_its_children(tmp_path: Path) -> None:
    log, pid = tmp_path / "log", tmp_path / "pid"
    code = (
        "import subprocess, time; p = subprocess.Popen(['sleep', '60']); "
        f"open({str(pid)!r}, 'w').write(str(p.pid)); print('started', flush=True); time.sleep(60)"
    )
    assert run_logged([sys.executable, "-c", code], log, limit_seconds=4) == 124
    text = log.read_text()
    assert "started" in text
    assert "took longer than 4.0 s" in text
    assert _ended(int(pid.read_text()))


def test_a_command_that_is_missing_has_a_status(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert run_logged(["/nowhere/tool"], log) == 127
    assert "can't be started" in log.read_text()


def test_a_folder_is_published_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "cache" / "thing"
    with pytest.raises(RuntimeError), cache.published(target) as folder:
        (folder / "half").touch()
        raise RuntimeError("killed")
    assert not target.exists()
    assert list(target.parent.iterdir()) == []
    for content in ("first", "second"):
        with cache.published(target) as folder:
            (folder / content).touch()
    assert [path.name for path in target.iterdir()] == ["second"]


def test_two_checkouts_take_turns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BAREMETAL_SRIOV_CACHE", str(tmp_path))
    order = []

    def other() -> None:
        with cache.locked("tools"):
            order.append("second")

    with cache.locked("tools"):
        thread = threading.Thread(target=other)
        thread.start()
        time.sleep(0.2)
        order.append("first")
    thread.join(timeout=10)
    assert order == ["first", "second"]
    assert "another run holds the lock" in capsys.readouterr().out


def test_a_chain_that_passed_over_its_tests_is_no_success(tmp_path: Path) -> None:
    sequence = "scenario:\n  test_sequence:\n    - create\n    - verify start.yml\n    - verify pods.yml\n"
    (tmp_path / "chain-start.xml").touch()
    assert checks.unseen(sequence, "default : actions=3 missing=0", tmp_path) == [
        f"verify pods.yml left no {tmp_path.name}/chain-pods.xml"
    ]
    (tmp_path / "chain-pods.xml").touch()
    assert checks.unseen(sequence, "default : actions=3 missing=0", tmp_path) == []
    assert len(checks.unseen(sequence, "default : actions=1 missing=2", tmp_path)) == 1


def test_long_loops_are_chosen_by_name_and_have_numbers_of_their_own() -> None:
    names = [programs.loop_name(program) for program in programs.soak_loops()]
    assert {"cni", "cni_kills", "node_kills", "restarts"} <= set(names)
    assert [path.stem for path in programs.soak_loops("restarts, cni")] == ["soak_cni", "soak_restarts"]
    with pytest.raises(ToolError, match=r"unknown loop nonsense; there are: applies, cni, "):
        programs.soak_loops("cni,nonsense")


def test_each_long_loop_runs_and_is_summed_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A loop that fails does not keep the next from running."""
    monkeypatch.setattr(programs, "ROOT", tmp_path)
    monkeypatch.setattr(programs, "python", lambda: sys.executable)
    monkeypatch.setattr(programs, "_environment", lambda: dict(os.environ))
    folder = tmp_path / "tests" / "soak"
    folder.mkdir(parents=True)
    (folder / "soak_bad.py").write_text("print('half'); raise SystemExit(3)")
    (folder / "soak_good.py").write_text("import sys; print('x'); print('done with', *sys.argv[1:])")
    assert programs.loops(programs.soak_loops(), None, 7) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-3] == "seed 7"
    assert lines[-2].split()[0] == "bad" and "FAILED with exit status 3" in lines[-2]
    assert lines[-1].split()[0] == "good" and lines[-1].endswith("done with --seed 7")
    assert programs.loops(programs.soak_loops("good"), 5, 7) == 0
    assert capsys.readouterr().out.endswith("done with --count 5 --seed 7\n")
