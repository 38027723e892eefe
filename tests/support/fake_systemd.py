# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fake host's systemd, which reacts."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.baremetal.sriov.plugins.module_utils.host.host import Completed
from support.fake_base import FakeBase


class Systemd(FakeBase):
    """systemctl, answered from a small model."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.active: set[str] = set()
        self.enabled: set[str] = set()
        self.loaded: dict[str, bytes] = {}  # unit files as systemd read them last
        self.verbs: list[str] = []  # what systemctl was told to do
        self.broken: set[str] = set()  # units that end as soon as they are started

    def show(self, argv: tuple[str, ...]) -> str | Completed | None:
        if argv[:2] == ("systemctl", "is-active"):
            return Completed(argv, 0 if argv[-1] in self.active else 3, "", "")
        if argv[:2] == ("systemctl", "show"):
            return "\n\n".join(map(self._properties, argv[argv.index("--") + 1 :])) + "\n"
        return super().show(argv)

    def act(self, argv: tuple[str, ...]) -> int:
        if argv[0] != "systemctl":
            return super().act(argv)
        verb, *names = [word for word in argv[1:] if word != "--"]
        self.verbs.append(" ".join([verb, *names]))
        if verb == "daemon-reload":
            self.loaded = self._unit_files()
        for name in names:
            self._do(verb, name)
        return 0

    def _do(self, verb: str, name: str) -> None:
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

    def _properties(self, name: str) -> str:
        there = name in self._unit_files()
        state = ("enabled" if name in self.enabled else "disabled") if there else ""
        stale = name in self.loaded and self.loaded[name] != self._unit_files().get(name)
        active = "active" if name in self.active else "inactive"
        reload = "yes" if stale else "no"
        return f"Id={name}\nActiveState={active}\nUnitFileState={state}\nNeedDaemonReload={reload}"

    def _unit_files(self) -> dict[str, bytes]:
        folder = Path(self.path("/etc/systemd/system"))
        return {path.name: path.read_bytes() for path in folder.glob("*.service")} if folder.is_dir() else {}
