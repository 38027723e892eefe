# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sessions of noxfile.py as stages: nox runs them; here is what came of each, with a JUnit file, and one table."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import junit
from .ansible_log import failed_task
from .budget import TOTAL, Calibration, Ledger
from .cache import key_of, locked
from .collection import OUTPUT, tool
from .console import HEARTBEAT_SECONDS, ToolError, call, duration, last_line, say, show, tail, watched
from .deps import LAB, OWN, ROOT, to_install
from .junit import Tally
from .pythons import interpreter_path

JUNIT = OUTPUT / "junit"
NOXFILE = ROOT / "noxfile.py"
LAB_DEPS = "lab-deps"
SHOWN_LINES, SHOWN_COLUMNS = 25, 1200
LIMIT_SECONDS = 3 * 3600.0
# Two at a time: the emulated node leaves a core to the other checks for most of its time.
AT_ONCE = 2


@dataclass(frozen=True)
class Stage:
    """A session of noxfile.py with its tags."""

    name: str
    what: str
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Result:
    """What came of a stage; over: a sentence, where it took longer than its line."""

    stage: Stage
    verdict: str
    seconds: float
    tally: Tally
    over: str


def _nox(*words: str) -> list[str]:
    return [tool("python"), "-m", "nox", "--noxfile", str(NOXFILE), *words]


