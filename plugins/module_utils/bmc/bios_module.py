# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module sriov_bios."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ..entry.results import Module, diff
from ..host.host import Host
from .bios.apply import NEVER, RESETS, Done, Order, Run
from .bios.record import Store
from .bios.wish import FAIL, ON_MISSING, Wish
from .redfish.client import Client
from .results import ACCESS, RUN, name_of, run

PRESENT, ABSENT = "present", "absent"
PART = "bios"  # of a plan of all parts
RECORD = "~/.local/state/baremetal-sriov/bios"
SPEC: dict[str, dict[str, Any]] = {
    "bmcs": {"type": "list", "elements": "dict", "required": True, "options": {
        **ACCESS,
        "settings": {"type": "dict", "default": {}},
        "attributes": {"type": "dict", "default": {}},
        "names": {"type": "dict", "default": {}},
        "on_missing": {"type": "str", "default": FAIL, "choices": list(ON_MISSING)},
    }},
    "state": {"type": "str", "default": PRESENT, "choices": [PRESENT, ABSENT]},
    "reset": {"type": "str", "default": NEVER, "choices": list(RESETS)},
    "reset_timeout": {"type": "int", "default": 1800},
    "record": {"type": "path", "default": RECORD},
    **RUN,
}  # fmt: skip


def main(module: Module) -> None:
    """Run the module."""
    params = module.params
    store = Store(Host(), os.path.expanduser(params["record"]))

    def work(item: Mapping[str, Any], client: Client) -> dict[str, Any]:
        wish = Wish(item["settings"] or {}, item["attributes"] or {}, item["names"] or {}, item["on_missing"])
        order = Order(
            name_of(item), wish, params["state"] == PRESENT, item["system_id"], params["reset"],
            float(params["reset_timeout"]),
        )  # fmt: skip
        return as_result(name_of(item), Run(client, order, store, module.check_mode).settle())

    run(module, work, {"reset_timeout": 1})


def as_result(name: str, done: Done) -> dict[str, Any]:
    """What a task registers for one BMC."""
    attributes = sorted({*done.desired, *done.waiting})
    return {
        "changed": bool(done.plan.pending),
        "plan": {**done.plan.as_dict(), "steps": [{**step.as_dict(), "part": PART} for step in done.plan.steps]},
        "reboot_required": done.reboot_required,
        "vendor": done.system.vendor.name,
        "power": done.system.power,
        "settings": {name: {"current": done.current.get(name), "pending": done.pending.get(name),
                            "desired": done.desired[name]} for name in attributes},
        "words": {word: {one: done.current.get(one) for one in meant} for word, meant in done.meant.items()},
        "waiting": done.waiting,
        "missing": list(done.missing),
        "task": done.task,
        "warnings": [*done.plan.warnings, *done.warnings],
        "diff": [{**part, "before_header": f"{name}: {part['before_header']}"} for part in diff(done.plan)],
    }  # fmt: skip
