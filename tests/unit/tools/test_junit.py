# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JUnit files: none of their failures is lost, whatever a log holds."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from devtool import junit
from devtool.junit import Tally


def test_junit_survives_what_logs_hold(tmp_path: Path) -> None:
    path = tmp_path / "x.xml"
    junit.write(path, "suite", 1.5, failure="\x1b[31mred\x1b[0m \x00 <&> \x08\nmore")
    found = junit.count([path])
    assert (found, found.failures) == (Tally(failed=1), ("suite: red  <&>",))
    assert ET.parse(path).getroot()[0].get("failures") == "1"


@pytest.mark.parametrize(
    ("reasons", "tally"),
    [
        ({}, Tally(passed=1)),
        ({"skipped": "not here"}, Tally(skipped=1)),
        ({"failure": ""}, Tally(failed=1)),
    ],
)
def test_junit_counts_what_was_written(tmp_path: Path, reasons: dict[str, str], tally: Tally) -> None:
    junit.write(tmp_path / "x.xml", "suite", 0.1, **reasons)
    assert junit.count([tmp_path / "x.xml"]) == tally


def test_junit_counts_errors_as_failures(tmp_path: Path) -> None:
    path = tmp_path / "x.xml"
    path.write_text('<testsuite><testcase name="a"><error message="no fixture"/></testcase></testsuite>')
    assert junit.count([path]) == Tally(failed=1)


@pytest.mark.parametrize("text", ["", "<testsuite>", "nothing"])
def test_a_file_that_is_no_junit_is_a_failure(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.xml"
    path.write_text(text)
    assert junit.count([path]).failed == 1
