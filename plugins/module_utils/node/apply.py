# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carrying out a plan: the originals recorded before the first change, a journal around each step, each
step verified.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Callable

from ..host.host import Host
from ..kernel import arguments as kernel_arguments
from ..kernel import hugepages
from ..kernel import modules as kernel_modules
from ..model.errors import HostError, SriovError
from ..model.goal import NODE_OWNER, PfGoal
from ..model.plan import Plan, Step
from ..model.state import NodeState, Pf, Record
from ..pf import apply as pf_apply
from ..pf import drivers
from ..pf.identity import identity_of, is_another
from ..pf.plan import AUTOPROBE, DRIVER, ESWITCH, LINK, NUM_VFS, PF_MTU, TC_OFFLOAD, parse_target
from ..pf.plan import KINDS as PF_KINDS
from ..record import record
from ..record.record import FORGET, ORIGINAL, original_of
from . import owned_files
from .plan import PLUGIN_UNIT, RELOAD


def _reload(host: Host, step: Step) -> None:
    host.run(["systemctl", "reload-or-restart", PLUGIN_UNIT])


def _forget(host: Host, step: Step) -> None:
    """Drop one object, or everything, from the record of originals; or give a PF of it another owner."""
    kept = record.load(host)
    if step.target == ORIGINAL and step.after is None:
        record.remove(host)
    elif step.target == ORIGINAL:
        record.save(host, record.only(kept, step.after))
    elif step.after is not None:
        record.save(host, replace(kept, owners={**kept.owners, step.target: step.after}))
    elif step.target.startswith(owned_files.FILE + " "):
        path = step.target[len(owned_files.FILE) + 1 :]
        record.save(host, replace(kept, files={p: text for p, text in kept.files.items() if p != path}))
    elif step.target in kept.objects:
        objects = {key: value for key, value in kept.objects.items() if key != step.target}
        record.save(host, replace(kept, objects=objects))
    else:
        others = [address for address in kept.pfs if address != step.target]
        record.save(host, replace(record.only(kept, others), files=kept.files, objects=kept.objects))


APPLIERS: dict[str, Callable[[Host, Step], None]] = {
    kernel_arguments.KIND: kernel_arguments.apply,
    **dict.fromkeys(kernel_modules.KINDS, kernel_modules.apply),
    hugepages.KIND: hugepages.apply,
    **dict.fromkeys(PF_KINDS, pf_apply.apply),
    DRIVER: drivers.apply,
    owned_files.FILE: owned_files.apply,
    RELOAD: _reload,
    FORGET: _forget,
}


def carry_out(host: Host, plan: Plan, state: NodeState, owner: str = NODE_OWNER) -> None:
    """Do the plan's steps that are due. `state` is what the plan was made from, `owner` the module that asks.

    Raises the error of the step that failed, with what was not done; a rerun goes on from what the host
    is then.
    """
    steps = plan.pending
    _remember(host, plan.steps, state, owner)
    for number, step in enumerate(steps):
        record.write_journal(host, [s.key for s in steps[number:]])
        try:
            APPLIERS[step.kind](host, step)
        except SriovError as error:
            _undo(host, steps[number:])
            left = "; ".join(f"{s.target}: {s.action}" for s in steps[number + 1 :][:20]) or "nothing"
            raise HostError(
                f"{step.target}: {step.action}",
                f"the step done ({step.reason})",
                str(error),
                f"Done before: {number} steps; not done: {left}. Run this again when the cause is away.",
            ) from error
    record.write_journal(host, [])


def _remember(host: Host, steps: Sequence[Step], state: NodeState, owner: str) -> None:
    """Record what the steps will change for the first time. Of a NIC that took another's place nothing is known."""
    known = record.load(host)
    before = known
    touched = {parse_target(step.target)[0] for step in steps if step.kind in PF_KINDS}
    swapped = {pf.address for pf in state.pfs if pf.address in touched and is_another(pf, state)}
    if swapped:
        kept = record.only(known, [address for address in known.pfs if address not in swapped])
        known = replace(kept, files=known.files, objects=known.objects)
    pfs, texts, objects = dict(known.pfs), dict(known.files), dict(known.objects)
    owners, identities = dict(known.owners), dict(known.identities)
    counted = {step.target for step in steps if step.kind == NUM_VFS}
    for step in steps:
        if step.kind in PF_KINDS:
            pf = state.pf(parse_target(step.target)[0])
            if pf is not None:
                owners.setdefault(pf.address, NODE_OWNER if pf.address in pfs else owner)
                identities.setdefault(pf.address, identity_of(pf))
                _remember_pf(pfs, pf, pf.address in counted, step)
        elif step.kind == owned_files.FILE:
            texts.setdefault(step.target, step.before)
        elif step.kind not in (RELOAD, FORGET, kernel_arguments.REBOOT_KIND):
            objects.setdefault(step.key, _plain(step.before))
    updated = Record(pfs, texts, objects, owners, identities, known.interrupted, True)
    if updated != replace(before, exists=True):
        record.save(host, updated)


def _remember_pf(pfs: dict[str, PfGoal], pf: Pf, counted: bool, step: Step) -> None:
    """The PF's VFs as they were, and of the PF itself just what we change: the rest is the administrator's, who
    may change it meanwhile.
    """
    known = pfs.get(pf.address) or original_of(pf, counted)
    if counted and known.externally_managed:
        known = replace(known, externally_managed=False)
    if step.kind == PF_MTU and known.mtu is None:
        known = replace(known, mtu=step.before)
    elif step.kind == LINK and known.up is None:
        known = replace(known, up=step.before)
    elif step.kind == AUTOPROBE and known.autoprobe is None:
        known = replace(known, autoprobe=step.before)
    elif step.kind == ESWITCH and known.eswitch_mode is None:
        known = replace(known, eswitch_mode=step.before)
    elif step.kind == TC_OFFLOAD and known.tc_offload is None:
        known = replace(known, tc_offload=step.before)
    pfs[pf.address] = known


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _undo(host: Host, steps: Sequence[Step]) -> None:
    """After a failure: a PF's autoprobe goes back now, or VFs made meanwhile would get no driver."""
    for step in steps:
        if step.kind == AUTOPROBE and step.after:
            with contextlib.suppress(SriovError):
                pf_apply.apply(host, step)
