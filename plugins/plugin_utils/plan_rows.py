# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a plan as rows, in sections by part: what the text and the Markdown of a plan share."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..module_utils.policy.validation import ranges

# A part -> its heading, in the order in which site does them.
PARTS = {"bios": "BIOS", "node": "node", "device_plugin": "device plugin", "cni": "CNI plugin", "cluster": "cluster"}
_WHEN = {"now": "now", "when_free": "when free", "after_reboot": "after reboot"}
_TIME = {"now": 0, "when free": 1, "reboot": 2, "after reboot": 3}
_VF = re.compile(r"(.+) vf (\d+)")
_DIGITS = 12  # of a checksum
_LONGEST = 60  # characters of a value of an API object
_SLICE = re.compile(r"(network \S+) node (\S+)")
# A verb of systemctl -> the state after it; systemd itself has none.
_UNIT_STATES = {"start": "active", "restart": "active", "stop": "inactive", "enable": "enabled", "disable": "disabled",
                "daemon-reload": None}  # fmt: skip
# A bundle of our own code, for people.
_CODE = {"node": "node library", "device-plugin": "device plugin", "cni": "CNI plugin",
         "cni-plugins": "standard CNI plugins"}  # fmt: skip
_ADDRESS = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7](?= |$)")


@dataclass(frozen=True)
class StepRow:
    """One line of a table, or several VFs of which the same is said."""

    when: str
    target: str
    action: str
    before: str
    after: str
    reason: str


@dataclass(frozen=True)
class Section:
    """The rows of one part, in the order of time."""

    title: str
    rows: Sequence[StepRow]


def sections(result: Mapping[str, Any]) -> list[Section]:
    """The steps of a result of sriov_node, by part. Addresses of PFs have their interface's name beside them."""
    steps = (result.get("plan") or {}).get("steps", [])
    names = {str(pf.get("address")): str(pf["name"]) for pf in result.get("pfs", ()) if pf.get("name")}
    found = []
    parts = dict.fromkeys([*PARTS, *(str(step.get("part", "node")) for step in steps)])
    for part in parts:
        own = [step for step in steps if step.get("part", "node") == part]
        if own:
            told = sorted(in_ranges(of_one_network(own)), key=lambda step: _TIME[_time(step)])
            rows = [_row(step, names) for step in told]
            found.append(Section(PARTS.get(part, part), rows))
    return found


def _row(step: Mapping[str, Any], names: Mapping[str, str]) -> StepRow:
    drain = ", drain" if "drain" in step.get("needs", ()) else ""
    target = str(step["target"])
    address = _ADDRESS.match(target)
    if address and address[0] in names:
        target = f"{names[address[0]]} {target}"
    if step.get("kind") == "code":
        target = _CODE.get(target, target)
    before, after = value(step, "before"), value(step, "after")
    return StepRow(_time(step) + drain, target, str(step["action"]), before, after, str(step["reason"]))


def _time(step: Mapping[str, Any]) -> str:
    """A reboot is neither now nor after it."""
    return "reboot" if step.get("kind") == "reboot" else _WHEN.get(str(step.get("stage", "now")), "now")


def value(step: Mapping[str, Any], side: str) -> str:
    """Short: a file's text is not for a table, nor is what the record alone needs."""
    found = step.get(side)
    if step.get("kind") == "unit":
        found = _UNIT_STATES.get(str(found), found) if side == "after" else found
    if found is None or found == "" or found == []:
        return "none"
    if step.get("kind") == "kubernetes_object" and isinstance(found, dict):
        return _of_object(found)
    if isinstance(found, dict):
        return _of_mapping(found)
    if isinstance(found, list) and all(isinstance(item, str) for item in found):
        return " ".join(found)
    text = found if isinstance(found, str) else json.dumps(found, sort_keys=True)
    return f"{len(text.splitlines())} lines" if "\n" in text else text


def _of_mapping(found: Mapping[str, Any]) -> str:
    if "release" in found:
        return f"{found['release']} ({found.get('content')})"
    if "num_vfs" in found:
        return f"{found['num_vfs']} VFs"
    if found.keys() == {"mode", "sha256"}:
        return f"{found['mode']} {str(found['sha256'])[:_DIGITS]}"
    return json.dumps(found, sort_keys=True)


def _of_object(found: Mapping[str, Any]) -> str:
    """What is new, or the values at the paths that change."""
    if "content" in found:
        return " ".join(filter(None, [str(found.get("images", "")), f"({found['content']})"]))
    return ", ".join(f"{path} {_shortened(one)}" for path, one in found.items())


def _shortened(found: Any) -> str:
    text = found if isinstance(found, str) else json.dumps(found, sort_keys=True)
    long = len(text) > _LONGEST or "\n" in text
    return "none" if found in (None, "", [], {}) else f"{len(text)} characters" if long else text


def of_one_network(steps: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The steps in their order; slices of one network that come or go the same way as one, from the first node's to the
    last one's.
    """
    found: list[tuple[Any, list[Mapping[str, Any]]]] = []
    for step in steps:
        match = _SLICE.fullmatch(str(step["target"])) if step.get("kind") == "node_slice" else None
        key = (match[1], step["action"]) if match else None
        if key and found and found[-1][0] == key:
            found[-1][1].append(step)
        else:
            found.append((key, [step]))
    return [dict(group[0]) if len(group) == 1 else _together(key[0], group) for key, group in found]


def _together(network: str, group: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    sides = {side: _from_to([one[side] for one in group]) for side in ("before", "after")}
    return {**group[0], "target": f"{network}, {len(group)} nodes", **sides}


def _from_to(values: Sequence[Any]) -> Any:
    return values[0] if values[0] is None else f"{values[0]} .. {values[-1]}"


def in_ranges(steps: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The steps in their order; those that follow each other, and say the same of VFs of one PF, as one."""
    found: list[tuple[Any, list[int], dict[str, Any]]] = []
    for step in steps:
        vf = _VF.fullmatch(str(step["target"]))
        # Why, when and what, on which PF: all but the number.
        key = {**step, "target": vf[1] if vf else step["target"]}
        if vf and found and found[-1][1] and found[-1][0] == key:
            found[-1][1].append(int(vf[2]))
        else:
            found.append((key, [int(vf[2])] if vf else [], dict(step)))
    return [{**step, "target": f"{key['target']} vf {ranges(numbers)}"} if numbers else step
            for key, numbers, step in found]  # fmt: skip
