# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the drift timer remembers from pass to pass: below /run, since a boot makes everything anew.

Times are those of the clock that only goes forward, which begins anew at boot, too; nobody sets it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import field, replace
from typing import Any

from ..host.host import Host
from ..model.frozen import dataclass

FORMAT = 1
PATH = "/run/baremetal-sriov/drift.json"
METRICS_FOLDER = "/run/baremetal-sriov/metrics"
METRICS = f"{METRICS_FOLDER}/drift.prom"  # for node_exporter's textfile collector
LIMIT, WINDOW = 3, 3600.0  # repairs of one object, and seconds

# name -> type and help, as Prometheus' text format has them
_METRICS = {
    "differences": ("gauge", "Objects that are not as configured, and were left as they are."),
    "stopped": ("gauge", "Objects that are not repaired any more, since somebody undoes it each time."),
    "errors": ("gauge", "Whether the last pass could not judge or repair something."),
    "repairs_total": ("counter", "Objects that were repaired since boot."),
    "last_pass_timestamp_seconds": ("gauge", "When the last pass ended."),
    "paused": ("gauge", "Whether the node is paused."),
}


@dataclass(frozen=True)
class DriftMemory:
    """Objects are PFs and VFs by their texts, such as "0000:01:00.0 vf 3"."""

    repairs: Mapping[str, tuple[float, ...]] = field(default_factory=dict)  # object -> when it was begun to be repaired
    stopped: Mapping[str, str] = field(default_factory=dict)  # object -> what there is to say of it
    unfinished: tuple[str, ...] = ()  # addresses of PFs whose lost VFs are being made again
    differences: tuple[str, ...] = ()  # that the last pass left as they are, in words
    errors: tuple[str, ...] = ()  # of the last pass
    total: int = 0  # repairs since boot
    last: float = 0.0  # when the last pass ended, by the wall's clock
    exists: bool = False

    def tired_of(self, name: str, now: float) -> bool:
        """Whether an object has had its repairs for this hour, or was stopped before."""
        return name in self.stopped or len(self._recent(name, now)) >= LIMIT

    def repairing(self, names: Collection[str], now: float) -> DriftMemory:
        """With one more repair of each object."""
        added = {name: (*self._recent(name, now), now) for name in names}
        return replace(self, repairs={**self.repairs, **added}, total=self.total + len(added))

    def settled(self, wrong: Collection[str], now: float) -> DriftMemory:
        """Without what is over: repairs of more than an hour ago, and stops of objects that are right again since
        then. wrong: the objects that are not right.
        """
        repairs = {name: self._recent(name, now) for name in self.repairs}
        repairs = {name: times for name, times in repairs.items() if times}
        stopped = {name: text for name, text in self.stopped.items() if name in wrong or name in repairs}
        return replace(self, repairs=repairs, stopped=stopped)

    def _recent(self, name: str, now: float) -> tuple[float, ...]:
        return tuple(time for time in self.repairs.get(name, ()) if now - WINDOW < time <= now)


def read(host: Host) -> DriftMemory:
    """The memory; a damaged file is none. Raises HostError."""
    text = host.read_text(PATH)
    try:
        value = json.loads(text) if text else {}
        if value.get("format") != FORMAT:
            return DriftMemory()
        return DriftMemory(
            repairs={str(name): tuple(map(float, times)) for name, times in value["repairs"].items()},
            stopped={str(name): str(words) for name, words in value["stopped"].items()},
            unfinished=tuple(map(str, value["unfinished"])),
            differences=tuple(map(str, value["differences"])),
            errors=tuple(map(str, value["errors"])),
            total=int(value["total"]),
            last=float(value["last"]),
            exists=True,
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return DriftMemory()


def anew(memory: DriftMemory) -> DriftMemory:
    """Without what was given up, and what counts towards that: a person says that the cause is gone."""
    return replace(memory, repairs={}, stopped={})


def save(host: Host, memory: DriftMemory) -> None:
    """Raises HostError."""
    names = ("unfinished", "differences", "errors", "total", "last")
    value: dict[str, Any] = {"format": FORMAT, **{name: getattr(memory, name) for name in names}}
    value.update(repairs=dict(memory.repairs), stopped=dict(memory.stopped))
    host.write_file(PATH, (json.dumps(value, sort_keys=True) + "\n").encode(), 0o600)


def save_metrics(host: Host, memory: DriftMemory, paused: bool) -> None:
    """Raises HostError."""
    values = {
        "differences": len(memory.differences),
        "stopped": len(memory.stopped),
        "errors": int(bool(memory.errors)),
        "repairs_total": memory.total,
        "last_pass_timestamp_seconds": f"{memory.last:.0f}",
        "paused": int(paused),
    }
    lines = []
    for name, (kind, words) in _METRICS.items():
        full = f"baremetal_sriov_{name if name == 'paused' else 'drift_' + name}"
        lines += [f"# HELP {full} {words}", f"# TYPE {full} {kind}", f"{full} {values[name]}"]
    host.write_file(METRICS, ("\n".join(lines) + "\n").encode())


def remove(host: Host) -> None:
    """Forget all of it. Raises HostError."""
    for path in (METRICS, PATH):
        host.remove_file(path)
    host.remove_empty_folder(METRICS_FOLDER)
