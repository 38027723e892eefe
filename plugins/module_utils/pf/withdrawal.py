# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run is about to change is taken back from our device plugin first, and given again at its end, whatever that
is: no pod gets a VF that is remade, or one that is not set up yet.

The plugin refuses what the file names from that moment on. The kubelet's own note shows when it knows (see
`usage.offers`); then nothing more is given, and a last look at who holds what comes before each write. A kill leaves
the file, which the next run takes away, as a boot does.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence

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
REMEDY = (
    "See the device plugin's and the kubelet's logs (journalctl -u), and run this again. A device plugin of an earlier "
    "release takes nothing back: bring it up to date first (site --tags device_plugin), or drain the node and say so "
    "(sriov_drained: true)."
)


class NotTakenBackError(TakenError):
    """The kubelet would still give what is to be changed. Nothing was changed."""


@contextlib.contextmanager
def withdrawn(host: Host, steps: Sequence[Step], state: NodeState, drained: bool = False) -> Iterator[None]:
    """While this lasts nothing that the steps take, or make, is given to pods. drained: the user's word that the node
    takes none, so nothing is waited for. Raises NotTakenBackError, HostError.
    """
    entries = _entries(steps, state)
    if not entries or not (state.plugin_active or host.exists(DEVICE_PLUGIN_STATE)):
        give_back(host)
        yield
        return
    try:
        value = {"format": FORMAT, "withdrawn": [{**entry, "reason": "it is being changed"} for entry in entries]}
        host.write_file(PATH, (json.dumps(value) + "\n").encode())
        if not drained:
            _wait_until_shown(host, _devices(host, entries, state), state)
        yield
    finally:
        give_back(host)


def give_back(host: Host) -> None:
    """Have the device plugin offer all of it again. Raises HostError."""
    if host.exists(PATH):
        host.remove_file(PATH)


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
