# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module sriov_handover: one step of a change of device plugins."""

from __future__ import annotations

from ..host.host import Host
from ..model.errors import SriovError
from ..model.goal import NodeOptions
from ..node.handover import Handover
from . import results

LOOK, PREPARE, FINISH = "look", "prepare", "finish"


def run(module: results.Module, host: Host | None = None) -> None:
    """Run the module; ends in exit_json or fail_json."""
    params = module.params
    absent = params["state"] == "absent"
    folders = NodeOptions(kubelet_root_dir=params["kubelet_root_dir"]).kubelet_root_dirs
    where = Host() if host is None else host
    one = Handover(where, params["resources"], params["units"], folders, float(params["seconds"]))
    changed = False
    try:
        if params["step"] != LOOK and not module.check_mode:
            before = one.look()
            changed = _step(one, params["step"], absent) or before != one.look()
        module.exit_json(changed=changed, **one.look())
    except SriovError as error:
        results.fail(module, error)


def _step(one: Handover, step: str, absent: bool) -> bool:
    if step == PREPARE:
        return one.hold_still() if absent else one.prepare()
    if absent:
        one.give()
    else:
        one.take()
    return False
