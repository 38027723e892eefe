# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a NodeSpec to a Goal: selectors become PCI addresses, and several policies on one PF become one.
Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from . import hugepages
from .errors import Problem
from .fields import ranges
from .model import FileGoal, Goal, ModuleGoal, NodeState, Pf, PfGoal, VfSettings, goal_as_dict
from .policy import PfName, Policy
from .render import (
    CONFIG_PATH,
    HOTPLUG_PATH,
    NODE_PATH,
    UDEV_PATH,
    Pool,
    device_plugin_config,
    hotplug_rules,
    json_text,
    udev_rules,
)
from .spec import NodeSpec


@dataclass
class _Match:
    """One policy on one PF: the VF indices that it means, and whether the user wrote them out."""

    policy: Policy
    indices: tuple[int, ...]
    explicit: bool


@dataclass
class _Merge:
    """What is left of the policies on one PF, in the order in which they are applied (the last one wins)."""

    kept: list[_Match] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def resolve(spec: NodeSpec, state: NodeState) -> Goal:
    """The goal for this host; its `problems` hold every selector that does not fit the host."""
    problems: list[Problem] = []
    warnings: list[str] = []
    by_pf: dict[str, list[_Match]] = {}
    for policy in spec.policies:
        for address, match in _matches(policy, state, problems):
            by_pf.setdefault(address, []).append(match)
    pfs: list[PfGoal] = []
    pools: dict[str, Pool] = {}
    for address in sorted(by_pf):
        merged = _merge(address, by_pf[address])
        problems += merged.problems
        warnings += merged.warnings
        goal = _pf_goal(address, merged.kept)
        problems += _contradictions(address, merged.kept)
        pfs.append(goal)
        for match in merged.kept:
            _add_to_pool(pools, address, match, goal)
    wants_vfio = any(policy.device_type == "vfio-pci" for policy in spec.policies)
    modules = spec.modules
    for asked, warning, module in _unsafe(spec):
        if asked:
            warnings.append(warning)
            modules = _with_module(modules, module)
    if wants_vfio:
        modules = _with_module(modules, ModuleGoal("vfio-pci"))
    goal_of_node = Goal(
        pfs=tuple(pfs),
        kernel_arguments=(*spec.kernel_arguments, *hugepages.arguments(spec.hugepages)),
        hugepages=spec.hugepages,
        memory_floor=spec.hugepages_floor << 20,
        boot_loader=spec.boot_loader,
        modules=modules,
        warnings=tuple(warnings),
        problems=tuple(problems),
        iommu=wants_vfio and not spec.no_iommu if spec.iommu is None else spec.iommu,
        no_iommu=spec.no_iommu,
        unsafe_interrupts=spec.allow_unsafe_interrupts,
        resources=tuple((f"{spec.resource_prefix}/{name}", pools[name].count) for name in sorted(pools)),
    )
    return replace(goal_of_node, files=_files(spec, goal_of_node, pools))


def _unsafe(spec: NodeSpec) -> tuple[tuple[bool, str, ModuleGoal], ...]:
    """What gives up isolation, only on request (Linux Documentation/driver-api/vfio): asked for, what is given up,
    and the module's option.
    """
    return (
        (
            spec.allow_unsafe_interrupts,
            "allow_unsafe_interrupts: whoever has a VF can send interrupts of any kind to this host and to other VMs",
            ModuleGoal("vfio_iommu_type1", (("allow_unsafe_interrupts", "1"),), load=False),
        ),
        (
            spec.no_iommu,
            "no_iommu: whoever has a VF can read and write all memory of this host, and the kernel is tainted",
            ModuleGoal("vfio", (("enable_unsafe_noiommu_mode", "1"),), load=False),
        ),
    )


def _with_module(modules: tuple[ModuleGoal, ...], wanted: ModuleGoal) -> tuple[ModuleGoal, ...]:
    """The list with one more module; one that the user names too keeps the user's options."""
    key = wanted.name.replace("-", "_")
    for place, module in enumerate(modules):
        if module.name.replace("-", "_") == key:
            options = tuple(sorted({**dict(wanted.options), **dict(module.options)}.items()))
            return (*modules[:place], replace(module, options=options), *modules[place + 1 :])
    return (*modules, wanted)


