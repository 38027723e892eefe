# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`sriov_policies`: the user's list, validated as a whole, merged with a host's own list, and selected
for a host.

The fields are those of the SR-IOV network operator's SriovNetworkNodePolicy in snake_case, and lists of
VFs with settings of their own. Pure: it knows nothing of a host; `resolve` finds the PFs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..model.errors import Mistake, mistakes_of, raise_if
from ..model.frozen import dataclass
from ..model.goal import DEFAULT_DRIVER, VfAttributes
from ..pf.vf_attributes import ATTRIBUTES, contradictions
from ..shared.driver_kinds import USERSPACE_DRIVERS, is_userspace
from .validation import INDEX_LIMIT, Fields, indices, show

NAME = r"^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$"
RESOURCE_NAME = r"^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$"  # a Kubernetes qualified name's last part
DRIVER_NAME = r"^[A-Za-z0-9_-]{1,64}$"
PCI_ADDRESS = r"^[0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]$"
HEX_ID = r"^[0-9a-f]{4}$"
MAC_TEXT = r"^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}$"
DEVICE_TYPES = ("netdevice", *USERSPACE_DRIVERS)
ESWITCH_MODES = ("legacy", "switchdev")
LINK_TYPES = ("eth", "ETH", "ib", "IB")
# The operator's fields that are read and refused: nobody has shown on hardware that we do them right.
UNPROVED = {
    "vdpa_type": "vDPA devices are not made by this collection yet",
    "bridge": "Open vSwitch bridges are not made by this collection",
}
POOL_WIDE = ("exclude_topology", "link_health")  # what the device plugin has for a pool as a whole
LOWEST_MTU = 68  # RFC 791
HIGHEST_MTU = 65535
LOWEST_PRIORITY = 99


@dataclass(frozen=True)
class PfName:
    """A PF by its interface name or PCI address, and the VF indices meant (None: all)."""

    name: str
    indices: tuple[int, ...] | None = None


@dataclass(frozen=True)
class NicSelector:
    """Which PFs a policy is for; what is given must all hold."""

    vendor: str = ""
    device_id: str = ""
    root_devices: tuple[PfName, ...] = ()
    pf_names: tuple[PfName, ...] = ()
    mac_addresses: tuple[str, ...] = ()


@dataclass(frozen=True)
class FirmwareWish:
    """What a policy asks of the firmware of its NICs."""

    num_vfs: int  # that it is to allow, of each PF
    link_type: str | None = None  # ETH or IB


@dataclass(frozen=True)
class Policy:
    """One policy, validated. What is a bool here is read as a flag that is off, unless it has another default."""

    name: str
    resource_name: str
    selector: NicSelector
    num_vfs: int
    mtu: int | None
    device_type: str
    named_driver: str  # "" unless the user names one beyond device_type's
    priority: int
    exclude_topology: bool
    need_vhost_net: bool
    is_rdma: bool
    allow_in_use: bool
    stable_macs: bool
    eswitch_mode: str | None
    externally_managed: bool
    vfs: tuple[tuple[int, VfAttributes], ...]
    node_selector: Mapping[str, Any]
    source: Mapping[str, Any]  # the user's, for the JSON form
    path: str
    firmware: FirmwareWish | None = None
    link_health: bool = True

    @property
    def driver(self) -> str:
        """The driver of this policy's VFs."""
        return self.named_driver or (DEFAULT_DRIVER if self.device_type == "netdevice" else self.device_type)


def collect(
    value: Any, path: str, mistakes: list[Mistake], places: Mapping[int, str] | None = None
) -> tuple[Policy, ...]:
    """All policies of a list, and their mistakes. places: number -> the path of one that comes from elsewhere."""
    other = places or {}
    if not isinstance(value, (list, tuple)):
        mistakes.append(Mistake(path, f"expected a list of policies, found {show(value)}"))
        return ()
    paths = (other.get(number, f"{path}[{number}]") for number in range(len(value)))
    policies = tuple(_policy(item, where, mistakes) for item, where in zip(value, paths))
    _check_names(policies, mistakes)
    return policies


def merge_host(policies: Any, overrides: Any) -> list[Any]:
    """The raw list for one host: each override replaces the fields that it names in the policy of that
    name.

    An override with a name of its own is one more policy. Raises InvalidSpecError where the lists are not
    lists of mappings, or an override has no name.
    """
    mistakes = [
        Mistake(path, f"expected a list of policies, found {show(value)}")
        for path, value in (("sriov_policies", policies), ("sriov_policies_host", overrides))
        if not isinstance(value, (list, tuple))
    ]
    merged: list[Any] = list(policies) if isinstance(policies, (list, tuple)) else []
    for number, override in enumerate(overrides if isinstance(overrides, (list, tuple)) else ()):
        name = override.get("name") if isinstance(override, Mapping) else None
        if not isinstance(name, str):
            mistakes.append(Mistake(f"sriov_policies_host[{number}].name", "is missing; it says which policy is meant"))
            continue
        for place, policy in enumerate(merged):
            if isinstance(policy, Mapping) and policy.get("name") == name:
                merged[place] = {**policy, **override}
                break
        else:
            merged.append(override)
    raise_if(mistakes)
    return merged


