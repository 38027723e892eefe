# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Benchmarks, long loops and groups of long tests: chosen by name, each run to its end, and a failure is seen."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import figures
import pytest

from devtool import deps, programs
from devtool.console import ToolError


@pytest.fixture
def tests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of tests of its own, which programs are looked for in."""
    monkeypatch.setattr(programs, "TESTS", tmp_path)
    monkeypatch.setattr(programs, "OUTPUT", tmp_path / "output")
    monkeypatch.setattr(programs, "RESULTS", tmp_path / "results.json")
    monkeypatch.setattr(deps, "LAB", tmp_path / "lab.py")
    monkeypatch.setattr(programs, "tool", lambda name: sys.executable)
    path = os.pathsep.join(str(deps.ROOT / "tests" / name) for name in ("bench", "lab"))
    monkeypatch.setattr(programs, "program_environment", lambda: {**os.environ, "PYTHONPATH": path})
    monkeypatch.setattr(programs, "stamp", lambda: {"commit": "0123456789ab", "machine": "this one"})
    (tmp_path / "lab.py").write_text("import sys; print('power', *sys.argv[1:])")
    return tmp_path


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_programs_are_chosen_by_name() -> None:
    assert {"cni", "cni_kills", "node_kills", "restarts"} <= programs.found("soak").keys()
    assert [path.stem for path in programs.found("soak", "restarts, cni").values()] == ["soak_cni", "soak_restarts"]
    assert programs.found("bench").keys() == {
        "bios", "cni", "device_plugin", "fleet", "node", "peers", "pods", "site"
    }  # fmt: skip
    with pytest.raises(ToolError, match=r"unknown name nonsense; there are: applies, cni, "):
        programs.found("soak", "cni,nonsense")


def test_each_long_loop_runs_and_is_summed_up(tests: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A loop that fails does not keep the next from running."""
    _write(tests / "soak" / "soak_bad.py", "print('half'); raise SystemExit(3)")
    _write(tests / "soak" / "soak_good.py", "import sys; print('x'); print('done with', *sys.argv[1:])")
    assert programs.loops(None, None, 7) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2].split()[0] == "bad" and "FAILED with exit status 3" in lines[-2]
    assert lines[-1].split()[0] == "good" and lines[-1].endswith("done with --seed 7")
    assert programs.loops("good", 5, 7) == 0
    assert capsys.readouterr().out.endswith("done with --count 5 --seed 7\n")


# How a figure's values come one after the other, its limit, how many runs decide -> the values that count, the value.
DECISIONS: list[tuple[list[float], float | None, int, list[float], float]] = [
    ([1.0], 2.0, 3, [1.0], 1.0),
    ([2.0], 2.0, 3, [2.0], 2.0),
    ([9.0], None, 3, [9.0], 9.0),
    ([3.0, 1.0, 1.5], 2.0, 3, [3.0, 1.0, 1.5], 1.5),
    ([3.0, 1.0, 2.5], 2.0, 3, [3.0, 1.0, 2.5], 2.5),
    ([11.0], 10.0, 1, [11.0], 11.0),
    ([3.0, 1.0, 1.0, 2.5, 2.5], 2.0, 5, [3.0, 1.0, 1.0, 2.5, 2.5], 2.5),
]


def _measured(values: list[float], limit: float | None, runs: int) -> Callable[[], list[dict[str, Any]]]:
    left = iter(values)
    return lambda: [figures.figure("x.seconds", "s", [next(left)], limit=limit, runs=runs)]


@pytest.mark.parametrize(("values", "limit", "runs", "counted", "value"), DECISIONS)
def test_the_median_of_its_runs_decides_on_a_figure(
    values: list[float], limit: float | None, runs: int, counted: list[float], value: float
) -> None:
    found = figures.decided(_measured(values, limit, runs))
    assert [(one["values"], one["value"]) for one in found] == [(counted, value)]


BENCH = """\
import sys
from figures import figure, main
sys.exit(main(None, lambda: [figure("a.seconds", "s", [%s], limit=2, runs=3), figure("b.ratio", "ratio", [1], "x")]))
"""


