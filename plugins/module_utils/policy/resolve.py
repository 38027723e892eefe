# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a NodeSpec to a Goal: selectors become PCI addresses, and several policies on one PF become one.
Pure.
"""

from __future__ import annotations

from dataclasses import replace

from ..host.mstconfig import LINK_TYPES
from ..model.errors import Problem, problems_of
from ..model.goal import (
    AT_BOOT,
    DEFAULT_DRIVER,
    FileGoal,
    FirmwareGoal,
    Goal,
    ModuleGoal,
    NodeOptions,
    PfGoal,
    VfAttributes,
    VfSettings,
    goal_as_dict,
)
from ..model.state import NodeState, Pf
from ..pf.plan import SWITCHDEV
from ..shared.driver_kinds import USERSPACE_DRIVERS, is_userspace, is_vfio
from ..shared.pci import DEVICES
from .node_spec import NodeSpec
from .policy import Policy
from .rendered_files import (
    CONFIG_PATH,
    HOTPLUG_PATH,
    NODE_PATH,
    REPRESENTORS_PATH,
    UDEV_PATH,
    Pool,
    device_plugin_config,
    hotplug_rules,
    json_text,
    representor_name,
    representor_rules,
    udev_rules,
)
from .selectors import Match, matches
from .validation import ranges

LONGEST_NAME = 15  # IFNAMSIZ of Linux include/uapi/linux/if.h, less the end of the text
VHOST_MODULES = ("vhost_net", "tun")  # what makes /dev/vhost-net and /dev/net/tun, which such pods get


def resolve(spec: NodeSpec, state: NodeState) -> Goal:
    """The goal for this host; its `problems` hold every selector that does not fit the host."""
    problems: list[Problem] = []
    warnings: list[str] = []
    by_pf: dict[str, list[Match]] = {}
    for policy in spec.policies:
        for address, match in matches(policy, state, problems):
            by_pf.setdefault(address, []).append(match)
    pfs: list[PfGoal] = []
    pools: dict[str, Pool] = {}
    for address in sorted(by_pf):
        kept = _merge(address, by_pf[address], warnings, problems)
        pf = state.pf(address)
        goal = _pf_goal(address, kept, pf)
        problems += _contradictions(address, kept)
        pfs.append(goal)
        for match in kept:
            if pf is None or pf.is_nic:
                _add_to_pool(pools, address, match, goal, pf is not None and pf.is_guest_vf)
            else:
                warnings.append(_not_offered(pf, match.policy))
            if pf is not None:
                problems += _lacking(pf, match.policy)
    options = spec.options
    modules = options.kernel_modules
    for asked, warning, module in _unsafe(options):
        if asked:
            warnings.append(warning)
            modules = _with_module(modules, module)
    needed = VHOST_MODULES if any(policy.need_vhost_net for policy in spec.policies) else ()
    asked_drivers = {policy.driver for policy in spec.policies}
    for name in (*needed, *(driver for driver in USERSPACE_DRIVERS if driver in asked_drivers)):
        modules = _with_module(modules, ModuleGoal(name))
    goal_of_node = Goal(
        pfs=tuple(pfs),
        firmware=_firmware({pf.address: pf.num_vfs for pf in pfs}, by_pf, problems),
        options=options,
        modules=modules,
        warnings=tuple(warnings),
        problems=tuple(problems),
        skipped=spec.skipped,
        iommu=not options.no_iommu and any(map(is_vfio, asked_drivers)) if options.iommu is None else options.iommu,
        resources=tuple((f"{options.resource_prefix}/{name}", pools[name].count) for name in sorted(pools)),
    )
    switched = _switched(goal_of_node, state, warnings)
    files = _files(goal_of_node, pools, switched)
    return replace(goal_of_node, files=files, warnings=tuple(warnings))


def _firmware(pfs: dict[str, int], by_pf: dict[str, list[Match]], problems: list[Problem]) -> tuple[FirmwareGoal, ...]:
    """One goal for each NIC: its PFs share the number of VFs, and have a link type each."""
    found: dict[str, FirmwareGoal] = {}
    for address in sorted(pfs):
        device, _dot, function = address.rpartition(".")
        for match in by_pf[address]:
            wish = match.policy.firmware
            if wish is None:
                continue
            known = found.get(device, FirmwareGoal(address, 0))
            types = dict(known.link_types)
            if wish.link_type is not None and function in "01":
                before = types.setdefault(LINK_TYPES[int(function)], wish.link_type)
                problems += problems_of(
                    f"policy {match.policy.name}",
                    (before != wish.link_type, f"one link type for {address}", f"{before} and {wish.link_type}",
                     "Say the same in all policies of this PF."),
                )  # fmt: skip
            needs = {**dict(known.needs), address: pfs[address]}
            count = max(known.num_vfs, wish.num_vfs, pfs[address])
            found[device] = replace(
                known, num_vfs=count, link_types=tuple(sorted(types.items())), needs=tuple(sorted(needs.items()))
            )
    return tuple(found[device] for device in sorted(found))


def _switched(goal: Goal, state: NodeState, warnings: list[str]) -> list[tuple[str, str, int]]:
    """The PFs whose representors get names: address, name, number of VFs."""
    found = []
    for pf_goal in goal.pfs:
        pf = state.pf(pf_goal.address)
        if pf_goal.eswitch_mode != SWITCHDEV or pf_goal.externally_managed or pf is None or pf.name is None:
            continue
        longest = representor_name(pf.name, pf_goal.num_vfs - 1)
        if len(longest) > LONGEST_NAME:
            words = f"a name such as {longest} is longer than {LONGEST_NAME} characters"
            warnings.append(f"{pf.label}: udev names its representors, as {words}; give the PF a shorter name")
        else:
            found.append((pf.address, pf.name, pf_goal.num_vfs))
    return found


def _not_offered(pf: Pf, policy: Policy) -> str:
    return (
        f"policy {policy.name}: {pf.label} is no NIC (PCI class {pf.class_id}): its VFs are made and bound, and the "
        f"device plugin, which offers network functions, does not offer them as {policy.resource_name}"
    )


def _lacking(pf: Pf, policy: Policy) -> list[Problem]:
    """What the policy needs of a PF that is there."""
    return problems_of(
        f"policy {policy.name}",
        (
            policy.is_rdma and not pf.rdma,
            f"an RDMA device of {pf.label} (is_rdma)",
            f"none at {DEVICES}/{pf.address}/infiniband",
            "Load the NIC's RDMA driver (mlx5_ib, irdma, bnxt_re, ...; sriov_kernel_modules), or take is_rdma out.",
        ),
        (
            policy.stable_macs and pf.permanent_mac is None,
            f"a MAC address of {pf.label}'s own, which those of its VFs are made of (stable_macs)",
            "none that the kernel tells",
            "Take stable_macs out of the policy, and give each VF a mac in vfs.",
        ),
    )


def stable_mac(pf_mac: str, index: int) -> str:
    """A VF's MAC address: always the same one for a NIC and an index, locally administered (IEEE 802)."""
    import hashlib  # most runs make none, and it takes long to load

    number = hashlib.sha256(f"{pf_mac.lower()} vf {index}".encode()).digest()[:6]
    return ":".join(f"{byte:02x}" for byte in (number[0] & 0xFC | 0x02, *number[1:]))


