# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo, the benchmarks and the long loops: programs of their own, the latter found by their names.

tests/bench/bench_*.py is called with `--output FILE` and writes a JSON list of measures there, each with the
keys of FIELDS. tests/soak/soak_*.py is called with `--seed S`, and with `--count N` where N is not its own number;
its last line says what it did.
"""

from __future__ import annotations

import json
import os
import platform
import random
import tempfile
import time
from pathlib import Path
from typing import Any

from .collection import build, environment, install, tool
from .console import ToolError, call, duration, follow, say, show
from .deps import ROOT

DEMO = ROOT / "tests" / "demo" / "demo.py"
RESULTS = ROOT / "tests" / "bench" / "results.json"
FIELDS = ("name", "value", "unit", "compared_with", "ratio", "n", "min", "max", "samples")


def python() -> str:
    """The interpreter that has what these programs import."""
    return tool("python")


def _environment() -> dict[str, str]:
    """The collection as users get it, and the chain's and the lab's helpers for the programs to import."""
    helpers = os.pathsep.join(str(ROOT / "tests" / name) for name in ("chain", "lab", "soak"))
    return environment(install(build()), PYTHONPATH=helpers)


def soak_loops(only: str | None = None) -> list[Path]:
    """The long loops that exist, or those with these names. Raises ToolError for other names."""
    found = sorted((ROOT / "tests" / "soak").glob("soak_*.py"))
    names = {name.strip() for name in only.split(",")} if only else {loop_name(program) for program in found}
    unknown = sorted(names - {loop_name(program) for program in found})
    if unknown:
        there = ", ".join(loop_name(program) for program in found)
        raise ToolError(f"unknown loop {', '.join(unknown)}; there are: {there}")
    return [program for program in found if loop_name(program) in names]


def loop_name(program: Path) -> str:
    """What a long loop is called on the command line."""
    return program.stem.removeprefix("soak_")


def _machine() -> str:
    cpus = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.split(":", 1)[1].strip() for line in cpus if line.startswith("model name")]
    model = models[0] if models else platform.machine()
    return f"{model}, {os.cpu_count()} cores, Linux {platform.release()}"


def _commit() -> str:
    git = ["git", "-c", f"safe.directory={ROOT}"]
    dirty = call([*git, "status", "--porcelain"], cwd=ROOT).strip()
    return call([*git, "rev-parse", "--short=12", "HEAD"], cwd=ROOT).strip() + ("+changes" if dirty else "")


def _measures(program: Path, env: dict[str, str], folder: Path) -> list[dict[str, Any]]:
    output = folder / f"{program.stem}.json"
    show([python(), str(program), "--output", str(output)], cwd=ROOT, env=env)
    measures = json.loads(output.read_text())
    for measure in measures:
        missing = [field for field in FIELDS if field not in measure]
        if missing:
            raise ToolError(f"{program.name}: the measure {measure.get('name', '?')} lacks {missing}")
    return list(measures)


def benchmarks() -> int:
    """Run every benchmark and write results.json, with commit and machine; returns the exit status."""
    programs = sorted((ROOT / "tests" / "bench").glob("bench_*.py"))
    if not programs:
        raise ToolError("there is no tests/bench/bench_*.py")
    env = _environment()
    stamp = {"commit": _commit(), "machine": _machine()}
    results: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="baremetal-sriov-bench-") as folder:
        for program in programs:
            say(f"{program.relative_to(ROOT)}")
            results += [{**measure, **stamp} for measure in _measures(program, env, Path(folder))]
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    say(f"\n{'figure':32} {'value':>12} {'unit':8} compared with")
    for result in results:
        ratio = f"{result['compared_with']} (x {result['ratio']:.2f})" if result["ratio"] else "-"
        say(f"{result['name']:32} {result['value']:12.3f} {result['unit']:8} {ratio}")
    say(f"written to {RESULTS}; machine: {stamp['machine']}")
    return 0


def soak_command(program: Path, count: int | None, seed: int) -> list[str]:
    """The command line of a long loop; without a count it does its own number of repetitions."""
    counted = [] if count is None else ["--count", str(count)]
    return [python(), str(program), *counted, "--seed", str(seed)]


def loops(chosen: list[Path], count: int | None, seed: int | None) -> int:
    """Run long loops, each to its end whatever became of the others; returns the exit status."""
    seed = random.SystemRandom().randrange(2**31) if seed is None else seed
    env = _environment()
    lines, failed = [], 0
    for program in chosen:
        command = soak_command(program, count, seed)
        say(f"{program.relative_to(ROOT)} {' '.join(command[2:])}")
        started = time.monotonic()
        status, last = follow(command, cwd=ROOT, env=env)
        failed += status != 0
        what = last if status == 0 else f"FAILED with exit status {status}; its own output is above"
        lines.append(f"{loop_name(program):12} {duration(time.monotonic() - started):>14}  {what}")
    say("\n".join([f"\nseed {seed}", *lines]))
    return 1 if failed else 0


def demonstration() -> int:
    """Run the demo; returns the exit status."""
    show([python(), str(DEMO)], cwd=ROOT, env=_environment())
    return 0
