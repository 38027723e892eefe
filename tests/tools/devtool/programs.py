# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo, the benchmarks, the long loops, and groups of long tests on the emulated node, found by their names.

tests/bench/bench_*.py is called with `--output FILE` and writes a JSON list of figures there (tests/bench/figures.py).
tests/soak/soak_*.py is called with `--seed S`, and with `--count N` where N is not its own number; its last line says
what it did. tests/lab_groups/NAME/test_*.py are a group: one pytest run of at most half an hour, whose conftest.py
leaves tests/output/lab/NAME.json beside the JUnit file.
"""

from __future__ import annotations

import json
import os
import platform
import random
import re
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import tomllib

from . import images
from .collection import OUTPUT, build, environment, git, install, tool
from .console import asked, duration, run_logged, show
from .deps import ROOT, absent, ensure_packages, lab, needed
from .reports import last_line, tail

TESTS = ROOT / "tests"
KINDS = {"bench": "bench/bench_*.py", "soak": "soak/soak_*.py", "lab": "lab_groups/*/"}
RESULTS = TESTS / "bench" / "results.json"
GROUP_SECONDS = 1800.0
PYTEST = ("-m", "pytest", "-p", "no:cacheprovider")


def program_environment() -> dict[str, str]:
    """The collection as users get it, and what the unit tests find to import, by the same setting."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    installed = install(build())
    folders = [*(ROOT / folder for folder in settings["pythonpath"]), installed]
    return environment(installed, PYTHONPATH=os.pathsep.join(map(str, folders)))


def found(kind: str, only: str | None = None) -> dict[str, Path]:
    """The programs or groups of a kind by their names, or those with these. Raises ToolError for other names."""
    paths = sorted(path for path in TESTS.glob(KINDS[kind]) if path.suffix or any(path.glob("test_*.py")))
    there = {path.stem.removeprefix(f"{kind}_"): path for path in paths}
    return {name: there[name] for name in asked(only, there, "name")}


def stamp() -> dict[str, str]:
    """The checkout's commit, with a word where it has changes, and the machine."""
    changes = "+changes" if git("status", "--porcelain") else ""
    models = re.findall(r"^model name\s*: (.*)", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return {
        "commit": git("rev-parse", "--short=12", "HEAD") + changes,
        "machine": f"{[*models, platform.machine()][0]}, {os.cpu_count()} cores, Linux {platform.release()}",
    }


def benchmarks(only: str | None = None) -> int:
    """Run benchmarks and write results.json, with commit and machine; 1 where a figure is above its limit."""
    chosen, env, stamped, results = found("bench", only), program_environment(), stamp(), []
    with tempfile.TemporaryDirectory(prefix="baremetal-sriov-bench-") as folder:
        for name, path in chosen.items():
            print(path.relative_to(TESTS))
            output = Path(folder) / f"{name}.json"
            show([tool("python"), str(path), "--output", str(output)], cwd=ROOT, env=env)
            results += [{**one, **stamped} for one in json.loads(output.read_text())]
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    print(f"\n{'figure':32} {'value':>12} {'limit':>8} {'unit':8} compared with")
    for result in results:
        ratio = f"{result['compared_with']} (x {result['ratio']:.2f})" if result["ratio"] else "-"
        limit = "-" if result["limit"] is None else f"{result['limit']:g}"
        print(f"{result['name']:32} {result['value']:12.3f} {limit:>8} {result['unit']:8} {ratio}")
    print(f"written to {RESULTS}; machine: {stamped['machine']}")
    bad = [result for result in results if result["limit"] is not None and result["value"] > result["limit"]]
    for one in bad:
        decided = f"{one['unit']}, the median of {len(one['values'])} runs"
        print(f"above its limit: {one['name']} is {one['value']:.3f} {decided}; its limit is {one['limit']:g}")
    return 1 if bad else 0


def each(kind: str, commands: Mapping[str, Sequence[str]], limit_seconds: float) -> int:
    """Run commands, each to its end whatever became of the others, and sum up their last lines; the exit status."""
    lines, failed, env = [], 0, program_environment()
    for name, command in commands.items():
        print(f"{kind} {name}: {' '.join(command[1:])}")
        log, started = OUTPUT / kind / f"{name}.log", time.monotonic()
        status = run_logged(command, log, cwd=ROOT, env=env, limit_seconds=limit_seconds)
        failed += status != 0
        what = last_line(log).partition(": ")[2]
        if status:
            print(tail(log))
            what = f"FAILED with exit status {status}; its own output is above, and in {log}: {what}"
        lines.append(f"{name:12} {duration(time.monotonic() - started):>14}  {what}")
    print("\n".join(["", *lines]))
    return 1 if failed else 0


def loops(only: str | None, count: int | None, seed: int | None) -> int:
    """Run long loops; returns the exit status."""
    seed = random.SystemRandom().randrange(2**31) if seed is None else seed
    words = [*([] if count is None else ["--count", str(count)]), "--seed", str(seed)]
    commands = {name: [tool("python"), "-u", str(path), *words] for name, path in found("soak", only).items()}
    return each("soak", commands, 7 * 86_400.0)  # they end by themselves


def groups(only: str | None, *, resume: bool = False) -> int:
    """Run groups of long tests, and power the node off; returns the exit status."""
    # The time limit is the group's; its conftest.py stands above it.
    argv = [tool("python"), *PYTEST, "--override-ini=junit_suite_name=lab", "--timeout=0", f"--confcutdir={TESTS}",
            f"--commit={stamp()['commit']}", *(["--resume"] if resume else [])]  # fmt: skip
    commands = {name: [*argv, f"--junit-xml={OUTPUT}/lab/{name}.xml", f"--result={OUTPUT}/lab/{name}.json", str(path)]
                for name, path in found("lab", only).items()}  # fmt: skip
    ensure_packages(absent(*images.TOOLS))
    try:
        return each("lab", commands, GROUP_SECONDS)
    finally:
        lab("down")


def machines() -> None:
    """Run the tests of the device plugin on other machine types. Raises ToolError."""
    needed("mmdebstrap", **dict.fromkeys(("qemu-aarch64-static", "qemu-ppc64le-static"), "qemu-user-static"))
    show([tool("python"), *PYTEST, "--durations=0", str(TESTS / "machines")], cwd=ROOT,
         env=environment(PYTHONDONTWRITEBYTECODE="1"))  # fmt: skip
