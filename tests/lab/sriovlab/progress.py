# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the person at the terminal sees, and the one error of this package."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


class LabError(Exception):
    """The lab cannot go on; the message says what, and what to do about it."""


class QemuEnded(LabError):
    """QEMU is gone, though nobody powered the node off."""


def say(text: str) -> None:
    """Print one line to stderr (stdout is kept for what a caller parses)."""
    print(f"lab: {text}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def step(what: str, every: float = 30.0) -> Iterator[None]:
    """Announce a step, repeat its elapsed time each `every` seconds, and say how long it took."""
    start = time.monotonic()
    done = threading.Event()

    def tick() -> None:
        while not done.wait(every):
            say(f"{what} ... {time.monotonic() - start:.0f} s")

    say(f"{what} ...")
    ticker = threading.Thread(target=tick, daemon=True)
    ticker.start()
    try:
        yield
    except BaseException:
        say(f"{what}: stopped after {time.monotonic() - start:.1f} s")
        raise
    else:
        say(f"{what}: done in {time.monotonic() - start:.1f} s")
    finally:
        done.set()
        ticker.join()


def side_by_side(calls: Sequence[Callable[[], T]]) -> list[T]:
    """Call all at the same time and wait for all; what they return, in order. Raises the first one's exception."""
    if len(calls) == 1:
        return [calls[0]()]
    results: dict[int, T] = {}
    failures: dict[int, BaseException] = {}

    def make(number: int, call: Callable[[], T]) -> None:
        try:
            results[number] = call()
        except BaseException as exc:
            failures[number] = exc

    # Daemons: a user who interrupts the program does not wait for them.
    threads = [threading.Thread(target=make, args=one, daemon=True) for one in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in sorted(failures):
        raise failures[number]
    return [results[number] for number in range(len(calls))]
