# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One BMC: look, plan, note what was, stage in one request, look again, reset where that is asked for."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Callable

from ...model.errors import RefusedError
from ...model.plan import Plan
from ..redfish.client import Client, is_unavailable, items, messages, text, told_by
from ..redfish.errors import BmcError, LoginError, StatusError, StoppedError
from ..redfish.system import System, find_system, reset_kind
from ..redfish.system import reset as reset_host
from .plan import Outlook, Reset, outlook
from .record import BiosRecord, Store
from .tree import Bios, Reader
from .wish import Resolved, Wish, resolve, same

NEVER, GRACEFUL, FORCE = "never", "graceful", "force"
RESETS = (NEVER, GRACEFUL, FORCE)
_STEP_SECONDS = 5.0  # between two looks at a host that starts
_FAILED = ("Exception", "Killed", "Cancelled", "CompletedWithErrors", "Failed")


@dataclass(frozen=True)
class Order:
    """What shall be done with one BMC. present: whether the wish counts; without it, all is given back."""

    name: str
    wish: Wish = field(default_factory=Wish)
    present: bool = True
    system_id: str | None = None
    reset: str = NEVER
    wait_seconds: float = 1800.0


@dataclass(frozen=True)
class Done:
    """How it ended. plan: what was done, or would be; waiting: what takes effect with a reset, by attribute."""

    plan: Plan
    system: System
    current: dict[str, Any]
    pending: dict[str, Any]
    desired: dict[str, Any]
    waiting: dict[str, Any]
    missing: tuple[str, ...] = ()
    meant: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    task: str | None = None
    warnings: tuple[str, ...] = ()

    @property
    def reboot_required(self) -> bool:
        """From the state: what is not in effect yet."""
        return bool(self.waiting)


