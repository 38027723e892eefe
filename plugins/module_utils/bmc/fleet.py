# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many BMCs at once: each on its own, but for refused logins, which end the run before users are locked out."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Callable, Union

from ..model.errors import SriovError
from .redfish.client import Client, Credentials
from .redfish.errors import LoginError, StoppedError
from .redfish.wire import BmcAddress, Wire

MOST_REFUSED = 3  # alike, of one user with one password
PARALLEL = 100
Result = Union[Any, SriovError]


@dataclass(frozen=True)
class Bmc:
    """A BMC by its name in the inventory, and how it is reached."""

    name: str
    target: BmcAddress
    credentials: Credentials


@dataclass
class LoginGate:
    """Lets logins through: at most three at a time are tried with a user and password that no BMC has accepted yet."""

    refused: dict[Credentials, int] = field(default_factory=dict)
    trying: dict[Credentials, int] = field(default_factory=dict)
    accepted: set[Credentials] = field(default_factory=set)
    turn: threading.Condition = field(default_factory=threading.Condition)

    @contextmanager
    def login(self, bmc: Bmc) -> Iterator[None]:
        """Around one login. Raises StoppedError where too many were refused."""
        who = bmc.credentials
        with self.turn:
            while not self._may(who):
                if self.refused.get(who, 0) >= MOST_REFUSED:
                    raise self._stopped(bmc)
                self.turn.wait()
            self.trying[who] = self.trying.get(who, 0) + 1
        outcome = self.accepted.add
        try:
            yield
        except LoginError:
            outcome = self._refuse
            raise
        except BaseException:
            outcome = _nothing
            raise
        finally:
            with self.turn:
                self.trying[who] -= 1
                outcome(who)
                self.turn.notify_all()

    def _may(self, who: Credentials) -> bool:
        refused = self.refused.get(who, 0)
        return refused < MOST_REFUSED and (
            who in self.accepted or refused + self.trying.get(who, 0) < MOST_REFUSED
        )  # fmt: skip

    def _refuse(self, who: Credentials) -> None:
        self.refused[who] = self.refused.get(who, 0) + 1

    def _stopped(self, bmc: Bmc) -> StoppedError:
        found = f"{MOST_REFUSED} BMCs that refused the user {bmc.credentials.username} with this password"
        return StoppedError(bmc.target.address, "a login that others accept", found,
                            "Correct user and password; this BMC was not asked.")  # fmt: skip


def _nothing(_who: Credentials) -> None:
    """Neither accepted nor refused."""


def each(
    bmcs: Sequence[Bmc],
    work: Callable[[Bmc, Client], Any],
    parallel: int = PARALLEL,
    stop: threading.Event | None = None,
) -> dict[str, Result]:
    """By name, what the work gave for each, or why it could not be done. One login for each, closed at its end."""
    gate, stop = LoginGate(), stop or threading.Event()

    def one(bmc: Bmc) -> Result:
        client = Client(Wire(bmc.target, stop), bmc.credentials)
        try:
            bmc.target.parts()
            client.meet()  # one that is away keeps no other from its login
            with gate.login(bmc):
                client.login()
            return work(bmc, client)
        except SriovError as error:
            return error
        finally:
            client.logout()

    try:
        return dict(zip([bmc.name for bmc in bmcs], all_at_once(one, bmcs, parallel)))
    except BaseException:  # the run is stopped: each goes as far as its logout
        stop.set()
        raise


def all_at_once(work: Callable[[Any], Any], items: Sequence[Any], parallel: int) -> list[Any]:
    """What the work gives for each, in their order; so many are at work at a time."""
    with ThreadPoolExecutor(max_workers=max(1, min(parallel, len(items)))) as pool:
        return list(pool.map(work, items))
