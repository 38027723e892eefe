# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses that were not released, in the program as a runtime starts it, cold and warm, and in the service."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from support.cni_warm import CONF, Warm
from support.cni_world import Broken
from support.processes import eventually


def owe(state: Path, folder: Path) -> Path:
    """A file of an address that is due to be released; the plugin is in the folder. Returns it."""
    environment = {"CNI_CONTAINERID": "c1", "CNI_IFNAME": "net1", "CNI_PATH": str(folder), "PATH": "/usr/bin:/bin"}
    conf = json.dumps({**CONF, "ipam": {"type": "broken"}})
    state.mkdir(parents=True)
    file = state / "c1@net1"
    file.write_text(json.dumps({"format": 1, "environment": environment, "conf": conf, "tries": 1, "error": ""}))
    os.utime(file, (1, 1))
    return file


@pytest.fixture(params=["finding-cni-03"])
def finding(request):
    """In the ids of the tests."""
    return request.param


def start(program: Path, folder: Path, command: str, container: str = "c1") -> int:
    environment = {"CNI_COMMAND": command, "CNI_CONTAINERID": container, "CNI_IFNAME": "net1", "PATH": "/usr/bin:/bin",
                   "CNI_NETNS": "/nowhere", "CNI_PATH": str(folder)}
    return subprocess.run([program], input=json.dumps({**CONF, "ipam": {"type": "broken"}}).encode(), env=environment,
                          capture_output=True, timeout=60, check=False).returncode


@pytest.fixture
def owed(way, program, tmp_path):
    """One address that is due to be released, of a network whose IPAM plugin fails."""
    plugin = Broken(tmp_path)
    plugin.fails(DEL="its error")
    file = owe(program.parent / "state" / "releases", tmp_path)
    return way, plugin, file


def test_a_process_has_it_released_after_its_answer(owed, tmp_path, finding):
    program, plugin, file = owed
    plugin.works()
    assert start(program, tmp_path, "DEL", "c2") == 0
    eventually(lambda: not file.parent.exists())
    assert sorted(plugin.called) == ["DEL c1", "DEL c2"]


def test_a_process_that_is_refused_again_keeps_it(owed, tmp_path, finding):
    program, plugin, file = owed
    assert start(program, tmp_path, "DEL", "c2") == 0  # of which nothing is known
    eventually(lambda: file.exists() and file.stat().st_mtime > time.time())
    assert [name.name for name in file.parent.iterdir()] == ["c1@net1"]
    assert json.loads(file.read_text())["tries"] in (2, 3)  # the service's own round may come between
    plugin.works()
    assert start(program, tmp_path, "DEL") == 0
    assert not file.parent.exists()


def test_the_services_own_round(program, tmp_path, finding):
    """Without any call, at its next tick."""
    state = program.parent / "state" / "releases"
    plugin = Broken(tmp_path)
    owe(state, tmp_path)
    with Warm(program) as warm:
        eventually(lambda: not state.exists())
        assert subprocess.run([warm.program], env={"CNI_COMMAND": "VERSION"}, capture_output=True, check=True).stdout
        assert warm.direct == 0
    assert plugin.called == ["DEL c1"]
