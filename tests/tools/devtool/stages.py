# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the checks one after the other: a log, a JUnit file and a time for each, and one table at the end."""

from __future__ import annotations

import shutil
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from . import checks, junit
from .cache import key_of, locked
from .collection import OUTPUT, clean_copy
from .console import ToolError, duration, say, stop_all
from .context import JUNIT, Context, Stage, StageFailed, StageSkipped
from .deps import LAB, ROOT
from .junit import Case, Tally

SHOWN_LINES, SHOWN_COLUMNS = 25, 1200


@dataclass(frozen=True)
class Result:
    """What came of a stage."""

    stage: Stage
    verdict: str
    seconds: float
    tally: Tally


TOOLS = Stage("deps", "what the checks need is there", checks.tools)
LAB_TOOLS = Stage("lab-deps", "what the emulated node needs is there", checks.lab_tools, lab=True)


def all_stages() -> tuple[Stage, ...]:
    """Every stage: the two that the others need, then cheap ones first."""
    return (
        TOOLS,
        LAB_TOOLS,
        Stage("changelog", "the change log's fragments are well-formed", checks.changelog),
        Stage(
            "build",
            "the tarball builds, holds the project and no more, and installs",
            checks.build_and_install,
            alone=True,
        ),
        Stage("ruff", "style and common errors of Python, and its format of imports", checks.ruff),
        Stage("mypy", "types, strict, each program with its own lowest Python", checks.mypy),
        Stage("unit", "unit tests under the controller's Python", checks.unit),
        Stage("unit-py39", "unit tests of node code under Python 3.9, where it is present", checks.unit_node),
        Stage("sanity", "ansible-test sanity with every Python that is present", checks.sanity),
        Stage("ansible-lint", "ansible-lint with the production profile", checks.ansible_lint),
        Stage("docs", "antsibull-docs: the documentation of modules, plugins and roles", checks.docs),
        Stage("molecule", "the chain on the emulated node, from the tarball", checks.molecule, lab=True),
    )


def choose(only: str | None, *, fast: bool) -> list[Stage]:
    """The stages that the command line asks for; raises ToolError for an unknown name."""
    stages = {stage.name: stage for stage in all_stages()}
    names = [name.strip() for name in only.split(",")] if only else list(stages)
    unknown = [name for name in names if name not in stages]
    if unknown:
        raise ToolError(f"unknown stage {', '.join(unknown)}; there are: {', '.join(stages)}")
    chosen = [stages[name] for name in names if not (fast and stages[name].lab)]
    needed = [TOOLS, *([LAB_TOOLS] if any(stage.lab for stage in chosen) else [])]
    return needed + [stage for stage in chosen if stage not in needed]


def carry_out(stage: Stage, copy: Path) -> Result:
    """Run one stage; whatever it ends with, a JUnit file says so."""
    context = Context(stage.name, copy)
    before = _files_of(stage)
    started = time.monotonic()
    failure = skipped = None
    try:
        stage.check(context)
    except StageSkipped as reason:
        skipped = str(reason)
    except (StageFailed, ToolError) as problem:
        failure = str(problem)
    except Exception:
        # A defect of these tools must not keep the other stages from running, nor pass for a success.
        failure = traceback.format_exc()
    seconds = time.monotonic() - started
    written = _files_of(stage) - before
    tally = junit.count(written)
    if not written or (failure and not tally.failed):
        # A tool without JUnit, or one that failed before it wrote a failure down.
        text = f"{failure}\n\n{junit.tail(context.log)}" if failure else None
        path = JUNIT / f"{stage.name}-stage.xml" if written else context.junit
        junit.write(path, stage.name, [Case(stage.name, seconds, text, skipped)])
        tally = tally + junit.count([path])
    verdict = "failed" if failure or tally.failed else "skipped" if skipped else "passed"
    if failure:
        say(f"    {failure}")
        _show_end(context.log)
    return Result(stage, verdict, seconds, tally)


def _files_of(stage: Stage) -> set[Path]:
    """The JUnit files that are the stage's; the chain's tests write some of their own."""
    chain = set(JUNIT.glob("chain-*.xml")) if stage.lab else set()
    return chain | {path for path in [JUNIT / f"{stage.name}.xml"] if path.exists()}


def _show_end(log: Path) -> None:
    """The last lines of a failed stage's log, after the errors that stand further up."""
    if not log.exists():
        return
    say(f"    the end of {log}:")
    lines = junit.tail(log).splitlines()
    errors = [line for line in lines[:-SHOWN_LINES] if line.startswith("ERROR")]
    for line in errors[:SHOWN_LINES] + lines[-SHOWN_LINES:]:
        say(f"      | {line}")


