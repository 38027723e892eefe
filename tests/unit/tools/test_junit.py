# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JUnit files: none of their failures is lost, whatever a log holds."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from devtool import junit


def test_junit_survives_what_logs_hold(tmp_path: Path) -> None:
    path = tmp_path / "x.xml"
    junit.write(path, "suite", 1.5, "failed", "\x1b[31mred\x1b[0m \x00 <&> \x08\nmore")
    assert junit.cases([path]) == [("failed", "suite: red  <&>")]
    assert ET.parse(path).getroot()[0].get("failures") == "1"


@pytest.mark.parametrize(
    ("verdict", "reason", "told"),
    [("passed", "", ""), ("skipped", "not here", ""), ("failed", "", "suite: failed")],
)
def test_junit_counts_what_was_written(tmp_path: Path, verdict: str, reason: str, told: str) -> None:
    junit.write(tmp_path / "x.xml", "suite", 0.1, verdict, reason)
    assert junit.cases([tmp_path / "x.xml"]) == [(verdict, told)]


def test_junit_counts_errors_as_failures(tmp_path: Path) -> None:
    path = tmp_path / "x.xml"
    path.write_text('<testsuite><testcase name="a"><error message="no fixture"/></testcase></testsuite>')
    assert junit.cases([path]) == [("failed", "a: no fixture")]


@pytest.mark.parametrize("text", ["", "<testsuite>", "nothing"])
def test_a_file_that_is_no_junit_is_a_failure(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.xml"
    path.write_text(text)
    assert [verdict for verdict, _why in junit.cases([path])] == ["failed"]
