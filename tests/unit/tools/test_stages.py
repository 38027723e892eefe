# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stages of a run: their verdicts must not hide a failure, and what they start must end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from devtool import budget, deps, reports, stages
from devtool.budget import Ledger
from devtool.console import ToolError
from sriovlab import steps
from support.processes import ENDED, eventually, state_of

SECONDS = f"300.{os.getpid()}"  # what nobody else sleeps
NOXFILE = """
import signal
import time
from pathlib import Path
import nox

OUTPUT = Path({output!r})
signal.signal(signal.SIGTERM, signal.default_int_handler)  # as the real one does
nox.options.default_venv_backend = "none"
nox.options.error_on_missing_interpreters = False
CASES = '<testsuite><testcase name="one"/><testcase name="two">%s</testcase></testsuite>'


def log(session, text):
    (OUTPUT / f"{{session.name}}.log").write_text(text)


@nox.session
def good(session):
    "is well"
    log(session, "fine")


@nox.session
def bad(session):
    log(session, "ERROR it is broken")
    session.run("false", external=True)


@nox.session
def play(session):
    log(session, "TASK [Apply the plan] ****\\nfatal: [node1]: FAILED! => no room\\n" + "more\\n" * 99)
    session.run("false", external=True)


@nox.session
def crash(session):
    raise ZeroDivisionError


@nox.session
def gives_up(session):
    session.error("it is of no use")


@nox.session
def left_out(session):
    session.skip("there is no emulator")


@nox.session(python="3.2", venv_backend="venv")
def old(session):
    pass


@nox.session
def fails_after_good_cases(session):
    (OUTPUT / "junit" / f"{{session.name}}.xml").write_text(CASES % "")
    session.run("false", external=True)


@nox.session
def reports_a_failure(session):
    (OUTPUT / "junit" / f"{{session.name}}.xml").write_text(CASES % '<failure message="wrong"/>')


@nox.session(name="lab-deps", tags=["lab"])
def lab_deps(session):
    session.error("git is missing")


@nox.session(tags=["lab"], requires=["lab-deps"])
def molecule(session):
    pass


def meet(session, other):
    log(session, "here")
    for _turn in range(600):
        if (OUTPUT / f"{{other}}.log").exists():
            return
        time.sleep(0.1)
    session.error("nobody came")


@nox.session(tags=["pair"])
def left(session):
    meet(session, "right")


@nox.session(tags=["pair"])
def right(session):
    meet(session, "left")


@nox.session
def slow(session):
    log(session, "waiting")
    session.run("timeout", "--kill-after=20", "300", "sleep", {seconds!r}, external=True)
"""


class AnyLine(dict[str, float]):
    """A ledger that lets everything take a day."""

    def __missing__(self, name: str) -> float:
        return 86_400.0

    def __contains__(self, name: object) -> bool:
        return True


EASY = Ledger(AnyLine())


