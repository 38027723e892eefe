# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which VFs of our PFs are left to the host's own network programs (sriov_vfs_unmanaged). Pure.

Those that no policy offers; and, when the rule for a PF is first written, those that the host uses, or has a profile
for. What was decided then stays: an address that comes and goes changes no rule.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace

from ..model.goal import Goal, PfGoal, goal_from_dict
from ..model.state import NodeState
from ..policy.rendered_files import NODE_PATH, UDEV_PATH, udev_rules

_BLOCK = r'^RESULT!="\*/{}", GOTO="(baremetal_sriov_{})"\n(.*?)^LABEL="\1"$'


def interfaces(goal: Goal, state: NodeState) -> dict[tuple[str, int], str]:
    """(PF, index) -> the interface of a VF that is offered, as it is called, or as udev will call it, for PFs that the
    rule does not name yet.
    """
    found: dict[tuple[str, int], str] = {}
    for pf_goal in goal.pfs if _has_rule(goal) else ():
        pf = state.pf(pf_goal.address)
        if pf is None or _earlier(pf_goal, state) is not None:
            continue
        names = {vf.index: vf.netdev for vf in pf.vfs}
        for index, _settings in pf_goal.vfs:
            name = names.get(index) or (f"{pf.name}v{index}" if pf.name else "")
            found.update({(pf.address, index): name} if name else {})
    return found


def with_rule(goal: Goal, state: NodeState, profiles: Mapping[str, str]) -> tuple[Goal, list[str]]:
    """The goal with the rule for this host, and what it leaves out, in words. profiles: interface -> its file."""
    if not _has_rule(goal):
        return goal, []
    named = interfaces(goal, state)
    left: dict[str, set[int]] = {}
    words = []
    for pf_goal in goal.pfs:
        mine = {index: name for (address, index), name in named.items() if address == pf_goal.address}
        own = {index: profiles[name] for index, name in mine.items() if name in profiles}
        pf = state.pf(pf_goal.address)
        earlier = _earlier(pf_goal, state)
        used = {vf.index: ", ".join(vf.host_uses) for vf in pf.vfs if vf.host_uses} if pf and earlier is None else {}
        found = {index: why for index, why in {**used, **own}.items() if index in dict(pf_goal.vfs)}
        words += [
            f"{pf.label if pf else pf_goal.address} vf {index}: left to the host's network programs, since the "
            f"host has it in use ({why}); the udev rule of sriov_vfs_unmanaged is for the others"
            for index, why in sorted(found.items())
        ]
        left[pf_goal.address] = pf_goal.not_offered | set(found) | (earlier or set())
    text = udev_rules(left)
    files = (replace(file, text=text) if file.path == UDEV_PATH else file for file in goal.files)
    return replace(goal, files=tuple(files)), words


def _has_rule(goal: Goal) -> bool:
    return any(file.path == UDEV_PATH for file in goal.files)


def _earlier(goal: PfGoal, state: NodeState) -> set[int] | None:
    """The VFs that the rule on the host leaves out by what was so then; None where it does not name the PF."""
    text = state.file_texts.get(UDEV_PATH) or ""
    block = re.search(_BLOCK.format(re.escape(goal.address), re.escape(goal.address)), text, re.M | re.S)
    if block is None:
        return set() if f'RESULT=="*/{goal.address}"' in text else None
    indices = {int(number) for number in re.findall(r"/virtfn(\d+)", block.group(2))}
    return indices - _not_offered_before(goal.address, state)


def _not_offered_before(address: str, state: NodeState) -> set[int]:
    try:
        before = goal_from_dict(json.loads(state.file_texts.get(NODE_PATH) or "{}"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return set()
    return {index for pf in before.pfs if pf.address == address for index in pf.not_offered}