@dataclass
class Run:
    """One order at one BMC. check: nothing is changed."""

    client: Client
    order: Order
    store: Store
    check: bool = False
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self.reader = Reader(self.client)
        self.resolved = Resolved()
        self.task: str | None = None

    def settle(self) -> Done:
        """Bring the BIOS there. Raises InvalidSpecError, RefusedError, BmcError, StateFileError; nothing was sent then,
        or what was sent is staged as a whole.
        """
        self.order.wish.check()
        record = self.store.read(self.order.name)
        system = self._system()
        self._is_same_machine(record, system)
        bios = self.reader.bios(system)
        found = self._outlook(system, bios, record)
        first = found
        if not self.check:
            if found.cancel or found.send:
                found, bios = self._stage(system, bios, record, found)
            if any(isinstance(step, Reset) for step in first.plan.steps):
                bios = self._reset(system, found)
            self._forget(record, bios, found)
        return self._done(first, system, bios)

    def _outlook(self, system: System, bios: Bios, record: BiosRecord) -> Outlook:
        kind = "" if self.order.reset == NEVER else reset_kind(system, self.order.reset == FORCE)
        wish = self.order.wish if self.order.present else Wish()
        self.resolved = resolve(
            wish, system.vendor, bios.current, bios.pending, lambda: self.reader.registry(bios)
        )
        found = outlook(bios, system.vendor, self.resolved, record, self.reader.jobs(system, bios), kind)
        if found.refused:
            raise RefusedError(list(found.refused), found.plan.warnings)
        self._needs_apply_time(system, bios, found)
        return found

    def _system(self) -> System:
        return find_system(self.client, self.order.system_id)

    def _is_same_machine(self, record: BiosRecord, system: System) -> None:
        if record.identity and system.identity and record.identity != system.identity:
            remedy = "Another machine answers: if it was replaced, move that file away, and what is in it is forgotten."
            raise BmcError(
                self.client.wire.target.address, f"the machine {record.identity} of {self.store.path(self.order.name)}",
                system.identity, remedy,
            )  # fmt: skip

    def _needs_apply_time(self, system: System, bios: Bios, found: Outlook) -> None:
        if found.send and system.vendor.needs_apply_time and "OnReset" not in bios.apply_times:
            remedy = "Update the BMC's firmware: without it values are staged, and no reset takes them over."
            known = ", ".join(bios.apply_times) or "none"
            raise BmcError(f"{bios.settings}", "the apply time OnReset", known, remedy)

    # staging -------------------------------------------------------------------------------------------------------

    def _stage(self, system: System, bios: Bios, record: BiosRecord, found: Outlook) -> tuple[Outlook, Bios]:
        for turn in (1, 2):
            self._note(record, system, bios, found)
            try:
                self._send(bios, record, found)
                break
            except StatusError as error:
                if turn == 2 or error.status not in (412, 428):
                    raise
            # Somebody else changed the settings meanwhile: look, and judge anew.
            bios = self.reader.bios(system)
            found = self._outlook(system, bios, record)
            if not found.send:
                return found, bios
        now = self.reader.bios(system)
        wrong = {
            name: now.pending.get(name) for name, value in found.send.items()
            if not same(now.pending.get(name), value) and not same(now.current.get(name), value)
        }  # fmt: skip
        if wrong:
            remedy = "It was accepted, but is not staged: look at the BMC's log."
            raise BmcError(bios.settings, f"{_some(found.send)} to be staged", _some(wrong), remedy)
        return found, now

    def _note(self, record: BiosRecord, system: System, bios: Bios, found: Outlook) -> None:
        """What was there before our first change, on disk before anything is sent."""
        record.identity = system.identity
        for one in found.desired:
            if one.attribute in found.send:
                record.original.setdefault(one.attribute, bios.current.get(one.attribute))
                if not same(record.original[one.attribute], one.value):
                    record.given[one.attribute] = one.value
        self.store.write(self.order.name, record)

    def _send(self, bios: Bios, record: BiosRecord, found: Outlook) -> None:
        for job in found.cancel:
            self.client.send("DELETE", job.path)
            record.jobs.remove(job.path)
        if not found.send:
            return
        body: dict[str, Any] = {"Attributes": found.send}
        if "OnReset" in bios.apply_times:
            body["@Redfish.SettingsApplyTime"] = {"ApplyTime": "OnReset"}
        etag = self.client.etags.get(bios.settings) if not found.cancel else self._etag(bios)
        reply = self.client.send("PATCH", bios.settings, body, etag)
        self.task = reply.headers.get("location") if reply.status == 202 else None
        told, numbers = messages(reply)
        if any(number.rpartition(".")[2] not in _HARMLESS for number in numbers):
            self.client.warnings.append(f"the BMC says: {told}")
        if self.task:
            record.jobs = [*record.jobs[-9:], self.task]
            self.store.write(self.order.name, record)

    def _etag(self, bios: Bios) -> str | None:
        self.client.get(bios.settings)
        return self.client.etags.get(bios.settings)

    # the one reset -------------------------------------------------------------------------------------------------

    def _reset(self, system: System, found: Outlook) -> Bios:
        reset_host(self.client, system, self.order.reset == FORCE)
        deadline = self.clock() + self.order.wait_seconds
        wanted = {one.attribute: one.value for one in found.desired}
        last = "no answer"
        while self.clock() < deadline:
            self.client.sleep(min(_STEP_SECONDS, max(deadline - self.clock(), 0.01)))
            try:
                now, bios = self._look_again()
            except StoppedError:
                raise
            except BmcError as error:
                if not is_unavailable(error):
                    raise
                last = str(error)
                continue
            wrong = {name: bios.current.get(name) for name, value in wanted.items()
                     if not same(bios.current.get(name), value)}  # fmt: skip
            if not wrong and not now.in_post:
                return bios
            self._refused_by_bios(bios, wrong)
            last = f"{_some(wrong)}, power {now.power or 'unknown'}"
        remedy = "It was reset once, and is not reset again: look at its console."
        raise BmcError(
            f"the host behind {self.client.wire.target.address}",
            f"{_some(wanted)} within {self.order.wait_seconds:g} s after its reset", last, remedy,
        )  # fmt: skip

    def _look_again(self) -> tuple[System, Bios]:
        """What a login that has ended, as by a restart of the BMC, does not end."""
        if not self.client.headers:  # the login before found nobody
            self.client.login()
        try:
            now = self._system()
        except LoginError:
            if self.client.session is None:
                raise
            self.client.again()
            now = self._system()
        return now, self.reader.bios(now)

    def _refused_by_bios(self, bios: Bios, wrong: dict[str, Any]) -> None:
        """SettingsFailed, and tasks that failed: waiting longer brings nothing."""
        failed = [one for one in bios.messages if text(one, "MessageId").rpartition(".")[2] == "SettingsFailed"]
        still = {name for name in wrong if not same(bios.pending.get(name), bios.current.get(name))}
        if wrong and failed and not still:
            remedy = "The BIOS did not take it over: look for what that setting depends on in its setup."
            raise BmcError(bios.path, f"{', '.join(sorted(wrong))} to take effect", told_by(failed), remedy)
        if wrong and self.task:
            told = self.client.find(self.task) or {}
            state = text(told, "TaskState") or text(told, "JobState")
            if state in _FAILED:
                about = told_by(items(told, "Messages"))
                remedy = "Look at the BMC's log of jobs."
                raise BmcError(self.task, "the job to succeed", f"{state} {about}".strip(), remedy)

    # the end -------------------------------------------------------------------------------------------------------

    def _forget(self, record: BiosRecord, bios: Bios, found: Outlook) -> None:
        """What is as it was is no longer of the record."""
        wanted = {one.attribute: one.value for one in found.desired}
        done = {
            name for name, value in record.original.items()
            if all(same(one, value) for one in (
                bios.current.get(name), bios.pending.get(name), wanted.get(name, value)))
        }  # fmt: skip
        gone = done | set(found.forgotten)
        if not gone:
            return
        for name in gone:
            record.original.pop(name, None)
            record.given.pop(name, None)
        if not record.original:
            record.jobs = []
        self.store.write(self.order.name, record)

    def _done(self, found: Outlook, system: System, bios: Bios) -> Done:
        desired = {one.attribute: one.value for one in found.desired}
        shown = bios if not self.check else replace(bios, pending={**bios.pending, **found.send})
        waiting = {name: value for name, value in desired.items() if not same(shown.current.get(name), value)}
        if self.check and self.order.reset != NEVER:
            waiting = {}
        return Done(found.plan, system, shown.current, shown.pending, desired, waiting, self.resolved.missing,
                    self.resolved.meant, self.task, tuple(self.client.warnings))  # fmt: skip


# What a BMC says of a success, and nobody has to be told.
_HARMLESS = {"Success", "SystemResetRequired", "ResetRequired", "Created", "SettingsSuccess", "NoOperation"}


def _some(values: dict[str, Any]) -> str:
    shown = [f"{name}={value!r}" for name, value in sorted(values.items())[:4]]
    more = f" and {len(values) - 4} more" if len(values) > 4 else ""
    return ", ".join(shown) + more if shown else "nothing"
