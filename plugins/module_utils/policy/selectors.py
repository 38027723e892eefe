# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which PFs of a host a policy is for, and in words why it is for none. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ..host import quirks
from ..model.errors import Problem, problems_of
from ..model.frozen import dataclass
from ..model.state import NodeState, Pf
from ..pf.identity import moved_message
from .policy import PfName, Policy


@dataclass(frozen=True)
class Match:
    """One policy on one PF."""

    policy: Policy
    indices: tuple[int, ...]  # of the VFs that it means


def matches(policy: Policy, state: NodeState, problems: list[Problem]) -> list[tuple[str, Match]]:
    """The PFs that a policy is for. Whatever it names must be there."""
    selector = policy.selector
    already = len(problems)
    candidates: list[Pf] = list(state.pfs)
    chosen: dict[str, set[int]] = {}
    named: list[tuple[str, list[str]]] = []
    for kind, names in (("pf_names", selector.pf_names), ("root_devices", selector.root_devices)):
        if not names:
            continue
        found = _named(policy, kind, names, state, problems)
        named.append((kind, sorted(found)))
        candidates = [pf for pf in candidates if pf.address in found]
        for address, some in found.items():
            chosen[address] = chosen.get(address, some) & some
    if selector.mac_addresses:
        having = _with_mac(policy, state, problems)
        named.append(("mac_addresses", [pf.address for pf in having]))
        candidates = [pf for pf in candidates if pf in having]
    fitting = [
        pf
        for pf in candidates
        if selector.vendor in ("", pf.vendor)
        and selector.device_id in ("", pf.device)
        and (named or pf.total_vfs > 0 or pf.is_guest_vf or _can_have_sriov(policy, pf))
    ]
    problems += _not_fitting(policy, [pf for pf in candidates if pf not in fitting] if named else [])
    if not fitting and len(problems) == already:
        problems.append(_nothing(policy, named, state))
    problems += problems_of(
        f"policy {policy.name}",
        (
            len(fitting) > 1 and any(attributes.mac for index, attributes in policy.vfs),
            "one PF, since its vfs have MAC addresses of their own",
            "several: " + ", ".join(pf.label for pf in fitting),
            "Write one policy for each PF.",
        ),
    )
    result = []
    for pf in fitting:
        indices = chosen.get(pf.address, set(range(policy.num_vfs)))
        problems += problems_of(
            f"policy {policy.name}",
            (
                not indices,
                f"a VF of {pf.label} that pf_names and root_devices both select",
                "different ranges",
                "Write the range in one of them.",
            ),
        )
        result.append((pf.address, Match(policy, tuple(sorted(indices)))))
    return result


def _can_have_sriov(policy: Policy, pf: Pf) -> bool:
    """A NIC whose firmware has SR-IOV off, which the policy has switched on."""
    return policy.firmware is not None and pf.is_nic and quirks.of(pf.driver, pf.vendor).firmware_settings


def _named(
    policy: Policy, kind: str, names: Sequence[PfName], state: NodeState, problems: list[Problem]
) -> dict[str, set[int]]:
    """PF address -> the VF indices that were written with it, all where there were none."""
    found: dict[str, set[int]] = {}
    for wanted in names:
        pf = _find(wanted, kind, state)
        if pf is None:
            problems.append(_unknown(policy, kind, wanted.name, state))
        else:
            found.setdefault(pf.address, set()).update(wanted.indices or range(policy.num_vfs))
    return found


def _not_fitting(policy: Policy, pfs: Sequence[Pf]) -> list[Problem]:
    """PFs that are named, and are not what vendor and device_id say."""
    return [
        Problem(
            f"policy {policy.name}",
            f"a PF {policy.selector.vendor or '*'}:{policy.selector.device_id or '*'}",
            f"{pf.label} is {pf.vendor}:{pf.device}",
            "Correct vendor or device_id, or name another PF.",
        )
        for pf in pfs
    ]


def _nothing(policy: Policy, named: Sequence[tuple[str, Sequence[str]]], state: NodeState) -> Problem:
    """No PF is left, and which field of the selector it failed at."""
    if not named:
        return Problem(
            f"policy {policy.name}",
            f"a PF {policy.selector.vendor or '*'}:{policy.selector.device_id or '*'} with SR-IOV",
            f"this host has {inventory(state)}",
            "Correct nic_selector, or keep the policy off this host with node_selector.",
        )
    return Problem(
        f"policy {policy.name}",
        "one PF that every field of nic_selector selects",
        "; ".join(f"{kind} selects {', '.join(addresses)}" for kind, addresses in named),
        "Keep one of these fields, or correct them to name the same PF.",
    )


def _find(wanted: PfName, kind: str, state: NodeState) -> Pf | None:
    """Interface names are unique on a host, alternative names included; so are PCI addresses."""
    if kind == "root_devices":
        return state.pf(wanted.name)
    return next((pf for pf in state.pfs if wanted.name in (pf.name, *pf.altnames)), None)


def _with_mac(policy: Policy, state: NodeState, problems: list[Problem]) -> list[Pf]:
    found = []
    for mac in policy.selector.mac_addresses:
        # A bond gives its ports another address, which is that of one of them: `ip` tells just the others their own.
        now = [pf for pf in state.pfs if pf.mac == mac]
        own = [pf for pf in state.pfs if pf.permanent_mac == mac]
        having = own or [pf for pf in now if pf.permanent_mac is None] or now
        if not having:
            problems.append(_unknown(policy, "mac_addresses", mac, state))
        elif len(having) > 1:
            problems.append(
                Problem(
                    f"policy {policy.name}",
                    f"one PF with the MAC address {mac}",
                    "several: " + ", ".join(pf.label for pf in having),
                    "Select by root_devices or pf_names instead.",
                )
            )
        else:
            found += having
    return found


def _unknown(policy: Policy, kind: str, name: str, state: NodeState) -> Problem:
    nameless = [pf for pf in state.pfs if pf.is_nic and pf.name is None] if kind != "root_devices" else []
    why = "; ".join(f"{pf.address} has {f'driver {pf.driver}' if pf.driver else 'no driver'}" for pf in nameless)
    found = f"none, though a NIC without an interface has no name and no MAC address ({why})" if nameless else "none"
    ways = ["Load that NIC's driver, or see dmesg for its reason"] if nameless else []
    ways += ["Correct the name", "keep the policy off this host with node_selector"]
    return Problem(
        f"policy {policy.name}",
        f"a PF {name} (nic_selector.{kind})",
        f"{found}; this host has {inventory(state)}{moved_message(name, state)}",
        f"{', '.join(ways[:-1])}, or {ways[-1]}.",
    )


def inventory(state: NodeState) -> str:
    """The PFs that a user can choose from, for a message."""
    pfs = (
        f"{pf.label} {pf.vendor}:{pf.device} {'without a PF' if pf.is_guest_vf else f'up to {pf.total_vfs} VFs'}"
        for pf in state.pfs
        if pf.total_vfs > 0 or pf.is_guest_vf
    )
    return ", ".join(pfs) or "no PF with SR-IOV"
