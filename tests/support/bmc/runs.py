# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs at fake BMCs, as the modules make them."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.baremetal.sriov.plugins.module_utils.bmc.bios.apply import Done, Order, Run
from ansible_collections.baremetal.sriov.plugins.module_utils.bmc.bios.record import Store
from ansible_collections.baremetal.sriov.plugins.module_utils.bmc.bios.wish import Wish
from ansible_collections.baremetal.sriov.plugins.module_utils.bmc.redfish.client import Client, Credentials
from ansible_collections.baremetal.sriov.plugins.module_utils.bmc.redfish.wire import BmcAddress, Wire
from ansible_collections.baremetal.sriov.plugins.module_utils.host.host import Host
from support.bmc.fake import PASSWORD, USER, FakeBmc
from support.bmc.server import Farm


@dataclass
class Bench:
    """BMCs and a controller's folder. seconds: what a request may take."""

    farm: Farm
    folder: Path
    seconds: float = 10.0
    addresses: dict[int, str] = field(default_factory=dict)

    @property
    def store(self) -> Store:
        """The record."""
        return Store(Host(), str(self.folder / "record"))

    def bmc(self, vendor: str = "dell", **options: Any) -> FakeBmc:
        """One more."""
        made = FakeBmc(vendor, **options)
        self.addresses[id(made)] = self.farm.add(made)
        return made

    def client(self, bmc: FakeBmc, password: str = PASSWORD, login: str = "auto", **target: Any) -> Client:
        """The way to it, not logged in yet. It does not wait."""
        options = {"verify": False, "seconds": self.seconds, **target}
        wire = Wire(BmcAddress(self.addresses[id(bmc)], **options))
        return Client(wire, Credentials(USER, password, login), sleep=lambda _seconds: None)

    def settle(self, bmc: FakeBmc, *, check: bool = False, password: str = PASSWORD, login: str = "auto",
               **options: Any) -> Done:
        """One run. options: of the order; words, attributes, names and on_missing of its wish."""
        names = {one.name for one in dataclasses.fields(Wish)}
        wish = Wish(**{name: options.pop(name) for name in names & options.keys()})
        client = self.client(bmc, password, login)
        try:
            client.login()
            return Run(client, Order("node1", wish, **options), self.store, check).settle()
        finally:
            client.logout()

    def plan(self, bmc: FakeBmc, **options: Any) -> Done:
        """The same in check mode."""
        return self.settle(bmc, check=True, **options)


def steps(done: Done) -> list[tuple[str, str, Any, Any]]:
    """Of a plan: kind, target, before, after."""
    return [(step.kind, str(step.target), step.before, step.after) for step in done.plan.steps]


def sent(bmc: FakeBmc) -> list[dict[str, Any]]:
    """The attributes of each request that staged some."""
    return [body["Attributes"] for method, _path, body in bmc.writes if method == "PATCH" and "Attributes" in body]


class _End(Exception):
    """What exit_json and fail_json do."""


@dataclass
class Ended:
    """How a module ended."""

    params: dict[str, Any]
    check_mode: bool
    failed: bool = False
    result: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    _diff: bool = True

    def exit_json(self, **result: Any) -> None:
        """As Ansible's."""
        self.result = result
        raise _End

    def fail_json(self, msg: str, **result: Any) -> None:
        """As Ansible's."""
        self.failed, self.result = True, {"msg": msg, **result}
        raise _End

    def warn(self, warning: str) -> None:
        """As Ansible's."""
        self.warnings.append(warning)


def module(spec: dict[str, Any], main: Callable[[Any], None], check: bool = False, **options: Any) -> Ended:
    """A module's run, with options as its spec converts them."""
    found = ArgumentSpecValidator(spec).validate(options)
    assert not found.error_messages, found.error_messages
    ended = Ended(found.validated_parameters, check)
    with contextlib.suppress(_End):
        main(ended)
    return Ended({}, check, ended.failed, ended.result, ended.warnings)
