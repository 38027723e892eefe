# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The unit stages in a row, every second time beside two processes that keep the cores busy: none may fail.

tests/output/soak/unit.json has what came of each run, by its commit: a loop that was stopped goes on where it was,
unless the checkout has changes. Drawn tests draw more than in `make test`. Needs no node.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from devtool import stages
from devtool.collection import OUTPUT
from devtool.console import run_logged
from devtool.deps import ROOT
from devtool.programs import stamp
from devtool.reports import junit_cases
from support.drawn import TIMES

STAGES = ("unit", "unit-py39")
RESULTS = OUTPUT / "soak" / "unit.json"
BUSY = 2  # as many as the smallest machine has cores
DRAWN = "5"  # times as many examples
SECONDS = 2 * 3600.0  # of one run of a stage


@contextmanager
def busy(number: int) -> Iterator[None]:
    """So many processes that do nothing but work."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _turn in range(number)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def run_stage(name: str) -> dict[str, Any]:
    """A stage, and what came of its tests."""
    # This program's own paths are not for the tests.
    env = {key: text for key, text in os.environ.items() if key not in ("PYTHONPATH", "ANSIBLE_COLLECTIONS_PATH")}
    report = stages.JUNIT / f"{name}.xml"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)
    log, started = RESULTS.with_name(f"stage-{name}.log"), time.monotonic()
    status = run_logged(stages.nox("--session", name), log, cwd=ROOT, env={**env, TIMES: DRAWN}, limit_seconds=SECONDS)
    cases = junit_cases([report])
    failures = [why for verdict, why in cases if verdict == "failed"]
    if status and not failures:
        failures = [f"nox ended with exit status {status}, see {log}"]
    return {"stage": name, "cases": len(cases), "failures": failures, "seconds": round(time.monotonic() - started)}


def loop(count: int, path: Path = RESULTS) -> int:
    """Run each stage until this commit has `count` runs, and say what came of them; the number of those that failed."""
    commit = stamp()["commit"]
    told = json.loads(path.read_text()) if path.exists() else []
    others = [one for one in told if one["commit"] != commit]
    # A checkout with changes is not what it was.
    runs = [one for one in told if one["commit"] == commit and "+" not in commit]
    path.parent.mkdir(parents=True, exist_ok=True)
    for number in range(len(runs) // len(STAGES), count):
        beside = BUSY * (number % 2)
        with busy(beside):
            runs += [{"commit": commit, "busy": beside, **run_stage(name)} for name in STAGES]
        path.write_text(json.dumps([*others, *runs], indent=2) + "\n")
        for one in runs[-len(STAGES) :]:
            what = f"{one['cases']} cases in {one['seconds']} s, {len(one['failures'])} failed"
            print(f"{number + 1}/{count} {one['stage']}, beside {beside} busy processes: {what}", *one["failures"],
                  sep="\n    ", flush=True)  # fmt: skip
    failed, beside = (sum(bool(one[key]) for one in runs) for key in ("failures", "busy"))
    print(f"{len(runs)} runs of {' and '.join(STAGES)} at {commit}, {beside} beside busy processes: {failed} failed")
    return failed


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20, help="runs of each stage (20)")
    parser.add_argument("--seed", type=int, default=1, help="of no use here: each run draws anew")
    return 1 if loop(parser.parse_args().count) else 0


if __name__ == "__main__":
    sys.exit(main())
