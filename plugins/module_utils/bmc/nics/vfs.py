# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VFs of NICs through the BMC: look, plan, note what was, one request for each function, look again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ...model.errors import Mistake, raise_if
from ...model.plan import REBOOT, Plan, Reboot, Step
from ..bios.record import BiosRecord, Store
from ..redfish.client import Client
from ..redfish.errors import BmcError, StatusError
from ..redfish.system import System, find_system
from . import dell
from .read import FIELD, Function, functions, normal

MOST = 65535
_NUMBER = f" {dell.COUNT}"  # behind a function's path in the record


class NicVfs(Step, kind="nic_vfs"):
    """How many VFs a function may have; it takes effect with the next reset of the host."""


@dataclass(frozen=True)
class NicsOrder:
    """What is asked for at one BMC. vfs: MAC address, Id or path of a function -> VFs; present: whether that counts."""

    name: str
    vfs: Mapping[str, Any] = field(default_factory=dict)
    present: bool = True
    system_id: str | None = None

    def check(self) -> None:
        """What is wrong whatever the machine is. Raises InvalidSpecError."""
        wrong = [(key, count) for key, count in self.vfs.items()
                 if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= MOST]  # fmt: skip
        expected = f"expected a whole number from 0 to {MOST}"
        raise_if([Mistake(f"vfs.{key}", f"{expected}, found {count!r}. Correct it.") for key, count in wrong])


@dataclass(frozen=True)
class NicsDone:
    """How it ended. functions: as they are after it, or would be; desired: path -> VFs."""

    plan: Plan
    functions: tuple[Function, ...]
    desired: dict[str, int]
    warnings: tuple[str, ...] = ()

    @property
    def waiting(self) -> dict[str, int]:
        """What takes effect with a reset."""
        return {one.path: self.desired[one.path] for one in self.functions
                if one.path in self.desired and one.now != self.desired[one.path]}  # fmt: skip


