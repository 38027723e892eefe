# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one exception family of the node library.

An error names the object, what was expected, what was found, and what to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class SriovError(Exception):
    """Base of all errors that the node library raises on purpose; `str()` of one is fit for a person."""


class Mistake:
    """One mistake in the user's input: the path of the field, and what is wrong with it."""

    def __init__(self, path: str, problem: str) -> None:
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


class InvalidSpecError(SriovError):
    """The user's policies or networks are wrong; holds every mistake, not only the first."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        count = len(mistakes)
        lines = "".join(f"\n  - {mistake}" for mistake in mistakes)
        super().__init__(f"{count} mistake{'s' if count != 1 else ''} in the specification:{lines}")


def mistakes_of(*cases: tuple[Any, str, str]) -> list[Mistake]:
    """The mistakes of the cases that hold: condition, path of the field, what is wrong."""
    return [Mistake(*words) for holds, *words in cases if holds]


def raise_if(mistakes: list[Mistake]) -> None:
    """Raise InvalidSpecError with all mistakes, if there are any."""
    if mistakes:
        raise InvalidSpecError(mistakes)


class Problem:
    """Something on the host that prevents a step: the object, expected, found, and the remedy."""

    def __init__(self, target: str, expected: str, found: str, remedy: str) -> None:
        self.target = target
        self.expected = expected
        self.found = found
        self.remedy = remedy

    def __str__(self) -> str:
        found = self.found.rstrip(". \n")  # an error of a command, or within another one, ends with its own stop
        return f"{self.target}: expected {self.expected}; found {found}. {self.remedy}"


def problems_of(target: str, *cases: tuple[Any, str, str, str]) -> list[Problem]:
    """The problems of the cases that hold: condition, expected, found, remedy."""
    return [Problem(target, *words) for holds, *words in cases if holds]


class RefusedError(SriovError):
    """The plan would destroy what is in use, or the host can't do it; nothing was changed. Holds every problem, and the
    warnings that a plan would have had.
    """

    def __init__(self, problems: list[Problem], warnings: Sequence[str] = ()) -> None:
        self.problems = tuple(problems)
        self.warnings = tuple(warnings)
        lines = [f"\n  - {problem}" for problem in problems] + [f"\n  - warning: {warning}" for warning in warnings]
        super().__init__("refused, nothing was changed:" + "".join(lines))


class HostError(SriovError):
    """Reading or writing the host failed: a file, a command, or a value that did not take."""

    def __init__(self, target: str, expected: str, found: str, remedy: str = "") -> None:
        self.problem = Problem(target, expected, found, remedy)
        super().__init__(str(self.problem).rstrip())


class CommandError(HostError):
    """A command ended with an error or ran out of time."""


class TakenError(HostError):
    """What a step would take away is used since the plan was made. Nothing was written for that step."""


class SlowError(HostError):
    """A write that the kernel is still at work on when its time is over; it goes on by itself."""


class PartError(HostError):
    """A step that is done but for some of its objects, its `targets`."""

    def __init__(self, target: str, expected: str, found: str, remedy: str, targets: Sequence[Any]) -> None:
        self.targets = tuple(targets)
        super().__init__(target, expected, found, remedy)


class StateFileError(SriovError):
    """A file of ours is damaged, or of a format version that this code does not know."""
