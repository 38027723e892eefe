# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads of the host on threads beside: one that the kernel holds keeps nobody, and what it told before counts.

A file of sysfs can take as long as the lock that its driver holds: 65 s for a PF that makes 125 VFs, and nothing ends
such a read. The thread that is in it is left to it, and another one goes on with the rest. What is held is not asked
again before its answer has come.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Sequence
from queue import SimpleQueue
from typing import Any, Callable, TypeVar

LIMIT = 1.0  # seconds that a caller waits for one read
AGAIN = 0.1  # seconds for each further one that is held in the same call
BUDGET = 3.0  # times LIMIT that one call waits for reads that are held, at most
MOST = 64  # threads; where the kernel holds as many, nothing is read
NAMED = 5  # of many held reads, how many a message names

log = logging.getLogger(__name__)

T = TypeVar("T")


class _Job:
    """Names that one thread reads, one after the other, until the caller goes on without it."""

    def __init__(self, what: str, names: Sequence[str], read: Callable[[str], Any]) -> None:
        self.what, self.names, self.read = what, names, read
        self.found: dict[str, Any] = {}
        self.error: Exception | None = None
        self.current, self.since = names[0], time.monotonic()
        self.held: str | None = None  # the name that the caller has gone on without
        self.left = False
        self._lock = threading.Lock()
        self._done = threading.Lock()
        self._done.acquire()

    def run(self) -> None:
        """On the thread beside."""
        for name in self.names:
            with self._lock:
                if self.left:
                    return
                self.current, self.since = name, time.monotonic()
            try:
                value = self.read(name)
            except Exception as error:
                self.error = error
                break
            with self._lock:
                if self.held is not None:
                    return
                self.found[name] = value
        self._done.release()

    def wait(self, limit: float) -> str | None:
        """On the caller's thread: None once all is read, or the name of the read that is held."""
        left = limit
        while not self._done.acquire(timeout=left):
            with self._lock:
                left = self.since + limit - time.monotonic()
                if left <= 0 and len(self.found) < len(self.names):
                    self.left, self.held = True, self.current
                    return self.held
                left = max(left, 0.001)
        return None


class Beside:
    """Asks the host for many callers; the last answers of each kind are kept."""

    def __init__(self, limit: float | None = None) -> None:
        self.limit = LIMIT if limit is None else limit
        self._lock = threading.Lock()
        self._idle: list[SimpleQueue[_Job]] = []
        self._threads = 0
        self._known: dict[str, dict[str, Any]] = {}  # kind -> name -> the last answer
        self._held: dict[tuple[str, str], float] = {}  # kind and name -> since when
        self._said: frozenset[tuple[str, str]] = frozenset()

    def ask(self, what: str, read: Callable[[], T], otherwise: T) -> T:
        """One answer; where it is held, the last one, or `otherwise` where there was none."""
        found: T = self.ask_each(what, ("",), lambda name: read()).get("", otherwise)
        return found

    def ask_each(
        self, what: str, names: Iterable[str], read: Callable[[str], T], remember: bool = True
    ) -> dict[str, T]:
        """Name -> answer; of one that is held the last one, where there was one and it is to be remembered."""
        wanted = list(names)
        found: dict[str, T] = self._read([name for name in wanted if (what, name) not in self._held], what, read)
        if not remember:
            return found
        known = self._known.get(what, {})
        answers = {name: (found if name in found else known)[name] for name in wanted if name in found or name in known}
        self._known[what] = answers
        return answers

    def _read(self, names: list[str], what: str, read: Callable[[str], T]) -> dict[str, T]:
        found: dict[str, T] = {}
        limit, left = self.limit, BUDGET * self.limit
        while names and left > 0:
            jobs = self._thread()
            if jobs is None:
                break
            job = _Job(what, names, read)
            jobs.put(job)
            name = job.wait(limit)
            found.update(job.found)
            if job.error is not None:
                raise job.error
            if name is None:
                break
            left -= limit
            with self._lock:
                if job.left:
                    self._held[what, name] = time.monotonic() - limit
            names = names[names.index(name) + 1 :]
            limit = min(limit, AGAIN)
        return found

    def _thread(self) -> SimpleQueue[_Job] | None:
        with self._lock:
            if self._idle:
                return self._idle.pop()
            if self._threads >= MOST:
                return None
            self._threads += 1
        jobs: SimpleQueue[_Job] = SimpleQueue()
        threading.Thread(target=self._work, args=(jobs,), name=f"host-{self._threads}", daemon=True).start()
        return jobs

    def _work(self, jobs: SimpleQueue[_Job]) -> None:
        while True:
            job = jobs.get()
            job.run()
            with self._lock:
                if job.left:
                    job.left = False
                    self._held.pop((job.what, job.held or ""), None)
                self._idle.append(jobs)
            del job

    def held(self) -> dict[str, float]:
        """What does not answer now, in words, and for how many seconds."""
        now = time.monotonic()
        with self._lock:
            return {f"{what} {name}".strip(): now - since for (what, name), since in self._held.items()}

    def tell(self) -> None:
        """Log what is held where that is news."""
        with self._lock:
            held = frozenset(self._held)
        if held == self._said:
            return
        names = sorted(f"{what} {name}".strip() for what, name in held)
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        if held - self._said:
            told = ", ".join(names[:NAMED]) + more
            log.warning("the host does not answer for %s; what was seen before counts", told)
        elif not held:
            log.info("the host answers again")
        self._said = held
