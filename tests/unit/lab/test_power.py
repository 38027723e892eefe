# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words for several nodes, and the power of one: which machine is started, and with what."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from sriovlab import cli, deps, holder, node, power, qemu, qmp, state
from sriovlab.definition import Definition
from sriovlab.progress import LabError, side_by_side
from sriovlab.ssh import Ssh
from sriovlab.state import Members, State

Call = tuple[Any, ...]
SAME: dict[str, Any] = {"system": None}  # the release that the lab has


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Call]:
    """What is done to QEMU in a lab of two; `state.pid` 1 stands for a node that is on."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("BAREMETAL_SRIOV_CACHE", str(tmp_path / "cache"))
    found: list[Call] = []

    def start(names: Sequence[str], count: int, _lock_timeout: float, **more: Any) -> list[node.Started]:
        more.pop("beginning", None)
        found.append(("start", tuple(names), count, more))
        new = [State(1, "tcg", "/image", 2200, 0, node=name, **_definition(more)) for name in names]
        for current in new:
            current.save()
        Members(count, "/image", "id").save()
        return [(current, 1.0) for current in new]

    def stop(_pid: int, run_dir: Path, grace: float) -> None:
        found.append(("stop", run_dir.name, grace))
        (run_dir / "state.json").unlink()

    monkeypatch.setattr(qemu, "alive", lambda pid, _run_dir: pid == 1)
    monkeypatch.setattr(qemu, "read_pid", lambda _run_dir: 0)
    monkeypatch.setattr(qemu, "stop", stop)
    monkeypatch.setattr(qmp, "command", lambda path, name: found.append((name, path.parent.name)))
    monkeypatch.setattr(holder, "pid", lambda _run_dir: 1 if state.running() else 0)
    monkeypatch.setattr(holder, "stop", lambda _run_dir: found.append(("release",)))
    monkeypatch.setattr(node, "start", start)
    monkeypatch.setattr(node, "_keep", lambda *_asked: None)
    monkeypatch.setattr(node, "wait", lambda current, until, _started: current)
    monkeypatch.setattr(deps, "require", lambda _nodes: None)
    monkeypatch.setattr(Ssh, "close", lambda _ssh: None)
    return found


def _definition(more: dict[str, Any]) -> dict[str, Any]:
    return {"definition": more["definition"]} if "definition" in more else {}


def test_nodes_are_started_together_and_only_those_that_are_off(calls: list[Call]) -> None:
    assert cli.main(["up", "--from", "boot"]) == 0
    assert cli.main(["up", "--nodes", "3"]) == 0
    assert cli.main(["up"]) == 0
    assert calls == [("start", ("node1",), 1, SAME), ("start", ("node2", "node3"), 3, SAME)]


@pytest.mark.parametrize("command", ["up", "reset"])
@pytest.mark.parametrize("number", ["0", "4"])
def test_more_nodes_than_fit_are_refused(
    calls: list[Call], capsys: pytest.CaptureFixture[str], command: str, number: str
) -> None:
    assert cli.main([command, "--nodes", number]) == 1
    assert f"--nodes {number}: expected 1 to 3" in capsys.readouterr().err
    assert calls == []


def test_a_lab_is_not_made_smaller_behind_somebodys_back(calls: list[Call], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["up", "--nodes", "2"]) == 0
    assert cli.main(["up", "--nodes", "1"]) == 1
    assert "the lab has node1, node2 on; end it first" in capsys.readouterr().err


def test_reset_renews_all_or_one(calls: list[Call], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["up", "--nodes", "2"]) == 0
    calls.clear()
    assert cli.main(["reset", "node2"]) == 0
    assert calls == [("stop", "node2", 0), ("start", ("node2",), 2, {"fresh": True, **SAME})]
    calls.clear()
    assert cli.main(["reset"]) == 0
    assert sorted(calls[:2]) == [("stop", "node1", 0), ("stop", "node2", 0)]
    assert calls[2:] == [("start", ("node1", "node2"), 2, {"fresh": True, **SAME})]
    assert cli.main(["reset", "--nodes", "1"]) == 0
    assert calls[-1] == ("start", ("node1",), 1, {"fresh": True, **SAME})
    assert not state.node_dir("node2").exists()
    for words, told in ((["node1", "--nodes", "1"], "only one of both"), (["node3"], "expected a node of this lab")):
        assert cli.main(["reset", *words]) == 1
        assert told in capsys.readouterr().err


def test_the_node_that_holds_the_cluster_is_not_renewed_alone(
    calls: list[Call], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["up", "--nodes", "2"]) == 0
    assert cli.main(["reset", "node1"]) == 1
    assert "it holds the cluster" in capsys.readouterr().err


def test_down_ends_all_and_gives_the_lab_free_even_where_a_node_resists(
    calls: list[Call], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli.main(["up", "--nodes", "2"]) == 0
    calls.clear()
    assert cli.main(["down"]) == 0
    assert sorted(calls[:2]) == [("stop", "node1", 120.0), ("stop", "node2", 120.0)]
    assert calls[2:] == [("release",)]
    assert cli.main(["up"]) == 0

    def resist(*_words: Any, **_more: Any) -> None:
        raise LabError("no")

    monkeypatch.setattr(qemu, "stop", resist)
    calls.clear()
    assert cli.main(["down"]) == 1
    assert calls == [("release",)]


def test_power_of_one_node(calls: list[Call], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["up", "--nodes", "2"]) == 0
    calls.clear()
    assert cli.main(["power", "on", "node2"]) == 0
    assert calls == []
    assert cli.main(["power", "hard-reset", "node2"]) == 0
    assert cli.main(["power", "off", "node2"]) == 0
    assert cli.main(["power", "off", "node2"]) == 0
    assert cli.main(["power", "hard-reset", "node2"]) == 1
    assert "node2 is off: expected it on" in capsys.readouterr().err
    assert cli.main(["power", "on", "node2", "--machine", "iommu=off", "cpus=1"]) == 0
    assert cli.main(["power", "cycle", "node2", "--hard"]) == 0
    machine = Definition(iommu=False, cpus=1)
    assert calls == [
        ("system_reset", "node2"), ("stop", "node2", 120.0), ("start", ("node2",), 2, {"definition": machine}),
        ("stop", "node2", 0), ("start", ("node2",), 2, {"definition": Definition()}),
    ]  # fmt: skip


def test_a_machine_is_chosen_at_power_on(calls: list[Call], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["up", "--nodes", "2"]) == 0
    for words, told in (
        (["on", "node2", "--machine", "cpus=1"], "node2 is on: expected it off"),
        (["off", "node2", "--machine", "cpus=1"], "expected on or cycle"),
        (["on", "node3"], "node3: expected a node of this lab, which has node1, node2"),
        (["on", "node2", "--machine", "colour=red"], "expected one of"),
    ):
        assert cli.main(["power", *words]) == 1
        assert told in capsys.readouterr().err


def test_nodes_without_their_holder_are_ended_before_anything_else(
    calls: list[Call], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["up", "--nodes", "2"]) == 0
    monkeypatch.setattr(holder, "pid", lambda _run_dir: 0)
    for words in (["up"], ["power", "on", "node1"]):
        assert cli.main(words) == 1
        assert "holds this lab is gone" in capsys.readouterr().err
    assert cli.main(["down"]) == 0


@pytest.mark.parametrize(
    ("words", "name", "line"),
    [
        (["ip", "link"], "node1", "ip link"),
        (["--", "ip", "link"], "node1", "ip link"),
        (["node2", "--", "ip", "a b"], "node2", "ip 'a b'"),
        (["node2", "uptime | cat"], "node2", "uptime | cat"),
        (["node2"], "node2", None),
    ],
)
def test_ssh_goes_to_node1_unless_another_is_named(
    calls: list[Call], monkeypatch: pytest.MonkeyPatch, words: list[str], name: str, line: str | None
) -> None:
    assert cli.main(["up", "--nodes", "2"]) == 0
    monkeypatch.setattr(os, "execvp", lambda _program, argv: calls.append(tuple(argv)))
    cli.main(["ssh", *words])
    folder = state.node_dir(name)
    assert f"ControlPath={folder / 'ssh.sock'}" in calls[-1]
    assert calls[-1][-2:] == ("--", line) if line else calls[-1][-1] == "root@127.0.0.1"


def test_the_console_shows_what_was_written(calls: list[Call], capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert cli.main(["console", "node2"]) == 1
    (state.make_node_dir("node2") / "serial.log").write_bytes(b"GRUB\r\n\xff")
    capfdbinary.readouterr()
    assert cli.main(["console", "node2"]) == 0
    assert capfdbinary.readouterr().out == b"GRUB\r\n\xff"


def test_the_console_is_followed_over_a_power_off(calls: list[Call], capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    path = state.make_node_dir("node2") / "serial.log"
    path.write_bytes(b"first ")
    done = threading.Event()
    reader = threading.Thread(target=power.console, args=("node2", True, done.is_set))
    reader.start()
    seen = b""

    def wait_for(text: bytes) -> None:
        nonlocal seen
        deadline = time.monotonic() + 20
        while text not in seen and time.monotonic() < deadline:
            seen += capfdbinary.readouterr().out
            time.sleep(0.05)

    wait_for(b"first ")
    with path.open("ab") as stream:
        stream.write(b"more ")
    wait_for(b"more ")
    path.rename(path.with_suffix(".kept"))  # else the new file may get the old one's inode
    path.write_bytes(b"second boot")
    wait_for(b"second boot")
    done.set()
    reader.join(20)
    assert seen == b"first more second boot"


def test_side_by_side_keeps_the_order_and_the_first_failure() -> None:
    both = threading.Barrier(2, timeout=20)

    def one() -> int:
        both.wait()
        return 1

    def two() -> int:
        both.wait()
        return 2

    assert side_by_side([one, two]) == [1, 2]

    def fail() -> int:
        raise LabError("first")

    with pytest.raises(LabError, match="first"):
        side_by_side([lambda: 1, fail])