def _unsafe(options: NodeOptions) -> tuple[tuple[bool, str, ModuleGoal], ...]:
    """What gives up isolation, only on request (Linux Documentation/driver-api/vfio): asked for, what is given up,
    and the module's option.
    """
    return (
        (
            options.allow_unsafe_interrupts,
            "allow_unsafe_interrupts: whoever has a VF can send interrupts of any kind to this host and to other VMs",
            ModuleGoal("vfio_iommu_type1", (("allow_unsafe_interrupts", "1"),), load=False),
        ),
        (
            options.no_iommu,
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


def _files(goal: Goal, pools: dict[str, Pool], switched: list[tuple[str, str, int]]) -> tuple[FileGoal, ...]:
    options, pfs = goal.options, [pf.address for pf in goal.pfs]
    config = device_plugin_config(options.resource_prefix, [pools[name] for name in sorted(pools)])
    node = pfs or any(pages.at != AT_BOOT for pages in options.hugepages)
    files = (  # whether it is wanted, its path, its text; all but the first may have been written by others
        (node, NODE_PATH, json_text(goal_as_dict(goal))),
        (pfs, HOTPLUG_PATH, hotplug_rules(pfs)),
        (options.device_plugin and pools, CONFIG_PATH, json_text(config)),
        (options.vfs_unmanaged and pfs, UDEV_PATH, udev_rules({pf.address: pf.not_offered for pf in goal.pfs})),
        (switched, REPRESENTORS_PATH, representor_rules(switched)),
    )
    return tuple(FileGoal(path, text, options.adopt and path != NODE_PATH) for wanted, path, text in files if wanted)


def _merge(address: str, matches: list[Match], warnings: list[str], problems: list[Problem]) -> list[Match]:
    """Apply policies in turn, high priority numbers first, then by name; a later one takes overlapping
    groups away. What is left, in that order (the last one wins).

    As the SR-IOV network operator merges them, except that two policies of equal priority must not
    overlap.
    """
    kept: list[Match] = []
    for match in sorted(matches, key=lambda m: (-m.policy.priority, m.policy.name)):
        for earlier in list(kept):
            common = sorted(set(earlier.indices) & set(match.indices))
            if not common:
                continue
            if earlier.policy.priority == match.policy.priority:
                problems.append(
                    Problem(
                        f"policies {earlier.policy.name} and {match.policy.name}",
                        f"different VFs of {address}, or different priorities",
                        f"both have priority {match.policy.priority} and VFs {ranges(common)}",
                        "Give them ranges (enp1s0#0-3) that don't overlap, or a lower priority number to one.",
                    )
                )
                continue
            kept.remove(earlier)
            warnings.append(
                f"{address}: policy {match.policy.name} (priority {match.policy.priority}) replaces "
                f"{earlier.policy.name} (priority {earlier.policy.priority}); both are for VFs {ranges(common)}"
            )
        kept.append(match)
    return kept


def _contradictions(address: str, kept: list[Match]) -> list[Problem]:
    """What is one for the whole PF: who makes its VFs, and, at equal priority, its eswitch mode."""
    found = []
    for later, earlier in ((kept[b].policy, kept[a].policy) for b in range(len(kept)) for a in range(b)):
        modes = {earlier.eswitch_mode, later.eswitch_mode} - {None}
        found += problems_of(
            f"policies {earlier.name} and {later.name}",
            (
                earlier.externally_managed != later.externally_managed,
                f"one answer to who makes the VFs of {address}",
                "different externally_managed",
                "Say the same in both.",
            ),
            (
                len(modes) > 1 and earlier.priority == later.priority,
                f"one eswitch_mode for {address}",
                " and ".join(sorted(map(str, modes))),
                "Say the same in both, or give a lower priority number to one.",
            ),
        )
    return found


def _pf_goal(address: str, kept: list[Match], pf: Pf | None) -> PfGoal:
    external = any(m.policy.externally_managed for m in kept) or (pf is not None and pf.is_guest_vf)
    own_mac = pf.permanent_mac if pf is not None else None
    modes = [m.policy.eswitch_mode for m in kept if m.policy.eswitch_mode is not None]
    mtus = [m.policy.mtu for m in kept if m.policy.mtu is not None]
    vfs: dict[int, VfSettings] = {}
    for match in kept:
        own = dict(match.policy.vfs)
        for index in match.indices:
            mtu = None if is_userspace(match.policy.driver) else match.policy.mtu
            attributes = own.get(index, VfAttributes())
            if match.policy.stable_macs and attributes.mac is None and own_mac is not None:
                attributes = replace(attributes, mac=stable_mac(own_mac, index))
            vfs[index] = VfSettings(attributes, mtu, match.policy.driver)
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


def _add_to_pool(pools: dict[str, Pool], address: str, match: Match, goal: PfGoal, is_guest_vf: bool) -> None:
    policy = match.policy
    # An address alone means all its VFs, and somebody else may have made more than ours.
    whole = match.indices == tuple(range(goal.num_vfs)) and not goal.externally_managed
    device = address if whole else f"{address}#{ranges(match.indices)}"
    driver = "" if policy.driver == DEFAULT_DRIVER else policy.driver
    new = Pool(policy.resource_name, policy.exclude_topology, policy.link_health)
    pool = pools.setdefault(policy.resource_name, new)
    pool.count += len(match.indices)
    devices = pool.functions if is_guest_vf else pool.devices
    devices.setdefault((driver, policy.is_rdma, policy.need_vhost_net), []).append(address if is_guest_vf else device)
