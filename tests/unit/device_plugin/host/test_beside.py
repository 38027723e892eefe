# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads beside: in order, bounded, with the last answer where one is held, and never more threads than the limit."""

from __future__ import annotations

import logging
import threading

import pytest

from sriov_device_plugin.host import beside
from sriov_device_plugin.host.beside import Beside
from support.processes import eventually
from support.vector_ids import finding

NAMES = [str(number) for number in range(10)]


class Lock:
    """A read that some names hang in."""

    def __init__(self, *held: str) -> None:
        self.held = {name: threading.Event() for name in held}
        self.turn = 0

    def __call__(self, name: str) -> str:
        if name in self.held:
            self.held[name].wait(60)
        return f"{name} {self.turn}"

    def release(self) -> None:
        for event in self.held.values():
            event.set()


@finding("finding-dp-02-last-answers")
def test_what_is_held_is_as_it_was(caplog: pytest.LogCaptureFixture) -> None:
    asked, lock = Beside(0.05), Lock()
    assert list(asked.ask_each("x", NAMES, lock)) == NAMES
    lock.turn, lock.held = 1, {name: threading.Event() for name in ("3", "7")}
    found = asked.ask_each("x", NAMES, lock)
    assert found == {name: f"{name} {0 if name in ('3', '7') else 1}" for name in NAMES}
    assert set(asked.held()) == {"x 3", "x 7"}
    lock.turn = 2
    assert asked.ask_each("x", NAMES, lock)["4"] == "4 2", "those that answer are read, the others are not asked"
    assert "3" not in asked.ask_each("x", ["3"], lock, remember=False)
    with caplog.at_level(logging.INFO):
        asked.tell()
        asked.tell()
        lock.release()
        eventually(lambda: not asked.held())
        asked.tell()
    assert [record.getMessage() for record in caplog.records] == [
        "the host does not answer for x 3, x 7; what was seen before counts", "the host answers again",
    ]  # fmt: skip
    assert asked.ask_each("x", NAMES, lock)["3"] == "3 2"
    assert asked.ask_each("x", NAMES[:2], lock).keys() == {"0", "1"}
    assert "5" not in asked.ask_each("x", ["5"], Lock("5")), "what was not wanted is forgotten"


@finding("finding-dp-02-one-answer")
def test_one_answer_has_a_stand_in() -> None:
    asked, lock = Beside(0.05), Lock("")
    assert asked.ask("y", lambda: lock(""), "unknown") == "unknown"
    lock.release()
    eventually(lambda: not asked.held())
    assert asked.ask("y", lambda: "told", "unknown") == "told"


@finding("finding-dp-02-bounded")
def test_many_held_reads_cost_little_time_and_few_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside, "MOST", 4)
    monkeypatch.setattr(beside, "AGAIN", 0.01)
    many = [str(number) for number in range(1000)]
    asked, lock = Beside(0.05), Lock(*many)
    before = threading.active_count()
    assert asked.ask_each("z", many, lock) == {}
    assert asked.ask_each("other", NAMES, Lock()) == {}, "no thread is left to ask"
    assert threading.active_count() - before == 4
    lock.release()
    eventually(lambda: not asked.held())
    assert len(asked.ask_each("z", many, lock)) == 1000


@finding("finding-dp-02-errors")
def test_an_error_reaches_the_caller() -> None:
    asked = Beside()
    for _turn in range(3):
        with pytest.raises(ZeroDivisionError):
            asked.ask("e", lambda: 1 / 0, 0)
    assert asked.ask("e", lambda: 1, 0) == 1


@finding("finding-dp-02-slow-is-not-held")
def test_a_pass_that_goes_on_is_waited_for() -> None:
    asked = Beside(0.2)
    assert len(asked.ask_each("s", NAMES, lambda name: threading.Event().wait(0.05) or name)) == len(NAMES)
    assert asked.held() == {}
