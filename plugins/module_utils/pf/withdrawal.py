# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run is about to change is taken back from our device plugin first, and given again at its end, whatever that
is: no pod gets a VF that is remade, or one that is not set up yet.

The plugin refuses what the file names from that moment on. The kubelet's own note shows when it knows (see
`usage.offers`); then nothing more is given, and a last look at who holds what comes before each write. A kill leaves
the file, which the next run takes away, as a boot does.

What waits until nobody has it (`wait_for_free`) stays in the file, with the object's text as `target`.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from ..host.host import Host
from ..model.errors import TakenError
from ..model.plan import Step
from ..model.state import NodeState
from ..shared import pci
from ..shared.places import DEVICE_PLUGIN_STATE, FORMAT, WITHDRAWN
from .steps import NumVfsStep, PfStep

PATH = f"{DEVICE_PLUGIN_STATE}/{WITHDRAWN}"
SHOWN_SECONDS = 30.0  # the plugin looks each second, unless the host is slow to answer
# For what was answered right before: the kubelet notes a pod's devices as soon as it has the answer.
ANSWER_SECONDS = 1.0
PAUSE_SECONDS = 0.2
NAMED = 8  # devices, in an error
WAITS = "its change waits until nobody has it"
REMEDY = (
    "See the device plugin's and the kubelet's logs (journalctl -u), and run this again. A device plugin of an earlier "
    "release takes nothing back: bring it up to date first (site --tags device_plugin), or drain the node and say so "
    "(sriov_drained: true)."
)


class NotTakenBackError(TakenError):
    """The kubelet would still give what is to be changed. Nothing was changed."""


@contextlib.contextmanager
def withdrawn(
    host: Host, steps: Sequence[Step], state: NodeState, drained: bool = False, waiting: Sequence[Step] = (),
    whole: bool = True,
) -> Iterator[None]:
    """While this lasts nothing that the steps take, or make, is given to pods. drained: the user's word that the node
    takes none, so nothing is waited for. waiting: steps whose objects stay withheld; whole: nothing else does. Else
    what other runs left of PFs that no step is about does as well. Raises NotTakenBackError, HostError.
    """
    entries = _entries(steps, state)
    kept = _kept(waiting, state)
    if not whole:
        about = {step.target.address for step in (*steps, *waiting) if isinstance(step, PfStep)}
        kept += [one for one in _noted(host) or () if one.get("target", "").partition(" ")[0] not in {"", *about}]
    if not entries or not (state.plugin_active or host.exists(DEVICE_PLUGIN_STATE)):
        _write(host, kept)
        yield
        return
    try:
        _write(host, [*({**entry, "reason": "it is being changed"} for entry in entries), *kept])
        if not drained:
            _wait_until_shown(host, _devices(host, entries, state), state)
        yield
    finally:
        _write(host, kept)


def is_due(host: Host, waiting: Sequence[Step], state: NodeState) -> bool:
    """Whether the file is another one than what these steps leave."""
    return _noted(host) != (_kept(waiting, state) or None)


def targets_of(waiting: Sequence[Step], state: NodeState) -> list[str]:
    """The texts of the PFs and VFs that these steps wait for."""
    return [one["target"] for one in _kept(waiting, state)]


def targets_that_wait(host: Host) -> Collection[str]:
    """The texts of the PFs and VFs whose change waits until nobody has them."""
    return {str(one["target"]) for one in _noted(host) or () if one.get("target")}


def _kept(waiting: Sequence[Step], state: NodeState) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    steps = [step for step in waiting if isinstance(step, PfStep)]
    for target in dict.fromkeys(step.target for step in steps):
        mine = [step for step in steps if step.target == target]
        found += [{**entry, "target": str(target), "reason": WAITS} for entry in _entries(mine, state)]
    whole = {entry["pf"] for entry in found if "pf" in entry}
    return [one for one in found if "pf" in one or one["target"].partition(" ")[0] not in whole]


def _noted(host: Host) -> list[dict[str, Any]] | None:
    """What the file has; None where there is none, [] for one that can't be read, which withdraws everything."""
    text = host.read_text(PATH)
    if text is None:
        return None
    try:
        return [dict(one) for one in json.loads(text)["withdrawn"]]
    except (ValueError, KeyError, TypeError):
        return []


def _write(host: Host, entries: Sequence[dict[str, str]]) -> None:
    """Have the device plugin offer all but these. Raises HostError."""
    if not entries:
        if host.exists(PATH):
            host.remove_file(PATH)
    elif _noted(host) != list(entries):
        value = {"format": FORMAT, "withdrawn": list(entries)}
        host.write_file(PATH, (json.dumps(value) + "\n").encode())


def _entries(steps: Sequence[Step], state: NodeState) -> list[dict[str, str]]:
    """What the file names: PFs whose VFs are taken or made, and VFs alone where the others of their PF stay."""
    whole: dict[str, None] = {}
    single: dict[str, str] = {}
    for step in steps:
        if not isinstance(step, PfStep) or not (isinstance(step, NumVfsStep) or (step.free and step.free.vfs)):
            continue
        pf = state.pf(step.target.address)
        vf = next((vf for vf in pf.vfs if vf.index == step.target.index), None) if pf is not None else None
        if vf is None:  # the PF, or a VF that is yet to be made
            whole[step.target.address] = None
        else:
            single[vf.address] = step.target.address
    devices = [vf for vf, pf in single.items() if pf not in whole]
    return [*({"pf": address} for address in whole), *({"device": address} for address in devices)]


def _devices(host: Host, entries: Sequence[dict[str, str]], state: NodeState) -> set[str]:
    """The ids that the kubelet may know them by: functions that vfio gives as one group have the id of the first."""
    pfs = {entry["pf"] for entry in entries if "pf" in entry}
    found = {vf.address for pf in state.pfs if pf.address in pfs for vf in pf.vfs} | pfs
    found |= {entry["device"] for entry in entries if "device" in entry}
    groups = {pci.iommu_group(host.root, address) for address in found} - {None}
    return found | {member for group in groups if group for member in pci.iommu_group_members(host.root, group)}


def _wait_until_shown(host: Host, devices: set[str], state: NodeState) -> None:
    """Until the kubelet's own note has none of these devices any more. Raises NotTakenBackError, HostError."""
    from ..usage import offers

    # A change of what another plugin offers is none of a plan, but by the word `drained`.
    left = [offer for offer in offers.offers(host, state.kubelet_dirs, devices) if not offer.owner]
    if not left:
        return
    give_up = host.monotonic() + SHOWN_SECONDS
    while left:
        if host.monotonic() >= give_up:
            words = "; ".join(f"{one.resource}: {', '.join(one.devices[:NAMED])} ({one.checkpoint})" for one in left)
            raise NotTakenBackError(
                "the device plugin",
                f"the kubelet to give no more of what is to be changed, within {SHOWN_SECONDS:g} s",
                f"it still notes as healthy {words}; nothing was changed",
                REMEDY,
            )
        host.sleep(PAUSE_SECONDS)
        left = offers.still_noted(host, left)
    host.sleep(ANSWER_SECONDS)
