# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sessions of noxfile.py as stages: nox runs them; here is what came of each, with a JUnit file, and one table."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sriovlab import cache, peers, steps

from .budget import STEP, TOTAL, Ledger
from .collection import OUTPUT, tool
from .console import ToolError, asked, call, duration, watched
from .deps import ROOT, interpreter_path, lab, to_install
from .reports import Case, failed_task, junit_cases, tail, write_junit

JUNIT = OUTPUT / "junit"
NOXFILE = ROOT / "noxfile.py"
LAB_DEPS = "lab-deps"
SHOWN_LINES, SHOWN_COLUMNS = 25, 1200
# A session of noxfile.py as nox tells it: "name", "description", "tags".
Stage = dict[str, Any]
NOT_RUN: dict[str, Any] = {"result": "did not run", "reason": None, "duration": 0.0}
LEFT_OUT = {**NOT_RUN, "result": "skipped", "reason": "--without-peers: there is no Kubernetes to run it with"}


@dataclass(frozen=True)
class Result:
    """What came of a stage."""

    name: str
    verdict: str
    seconds: float
    cases: list[Case]

    def number(self, verdict: str) -> int:
        """How many of its cases have that verdict."""
        return sum(found == verdict for found, _why in self.cases)


def nox(*words: str) -> list[str]:
    """The command line of nox, which finds the machine's interpreters."""
    return ["env", f"PATH={interpreter_path()}", "NO_COLOR=1", "PYTHONUNBUFFERED=1",
            tool("python"), "-m", "nox", "--noxfile", str(NOXFILE), *words]  # fmt: skip


def all_stages() -> list[Stage]:
    """What noxfile.py holds, in its order."""
    return list(json.loads(call(nox("--list-sessions", "--json"))))


def choose(stages: Sequence[Stage], only: str | None, *, fast: bool) -> list[Stage]:
    """The stages that the command line asks for, by name or tag; raises ToolError for an unknown name."""
    names = [stage["name"] for stage in stages]
    words = asked(only, dict.fromkeys([*names, *(tag for stage in stages for tag in stage["tags"])]), "stage")
    tags = {*words} - {*names}
    chosen = [one for one in stages if one["name"] in words or tags & {*one["tags"]}]
    if any("lab" in stage["tags"] for stage in chosen):
        chosen = [one for one in stages if one in chosen or one["name"] == LAB_DEPS]
    return [stage for stage in chosen if not (fast and "lab" in stage["tags"])]


def _run_nox(stages: Sequence[Stage], without_peers: bool) -> dict[str, dict[str, Any]]:
    """What nox reports of each stage, by their names; nothing of those that a stopped run did not come to."""
    report = OUTPUT / "nox.json"
    report.unlink(missing_ok=True)
    # Two at a time: the emulated node leaves a core to the other checks for most of its time.
    argv = nox("--parallel=2", "--allow-parallel", "--report", str(report),
               "--session", *(stage["name"] for stage in stages))  # fmt: skip
    env = {**os.environ, peers.WITHOUT: "1"} if without_peers else None
    watched(argv, OUTPUT, limit_seconds=3 * 3600.0, cwd=ROOT, env=env)
    return {one["name"]: one for one in json.loads(report.read_text())["sessions"]} if report.exists() else {}


def result_of(name: str, told: dict[str, Any]) -> Result:
    """What came of a stage; whatever nox says of it, a JUnit file says so too."""
    log, file = OUTPUT / f"{name}.log", JUNIT / f"{name}.xml"
    chain = JUNIT.glob("chain-*.xml") if name == "molecule" else ()  # its tests write files of their own
    written = [path for path in (file, *chain) if path.exists()]
    cases = junit_cases(written)
    failed = any(found == "failed" for found, _why in cases)
    verdict = "failed" if failed else {"success": "passed", "skipped": "skipped"}.get(told["result"], "failed")
    if not written or (verdict == "failed" and not failed):
        # A tool without JUnit, or one that failed before it wrote a failure down.
        reason = told["reason"] or f"{told['result']}, see {log.name}"
        if verdict == "failed":
            reason = f"{': '.join(filter(None, [reason, failed_task(log)]))}\n\n{tail(log)}"
        extra = JUNIT / f"{name}{'-stage' if file in written else ''}.xml"
        write_junit(extra, name, told["duration"], verdict, reason)
        cases += junit_cases([extra])
    return Result(name, verdict, told["duration"], cases)


