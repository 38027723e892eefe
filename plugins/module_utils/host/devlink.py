# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A PF's eswitch mode through `devlink`, which iproute2 brings (Linux Documentation/networking/devlink).

Read for those PFs alone whose mode matters: it costs one command each.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace

from ..model.errors import CommandError
from ..model.state import NodeState
from . import ethtool
from .host import Host

SET_SECONDS = 300.0  # the driver builds its tables anew, and an interface for each VF


def read_mode(host: Host, address: str) -> str | None:
    """"legacy" or "switchdev"; None where the PF's driver has no eswitch. Raises CommandError without devlink."""
    handle = f"pci/{address}"
    done = host.run(["devlink", "-j", "dev", "eswitch", "show", handle], check=False)
    if done.status != 0:
        return None
    try:
        mode = json.loads(done.stdout)["dev"][handle]["mode"]
    except (ValueError, KeyError, TypeError):
        return None
    return mode if isinstance(mode, str) else None


def with_modes(host: Host, state: NodeState, addresses: Collection[str]) -> NodeState:
    """The state with the modes of these PFs, and whether they offload flows."""
    if not addresses:
        return state
    return replace(
        state,
        pfs=tuple(
            replace(
                pf,
                eswitch_mode=read_mode(host, pf.address),
                tc_offload=ethtool.read(host, pf.name) if pf.name else None,
            )
            if pf.address in addresses
            else pf
            for pf in state.pfs
        ),
    )


def set_mode(host: Host, address: str, mode: str) -> None:
    """Set it, and read it back. Raises HostError."""
    argv = ["devlink", "dev", "eswitch", "set", f"pci/{address}", "mode", mode]
    done = host.run(argv, seconds=SET_SECONDS, check=False)
    found = read_mode(host, address)
    if done.status != 0 or found != mode:
        raise CommandError(
            " ".join(argv),
            f"eswitch mode {mode}",
            f"{found or 'none'}; it said: {done.stderr.strip()[-500:] or 'nothing'}",
            "See dmesg for the PF; its firmware may not allow this mode.",
        )