def _table(results: Sequence[Result], seconds: float) -> None:
    say("")
    say(f"{'stage':16} {'result':8} {'passed':>7} {'failed':>7} {'skipped':>8}  time")
    for result in results:
        tally = result.tally
        numbers = f"{tally.passed:7} {tally.failed:7} {tally.skipped:8}"
        say(f"{result.stage.name:16} {result.verdict:8} {numbers}  {duration(result.seconds)}")
    for result in results:
        for failure in result.tally.failures[:SHOWN_LINES]:
            say(f"failed in {result.stage.name}: {failure[:SHOWN_COLUMNS]}")
    say(f"in {duration(seconds)}; logs and JUnit files are in {OUTPUT}")


def _not_run(stage: Stage, failed: Sequence[str]) -> Stage:
    """The stage in its place, as a failure: what was not checked has not passed."""

    def fail(context: Context) -> None:
        raise StageFailed(f"not run, since {' and '.join(failed)} failed")

    return replace(stage, check=fail)


def _needs(stage: Stage, results: Sequence[Result]) -> list[str]:
    """Names of failed stages without which this one can't run."""
    needs = {TOOLS.name, *([LAB_TOOLS.name] if stage.lab else [])}
    return [done.stage.name for done in results if done.verdict == "failed" and done.stage.name in needs]


def _carry_out(stage: Stage, copy: Path, results: list[Result]) -> None:
    """Run one stage and add its result."""
    say(f"{stage.name}: {stage.what}")
    failed = _needs(stage, results)
    result = carry_out(_not_run(stage, failed) if failed else stage, copy)
    results.append(result)
    say(f"    {stage.name} {result.verdict} in {duration(result.seconds)}; {len(results)} done")


@contextmanager
def _beside(stages: Sequence[Stage], results: list[Result]) -> Iterator[None]:
    """Run stages one after the other in a thread while the block runs, and wait for them at its end.

    The emulated node leaves a core to the other checks for most of its time.
    """

    def work() -> None:
        for stage in stages:
            _carry_out(stage, ROOT, results)

    thread = threading.Thread(target=work, name="lab", daemon=True)
    thread.start()
    try:
        yield
        while thread.is_alive():
            thread.join(1.0)  # so that a signal is answered
    except BaseException:
        stop_all()
        raise


def _carry_out_all(stages: Sequence[Stage], results: list[Result]) -> None:
    """Run the stages, also after one failed; results are added as they come."""
    tools = [stage for stage in stages if stage.name in (TOOLS.name, LAB_TOOLS.name)]
    lab = [stage for stage in stages if stage.lab and stage not in tools]
    others = [stage for stage in stages if stage not in tools and stage not in lab]
    say(f"{len(stages)} stages" + (f"; {', '.join(stage.name for stage in lab)} beside the others" if lab else ""))
    for stage in tools:
        _carry_out(stage, ROOT, results)
    with ExitStack() as stack:
        copy = stack.enter_context(clean_copy()) if others and not _needs(TOOLS, results) else ROOT
        waiting = bool(lab)
        for number, stage in enumerate(others):
            if waiting and not any(later.alone for later in others[number:]):
                stack.enter_context(_beside(lab, results))
                waiting = False
            _carry_out(stage, copy, results)
        if waiting:
            stack.enter_context(_beside(lab, results))


def _leave_no_node(results: Sequence[Result]) -> None:
    if any(result.stage.lab and result.stage.name != LAB_TOOLS.name for result in results) and LAB.exists():
        try:
            checks.power_off()
        except ToolError as problem:
            say(f"    {problem}")


def run(stages: Sequence[Stage]) -> int:
    """Carry out the stages and sum up; returns the exit status. One run at a time in a checkout."""
    started = time.monotonic()
    results: list[Result] = []
    with locked(f"checkout-{key_of(str(ROOT))}"):
        shutil.rmtree(JUNIT, ignore_errors=True)
        JUNIT.mkdir(parents=True)
        for log in OUTPUT.glob("*.log"):
            log.unlink()
        try:
            _carry_out_all(stages, results)
        finally:
            _leave_no_node(results)
            _table(results, time.monotonic() - started)
            total = sum((result.tally for result in results), Tally())
            say(f"{total.passed} passed, {total.failed} failed")
    complete = len(results) == len(stages) and bool(results)
    return 0 if complete and all(result.verdict != "failed" for result in results) else 1
