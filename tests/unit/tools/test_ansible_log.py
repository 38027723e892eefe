# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a log of Ansible or Molecule says of a failure."""

from __future__ import annotations

from pathlib import Path

from devtool import ansible_log

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
    assert ansible_log.failed_task(log) == ""
    log.write_text(FAILED_RUN)
    told = ansible_log.failed_task(log).split(" | ")
    assert told[:2] == ["TASK [baremetal.sriov.node : Apply the plan]", "fatal: [node1]: FAILED! =>"]
    assert told[-1] == "0000:01:00.0: 7 VFs wanted, found 3"
    log.write_text(FAILED_RUN.partition("TASK [baremetal")[0])
    assert ansible_log.failed_task(log) == "", "what a play ignores is no failure"
    log.write_text("TASK [Gathering Facts] ****\nfatal: [node1]: UNREACHABLE! => \n    msg: 'no route'\n")
    assert ansible_log.failed_task(log) == "TASK [Gathering Facts] | fatal: [node1]: UNREACHABLE! => | 'no route'"


def test_a_chain_that_passed_over_its_tests_is_no_success(tmp_path: Path) -> None:
    sequence = "scenario:\n  test_sequence:\n    - create\n    - verify start.yml\n    - verify pods.yml\n"
    (tmp_path / "chain-start.xml").touch()
    log = tmp_path / "molecule.log"
    log.write_text("default : actions=3 missing=0")
    assert ansible_log.unseen(sequence, log, tmp_path) == [f"verify pods.yml left no {tmp_path.name}/chain-pods.xml"]
    (tmp_path / "chain-pods.xml").touch()
    assert ansible_log.unseen(sequence, log, tmp_path) == []
    log.write_text("default : actions=1 missing=2")
    assert len(ansible_log.unseen(sequence, log, tmp_path)) == 1
