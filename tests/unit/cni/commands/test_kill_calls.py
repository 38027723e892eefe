# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SIGKILL at system calls that write, by strace, and of a call by the service: a sample of what
tests/soak/soak_cni_kills.py draws.
"""

from __future__ import annotations

import os
import shutil

import pytest
import soak_cni_kills

from support.needs import missing


@pytest.fixture(scope="module")
def plugin():
    if os.geteuid() != 0:
        missing("root: the tests make network namespaces")
    for program in ("strace", "/usr/lib/cni/host-local", "/usr/bin/python3"):
        if shutil.which(program) is None:
            missing(program)
    with soak_cni_kills.victim() as made:
        yield made


@pytest.mark.parametrize(("command", "first", "step"), [("ADD", 1, 2), ("DEL", 1, 3)])
def test_whatever_it_was_doing_the_vf_comes_back(plugin, command, first, step):
    numbers = range(first, soak_cni_kills.MOST[command] + 1, step)
    kills = [plugin.round(command, soak_cni_kills.AtCall(number)) for number in numbers]
    assert sum(kills) >= len(kills) - 2  # some kinds of system calls count by themselves
    assert not plugin.round(command, None)


@pytest.mark.parametrize("whom", ["client", "worker"])
@pytest.mark.parametrize("command", ["ADD", "DEL"])
def test_whoever_is_killed_of_a_call_by_the_service_the_vf_comes_back(plugin, command, whom):
    kills = [
        plugin.round(command, soak_cni_kills.AfterTime(milliseconds / 1000, whom), warm=True)
        for milliseconds in range(1, 60, 6)
    ]
    assert any(kills)
    assert not plugin.round(command, None, warm=True)