def _files(spec: NodeSpec, goal: Goal, pools: dict[str, Pool]) -> tuple[FileGoal, ...]:
    files = []
    if goal.pfs:
        files.append(FileGoal(NODE_PATH, json_text(goal_as_dict(goal))))
        rules = hotplug_rules([pf.address for pf in goal.pfs])
        files.append(FileGoal(HOTPLUG_PATH, rules, adopt=spec.adopt))
    if spec.device_plugin and pools:
        config = device_plugin_config(spec.resource_prefix, [pools[name] for name in sorted(pools)])
        files.append(FileGoal(CONFIG_PATH, json_text(config), adopt=spec.adopt))
    if spec.vfs_unmanaged and goal.pfs:
        files.append(FileGoal(UDEV_PATH, udev_rules([pf.address for pf in goal.pfs]), adopt=spec.adopt))
    return tuple(files)


def _matches(policy: Policy, state: NodeState, problems: list[Problem]) -> list[tuple[str, _Match]]:
    """The PFs that a policy is for. Whatever it names must be there."""
    selector = policy.selector
    candidates: list[Pf] = list(state.pfs)
    chosen: dict[str, set[int] | None] = {}
    for kind, names in (("pf_names", selector.pf_names), ("root_devices", selector.root_devices)):
        if not names:
            continue
        found: dict[str, set[int] | None] = {}
        for wanted in names:
            pf = _find(wanted, kind, state)
            if pf is None:
                problems.append(_unknown(policy, kind, wanted.name, state))
                continue
            chosen_here = found.get(pf.address, set())
            if wanted.indices is None or chosen_here is None:
                found[pf.address] = None
            else:
                found[pf.address] = chosen_here | set(wanted.indices)
        candidates = [pf for pf in candidates if pf.address in found]
        for address, some in found.items():
            before = chosen.get(address)
            chosen[address] = some if before is None else before if some is None else before & some
    if selector.mac_addresses:
        candidates = _with_mac(policy, candidates, state, problems)
    named = bool(selector.pf_names or selector.root_devices or selector.mac_addresses)
    fitting = [
        pf
        for pf in candidates
        if selector.vendor in ("", pf.vendor) and selector.device_id in ("", pf.device) and (named or pf.total_vfs > 0)
    ]
    for pf in candidates if named else ():
        if pf not in fitting:
            problems.append(
                Problem(
                    f"policy {policy.name}",
                    f"a PF {selector.vendor or '*'}:{selector.device_id or '*'}",
                    f"{pf.label} is {pf.vendor}:{pf.device}",
                    "Correct vendor or device_id, or name another PF.",
                )
            )
    if not fitting and not named:
        problems.append(
            Problem(
                f"policy {policy.name}",
                f"a PF {selector.vendor or '*'}:{selector.device_id or '*'} with SR-IOV",
                f"this host has {_inventory(state)}",
                "Correct nic_selector, or keep the policy off this host with node_selector.",
            )
        )
    if len(fitting) > 1 and any(pair[1].mac for pair in policy.vfs):
        problems.append(
            Problem(
                f"policy {policy.name}",
                "one PF, since its vfs have MAC addresses of their own",
                "several: " + ", ".join(pf.label for pf in fitting),
                "Write one policy for each PF.",
            )
        )
    matches = []
    for pf in fitting:
        some = chosen.get(pf.address)
        indices = tuple(range(policy.num_vfs)) if some is None else tuple(sorted(some))
        matches.append((pf.address, _Match(policy, indices, some is not None)))
    return matches


def _find(wanted: PfName, kind: str, state: NodeState) -> Pf | None:
    """Interface names are unique on a host, alternative names included; so are PCI addresses."""
    for pf in state.pfs:
        if kind == "root_devices" and pf.address == wanted.name:
            return pf
        if kind == "pf_names" and (pf.name == wanted.name or wanted.name in pf.altnames):
            return pf
    return None


def _with_mac(policy: Policy, candidates: list[Pf], state: NodeState, problems: list[Problem]) -> list[Pf]:
    found = []
    for mac in policy.selector.mac_addresses:
        having = [pf for pf in state.pfs if pf.mac == mac]
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
            found += [pf for pf in having if pf in candidates]
    return found


def _unknown(policy: Policy, kind: str, name: str, state: NodeState) -> Problem:
    return Problem(
        f"policy {policy.name}",
        f"a PF {name} (nic_selector.{kind})",
        f"none; this host has {_inventory(state)}",
        "Correct the name, or keep the policy off this host with node_selector.",
    )


