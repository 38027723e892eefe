# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Python runs the services."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.bundle import interpreter
from ansible_collections.baremetal.sriov.plugins.module_utils.bundle.interpreter import Interpreter
from ansible_collections.baremetal.sriov.plugins.module_utils.host.host import Host
from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import RefusedError


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """Interpreters are files that hold their version."""

    def ask(host: Host, path: str) -> Interpreter:
        version = (host.read_text(path) or "").strip()
        return Interpreter(path, version, f"{version}.1", "", "", "", "")

    monkeypatch.setattr(interpreter, "ask", ask)
    return Host(str(tmp_path))


def put(host: Host, path: str, version: str, mode: int = 0o755) -> None:
    host.write_file(path, version.encode(), mode)


def test_the_systems_python3_is_taken_where_it_is_new_enough(host: Host) -> None:
    put(host, "/usr/bin/python3", "3.9")
    put(host, "/usr/bin/python3.12", "3.12")
    assert interpreter.choose(host).path == "/usr/bin/python3"


def test_else_the_newest_versioned_one(host: Host) -> None:
    put(host, "/usr/bin/python3", "3.6")
    for minor in (9, 11, 12):
        put(host, f"/usr/bin/python3.{minor}", f"3.{minor}")
    put(host, "/usr/bin/python3.13", "3.13", 0o775)
    put(host, "/usr/bin/python3.12-config", "no")
    assert interpreter.choose(host).path == "/usr/bin/python3.12"


def test_what_others_than_root_may_change_is_refused(host: Host) -> None:
    put(host, "/usr/bin/python3", "3.11", 0o757)
    with pytest.raises(RefusedError, match=r"/usr/bin/python3: others than root may change it \(mode 0757\)"):
        interpreter.choose(host)
    put(host, "/opt/python", "3.11")
    os.chown(host.path("/opt/python"), 1234, 1234)
    with pytest.raises(RefusedError, match="user 1234"):
        interpreter.choose(host, "/opt/python")


@pytest.mark.parametrize("wanted", ["python3", "/usr/bin/none", "/usr"])
def test_a_path_that_is_no_interpreter_is_refused(host: Host, wanted: str) -> None:
    put(host, "/usr/bin/python3", "3.11")
    with pytest.raises(RefusedError, match=f"python {wanted}"):
        interpreter.choose(host, wanted)


def test_too_old_ones_are_named(host: Host) -> None:
    put(host, "/usr/bin/python3", "3.6")
    with pytest.raises(RefusedError, match=r"/usr/bin/python3 is 3\.6\.1"):
        interpreter.choose(host)


def test_an_interpreter_says_the_same_in_this_process_and_in_another() -> None:
    inside = interpreter.ask(Host(), sys.executable)
    outside = interpreter.ask(NotRunning(), sys.executable)
    assert inside == outside
    assert inside.abi == f"cp3{sys.version_info[1]}"
    assert inside.version == f"3.{sys.version_info[1]}"


class NotRunning(Host):
    is_running = False