@pytest.fixture
def output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stages are those of another file, and write below a temporary folder; nox is that of this interpreter."""
    (tmp_path / "noxfile.py").write_text(NOXFILE.format(output=str(tmp_path), seconds=SECONDS))
    for name, value in {"OUTPUT": tmp_path, "JUNIT": tmp_path / "junit", "NOXFILE": tmp_path / "noxfile.py"}.items():
        monkeypatch.setattr(stages, name, value)
    monkeypatch.setattr(stages, "tool", lambda name: sys.executable)
    monkeypatch.setattr(deps, "LAB", tmp_path / "lab.py")
    monkeypatch.setattr(steps, "FILE", tmp_path / steps.FILE.name)
    monkeypatch.setattr(budget, "best_of_three", lambda: 1.0)
    monkeypatch.setenv("BAREMETAL_SRIOV_CACHE", str(tmp_path / "cache"))
    return tmp_path


def _run(*names: str, ledger: Ledger = EASY, complete: bool = False) -> int:
    chosen = stages.choose(stages.all_stages(), ",".join(names), fast=False)
    return stages.run(chosen, ledger, complete=complete)


def test_a_stage_hides_no_failure(output: Path, capfd: pytest.CaptureFixture[str]) -> None:
    names = ("good", "bad", "crash", "gives_up", "left_out", "old", "fails_after_good_cases", "reports_a_failure")
    assert _run(*names) == 1
    lines = capfd.readouterr().out.splitlines()
    table = {line.split()[0]: line.split()[1:5] for line in lines if len(line.split()) > 5}
    assert {name: table[name] for name in names} == {
        "good": ["passed", "1", "0", "0"],
        "bad": ["failed", "0", "1", "0"],
        "crash": ["failed", "0", "1", "0"],
        "gives_up": ["failed", "0", "1", "0"],
        "left_out": ["skipped", "0", "0", "1"],
        "old": ["skipped", "0", "0", "1"],
        "fails_after_good_cases": ["failed", "2", "1", "0"],
        "reports_a_failure": ["failed", "1", "1", "0"],
    }
    verdicts = [verdict for verdict, _why in reports.junit_cases((output / "junit").glob("*.xml"))]
    assert {one: verdicts.count(one) for one in verdicts} == {"passed": 4, "failed": 5, "skipped": 2}
    assert lines[-1] == "4 passed, 5 failed"
    assert "failed in gives_up: gives_up: it is of no use" in lines
    assert any("there is no emulator" in line for line in lines)
    assert any("ERROR it is broken" in line for line in lines), "whoever sees only the end knows what failed"


def test_the_task_that_failed_stands_in_the_summary(output: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert _run("play") == 1
    wanted = "failed in play: play: failed, see play.log: TASK [Apply the plan] | fatal: [node1]: FAILED! => no room"
    assert wanted in capfd.readouterr().out.splitlines()


def test_what_could_not_be_checked_has_failed(output: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (output / "lab.py").write_text("import sys; print('power', *sys.argv[1:])")
    assert _run("molecule", "good") == 1
    lines = capfd.readouterr().out.splitlines()
    assert any("failed in molecule" in line and "lab-deps" in line for line in lines)
    assert "power down" in lines
    assert lines[-1] == "1 passed, 2 failed"


def test_two_stages_run_beside_each_other(output: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert _run("pair") == 0
    assert capfd.readouterr().out.splitlines()[-1] == "2 passed, 0 failed"


def test_a_stage_without_result_is_no_success(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "_run_nox", lambda chosen, without_peers: {})
    assert _run("good") == 1
    assert stages.run([], EASY) == 1


def test_without_peers_what_needs_them_is_skipped_and_counted(
    output: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    known = [{"name": "good", "tags": []}, {"name": "molecule", "tags": ["lab"]}]
    told = {"good": {"result": "success", "reason": None, "duration": 1.0}}
    asked = []
    monkeypatch.setattr(stages, "_run_nox", lambda chosen, without_peers: asked.append((chosen, without_peers)) or told)
    assert stages.run(known, EASY, without_peers=True) == 0
    assert asked == [(known[:1], True)]
    lines = capfd.readouterr().out.splitlines()
    assert [line.split()[1:5] for line in lines if line.startswith("molecule ")] == [["skipped", "0", "0", "1"]]
    assert "1 stages skipped by --without-peers: molecule" in lines
    assert "without-peers" not in (deps.ROOT / ".ci" / "run").read_text()


def test_unknown_stages_are_named(output: Path) -> None:
    known = stages.all_stages()
    with pytest.raises(ToolError, match=r"unknown stage nonsense; there are: good, bad"):
        stages.choose(known, "good,nonsense", fast=False)
    assert not any("lab" in stage["tags"] for stage in stages.choose(known, None, fast=True))
    assert [stage["name"] for stage in stages.choose(known, "molecule", fast=False)] == ["lab-deps", "molecule"]
    assert [stage["name"] for stage in stages.choose(known, "pair,good", fast=False)] == ["good", "left", "right"]
    assert stages.choose(known, None, fast=False) == known


def test_a_name_is_not_also_a_tag() -> None:
    known = [{"name": name, "tags": ["unit"]} for name in ("unit", "unit-py39")]
    assert stages.choose(known, "unit", fast=False) == known[:1]


@pytest.mark.parametrize(("seconds", "over"), [(12.0, False), (13.0, True)])
def test_the_steps_of_the_lab_are_told_and_the_slow_one_is_said(
    output: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, seconds: float, over: bool
) -> None:
    def removed(ledger: Ledger) -> Ledger:  # as the end of the run, when the lab has been there
        steps.note(steps.POD, seconds)
        return ledger

    steps.note(steps.REBOOT, 9.0)  # of a run before
    monkeypatch.setattr(Ledger, "end", removed)
    ledger = Ledger({"good": 9, "lab-deps": 9, f"{budget.STEP}{steps.POD}": 10, f"{budget.STEP}{steps.REBOOT}": 1})
    assert _run("good", ledger=ledger) == 0
    told = capfd.readouterr().out
    assert f"the lab: {steps.POD} {seconds:.1f} s\n" in told
    assert (f"over its line: {budget.STEP}{steps.POD} took {seconds:.1f} s" in told) == over


def test_a_slow_stage_passes_and_a_slow_run_fails(output: Path, capfd: pytest.CaptureFixture[str]) -> None:
    slow = Ledger({budget.TOTAL: 86_400, "good": 1e-9, "lab-deps": 9, "molecule": 9})
    assert _run("good", ledger=slow, complete=True) == 0
    assert any(line.startswith("over its line: good took") for line in capfd.readouterr().out.splitlines())
    assert _run("good", ledger=Ledger({**slow.lines, budget.TOTAL: 1e-9}), complete=True) == 1
    lines = capfd.readouterr().out.splitlines()
    assert any(line.startswith("the whole run took") for line in lines)
    assert lines[-1] == "1 passed, 1 failed"
    assert _run("good", ledger=Ledger({**slow.lines, budget.TOTAL: 1e-9})) == 0, "a part is not judged"


def test_a_run_that_is_told_to_end_leaves_nothing_running(output: Path) -> None:
    """SIGTERM to the program, over nox and the stage's session, down to what the stage started."""
    code = f"""
import sys
sys.path[:0] = {sys.path!r}
import make as program
from pathlib import Path
from devtool import stages
from devtool.budget import Ledger
stages.OUTPUT, stages.JUNIT, stages.NOXFILE = (Path({str(output)!r}) / name for name in (".", "junit", "noxfile.py"))
stages.tool = lambda name: sys.executable
program.COMMANDS["test"] = (lambda options: stages.run(
    stages.choose(stages.all_stages(), "slow,good", fast=False), Ledger({{"slow": 9, "good": 9}})), "", "", "")
sys.exit(program.main(["test"]))
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as running:
        deadline = time.monotonic() + 60
        while not (sleeper := _sleepers()) and time.monotonic() < deadline:
            time.sleep(0.1)
        running.send_signal(signal.SIGTERM)
        _out, told = running.communicate(timeout=60)
    assert sleeper
    eventually(lambda: all(state_of(pid) in ENDED for pid in sleeper))
    assert running.returncode == 130, told.decode()


def _sleepers() -> list[int]:
    """Processes of the stage `slow`."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes().endswith(f"sleep\0{SECONDS}\0".encode()):
                found.append(int(path.parent.name))
        except OSError:
            continue  # it has just ended
    return found
