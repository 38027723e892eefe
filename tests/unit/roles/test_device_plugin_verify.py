# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `verify` says of the device plugin's libraries: now, and after an upgrade of the distribution."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from support.playbook_runs import Controller

SOUND = {"format": 1, "python": "3.11.2", "abi": "cp311", "site": "/x", "ready": ["cp311"], "problem": ""}
ANSWERS = {
    "ready": "echo '" + json.dumps({**SOUND, "missing": []}) + "'",
    "unready": "echo '" + json.dumps({**SOUND, "missing": ["cp312", "cp313"]}) + "'",
    "other": "echo 'the libraries in /x do not load' >&2; echo '" + json.dumps({**SOUND, "missing": []}) + "'",
    "broken": "echo '" + json.dumps({**SOUND, "missing": [], "problem": "no gRPC for this one"}) + "'; exit 1",
    "gone": "echo 'no Python 3.9 or newer' >&2; exit 78",
}
PLAY = {
    "hosts": "sriov_nodes", "gather_facts": False,
    "tasks": [{"ansible.builtin.include_role": {"name": "baremetal.sriov.device_plugin", "tasks_from": "verify"}}],
}  # fmt: skip


def test_the_libraries_of_now_and_of_the_next_python(tmp_path: Path) -> None:
    controller = Controller(tmp_path)
    hosts = {}
    for name, answer in {**ANSWERS, "none": ""}.items():
        if answer:
            controller.put(f"{name}/python.sh", f"{answer}\n")
        hosts[name] = {"home_of_test": str(tmp_path / name), "ansible_python_interpreter": sys.executable}
    controller.put("play.yml", json.dumps([PLAY]))
    run = controller.run("play.yml", hosts=hosts, extra={"device_plugin_home": "{{ home_of_test }}"})
    assert {host for host, (_changed, failed) in run.recap.items() if failed} == {"broken", "gone"}, run.output
    assert all(changed == 0 for changed, _failed in run.recap.values())
    assert "The device plugin of broken can't run: no gRPC for this one" in run.output
    assert "The device plugin of gone can't run: no Python 3.9 or newer" in run.output
    warned = [line for line in run.output.splitlines() if "WARNING: " in line]
    assert len(warned) == 2, run.output
    assert "the device plugin of unready has no libraries for cp312 and cp313" in " ".join(warned)
    assert "other: the libraries in /x do not load" in " ".join(warned)