def why_not(policy: Policy, groups: Sequence[str], variables: Mapping[str, Any], labels: Mapping[str, Any]) -> str:
    """Empty where the policy's node_selector holds: one of `groups`, and every one of `variables` and `labels`; else
    what does not.
    """
    wanted = policy.node_selector
    reasons = []
    if "groups" in wanted and not set(wanted["groups"]) & set(groups):
        here = ", ".join(groups) or "none"
        reasons.append(f"node_selector.groups wants one of {', '.join(wanted['groups'])}; the host's groups: {here}")
    for kind, found in (("variables", variables), ("labels", labels)):
        for key, value in wanted.get(kind, {}).items():
            there = f"no {key}" if key not in found else "" if _text(found[key]) == _text(value) else "another value"
            reasons += [f"node_selector.{kind} wants {key}: {show(value)}; the host has {there}"] if there else []
    return "; ".join(reasons)


def _text(value: Any) -> str:
    """Labels are texts, and YAML makes `true` of a bare word: compared are texts, booleans in lower case."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _policy(value: Any, path: str, mistakes: list[Mistake]) -> Policy:
    fields = Fields(value, path, mistakes)
    num_vfs = fields.number("num_vfs", 1, INDEX_LIMIT, required=isinstance(value, Mapping)) or 0
    device_type = fields.choice("device_type", DEVICE_TYPES, "netdevice")
    mtu = fields.number("mtu", LOWEST_MTU, HIGHEST_MTU)
    policy = Policy(
        name=fields.text("name", required=True, pattern=NAME, meaning="a name of letters, digits, - _ ."),
        resource_name=fields.text(
            "resource_name",
            required=True,
            pattern=RESOURCE_NAME,
            meaning="a resource name: at most 63 letters, digits, - _ ., alphanumeric ends",
        ),
        selector=_selector(fields, num_vfs, mistakes),
        num_vfs=num_vfs,
        mtu=mtu,
        device_type=device_type,
        named_driver=fields.text("driver", pattern=DRIVER_NAME, meaning="the name of a kernel driver"),
        priority=LOWEST_PRIORITY if (found := fields.number("priority", 0, LOWEST_PRIORITY)) is None else found,
        eswitch_mode=fields.choice("eswitch_mode", ESWITCH_MODES, "") or None,
        vfs=_vf_settings(fields, num_vfs, mistakes),
        node_selector=_node_selector(fields, mistakes),
        source=value if isinstance(value, Mapping) else {},
        path=path,
        firmware=_firmware(fields, num_vfs, mistakes),
        **fields.flags(Policy),
    )
    named = policy.named_driver
    fields.check(
        (policy.firmware and policy.externally_managed, "firmware", "contradicts externally_managed: true; choose one"),
        (
            policy.is_rdma and is_userspace(policy.driver),
            "is_rdma",
            f"an RDMA VF needs the kernel's driver; expected device_type netdevice, found {policy.driver}",
        ),
        (named and device_type != "netdevice", "driver", f"contradicts device_type {device_type}; use one of both"),
        (named in ("default", "none"), "driver", "expected a driver's name; leave it out for the kernel's own"),
    )
    _unproved(fields)
    fields.finish()
    return policy


def _firmware(fields: Fields, num_vfs: int, mistakes: list[Mistake]) -> FirmwareWish | None:
    value = fields.get("firmware")
    if value is None:
        return None
    inner = Fields(value, f"{fields.path}.firmware", mistakes)
    count = inner.number("num_vfs", max(num_vfs, 1), INDEX_LIMIT, num_vfs) or num_vfs
    link_type = inner.choice("link_type", LINK_TYPES, "").upper() or None
    inner.finish()
    return FirmwareWish(count, link_type)


def _unproved(fields: Fields) -> None:
    """What the operator knows and we don't do is refused in words, never passed over."""
    cases = UNPROVED.items()
    fields.check(*((fields.get(key), key, f"is not supported: {words}; leave it out") for key, words in cases))
    if fields.choice("link_type", LINK_TYPES, "eth").lower() == "ib":
        fields.wrong("link_type", "is not supported: InfiniBand ports are not configured by this collection yet")


