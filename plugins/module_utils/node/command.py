# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The node's command `baremetal-sriov`, for a person at the node: how it is, and a pause of what we do by ourselves."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from typing import Any

from ..host.host import Host
from ..model.errors import SriovError
from ..policy.rendered_files import NODE_PATH
from ..record import pending_reboot
from ..shared import pci
from . import drift, drift_memory, pause, services

UNITS = (
    "baremetal-sriov-vfs.service", "baremetal-sriov-node.service", "baremetal-sriov-drift.timer",
    "baremetal-sriov-drift.service", "baremetal-sriov-device-plugin.service", "baremetal-sriov-cni.service",
)  # fmt: skip
NODE_UNIT = "baremetal-sriov-node.service"
START_SECONDS = 900.0  # as the unit's own limit
FORMAT = 1
RIGHT, NOT_RIGHT, FAILED = 0, 1, 2
EPILOG = f"""
A pause lasts over reboots, until it is ended; what pods have, and what the node offers them, stays. It is the file
{pause.PATH}. The kernel argument {pause.ARGUMENT} pauses the node for one boot.

exit status: 0: as configured; 1: something is not as configured, or was not repaired; 2: it could not be done or told
"""


def main(host: Host | None = None, arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; the exit status."""
    given = _parser().parse_args(arguments)
    host = host or Host()
    try:
        if given.command == "pause":
            _pause(host, given.reason)
        elif given.command == "resume":
            _resume(host)
        found = status(host)
    except SriovError as error:
        sys.stderr.write(f"{error}\n")
        return FAILED
    sys.stdout.write((json.dumps(found, indent=2, sort_keys=True) if given.json else "\n".join(told(found))) + "\n")
    good = not (found["differences"] or found["errors"] or found["stopped"])
    return RIGHT if good or given.command != "status" else NOT_RIGHT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "baremetal-sriov", description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    texts = {
        "status": "tell what is configured, what is not as it should be, and whether the node is paused",
        "pause": "set nothing up any more: at boot, where a PF appears, and where something drifts",
        "resume": "end the pause, begin again with what was given up, and set up what was left out at boot",
    }
    for name, text in texts.items():
        one = commands.add_parser(name, help=text, description=text)
        one.add_argument("--json", action="store_true", help="as JSON")
        if name == "pause":
            one.add_argument("--reason", default="", help="for those who ask why it is paused")
    return parser


def _pause(host: Host, reason: str) -> None:
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    pause.begin(host, since, reason)
    drift_memory.save_metrics(host, drift_memory.read(host), paused=True)


def _resume(host: Host) -> None:
    """What was left out meanwhile, at boot or as a PF appeared, is made up for by the unit itself."""
    pause.end(host)
    memory = drift_memory.read(host)
    if memory.exists:
        memory = drift_memory.anew(memory)
        drift_memory.save(host, memory)
    paused = bool(pause.read(host))
    drift_memory.save_metrics(host, memory, paused=paused)
    if not paused and host.exists(NODE_PATH):
        host.run(["systemctl", "restart", "--", NODE_UNIT], seconds=START_SECONDS, check=False)


def status(host: Host) -> dict[str, Any]:
    """How the node is: for JSON. Raises SriovError."""
    text, goal = host.read_text(NODE_PATH), services.load_goal(host)
    memory, paused = drift_memory.read(host), pause.read(host)
    parts = drift.judge(host, goal, text)
    reboots = pending_reboot.read(host)
    return {
        "format": FORMAT,
        "configured": text is not None,
        "drift": goal.options.drift,
        "paused": {"by_file": paused.by_file, "by_argument": paused.by_argument, "since": paused.since,
                   "reason": paused.reason},
        "pfs": [
            {"address": pf.address, "name": pci.uplink_name(host.root, pf.address), "policies": list(pf.policies),
             "vfs": max(pci.num_vfs(host.root, pf.address), 0), "configured_vfs": pf.num_vfs}
            for pf in goal.pfs
        ],
        "differences": [drift.difference(step) for part in parts for step in part.steps],
        "waits_for_free": [drift.difference(step) for part in parts for step in part.waiting],
        "errors": [part.error for part in parts if part.error],
        "stopped": dict(memory.stopped),
        "repairs": memory.total,
        "last_pass": memory.last or None,
        "reboot_for": list(reboots.requested) if reboots.requested_in == reboots.boot else [],
        "units": _units(host),
    }  # fmt: skip


def _units(host: Host) -> dict[str, str]:
    """Our units that are here, and how they are, in systemd's words."""
    argv = ["systemctl", "show", "--property=Id,LoadState,ActiveState,SubState", "--", *UNITS]
    found = {}
    for block in host.run(argv, check=False).stdout.strip().split("\n\n"):
        row = dict(line.partition("=")[::2] for line in block.splitlines())
        if row.get("Id") and row.get("LoadState") != "not-found":
            found[row["Id"]] = " ".join(filter(None, (row.get("ActiveState"), row.get("SubState"))))
    return found


def told(found: dict[str, Any]) -> list[str]:
    """The same for a person."""
    paused = pause.Pause(**found["paused"])
    lines = [f"paused {paused}" if paused else "not paused"]
    if not found["configured"]:
        return [*lines, f"not configured: no {NODE_PATH}"]
    last = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(found["last_pass"])) if found["last_pass"] else "none yet"
    lines.append(f"drift: {found['drift']}; last pass: {last}; repaired since boot: {found['repairs']}")
    for pf in found["pfs"]:
        name = f" ({pf['name']})" if pf["name"] else ""
        lines.append(f"{pf['address']}{name}: {pf['vfs']} of {pf['configured_vfs']} VFs; {', '.join(pf['policies'])}")
    lines += [f"unit {name}: {state}" for name, state in found["units"].items()]
    lines += [f"a reboot is needed for {item}" for item in found["reboot_for"]]
    lines += [f"waits: {text}" for text in found["waits_for_free"]]
    lines += [f"NOT as configured: {text}" for text in found["differences"]]
    lines += [f"NOT as configured: {line}" for text in found["errors"] for line in text.splitlines()]
    return lines + [f"NOT repaired any more: {text}" for text in found["stopped"].values()]
