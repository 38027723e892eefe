# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo, the benchmarks and the long loops: programs of their own, the latter found by their names.

tests/bench/bench_*.py is called with `--output FILE` and writes a JSON list of measures there, each with the
keys of FIELDS. tests/soak/soak_*.py is called with `--count N --seed S`.
"""

from __future__ import annotations

import json
import os
import platform
import random
import tempfile
from pathlib import Path
from typing import Any

from .collection import build, environment, install, tool
from .console import ToolError, call, say, show
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


def soak_loops() -> list[Path]:
    """The long loops that exist."""
    return sorted((ROOT / "tests" / "soak").glob("soak_*.py"))


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


def soak_command(program: Path, count: int, seed: int) -> list[str]:
    """The command line of a long loop."""
    return [python(), str(program), "--count", str(count), "--seed", str(seed)]


def loops(count: int, seed: int | None) -> int:
    """Run every long loop `count` times; returns the exit status."""
    programs = soak_loops()
    if not programs:
        raise ToolError("there is no tests/soak/soak_*.py")
    seed = random.SystemRandom().randrange(2**31) if seed is None else seed
    env = _environment()
    for program in programs:
        say(f"{program.relative_to(ROOT)} --count {count} --seed {seed}")
        show(soak_command(program, count, seed), cwd=ROOT, env=env)
    return 0


def demonstration() -> int:
    """Run the demo; returns the exit status."""
    show([python(), str(DEMO)], cwd=ROOT, env=_environment())
    return 0
