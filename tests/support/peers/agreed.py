# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the answers of two programs differ in, and whether tests/lab_groups/peers/differences.toml has a row for it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

TABLE = Path(__file__).resolve().parents[2] / "lab_groups" / "peers" / "differences.toml"
KINDS = ("better", "age", "neutral")


@dataclass(frozen=True)
class Difference:
    """Of one case: the aspect of the answers, and what each side has."""

    case: str
    aspect: str
    theirs: Any
    ours: Any

    def __str__(self) -> str:
        theirs, ours = (json.dumps(value, sort_keys=True) for value in (self.theirs, self.ours))
        return f"{self.case}: {self.aspect}:\n    theirs {theirs[:600]}\n    ours   {ours[:600]}"


@dataclass(frozen=True)
class Row:
    """An accepted difference. cases, aspects: shell patterns; where: the worlds that it occurs in."""

    peer: str
    cases: tuple[str, ...]
    aspects: tuple[str, ...]
    kind: str
    reason: str
    source: str
    where: tuple[str, ...] = ("node", "native")

    def fits(self, found: Difference) -> bool:
        """Whether it is about this one."""
        return (any(fnmatchcase(found.aspect, one) for one in self.aspects)
                and any(fnmatchcase(found.case, one) for one in self.cases))  # fmt: skip

    def __str__(self) -> str:
        return f"{self.peer}: {', '.join(self.cases)}: {', '.join(self.aspects)}"


def rows(peer: str, where: str) -> list[Row]:
    """Those about a peer, in one world."""
    import tomllib

    tables: list[dict[str, Any]] = tomllib.loads(TABLE.read_text())["difference"]
    found = []
    for table in tables:
        made: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
        found.append(Row(**made))
    return [row for row in found if row.peer == peer and where in row.where]


def problems(found: Iterable[Difference], known: Iterable[Row]) -> list[str]:
    """Differences without a row, and rows without a difference."""
    found, known = list(found), list(known)
    new = [str(one) for one in found if not any(row.fits(one) for row in known)]
    return new + [f"no longer occurs: {row}" for row in known if not any(row.fits(one) for one in found)]


def of_mappings(case: str, theirs: Mapping[str, Any], ours: Mapping[str, Any], prefix: str = "") -> list[Difference]:
    """Key by key. Where a side has the key alone the other's value is None."""
    keys = [*theirs, *(key for key in ours if key not in theirs)]
    pairs = [(key, theirs.get(key), ours.get(key)) for key in keys]
    return [Difference(case, f"{prefix}{key}", first, second) for key, first, second in pairs if first != second]


def of_plugins(case: str, theirs: dict[str, Any], ours: dict[str, Any]) -> list[Difference]:
    """Of two observations of dp_run; where one side ended, or lacks a resource, that alone is told."""
    if theirs["ended"] is not None or ours["ended"] is not None:
        keys = ("ended", "says why", "resources")
        first, second = ({key: side[key] for key in keys if key in side} for side in (theirs, ours))
        if None in (theirs["ended"], ours["ended"]):
            first, second = {"ended or not": first}, {"ended or not": second}
        return of_mappings(case, first, second)
    found = of_mappings(case, {"resources": theirs["resources"]}, {"resources": ours["resources"]})
    for name in theirs["resources"]:
        if name in ours["resources"]:
            found += of_pools(case, theirs["of"][name], ours["of"][name])
    if all(one.aspect not in ("resources", "pool: devices") for one in found):
        found += of_mappings(case, by_key(theirs["device-info"]), by_key(ours["device-info"]), "device-info: ")
    return found


def of_pools(case: str, theirs: dict[str, Any], ours: dict[str, Any]) -> list[Difference]:
    """Of one pool; where the devices differ, or a side refuses to give them, that alone is told."""
    shared = {*theirs["devices"]} & {*ours["devices"]}
    if shared != {*theirs["devices"], *ours["devices"]}:
        theirs, ours = (_without_allocations(side, shared) for side in (theirs, ours))
    for turn in ("first", "two", "all"):
        if any(side.get(f"{turn}: refused") for side in (theirs, ours)):
            theirs, ours = (
                {key: value for key, value in {f"{turn}: refused": False, **side}.items()
                 if not key.startswith(turn) or key.endswith("refused")} for side in (theirs, ours)
            )  # fmt: skip
    return of_mappings(case, theirs, ours, "pool: ")


def _without_allocations(side: dict[str, Any], ids: Collection[str]) -> dict[str, Any]:
    left = {key: value for key, value in side.items() if ": " not in key and key != "preferred"}
    for key in ("health", "topology"):
        left[key] = {one: value for one, value in left[key].items() if one in ids}
    return left


def by_key(files: Mapping[str, Any]) -> dict[str, Any]:
    """What device-info files have: key -> file -> value, so that a key that one side alone writes is a difference."""
    found: dict[str, Any] = {}
    for name, content in files.items():
        for key, value in {**content, **content.get(content.get("type", ""), {})}.items():
            if not isinstance(value, dict):
                found.setdefault(key, {})[name] = value
    return found


def of_calls(case: str, theirs: Sequence[dict[str, Any]], ours: Sequence[dict[str, Any]]) -> list[Difference]:
    """Of two observations of cni_run, call by call; the aspect begins with its number and command."""
    found = []
    for number, (first, second) in enumerate(zip(theirs, ours), 1):
        found += of_mappings(case, _flat(first), _flat(second), f"{number} {first['call']}: ")
    return found


def _flat(answer: dict[str, Any]) -> dict[str, Any]:
    told = {key: answer[key] for key in ("status", "code", "leases")}
    for part in ("result", "pod", "vf"):
        told.update({f"{part}: {key}": value for key, value in answer[part].items()})
    interfaces = told.get("result: interfaces")
    if interfaces:  # a key that one side tells in more versions than the other
        told["result: interfaces: mtu"] = [one.get("mtu") for one in interfaces]
        told["result: interfaces"] = [{key: one[key] for key in one if key != "mtu"} for one in interfaces]
    return told