def test_a_figure_above_its_limit_fails_the_run(tests: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _write(tests / "bench" / "bench_good.py", BENCH % "1.5")
    _write(tests / "bench" / "bench_bad.py", BENCH % "2.5")
    assert programs.benchmarks("good") == 0
    assert [one["name"] for one in json.loads((tests / "results.json").read_text())] == ["a.seconds", "b.ratio"]
    assert "above its limit" not in capsys.readouterr().out
    assert programs.benchmarks() == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "above its limit: a.seconds is 2.500 s, the median of 3 runs; its limit is 2"


@pytest.fixture
def group(tests: Path) -> Path:
    """A group of two modules with the real conftest.py, and no node."""
    folder = tests / "lab_groups" / "pair"
    _write(folder / "test_a.py", "def test_one(): pass\ndef test_two(): pass\n")
    _write(folder / "test_b.py", "def test_three(): assert not 'wrong'\n")
    shutil.copy(deps.ROOT / "tests" / "lab_groups" / "conftest.py", tests / "lab_groups")
    return folder


def _told(tests: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((tests / "output" / "lab" / "pair.json").read_text())
    return found


def test_a_group_leaves_its_result_and_no_node(tests: Path, group: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert programs.groups("pair") == 1
    told = _told(tests)
    assert {key: told[key] for key in ("commit", "passed", "failed", "skipped", "left")} == {
        "commit": "0123456789ab", "passed": 2, "failed": 1, "skipped": 0, "left": 0}  # fmt: skip
    assert {name: (one["passed"], one["failed"]) for name, one in told["modules"].items()} == {
        "test_a": (2, 0), "test_b": (0, 1)}  # fmt: skip
    assert (tests / "output" / "lab" / "pair.xml").exists()
    assert "power down" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("commit", "resume", "ran"),
    [
        pytest.param("0123456789ab", True, 1, id="green-modules-are-left-out"),
        pytest.param("0123456789ab", False, 3, id="only-where-asked"),
        pytest.param("ba9876543210", True, 3, id="not-those-of-another-commit"),
        pytest.param("0123456789ab+changes", True, 3, id="not-those-of-a-changed-checkout"),
    ],
)
def test_a_group_is_resumed(
    tests: Path, group: Path, monkeypatch: pytest.MonkeyPatch, commit: str, resume: bool, ran: int
) -> None:
    if commit.endswith("+changes"):
        monkeypatch.setattr(programs, "stamp", lambda: {"commit": commit})
    assert programs.groups("pair") == 1
    (group / "test_b.py").write_text("def test_three(): pass\n")
    monkeypatch.setattr(programs, "stamp", lambda: {"commit": commit})
    assert programs.groups("pair", resume=resume) == 0
    told = _told(tests)
    assert (told["passed"], told["failed"], told["left"]) == (3, 0, 0)
    assert (tests / "output" / "lab" / "pair.xml").read_text().count("<testcase") == ran
    if ran == 1:
        assert programs.groups("pair", resume=True) == 0, "nothing is left to do"
        assert _told(tests) == told


def test_a_group_that_takes_too_long_is_stopped(
    tests: Path, group: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (group / "test_b.py").write_text("import time\ndef test_three(): time.sleep(60)\n")
    with monkeypatch.context() as short:
        short.setattr(programs, "GROUP_SECONDS", 8.0)  # a busy machine starts pytest in some of them
        assert programs.groups("pair") == 1
    assert "stopped: it took longer than 8.0 s" in capsys.readouterr().out
    told = _told(tests)
    assert (told["modules"]["test_a"]["passed"], told["modules"]["test_b"]["passed"]) == (2, 0)
    (group / "test_b.py").write_text("def test_three(): pass\n")
    assert programs.groups("pair", resume=True) == 0
    assert (tests / "output" / "lab" / "pair.xml").read_text().count("<testcase") == 1


def test_the_groups_of_the_project_are_found() -> None:
    assert "boot" in programs.found("lab")
