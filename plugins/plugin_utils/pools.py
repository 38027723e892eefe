# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks against the pools that policies make: a pod of a network whose pool is nowhere waits for ever."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, Callable

from ..module_utils.model.errors import Mistake
from .values import found_value

_MOST = 10  # pools that a sentence names


def of(*lists: Iterable[Any]) -> set[str]:
    """The resource names of policies, as far as they can be read."""
    policies = (policy for one in lists for policy in one if isinstance(policy, Mapping))
    return {name for policy in policies for name in [policy.get("resource_name")] if isinstance(name, str)}


def strays(
    networks: Iterable[Any], here: set[str], elsewhere: Callable[[], set[str] | None], places: Mapping[int, str]
) -> list[Mistake]:
    """A mistake for each network that asks for a pool of no policy.

    here: the host's pools; elsewhere: those of the other hosts, which are asked for only where a network needs them;
    places: number -> the path of a network in a manifest. Where no policy is anywhere, somebody else makes the pools,
    and nothing is said.
    """
    named = [
        (places.get(number, f"sriov_networks[{number}]"), network.get("resource_name"))
        for number, network in enumerate(networks)
        if isinstance(network, Mapping)
    ]
    # A name with a prefix is of somebody else's device plugin.
    open_ones = [(path, name) for path, name in named if isinstance(name, str) and name not in here and "/" not in name]
    others = elsewhere() if open_ones else set()
    if others is None:
        return []
    known = sorted(here | others)
    return [_stray(path, name, known) for path, name in open_ones if known and name not in known]


def _stray(path: str, name: str, known: list[str]) -> Mistake:
    close = difflib.get_close_matches(name, known, n=1)
    meant = f" Did you mean {close[0]}?" if close else ""
    pools = ", ".join(known[:_MOST]) + (f" and {len(known) - _MOST} more" if len(known) > _MOST else "")
    return Mistake(
        f"{path}.resource_name",
        f"expected a pool that a policy makes ({pools}), found {found_value(name)}.{meant} Correct it, or add a policy "
        "with this resource_name; sriov_device_plugin: false says that the pools are somebody else's.",
    )
