# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line, and the targets of make."""

from __future__ import annotations

import signal

import make as program
import pytest

from devtool import deps
from sriovlab import peers


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["test", "--resume"], 2, "unrecognized arguments: --resume"),
        (["nonsense"], 2, "invalid choice: 'nonsense'"),
        (["soak", "--list"], 0, "restarts"),
        (["bench", "--list"], 0, "node"),
        (["lab", "--list"], 0, "boot"),
        (["soak", "--list", "--only", "nonsense"], 2, "unknown name nonsense; there are: applies, cni, "),
    ],
)
def test_the_command_line(words: list[str], status: int, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        found = program.main(words)
    except SystemExit as ended:
        found = ended.code
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert found == status
    assert told in "".join(capsys.readouterr())


@pytest.mark.parametrize("command", ["demo", "lab", "bench", "soak"])
def test_without_kubernetes_and_a_way_to_build_it_the_node_is_not_started(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(signal, "signal", lambda *_words: None)
    monkeypatch.setattr(deps, "ensure_tools", lambda: None)
    monkeypatch.setattr(deps, "lab", lambda *_words: None)
    monkeypatch.setattr(peers, "problem", lambda group: "Go to build it: install it" if group is peers.ETCD else "")
    assert program.main([command]) == 1
    assert capsys.readouterr().err == "error: Go to build it: install it\n"


def test_every_command_has_a_target() -> None:
    text = (deps.ROOT / "Makefile").read_text()
    assert [name for name in program.COMMANDS if f"\n{name}: ##" not in text] == []
