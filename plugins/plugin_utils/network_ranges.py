# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ranges of addresses of a network, as the plugin host-local has them, and how large a node's slice of one is."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from . import network_values as values
from .network_values import Wrong

SOURCE, NODE, SIZE = "ranges_from", "node", "node_slice_size"
PLUGIN = "host-local"
_KEYS = ("subnet", "rangeStart", "rangeEnd", "gateway", SIZE)
_DEFAULT_BITS = 6  # of the addresses of a slice: 64, more than a node has pods with VFs, as a rule


@dataclass(frozen=True)
class Range:
    """Addresses as numbers, those of IPv6 above all of IPv4. first, last: what host-local may hand out; base: where the
    slices are counted from; size: of a slice.
    """

    V6: ClassVar[int] = 1 << 64

    subnet: str
    base: int
    first: int
    last: int
    size: int
    gateway: int

    @property
    def slices(self) -> int:
        """How many lie, in whole or in part, within the range."""
        return (self.last - self.base) // self.size + 1

    def slice(self, number: int) -> tuple[int, int]:
        """The first and last address of one; the last is before the first where the range leaves nothing of it."""
        first = self.base + number * self.size
        return max(first, self.first), min(first + self.size - 1, self.last)

    def usable(self, first: int, last: int) -> int:
        """How many addresses of a slice pods can have."""
        return last - first + 1 - (first <= self.gateway <= last)

    def narrowed(self, first: int, last: int) -> dict[str, str]:
        """The range of a slice, for host-local."""
        return {
            "subnet": self.subnet, "rangeStart": self.address(first), "rangeEnd": self.address(last),
            "gateway": self.address(self.gateway),
        }  # fmt: skip

    @classmethod
    def address(cls, number: int) -> str:
        """As a text."""
        return str(ipaddress.IPv6Address(number - cls.V6) if number >= cls.V6 else ipaddress.IPv4Address(number))


def number_of(text: str) -> int:
    """An address as a number that no address of the other version has. Raises ValueError."""
    address = ipaddress.ip_address(text)
    return int(address) + (Range.V6 if address.version == 6 else 0)


def ipam(value: Any) -> dict[str, Any]:
    """The IPAM part of a CNI configuration; what is to be shared out among nodes is judged whole. Raises Wrong."""
    found = values.ipam(value)
    if SOURCE in found:
        ranges_of(found)
    return found


def ranges_of(ipam: Mapping[str, Any]) -> list[Range]:
    """The ranges of an ipam with ranges_from: node. Raises Wrong."""
    if ipam.get(SOURCE) != NODE:
        raise Wrong(f"{SOURCE}: expected {NODE}, found {ipam.get(SOURCE)!r}")
    if ipam.get("type") != PLUGIN:
        raise Wrong(f"{SOURCE}: needs the plugin {PLUGIN}, found type {ipam.get('type')!r}")
    if "ranges" not in ipam:
        return [_range(ipam, "")]
    if "subnet" in ipam:
        raise Wrong("subnet: excludes ranges; write it as one of them")
    sets = ipam["ranges"]
    if not isinstance(sets, list) or not sets:
        raise Wrong(f"ranges: expected a list of lists with one range each, found {sets!r}")
    found = []
    for number, one in enumerate(sets):
        if not isinstance(one, list) or len(one) != 1 or not isinstance(one[0], Mapping):
            raise Wrong(f"ranges[{number}]: expected a list with one range, found {one!r}")
        found.append(_range({SIZE: ipam.get(SIZE), **one[0]} if SIZE in ipam else one[0], f"ranges[{number}][0]."))
    spans = sorted((one.first, one.last) for one in found)
    if any(second[0] <= first[1] for first, second in zip(spans, spans[1:])):
        raise Wrong("ranges: expected ranges without an address in common, found some that overlap")
    return found


def without_ranges(ipam: Mapping[str, Any]) -> dict[str, Any]:
    """What stands in the cluster of such an ipam: each node puts its own ranges in."""
    return {key: value for key, value in ipam.items() if key not in (*_KEYS, "ranges")}


def _range(entry: Mapping[str, Any], path: str) -> Range:
    """Raises Wrong."""
    try:
        subnet = ipaddress.ip_network(entry.get("subnet", ""))
    except ValueError as error:
        raise Wrong(f"{path}subnet: expected NETWORK/LENGTH, found {entry.get('subnet')!r} ({error})") from None
    if subnet.max_prefixlen - subnet.prefixlen < 2:
        raise Wrong(f"{path}subnet: {PLUGIN} needs one of at least 4 addresses, found {subnet}")
    lowest = number_of(str(subnet.network_address))
    highest = lowest + subnet.num_addresses - 1
    # host-local hands out neither the network's own address nor, of IPv4, the one for broadcasts.
    bounds = {"rangeStart": lowest + 1, "rangeEnd": highest - (1 if subnet.version == 4 else 0), "gateway": 0}
    for key in bounds:
        if key in entry:
            bounds[key] = _within(entry[key], subnet, f"{path}{key}")
    first, last = max(bounds["rangeStart"], lowest + 1), bounds["rangeEnd"]
    if last == highest and subnet.version == 4:
        last -= 1
    if first > last:
        raise Wrong(f"{path}rangeStart: expected an address before rangeEnd, found {entry.get('rangeStart')!r}")
    # Where no gateway is named host-local takes the first address for it.
    gateway = bounds["gateway"] or lowest + 1
    size = 1 << (subnet.max_prefixlen - _length(entry.get(SIZE), subnet, f"{path}{SIZE}"))
    base = lowest + (first - lowest) // size * size
    return Range(str(subnet), base, first, last, size, gateway)


def _within(value: Any, subnet: Any, path: str) -> int:
    try:
        inside = isinstance(value, str) and ipaddress.ip_address(value) in subnet
    except ValueError:
        inside = False
    if inside:
        return number_of(value)
    raise Wrong(f"{path}: expected an address in {subnet}, found {value!r}")


def _length(value: Any, subnet: Any, path: str) -> int:
    """The prefix length of a slice: /26, as whereabouts has it, or 26."""
    if value is None:
        return max(int(subnet.max_prefixlen) - _DEFAULT_BITS, int(subnet.prefixlen))
    text = str(value).removeprefix("/") if not isinstance(value, bool) else ""
    if not text.isascii() or not text.isdecimal() or not subnet.prefixlen <= int(text) <= subnet.max_prefixlen:
        expected = f"expected the length of a prefix from /{subnet.prefixlen} to /{subnet.max_prefixlen}"
        raise Wrong(f"{path}: {expected}, found {value!r}")
    return int(text)