def _inventory(state: NodeState) -> str:
    """The PFs that a user can choose from, for a message."""
    pfs = [pf for pf in state.pfs if pf.total_vfs > 0]
    return (
        ", ".join(f"{pf.label} {pf.vendor}:{pf.device} up to {pf.total_vfs} VFs" for pf in pfs) or "no PF with SR-IOV"
    )


def _merge(address: str, matches: list[_Match]) -> _Merge:
    """Apply policies in turn, high priority numbers first, then by name; a later one takes overlapping
    groups away.

    As the SR-IOV network operator merges them, except that two policies of equal priority must not
    overlap.
    """
    result = _Merge()
    for match in sorted(matches, key=lambda m: (-m.policy.priority, m.policy.name)):
        for earlier in list(result.kept):
            common = sorted(set(earlier.indices) & set(match.indices))
            if not common:
                continue
            if earlier.policy.priority == match.policy.priority:
                result.problems.append(
                    Problem(
                        f"policies {earlier.policy.name} and {match.policy.name}",
                        f"different VFs of {address}, or different priorities",
                        f"both have priority {match.policy.priority} and VFs {ranges(common)}",
                        "Give them ranges (enp1s0#0-3) that don't overlap, or a lower priority number to one.",
                    )
                )
                continue
            result.kept.remove(earlier)
            result.warnings.append(
                f"{address}: policy {match.policy.name} (priority {match.policy.priority}) replaces "
                f"{earlier.policy.name} (priority {earlier.policy.priority}); both are for VFs {ranges(common)}"
            )
        result.kept.append(match)
    return result


def _contradictions(address: str, kept: list[_Match]) -> list[Problem]:
    """What is one for the whole PF: who makes its VFs, and, at equal priority, its eswitch mode."""
    found = []
    for number, match in enumerate(kept):
        for earlier in kept[:number]:
            both = f"policies {earlier.policy.name} and {match.policy.name}"
            if earlier.policy.externally_managed != match.policy.externally_managed:
                found.append(
                    Problem(both, f"one answer to who makes the VFs of {address}", "different externally_managed",
                            "Say the same in both.")
                )
            modes = {earlier.policy.eswitch_mode, match.policy.eswitch_mode} - {None}
            if len(modes) > 1 and earlier.policy.priority == match.policy.priority:
                found.append(
                    Problem(both, f"one eswitch_mode for {address}", " and ".join(sorted(map(str, modes))),
                            "Say the same in both, or give a lower priority number to one.")
                )
    return found


def _pf_goal(address: str, kept: list[_Match]) -> PfGoal:
    external = any(m.policy.externally_managed for m in kept)
    modes = [m.policy.eswitch_mode for m in kept if m.policy.eswitch_mode is not None]
    mtus = [m.policy.mtu for m in kept if m.policy.mtu is not None]
    vfs: dict[int, VfSettings] = {}
    for match in kept:
        own = dict(match.policy.vfs)
        for index in match.indices:
            mtu = match.policy.mtu if match.policy.device_type == "netdevice" else None
            vfs[index] = replace(own.get(index, VfSettings()), driver=match.policy.driver, mtu=mtu)
    return PfGoal(
        address=address,
        num_vfs=max(m.policy.num_vfs for m in kept),
        mtu=max(mtus) if mtus and not external else None,
        vfs=tuple(sorted(vfs.items())),
        policies=tuple(m.policy.name for m in kept),
        allow_in_use=any(m.policy.allow_in_use for m in kept),
        eswitch_mode=modes[-1] if modes else None,
        externally_managed=external,
    )


def _add_to_pool(pools: dict[str, Pool], address: str, match: _Match, goal: PfGoal) -> None:
    policy = match.policy
    # An address alone means all its VFs, and somebody else may have made more than ours.
    whole = match.indices == tuple(range(goal.num_vfs)) and not goal.externally_managed
    device = address if whole else f"{address}#{ranges(match.indices)}"
    driver = "" if policy.device_type == "netdevice" else policy.device_type
    pool = pools.setdefault(policy.resource_name, Pool(policy.resource_name, policy.exclude_topology))
    pool.count += len(match.indices)
    pool.devices.setdefault((driver, policy.is_rdma, policy.need_vhost_net), []).append(device)
