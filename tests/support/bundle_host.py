# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host over a folder, with a systemd that reacts, and a way to be killed at any change of a file."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.bundle import plan as bundle_plan
from ansible_collections.baremetal.sriov.plugins.module_utils.bundle import store
from ansible_collections.baremetal.sriov.plugins.module_utils.bundle.interpreter import ask
from ansible_collections.baremetal.sriov.plugins.module_utils.bundle.store import Item, Request, Unit
from ansible_collections.baremetal.sriov.plugins.module_utils.host.host import Completed, Host
from ansible_collections.baremetal.sriov.plugins.module_utils.model.plan import Step

PYTHON = ask(Host(), sys.executable)
CHANGES = ("rename", "replace", "unlink", "mkdir", "rmdir", "chmod")


class BundleHost(Host):
    """systemctl is answered from a small model; a Python runs for real, on the folder's files."""

    is_running = True

    def __init__(self, root: Path) -> None:
        super().__init__(str(root))
        self.active: set[str] = set()
        self.enabled: set[str] = set()
        self.loaded: dict[str, bytes] = {}
        self.verbs: list[str] = []
        self.broken: set[str] = set()

    def run(
        self, argv: Sequence[str], *, stdin: str | None = None, seconds: float = 60.0, check: bool = True
    ) -> Completed:
        if argv[0] != "systemctl":
            return super().run(argv, stdin=stdin, seconds=seconds, check=check)
        verb, names = argv[1], list(argv[argv.index("--") + 1 :]) if "--" in argv else []
        if verb == "show":
            return Completed(tuple(argv), 0, "\n\n".join(map(self._show, names)) + "\n", "")
        self.verbs.append(" ".join([verb, *names]))
        if verb == "daemon-reload":
            self.loaded = self._unit_files()
        for name in names:
            self._act(verb, name)
        return Completed(tuple(argv), 0, "", "")

    def _act(self, verb: str, name: str) -> None:
        if verb in ("start", "restart"):
            assert name in self.loaded, f"{name} is started, and systemd never read its file"
            (self.active.discard if name in self.broken else self.active.add)(name)
        elif verb == "stop":
            self.active.discard(name)
        elif verb == "enable":
            assert name in self._unit_files()
            self.loaded = self._unit_files()  # systemctl enable reloads
            self.enabled.add(name)
        elif verb == "disable":
            self.enabled.discard(name)

    def _show(self, name: str) -> str:
        there = name in self._unit_files()
        state = ("enabled" if name in self.enabled else "disabled") if there else ""
        stale = name in self.loaded and self.loaded[name] != self._unit_files().get(name)
        active = "active" if name in self.active else "inactive"
        reload = "yes" if stale else "no"
        return f"Id={name}\nActiveState={active}\nUnitFileState={state}\nNeedDaemonReload={reload}"

    def _unit_files(self) -> dict[str, bytes]:
        folder = Path(self.path("/etc/systemd/system"))
        return {path.name: path.read_bytes() for path in folder.glob("*.service")} if folder.is_dir() else {}

    def tree(self) -> dict[str, tuple[int, bytes]]:
        """Every file: its mode and content."""
        root = Path(self.root)
        return {
            f"/{path.relative_to(root)}": (path.stat().st_mode & 0o7777, path.read_bytes())
            for path in sorted(root.rglob("*"))
            if path.is_file()
        }

    def folders(self) -> set[str]:
        """Every folder."""
        root = Path(self.root)
        return {f"/{path.relative_to(root)}" for path in root.rglob("*") if path.is_dir()}


class Killed(BaseException):
    """The process is gone: nothing that it tries afterwards has an effect."""


class Killer:
    """Lets a number of changes of the file system pass, and stops everything from then on."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.left = -1
        self.dead = False
        for name in CHANGES:
            patch.setattr(os, name, self._wrapped(getattr(os, name)))

    def arm(self, changes: int) -> None:
        """Be killed after this many changes; -1: never."""
        self.left, self.dead = changes, False

    def _wrapped(self, function):  # type: ignore[no-untyped-def]
        def change(*args, **kwargs):  # type: ignore[no-untyped-def]
            if self.dead or self.left == 0:
                self.dead = True
                raise Killed
            self.left -= 1
            return function(*args, **kwargs)

        return change


class Bundle:
    """A request made in a line, and what it takes to bring it to the host."""

    def __init__(self, host: BundleHost, name: str = "sample") -> None:
        self.host = host
        self.name = name
        self.files: dict[str, bytes] = {}
        self.modes: dict[str, int] = {}
        self.compiled = False
        self.version = ""  # the folder of its files that have versions
        self.if_missing = False
        self.units: tuple[Unit, ...] = ()
        self.adopt = False

    def request(self) -> Request:
        """As the module makes it."""
        items = tuple(
            Item(
                path,
                store.hashlib.sha256(data).hexdigest(),
                self.modes.get(path, 0o644),
                self.compiled,
                if_missing=self.if_missing,
                version=self.version if self.version and path.startswith(f"{self.version}/") else "",
            )
            for path, data in self.files.items()
        )
        return Request(self.name, items, self.units, self.adopt)

    def plan(self) -> tuple[Step, ...]:
        """The steps."""
        return bundle_plan.plan(self.host, self.request(), PYTHON).steps

    def run(self) -> tuple[Step, ...]:
        """Plan and apply, as the module does; the steps that were done."""
        planned = bundle_plan.plan(self.host, self.request(), PYTHON)
        contents = {store.hashlib.sha256(data).hexdigest(): data for data in self.files.values()}
        if planned.steps:
            bundle_plan.apply(self.host, self.request(), planned, PYTHON, contents.__getitem__)
        return planned.steps

    def remove(self) -> bundle_plan.BundlePlan:
        """Take it away."""
        planned = bundle_plan.plan_absent(self.host, self.name)
        bundle_plan.apply_absent(self.host, planned)
        return planned
