# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all fake hosts are: files below a folder, commands that plug-ins answer, and a kill at any change.

A plug-in is a subclass for one concern of a host (PFs and VFs, memory, udev, boot loaders, systemd). It overrides
`show`, `act`, `react` or `reboot` for what is its own, and asks super() for the rest: a host is a list of plug-ins.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, TypeVar

from ansible_collections.baremetal.sriov.plugins.module_utils.host.host import Completed, Host
from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import CommandError, HostError
from support.fake_tree import Tree


class Killed(BaseException):
    """The process was killed at this change: nothing that it tries afterwards has an effect."""


@dataclass
class FakeBase(Tree, Host):
    """A host with no more than files."""

    is_running = True
    base: Path
    log: list[str] = field(default_factory=list)  # each change
    die_at: float = float("inf")  # the number of changes at which the process is killed
    faults: dict[str, int] = field(default_factory=dict)  # part of a change's text -> the errno that it ends with once
    refusals: dict[str, int] = field(default_factory=dict)  # as faults, each time
    available: set[str] | None = None  # modules that modprobe finds; None: any
    complaint: str = "error"  # what a failing program says
    clock: float = 0.0

    def __post_init__(self) -> None:
        Host.__init__(self, str(self.base))

    # for plug-ins ---------------------------------------------------------------------------------

    def show(self, argv: tuple[str, ...]) -> str | Completed | None:
        """What a command that changes nothing prints; None for one that changes something."""
        return None

    def act(self, argv: tuple[str, ...]) -> int:
        """A command that changes something: its exit status, or below 0 the errno that the kernel answered it."""
        if argv[0] != "modprobe":
            return 127
        if self.available is not None and argv[-1] not in self.available:
            return 0 if "--quiet" in argv else 1
        self.put(f"sys/module/{argv[-1].replace('-', '_')}/initstate", "live\n")
        return 0

    def react(self, path: str, value: str) -> int:
        """A write to an attribute that is there: its errno, or 0."""
        self.put(path, value + "\n")
        return 0

    def reboot(self) -> None:
        """What we have below /run is gone."""
        shutil.rmtree(self.real("run/baremetal-sriov"), ignore_errors=True)

    # the gate -------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def mortal(self, at: int) -> Iterator[None]:
        """Killed at the change with this number from now on, from 1."""
        self.die_at = len(self.log) + at
        try:
            yield
        finally:
            self.die_at = float("inf")

    def change(self, what: str) -> int:
        """Count a change. Returns the errno that it is to end with, or 0."""
        self.log.append(what)
        if len(self.log) >= self.die_at:
            raise Killed(what)
        text = next((text for text in (*self.faults, *self.refusals) if text in what), "")
        return self.faults.pop(text, 0) or self.refusals.get(text, 0)

    def run(self, argv: Any, *, check: bool = True, **options: Any) -> Completed:
        argv, shown = tuple(argv), " ".join(argv)
        done = self.show(argv)
        if done is None:
            code = self.change(shown)
            status = -code if code else self.act(argv)
            # What iproute2 prints of the kernel's answer (lib/libnetlink.c, rtnl_talk_error).
            said = f"RTNETLINK answers: {os.strerror(-status)}" if status < 0 else self.complaint
            done = Completed(argv, abs(status) and (2 if status < 0 else status), "", said if status else "")
        elif isinstance(done, str):
            done = Completed(argv, 0, done, "")
        if done.status and check:
            raise CommandError(shown, "exit status 0", f"{done.status}; it said: {done.stderr}")
        return done

    def write_attribute(self, path: str, value: str, seconds: float = 60.0) -> None:
        code = self.change(f"{path}={value.strip()}")
        if not code:
            code = self.react(path, value.strip()) if self.exists(path) else errno.ENOENT
        if code:
            raise HostError(path, f"{value!r} written", f"{os.strerror(code)} (errno {code})")

    def _replace(self, path: str, make: Callable[[str], None]) -> None:
        code = self.change(f"write {path}")
        if code:
            raise HostError(path, "the file written", f"{os.strerror(code)} (errno {code})")
        super()._replace(path, make)

    def remove_file(self, path: str) -> None:
        if self.exists(path):
            self.change(f"remove {path}")
        super().remove_file(path)

    def sleep(self, seconds: float) -> None:
        self.clock += seconds

    def monotonic(self) -> float:
        return self.clock


H = TypeVar("H", bound=FakeBase)


def killed_at_every_write(make: Callable[[int], H], act: Callable[[H], object], least: int) -> Iterator[H]:
    """For each change of `act`, from the first, a host of `make` on which it was killed there.

    Raises AssertionError where `act` makes `least` changes or fewer, or does not end.
    """
    for number in range(1, 400):
        host = make(number)
        try:
            with host.mortal(number):
                act(host)
        except Killed:
            yield host
        else:
            assert number > least + 1, f"{number - 1} changes alone"
            return
    raise AssertionError("the runs never ended")