def _selector(fields: Fields, num_vfs: int, mistakes: list[Mistake]) -> NicSelector:
    one_of = "expected at least one of vendor, device_id, root_devices, pf_names, mac_addresses"
    if not fields.has("nic_selector"):
        fields.wrong("nic_selector", f"is missing; {one_of}")
        return NicSelector()
    inner = Fields(fields.get("nic_selector"), f"{fields.path}.nic_selector", mistakes)

    def pf(item: Any, path: str, pattern: str, meaning: str) -> PfName:
        name, mark, rest = item.partition("#") if isinstance(item, str) else ("", "", "")
        if not re.match(pattern, name):
            mistakes.append(Mistake(path, f"expected {meaning}, found {show(item)}"))
            return PfName("")
        try:
            found = indices(rest) if mark else None
        except ValueError as error:
            mistakes.append(Mistake(path, str(error)))
            found = None
        if found and num_vfs and found[-1] >= num_vfs:
            mistakes.append(Mistake(path, f"expected VF indices below num_vfs ({num_vfs}), found {found[-1]}"))
        return PfName(name, found)

    selector = NicSelector(
        vendor=inner.text("vendor", pattern=HEX_ID, meaning='four lower-case hex digits such as "8086"'),
        device_id=inner.text("device_id", pattern=HEX_ID, meaning='four lower-case hex digits such as "10c9"'),
        root_devices=inner.items(
            "root_devices",
            lambda item, path: pf(item, path, PCI_ADDRESS, "a PCI address such as 0000:01:00.0 or 0000:01:00.0#0-3"),
        ),
        pf_names=inner.items(
            "pf_names",
            lambda item, path: pf(
                item,
                path,
                r"^[^\s/#:]{1,127}$",
                "an interface name such as enp1s0, enp1s0#0-3 or enp1s0#0,3-5",
            ),
        ),
        mac_addresses=tuple(m.lower() for m in inner.texts("mac_addresses", MAC_TEXT, "a MAC address")),
    )
    if inner.get("net_filter"):
        inner.wrong("net_filter", "is not supported: networks of OpenStack and AWS are not told apart; name the PF")
    inner.finish()
    if inner.value and not any(inner.value.values()):
        fields.wrong("nic_selector", "selects nothing; expected at least one of its fields to have a value")
    elif fields.value["nic_selector"] == {}:
        fields.wrong("nic_selector", f"is empty; {one_of}")
    return selector


def _vf_settings(fields: Fields, num_vfs: int, mistakes: list[Mistake]) -> tuple[tuple[int, VfAttributes], ...]:
    found: dict[int, VfAttributes] = {}

    def entry(item: Any, path: str) -> None:
        inner = Fields(item, path, mistakes)
        chosen = vf_indices(inner)
        attributes = vf_attributes(inner)
        inner.finish()
        one_mac(inner, attributes, chosen)
        for index in chosen:
            beyond = num_vfs and index >= num_vfs
            inner.check(
                (beyond, "indices", f"expected VF indices below num_vfs ({num_vfs}), found {index}"),
                (not beyond and index in found, "indices", f"VF {index} is in an earlier entry of this list already"),
            )
            found[index] = attributes

    fields.items("vfs", entry)
    return tuple(sorted(found.items()))


def vf_indices(fields: Fields) -> tuple[int, ...]:
    """The required field `indices` of an entry of `vfs`."""
    value = fields.get("indices")
    if value is None:
        if fields.value:
            fields.wrong("indices", "is missing; expected VF indices such as 0-3,5")
        return ()
    try:
        return indices(value)
    except ValueError as error:
        fields.wrong("indices", str(error))
        return ()


def vf_attributes(fields: Fields) -> VfAttributes:
    """The attributes of an entry of `vfs`, with the checks that hold for one VF."""
    found = VfAttributes(**{row.name: row.parse(fields, row.name) for row in ATTRIBUTES})
    for name, problem in contradictions(found):
        fields.wrong(name, problem)
    return found


def one_mac(fields: Fields, attributes: VfAttributes, chosen: Sequence[int]) -> None:
    """An entry with a MAC address is for one VF."""
    if attributes.mac is not None and len(chosen) > 1:
        fields.wrong("mac", f"one MAC address can't serve {len(chosen)} VFs; expected a single index")


def _node_selector(fields: Fields, mistakes: list[Mistake]) -> Mapping[str, Any]:
    if not fields.has("node_selector"):
        return {}
    inner = Fields(fields.get("node_selector"), f"{fields.path}.node_selector", mistakes)
    found: dict[str, Any] = {}
    if inner.has("groups"):
        found["groups"] = inner.texts("groups", r"^\S{1,200}$", "a group name")
    for key in ("labels", "variables"):
        if inner.has(key):
            value = inner.mapping(key, "a mapping of names to values")
            found[key] = {str(name): item for name, item in value.items()}
    inner.finish()
    return found


def _check_names(policies: Sequence[Policy], mistakes: list[Mistake]) -> None:
    """What must hold across policies: names are unique, and one resource has one set of pool-wide options."""
    names: dict[str, Policy] = {}
    resources: dict[str, Policy] = {}
    for policy in policies:
        namesake = names.setdefault(policy.name, policy)
        first = resources.setdefault(policy.resource_name, policy)
        mistakes += mistakes_of(
            (
                policy.name and namesake is not policy,
                f"{policy.path}.name",
                f"{policy.name} is the name of {namesake.path} already",
            ),
        )
        mistakes += mistakes_of(*(
            (
                policy.resource_name and getattr(first, name) != getattr(policy, name),
                f"{policy.path}.{name}",
                f"must be the same in all policies of the resource {policy.resource_name}; "
                f"{first.path} says {str(getattr(first, name)).lower()}",
            )
            for name in POOL_WIDE
        ))  # fmt: skip
