# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wishes, faults and kills by chance: what a run leaves, the next one makes good, and nothing is lost."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.baremetal.sriov.plugins.module_utils.bmc.bios.apply import Done, Order, Run
from ansible_collections.baremetal.sriov.plugins.module_utils.bmc.bios.wish import Wish
from ansible_collections.baremetal.sriov.plugins.module_utils.bmc.redfish.client import Client
from ansible_collections.baremetal.sriov.plugins.module_utils.bmc.redfish.wire import Reply
from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import SriovError
from support.bmc import shapes
from support.bmc.fake import FakeBmc, Fault
from support.bmc.runs import Bench
from support.bmc.server import Farm

_FAULTS = ("500", "503", "412", "401", "die", "die-after", "html", "garbage")
_WORDS = ("cpu_virtualization", "iommu", "sriov")
_MOST_REQUESTS = 30


class Killed(BaseException):
    """The controller's process ended."""


@dataclass
class Kill:
    """The end of the process at a request, before it is sent or after it was answered."""

    client: Client
    at: int
    after: bool

    def __post_init__(self) -> None:
        self.real = self.client.wire.request
        self.client.wire.request = self.request  # type: ignore[method-assign]

    def request(self, *words: Any, **options: Any) -> Reply:
        """As the connection's."""
        self.at -= 1
        if self.at == 0 and not self.after:
            raise Killed
        reply = self.real(*words, **options)
        if self.at == 0:
            raise Killed
        return reply


def one(farm: Farm, folder: Path, dice: random.Random) -> None:
    """A BMC with a wish, a run that is disturbed, a run that is not, a reset, and all of it given back."""
    bench = Bench(farm, folder)
    bmc = bench.bmc(dice.choice(shapes.names()))
    for name, told in bmc.shape.attributes.items():
        if "values" in told:
            bmc.current[name] = dice.choice(told["values"])
    before = dict(bmc.current)
    words = _wish(dice)
    for _turn in range(dice.randint(1, 3)):
        words = _wish(dice) if dice.random() < 0.3 else words  # somebody changes the inventory
        _disturbed(bench, bmc, words, dice)
        bmc.sessions.clear()  # the BMC ends what a killed process left
        if dice.random() < 0.3:
            bmc.reset("ForceRestart")
    bmc.faults = []
    predicted, done = bench.plan(bmc, words=words), bench.settle(bmc, words=words)
    assert [step.as_dict() for step in predicted.plan.steps] == [step.as_dict() for step in done.plan.steps]
    again = bench.settle(bmc, words=words)
    assert not again.plan.pending and again.waiting == done.waiting
    bmc.reset("ForceRestart")
    assert bench.settle(bmc, words=words).plan.steps == ()
    bench.settle(bmc, present=False)
    bmc.reset("ForceRestart")
    assert bench.settle(bmc, present=False).plan.steps == ()
    assert bmc.current == before and bmc.sessions == {} and bmc.most_sessions <= 1
    assert not list((folder / "record").glob("*"))


def _wish(dice: random.Random) -> dict[str, bool]:
    """All on, or all off: on some boards several words are one attribute."""
    return dict.fromkeys(dice.sample(_WORDS, dice.randint(1, len(_WORDS))), dice.random() < 0.8)


def _disturbed(bench: Bench, bmc: FakeBmc, words: dict[str, bool], dice: random.Random) -> Done | None:
    client = bench.client(bmc)
    if dice.random() < 0.5:
        bmc.faults = [Fault(dice.choice(_FAULTS), dice.choice(("GET", "PATCH", "DELETE")),
                            after=dice.randint(0, 12), times=dice.randint(1, 4))]  # fmt: skip
    else:
        Kill(client, dice.randint(1, _MOST_REQUESTS), dice.random() < 0.5)
    count = len(bmc.writes)
    try:
        client.login()
        done = Run(client, Order("node1", Wish(words)), bench.store).settle()
        client.logout()
        return done
    except Killed:
        client.wire.close()
    except SriovError as error:
        client.logout()
        assert "expected" in str(error) or "refused" in str(error), error
    # Half of a wish is never sent: each request that stages has all that is missing.
    staged = [body["Attributes"] for method, _path, body in bmc.writes[count:] if method == "PATCH"]
    assert len({frozenset(one) for one in staged}) <= 1
    return None