def _table(results: Sequence[Result], ledger: Ledger) -> None:
    """The ends of failed stages' logs, after the errors that stand further up in them; then a line for each stage."""
    for log in (OUTPUT / f"{result.name}.log" for result in results if result.verdict == "failed"):
        lines = tail(log).splitlines()
        errors = [line for line in lines[:-SHOWN_LINES] if line.startswith("ERROR")]
        shown = errors[:SHOWN_LINES] + lines[-SHOWN_LINES:]
        print("\n".join([f"the end of {log}:", *(f"  | {line}" for line in shown)]))
    table, remarks = [f"\n{'stage':16} {'result':8} {'passed':>7} {'failed':>7} {'skipped':>8}  time"], []
    for result in results:
        numbers = f"{result.number('passed'):7} {result.number('failed'):7} {result.number('skipped'):8}"
        table.append(f"{result.name:16} {result.verdict:8} {numbers}  {duration(result.seconds)}")
        failures = [why[:SHOWN_COLUMNS] for verdict, why in result.cases if verdict == "failed"]
        remarks += [f"failed in {result.name}: {why}" for why in failures[:SHOWN_LINES]]
        if over := ledger.over(result.name, result.seconds):
            remarks.append(f"over its line: {over}")
    print("\n".join(table + remarks + _steps(ledger)))


def _steps(ledger: Ledger) -> list[str]:
    """What the steps of the lab took, where it ran, and which of them is over its line."""
    found = steps.read()
    over = [ledger.over(f"{STEP}{name}", seconds) for name, seconds in found.items()]
    told = ", ".join(f"{name} {duration(seconds)}" for name, seconds in found.items())
    return [f"the lab: {told}", *(f"over its line: {line}" for line in over if line)] if found else []


def run(
    stages: Sequence[Stage], ledger: Ledger | None = None, *, complete: bool = False, without_peers: bool = False
) -> int:
    """Carry out the stages and sum up; returns the exit status. One run at a time in a checkout.

    complete: these are all stages, so that the ledger's total is judged as well.
    without_peers: those that need Kubernetes are skipped, and so are the unit tests that do.
    """
    left_out = [stage["name"] for stage in stages if without_peers and "lab" in stage["tags"]]
    with cache.locked(f"checkout-{cache.digest(str(ROOT))}"):
        shutil.rmtree(JUNIT, ignore_errors=True)
        JUNIT.mkdir(parents=True)
        for log in (*OUTPUT.glob("*.log"), *OUTPUT.glob(steps.FILE.name)):
            log.unlink()
        ledger = ledger or Ledger.start()
        for stage in stages:
            ledger.over(stage["name"], 0)  # raises ToolError for one without a line
            if wanted := to_install(stage["name"]):
                print(f"    will install {wanted}, where there is a Python for it")
        print(f"{len(stages)} stages; this machine takes x {ledger.scale:.2f} of the ledger's time")
        started = time.monotonic()
        try:
            chosen = [stage for stage in stages if stage["name"] not in left_out]
            told = {**_run_nox(chosen, without_peers), **dict.fromkeys(left_out, LEFT_OUT)}
        finally:
            if any("lab" in stage["tags"] for stage in chosen):
                with suppress(ToolError):  # its own output says what is wrong
                    lab("down")
        seconds = time.monotonic() - started
        ledger = ledger.end()
        results = [result_of(stage["name"], told.get(stage["name"], NOT_RUN)) for stage in stages]
        _table(results, ledger)
        if complete:
            # Wall-clock, without what was installed for the emulated node; a test case of its own.
            total = seconds - told.get(LAB_DEPS, NOT_RUN)["duration"]
            over, allowed = ledger.over(TOTAL, total), duration(ledger.lines[TOTAL] * ledger.scale)
            print(over or f"within the ledger's total: {duration(total)} of {allowed}")
            budget = {"result": "failed" if over else "success", "reason": over, "duration": total}
            results.append(result_of("budget", budget))
        failed = sum(result.number("failed") for result in results)
        if left_out:
            print(f"{len(left_out)} stages skipped by --without-peers: {', '.join(left_out)}")
        print(f"in {duration(seconds)}; logs and JUnit files are in {OUTPUT}")
        print(f"{sum(result.number('passed') for result in results)} passed, {failed} failed")
    return 0 if stages and not failed else 1
