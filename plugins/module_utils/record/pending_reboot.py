# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The memory of reboots: which one was asked for and for what, and what the running kernel still has of ours.

What was asked for outlives the boot, so that a reboot that did not help is not repeated. Arguments of ours that
are stale since they were taken back lie below /run, so that the boot itself settles it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from ..host.host import Host
from ..model.frozen import dataclass
from ..model.plan import Reboot, Step
from .record import ASKED

FORMAT = 1
OWED = "/run/baremetal-sriov/reboot.json"
BOOT_ID = "/proc/sys/kernel/random/boot_id"
MODULE = "module "  # stands before what a module's loading sets
FIRMWARE = " firmware "  # stands between a PF and a setting of its NIC's firmware; all else is a kernel argument


@dataclass(frozen=True)
class Reboots:
    """boot: this boot's id; requested: what a reboot was asked for in the boot `requested_in`; stale_arguments:
    ours that the boot loader no longer gives and the running kernel has.
    """

    boot: str = ""
    requested_in: str = ""
    requested: tuple[str, ...] = ()
    stale_arguments: tuple[str, ...] = ()

    def without_effect(self, missing: Iterable[str]) -> tuple[str, ...]:
        """Those of `missing` that a boot since then should have brought."""
        if not self.boot or not self.requested_in or self.boot == self.requested_in:
            return ()
        return tuple(item for item in missing if item in self.requested)


def read(host: Host) -> Reboots:
    """The memory; a damaged file is none, which costs one more reboot at most. Raises HostError."""
    asked, stale_arguments = _load(host, ASKED), _load(host, OWED)
    return Reboots(boot_id(host), str(asked.get("boot_id", "")), _texts(asked), _texts(stale_arguments))


def note(host: Host, steps: Sequence[Step]) -> None:
    """Remember what the plan's reboot is for, or that none is needed any more. Raises HostError."""
    wanted = sorted({str(item) for step in steps if isinstance(step, Reboot) for item in step.after})
    boot = boot_id(host)
    if wanted and boot:
        value = {"format": FORMAT, "boot_id": boot, "arguments": wanted}
        if _load(host, ASKED) != value:
            host.write_file(ASKED, _json(value), 0o600)
    elif host.exists(ASKED):
        host.remove_file(ASKED)


def settle(host: Host, lacking: Sequence[str]) -> None:
    """At boot: forget what was asked for if the kernel lacks nothing of it. Raises HostError."""
    asked = _texts(_load(host, ASKED))
    if asked and not any(item in lacking or item.startswith(MODULE) or FIRMWARE in item for item in asked):
        host.remove_file(ASKED)


def owe(host: Host, tokens: Sequence[str]) -> None:
    """Remember arguments of ours that only a reboot takes out of the running kernel. Raises HostError."""
    if tokens:
        host.write_file(OWED, _json({"format": FORMAT, "arguments": list(tokens)}), 0o600)
    elif host.exists(OWED):
        host.remove_file(OWED)


def boot_id(host: Host) -> str:
    """The kernel's name for this boot; "" where it tells none. Raises HostError."""
    return (host.read_text(BOOT_ID, 4096) or "").strip()


def _json(value: dict[str, Any]) -> bytes:
    return (json.dumps(value) + "\n").encode()


def _load(host: Host, path: str) -> dict[str, Any]:
    text = host.read_text(path)
    try:
        value = json.loads(text) if text else {}
    except ValueError:
        return {}
    return value if isinstance(value, dict) and value.get("format") == FORMAT else {}


def _texts(value: dict[str, Any]) -> tuple[str, ...]:
    found = value.get("arguments", [])
    return tuple(str(item) for item in found) if isinstance(found, list) else ()
