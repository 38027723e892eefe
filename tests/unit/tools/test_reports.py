# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run leaves: none of the failures in JUnit files is lost, and what a log of Ansible or Molecule says of one."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from devtool import reports

FAILED_RUN = """
TASK [Look] ********************************************************************
fatal: [node1]: FAILED! =>
    msg: not there yet
...ignoring

TASK [baremetal.sriov.node : Apply the plan] ***********************************
[ERROR]: Task failed: Module failed: 0000:01:00.0: 7 VFs wanted,
found 3
Origin: /some/where/main.yml:4:3

fatal: [node1]: FAILED! =>
    changed: false
    msg: |-
        0000:01:00.0: 7 VFs wanted,

        found 3
    rc: 1

PLAY RECAP *********************************************************************
node1 : ok=3 changed=0 unreachable=0 failed=1
"""


def test_the_task_that_failed_is_told_in_a_line(tmp_path: Path) -> None:
    log = tmp_path / "molecule.log"
    assert reports.failed_task(log) == ""
    log.write_text(FAILED_RUN)
    told = reports.failed_task(log).split(" | ")
    assert told[:2] == ["TASK [baremetal.sriov.node : Apply the plan]", "fatal: [node1]: FAILED! =>"]
    assert told[-1] == "0000:01:00.0: 7 VFs wanted, found 3"
    log.write_text(FAILED_RUN.partition("TASK [baremetal")[0])
    assert reports.failed_task(log) == "", "what a play ignores is no failure"
    log.write_text("TASK [Gathering Facts] ****\nfatal: [node1]: UNREACHABLE! => \n    msg: 'no route'\n")
    assert reports.failed_task(log) == "TASK [Gathering Facts] | fatal: [node1]: UNREACHABLE! => | 'no route'"


def test_a_chain_that_passed_over_its_tests_is_no_success(tmp_path: Path) -> None:
    sequence = "scenario:\n  test_sequence:\n    - create\n    - verify start.yml\n    - verify pods.yml\n"
    (tmp_path / "chain-start.xml").touch()
    log = tmp_path / "molecule.log"
    log.write_text("default : actions=3 missing=0")
    assert reports.unseen(sequence, log, tmp_path) == [f"verify pods.yml left no {tmp_path.name}/chain-pods.xml"]
    (tmp_path / "chain-pods.xml").touch()
    assert reports.unseen(sequence, log, tmp_path) == []
    log.write_text("default : actions=1 missing=2")
    assert len(reports.unseen(sequence, log, tmp_path)) == 1


def test_junit_survives_what_logs_hold(tmp_path: Path) -> None:
    path = tmp_path / "x.xml"
    reports.write_junit(path, "suite", 1.5, "failed", "\x1b[31mred\x1b[0m \x00 <&> \x08\nmore")
    assert reports.junit_cases([path]) == [("failed", "suite: red  <&>")]
    assert ET.parse(path).getroot()[0].get("failures") == "1"


@pytest.mark.parametrize(
    ("verdict", "reason", "told"),
    [("passed", "", ""), ("skipped", "not here", ""), ("failed", "", "suite: failed")],
)
def test_junit_counts_what_was_written(tmp_path: Path, verdict: str, reason: str, told: str) -> None:
    reports.write_junit(tmp_path / "x.xml", "suite", 0.1, verdict, reason)
    assert reports.junit_cases([tmp_path / "x.xml"]) == [(verdict, told)]


def test_junit_counts_errors_as_failures(tmp_path: Path) -> None:
    path = tmp_path / "x.xml"
    path.write_text('<testsuite><testcase name="a"><error message="no fixture"/></testcase></testsuite>')
    assert reports.junit_cases([path]) == [("failed", "a: no fixture")]


@pytest.mark.parametrize("text", ["", "<testsuite>", "nothing"])
def test_a_file_that_is_no_junit_is_a_failure(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.xml"
    path.write_text(text)
    assert [verdict for verdict, _why in reports.junit_cases([path])] == ["failed"]
