# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fake host's systemd, which reacts."""

from __future__ import annotations

from dataclasses import dataclass, field

from ansible_collections.baremetal.sriov.plugins.module_utils.host.host import Completed
from support.fake_base import FakeBase


@dataclass
class Systemd(FakeBase):
    """systemctl, answered from a small model."""

    active: set[str] = field(default_factory=set)
    enabled: set[str] = field(default_factory=set)
    loaded: dict[str, bytes] = field(default_factory=dict)  # unit files as systemd read them last
    verbs: list[str] = field(default_factory=list)  # what systemctl was told to do
    broken: set[str] = field(default_factory=set)  # units that end as soon as they are started

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
        units = set(names)
        if verb in ("daemon-reload", "enable"):  # systemctl enable reloads
            self.loaded = self._unit_files()
        if verb in ("start", "restart", "enable"):
            assert units <= self.loaded.keys(), f"{names} are wanted, and systemd never read their files"
        if verb in ("start", "restart", "stop"):
            self.active = self.active - units | (set() if verb == "stop" else units - self.broken)
        self.enabled = {"enable": self.enabled | units, "disable": self.enabled - units}.get(verb, self.enabled)
        return 0

    def _properties(self, name: str) -> str:
        files = self._unit_files()
        shown = {
            "Id": name,
            "ActiveState": "active" if name in self.active else "inactive",
            "UnitFileState": ("enabled" if name in self.enabled else "disabled") if name in files else "",
            "NeedDaemonReload": "yes" if name in self.loaded and self.loaded[name] != files.get(name) else "no",
        }
        return "\n".join(f"{key}={value}" for key, value in shown.items())

    def _unit_files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.real("/etc/systemd/system").glob("*.service")}
