# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module sriov_power."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..entry.results import Module, diff
from ..host.host import Host
from ..model.errors import SriovError
from .fleet import all_at_once
from .power.ipmi import IpmiPower
from .power.order import BOOTS, MODES, POWERS, PowerOrder, done
from .power.redfish import RedfishPower
from .redfish.client import Client
from .results import ACCESS, RUN, check, end, name_of, run, told

REDFISH, IPMI = "redfish", "ipmi"
SPEC: dict[str, dict[str, Any]] = {
    "bmcs": {"type": "list", "elements": "dict", "required": True, "options": ACCESS},
    "protocol": {"type": "str", "default": REDFISH, "choices": [REDFISH, IPMI]},
    "boot": {"type": "str", "choices": list(BOOTS)},
    "boot_mode": {"type": "str", "choices": list(MODES)},
    "power": {"type": "str", "choices": list(POWERS)},
    "wait_timeout": {"type": "int", "default": 300},
    "ipmi_cipher": {"type": "int", "default": 17},
    **RUN,
}
_IPMI_PORT = 623


def main(module: Module, host: Host | None = None) -> None:
    """Run the module."""
    params = module.params
    order = PowerOrder(params["boot"], params["boot_mode"], params["power"], float(params["wait_timeout"]))
    if params["protocol"] == IPMI:
        _over_ipmi(module, order, host or Host())
        return

    def work(item: Mapping[str, Any], client: Client) -> dict[str, Any]:
        plan, before, after = RedfishPower(client, order, item["system_id"], module.check_mode).carry_out()
        return {**done(plan, before, after, client.warnings), "diff": diff(plan)}

    run(module, work, {"wait_timeout": 1})


def _over_ipmi(module: Module, order: PowerOrder, host: Host) -> None:
    """Without logins that stay: each command of ipmitool has its own."""

    def one(item: Mapping[str, Any]) -> dict[str, Any]:
        address, _colon, port = item["address"].partition(":")
        asked = IpmiPower(
            host, address, item["username"], item["password"], order, int(port) if port.isdigit() else _IPMI_PORT,
            module.params["ipmi_cipher"], item["timeout"], module.check_mode,
        )  # fmt: skip
        try:
            plan, before, after, warnings = asked.carry_out()
        except SriovError as error:
            return told(error)
        return told({**done(plan, before, after, warnings), "diff": diff(plan)})

    items = module.params["bmcs"]
    try:
        check(module.params, {"wait_timeout": 1, "ipmi_cipher": 0})
    except SriovError as error:
        end(module, {}, error)
        return
    found = all_at_once(one, items, module.params["parallel"])
    end(module, dict(zip(map(name_of, items), found)))
