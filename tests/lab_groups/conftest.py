# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the groups of long tests, and what each leaves: a JSON file with commit, counts and seconds by module."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """What tests/tools gives."""
    parser.addoption("--result", type=Path, help="the JSON file to write")
    parser.addoption("--commit", default="", help="the checkout's commit, which goes into it")
    parser.addoption("--resume", action="store_true", help="without modules that passed at this commit")


def pytest_configure(config: pytest.Config) -> None:
    """Register what writes the file."""
    if config.getoption("--result"):
        config.pluginmanager.register(Result(config))


class Result:
    """A group's file; it is written anew after each test, for a run that is stopped."""

    def __init__(self, config: pytest.Config) -> None:
        self.file, self.commit = config.getoption("--result"), config.getoption("--commit")
        self.modules: dict[str, dict[str, Any]] = {}
        before = json.loads(self.file.read_text()) if self.file.exists() else {}
        # Of a checkout with changes nobody knows whether they are the same.
        if config.getoption("--resume") and before.get("commit") == self.commit and "+" not in self.commit:
            self.modules = {name: told for name, told in before["modules"].items() if self.green(told)}
        self.kept = frozenset(self.modules)

    @staticmethod
    def green(told: dict[str, Any]) -> bool:
        """Whether a module came to its end, and nothing failed."""
        return bool(told["passed"] and not told["failed"] and not told["left"])

    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        """Leave out what passed."""
        return True if collection_path.stem in self.kept else None

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Know what is to come."""
        for item in session.items:
            none = {"passed": 0, "failed": 0, "skipped": 0, "left": 0, "seconds": 0.0}
            self.modules.setdefault(item.path.stem, none)["left"] += 1
        self.write()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test once: by its call, or where it failed or was skipped before or after that."""
        told = self.modules[Path(report.location[0]).stem]
        told["seconds"] = round(told["seconds"] + report.duration, 2)
        told["left"] -= report.when == "setup"
        if report.when == "call" or report.outcome != "passed":
            told[report.outcome] += 1
        self.write()

    def write(self) -> None:
        """The file, whole."""
        keys = ("passed", "failed", "skipped", "left", "seconds")
        totals = {key: sum(told[key] for told in self.modules.values()) for key in keys}
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_text(json.dumps({"commit": self.commit, **totals, "modules": self.modules}, indent=2) + "\n")

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """With nothing left to do all is well."""
        if session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and self.kept:
            session.exitstatus = pytest.ExitCode.OK


@pytest.fixture(scope="module")
def lab() -> Any:
    """The running node (sriovlab.guest.Lab), from its pristine disk: what earlier modules did there is gone."""
    import standalone  # only where the emulated node is

    return standalone.start(pristine=True)


@pytest.fixture(scope="session")
def fresh() -> Any:
    """The running node from its pristine disk, once for a group."""
    import standalone

    return standalone.start(pristine=True)


@pytest.fixture(scope="module")
def configured(fresh: Any) -> Any:
    """The running node with the chain's two policies; where a module left it otherwise, site brings it back."""
    import standalone

    return standalone.configured()
