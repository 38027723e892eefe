# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module sriov_bmc_nics."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ..entry.results import Module, diff
from ..host.host import Host
from .bios.record import Store
from .bios_module import ABSENT, PRESENT, RECORD
from .nics.vfs import NicsDone, NicsOrder, NicsRun
from .redfish.client import Client
from .results import ACCESS, RUN, name_of, run

SPEC: dict[str, dict[str, Any]] = {
    "bmcs": {"type": "list", "elements": "dict", "required": True, "options": {
        **ACCESS, "vfs": {"type": "dict", "default": {}},
    }},
    "state": {"type": "str", "default": PRESENT, "choices": [PRESENT, ABSENT]},
    "record": {"type": "path", "default": RECORD},
    **RUN,
}  # fmt: skip


def main(module: Module) -> None:
    """Run the module."""
    params = module.params
    store = Store(Host(), os.path.expanduser(params["record"]))

    def work(item: Mapping[str, Any], client: Client) -> dict[str, Any]:
        order = NicsOrder(name_of(item), item["vfs"] or {}, params["state"] == PRESENT, item["system_id"])
        return as_result(NicsRun(client, order, store, module.check_mode).settle())

    run(module, work, {})


def as_result(done: NicsDone) -> dict[str, Any]:
    """What a task registers for one BMC."""
    return {
        "changed": bool(done.plan.pending),
        "plan": done.plan.as_dict(),
        "reboot_required": bool(done.waiting),
        "functions": {
            one.name: {"current": one.now, "pending": one.then, "desired": done.desired.get(one.path),
                       "macs": list(one.macs), "group": one.group, "most": one.most}
            for one in done.functions
        },
        "warnings": [*done.plan.warnings, *done.warnings],
        "diff": diff(done.plan),
    }  # fmt: skip