def _environment() -> dict[str, str]:
    return {**os.environ, "PATH": interpreter_path(), "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}


def all_stages() -> list[Stage]:
    """What noxfile.py holds, in its order."""
    found = json.loads(call(_nox("--list-sessions", "--json"), env=_environment()))
    return [Stage(one["name"], one["description"], tuple(one["tags"])) for one in found]


def choose(stages: Sequence[Stage], only: str | None, *, fast: bool) -> list[Stage]:
    """The stages that the command line asks for, by name or tag; raises ToolError for an unknown name."""
    names = [name.strip() for name in only.split(",")] if only else [stage.name for stage in stages]
    unknown = [name for name in names if not any(name in (stage.name, *stage.tags) for stage in stages)]
    if unknown:
        raise ToolError(f"unknown stage {', '.join(unknown)}; there are: {', '.join(stage.name for stage in stages)}")
    named = {stage.name for stage in stages}
    chosen = [one for one in stages if one.name in names or {*names} - named & {*names} & {*one.tags}]
    if any("lab" in stage.tags for stage in chosen):
        chosen = [one for one in stages if one in chosen or one.name == LAB_DEPS]
    return [stage for stage in chosen if not (fast and "lab" in stage.tags)]


def install() -> None:
    """Let nox make the environments that some stages have of their own. Raises ToolError."""
    show(_nox("--install-only", "--session", *OWN), env=_environment(), cwd=ROOT)


def _newest_logs() -> str:
    """The last line of the newest log, and of the other where that has grown too since the last sign of life."""
    logs = sorted((log.stat().st_mtime, log) for log in OUTPUT.glob("*.log"))[: -AT_ONCE - 1 : -1]
    oldest = time.time() - HEARTBEAT_SECONDS
    return "; ".join(last_line(log) for at, log in logs if at > oldest or log == logs[0][1])


def _run_nox(stages: Sequence[Stage]) -> list[dict[str, Any]]:
    """What nox reports of each stage, in their order; nothing of those that a stopped run did not come to."""
    report = OUTPUT / "nox.json"
    report.unlink(missing_ok=True)
    names = [stage.name for stage in stages]
    argv = _nox(f"--parallel={AT_ONCE}", "--allow-parallel", "--report", str(report), "--session", *names)
    process = subprocess.Popen(argv, cwd=ROOT, env=_environment(), stdin=subprocess.DEVNULL, start_new_session=True)
    watched(process, _newest_logs, LIMIT_SECONDS)
    return list(json.loads(report.read_text())["sessions"]) if report.exists() else []


def result_of(stage: Stage, told: dict[str, Any], ledger: Ledger) -> Result:
    """What came of a stage; whatever nox says of it, a JUnit file says so too."""
    log, file = OUTPUT / f"{stage.name}.log", JUNIT / f"{stage.name}.xml"
    chain = JUNIT.glob("chain-*.xml") if stage.name == "molecule" else ()  # its tests write files of their own
    written = [path for path in (file, *chain) if path.exists()]
    tally = junit.count(written)
    failure = skipped = None
    if told["result"] == "skipped":
        skipped = told["reason"] or "left out"
    elif told["result"] != "success":
        reasons = [told["reason"] or f"{told['result']}, see {log.name}", failed_task(log)]
        failure = ": ".join(reason for reason in reasons if reason)
    if not written or (failure and not tally.failed):
        # A tool without JUnit, or one that failed before it wrote a failure down.
        text = f"{failure}\n\n{tail(log)}" if failure else None
        extra = JUNIT / f"{stage.name}{'-stage' if file in written else ''}.xml"
        junit.write(extra, stage.name, told["duration"], text, skipped)
        tally += junit.count([extra])
    verdict = "failed" if failure or tally.failed else "skipped" if skipped else "passed"
    return Result(stage, verdict, told["duration"], tally, ledger.over(stage.name, told["duration"]))


def _show_end(log: Path) -> None:
    """The last lines of a failed stage's log, after the errors that stand further up."""
    lines = tail(log).splitlines()
    errors = [line for line in lines[:-SHOWN_LINES] if line.startswith("ERROR")]
    say("\n".join([f"the end of {log}:", *(f"  | {line}" for line in errors[:SHOWN_LINES] + lines[-SHOWN_LINES:])]))


def _table(results: Sequence[Result]) -> None:
    for result in results:
        if result.verdict == "failed":
            _show_end(OUTPUT / f"{result.stage.name}.log")
    say(f"\n{'stage':16} {'result':8} {'passed':>7} {'failed':>7} {'skipped':>8}  time")
    for result in results:
        tally = result.tally
        numbers = f"{tally.passed:7} {tally.failed:7} {tally.skipped:8}"
        say(f"{result.stage.name:16} {result.verdict:8} {numbers}  {duration(result.seconds)}")
    for result in results:
        for failure in result.tally.failures[:SHOWN_LINES]:
            say(f"failed in {result.stage.name}: {failure[:SHOWN_COLUMNS]}")
        if result.over:
            say(f"over its line: {result.over}")


def _leave_no_node(stages: Sequence[Stage]) -> None:
    if any("lab" in stage.tags for stage in stages) and LAB.exists():
        try:
            show([sys.executable, str(LAB), "down"])
        except ToolError as problem:
            say(f"    {problem}")


def run(stages: Sequence[Stage], ledger: Ledger | None = None, *, complete: bool = False) -> int:
    """Carry out the stages and sum up; returns the exit status. One run at a time in a checkout.

    complete: these are all stages, so that the ledger's total is judged as well.
    """
    with locked(f"checkout-{key_of(str(ROOT))}"):
        shutil.rmtree(JUNIT, ignore_errors=True)
        JUNIT.mkdir(parents=True)
        for log in OUTPUT.glob("*.log"):
            log.unlink()
        calibration = None
        if ledger is None:
            calibration = Calibration.start()
            ledger = calibration.ledger
        for stage in stages:
            ledger.over(stage.name, 0)  # raises ToolError for one without a line
            if wanted := to_install(stage.name):
                say(f"    will install {wanted}, where there is a Python for it")
        say(f"{len(stages)} stages; this machine takes x {ledger.scale:.2f} of the ledger's time")
        started = time.monotonic()
        try:
            told = {one["name"]: one for one in _run_nox(stages)}
        finally:
            _leave_no_node(stages)
        seconds = time.monotonic() - started
        if calibration:
            ledger = calibration.end()
        missing = {"result": "did not run", "reason": None, "duration": 0.0}
        results = [result_of(stage, told.get(stage.name, missing), ledger) for stage in stages]
        total = sum((result.tally for result in results), Tally())
        _table(results)
        if complete:
            total += _judge(ledger, seconds - told.get(LAB_DEPS, missing)["duration"])
        say(f"in {duration(seconds)}; logs and JUnit files are in {OUTPUT}")
        say(f"{total.passed} passed, {total.failed} failed")
    return 0 if stages and not total.failed else 1


def _judge(ledger: Ledger, seconds: float) -> Tally:
    """The ledger's total as a test case: wall-clock, without what was installed for the emulated node."""
    over = ledger.over(TOTAL, seconds)
    junit.write(JUNIT / "budget.xml", "budget", seconds, over or None)
    say(over or f"within the ledger's total: {duration(seconds)} of {duration(ledger.lines[TOTAL] * ledger.scale)}")
    return junit.count([JUNIT / "budget.xml"])