@dataclass
class NicsRun:
    """One order at one BMC. check: nothing is changed."""

    client: Client
    order: NicsOrder
    store: Store
    check: bool = False

    @property
    def name(self) -> str:
        """Of the record, beside that of the BIOS."""
        return f"{self.order.name}.nics"

    def settle(self) -> NicsDone:
        """Bring the NICs there. Raises InvalidSpecError, BmcError, StateFileError."""
        self.order.check()
        record = self.store.read(self.name)
        system = find_system(self.client, self.order.system_id)
        self._is_same_machine(record, system)
        found = tuple(functions(self.client, system))
        desired, warnings = self._desired(found, record)
        missing = [one for one in found if one.path in desired and one.then != desired[one.path]]
        steps: list[Step] = [_step(one, desired[one.path]) for one in missing]
        waiting = {one.path: desired[one.path] for one in found if one.path in desired and one.now != desired[one.path]}
        if waiting:
            steps.append(Reboot("the host", "reset it", "VFs of NICs take effect with a reset", None, waiting,
                                needs=(REBOOT,)))  # fmt: skip
        if not self.check:
            self._note(record, system, missing, desired)
            for one in missing:
                self._send(one, desired[one.path], record.original.get(_number_of(one)))
            found = tuple(functions(self.client, system)) if missing else found
            self._took(found, missing, desired)
            self._forget(record, found, desired)
        else:
            found = tuple(replace(one, then=desired.get(one.path, one.then)) for one in found)
        return NicsDone(Plan(tuple(steps), tuple(warnings)), found, desired, tuple(self.client.warnings))

    def _is_same_machine(self, record: BiosRecord, system: System) -> None:
        if record.identity and system.identity and record.identity != system.identity:
            remedy = "Another machine answers: if it was replaced, move that file away."
            raise BmcError(self.client.wire.target.address, f"the machine {record.identity} of "
                           f"{self.store.path(self.name)}", system.identity, remedy)  # fmt: skip

    def _desired(self, found: tuple[Function, ...], record: BiosRecord) -> tuple[dict[str, int], list[str]]:
        """Path -> VFs, of what is wished for and what is given back. Raises InvalidSpecError."""
        desired: dict[str, int] = {}
        warnings, wrong = [], []
        for key, count in (self.order.vfs if self.order.present else {}).items():
            meant = [one for one in found if one.is_meant(key)]
            problem = _problem(key, count, meant, found)
            if problem or desired.get(meant[0].path, count) != count:
                wrong.append(Mistake(f"vfs.{key}", problem or "expected each function once. Leave one of both out."))
                continue
            one = meant[0]
            rounded = -(-count // one.group) * one.group
            if rounded != count:
                warnings.append(f"{one.name}: {count} VFs are rounded up to {rounded}, as it gives them by {one.group}")
            desired[one.path] = rounded
        raise_if(wrong)
        for one in found:
            ours = record.given.get(one.path)
            if one.path in record.original and one.path not in desired and ours in (one.now, one.then):
                desired[one.path] = record.original[one.path]
        return desired, warnings

    def _note(
        self, record: BiosRecord, system: System, missing: list[Function], desired: dict[str, int]
    ) -> None:
        if not missing:
            return
        record.identity = system.identity
        for one in missing:
            record.original.setdefault(one.path, one.now)
            if one.attributes is not None:
                record.original.setdefault(_number_of(one), one.attributes.now[dell.COUNT])
            if desired[one.path] != record.original[one.path]:
                record.given[one.path] = desired[one.path]
        self.store.write(self.name, record)

    def _send(self, one: Function, count: int, number: Any) -> None:
        """number: what a vendor's attribute said before us, where VFs were off."""
        body = one.body(count, number if isinstance(number, int) else None)
        if "OnReset" in one.apply_times:
            body["@Redfish.SettingsApplyTime"] = {"ApplyTime": "OnReset"}
        try:
            self.client.send("PATCH", one.settings, body, one.etag)
        except StatusError as error:
            if error.status not in (412, 428):
                raise
            self.client.find(one.settings)
            self.client.send("PATCH", one.settings, body, self.client.etags.get(one.settings))

    def _took(self, found: tuple[Function, ...], missing: list[Function], desired: dict[str, int]) -> None:
        sent = {one.path for one in missing}
        for one in found:
            if one.path in sent and desired[one.path] not in (one.now, one.then):
                remedy = "It was accepted, but is not staged: look at the BMC's log."
                raise BmcError(one.path, f"{desired[one.path]} VFs to be staged", str(one.then), remedy)

    def _forget(self, record: BiosRecord, found: tuple[Function, ...], desired: dict[str, int]) -> None:
        gone = [one.path for one in found if one.path in record.original and not (
            one.path in desired and desired[one.path] != record.original[one.path])
            and {one.now, one.then} == {record.original[one.path]}]  # fmt: skip
        for path in gone:
            record.original.pop(path, None)
            record.given.pop(path, None)
            record.original.pop(f"{path}{_NUMBER}", None)
        if gone:
            self.store.write(self.name, record)


def _number_of(one: Function) -> str:
    return f"{one.path}{_NUMBER}"


def _step(one: Function, count: int) -> Step:
    needs = () if one.now == count else (REBOOT,)
    return NicVfs(one.name or one.path, f"stage {count} VFs", "as given", one.now, count, needs=needs)


def _problem(key: str, count: int, meant: list[Function], found: tuple[Function, ...]) -> str:
    """What is expected, found, and to do; empty where a count is right."""
    if len(meant) != 1:
        known = ", ".join(f"{one.name} ({one.macs[0]})" if one.macs else one.name for one in found[:10]) or "none"
        return f"expected one function of this machine, found {len(meant)} for {normal(key)!r}. Known are: {known}."
    one = meant[0]
    if one.now is None:
        remedy = "Set it in the NIC's own setup, or with the vendor's tool."
        return f"expected a NIC whose VFs the BMC can set, found {one.name} without {FIELD}. {remedy}"
    rounded = -(-count // one.group) * one.group
    if one.most is not None and rounded > one.most:
        by = f", given by {one.group}" if one.group > 1 else ""
        return f"expected at most {one.most} VFs{by}, found {count}. Correct it."
    return ""
