# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ranges of a network are, and the slices that nodes get of them, in the order in which they come.

# source: host-local of the containernetworking project: it hands out neither the network's own address nor the
# broadcast address, nor the gateway, which is the first address where none is named; rangeStart and rangeEnd are
# inclusive; an IPv6 range ends with its last address. whereabouts: node_slice_size is a prefix length, as in "/26".
"""

from __future__ import annotations

from typing import Any

HOST_LOCAL: dict[str, Any] = {"type": "host-local", "ranges_from": "node"}

# ipam -> slices of the nodes that come one after the other.
SLICES: dict[str, tuple[dict[str, Any], list[list[str]]]] = {
    "a prefix": (
        {"subnet": "10.9.0.0/16", "node_slice_size": "/26"},
        [["10.9.0.1-10.9.0.63"], ["10.9.0.64-10.9.0.127"], ["10.9.0.128-10.9.0.191"]],
    ),
    "without a size": ({"subnet": "10.9.0.0/24"}, [["10.9.0.1-10.9.0.63"], ["10.9.0.64-10.9.0.127"]]),
    "the last one": (
        {"subnet": "10.9.0.0/24", "node_slice_size": 25},
        [["10.9.0.1-10.9.0.127"], ["10.9.0.128-10.9.0.254"]],
    ),
    "bounds": (
        {"subnet": "10.9.0.0/24", "rangeStart": "10.9.0.70", "rangeEnd": "10.9.0.130", "node_slice_size": "/26"},
        [["10.9.0.70-10.9.0.127"], ["10.9.0.128-10.9.0.130"]],
    ),
    "a slice of the gateway alone": (
        {"subnet": "10.9.0.0/29", "gateway": "10.9.0.4", "node_slice_size": "/31"},
        [["10.9.0.1-10.9.0.1"], ["10.9.0.2-10.9.0.3"], ["10.9.0.4-10.9.0.5"], ["10.9.0.6-10.9.0.6"]],
    ),
    "no slice of the gateway alone": (
        {"subnet": "10.9.0.0/29", "gateway": "10.9.0.4", "node_slice_size": "/32"},
        [["10.9.0.1-10.9.0.1"], ["10.9.0.2-10.9.0.2"], ["10.9.0.3-10.9.0.3"], ["10.9.0.5-10.9.0.5"]],
    ),
    "a small network": ({"subnet": "10.9.0.0/28"}, [["10.9.0.1-10.9.0.14"]]),
    "IPv6": (
        {"subnet": "fd00::/64", "node_slice_size": "/122"}, [["fd00::1-fd00::3f"], ["fd00::40-fd00::7f"]],
    ),
    "the end of IPv6": (
        {"subnet": "fd00::/126", "node_slice_size": "/127"}, [["fd00::2-fd00::3"]],
    ),
    "both": (
        {"ranges": [[{"subnet": "10.9.0.0/16", "node_slice_size": "/28"}],
                    [{"subnet": "fd00::/64", "gateway": "fd00::ff"}]]},
        [["10.9.0.1-10.9.0.15", "fd00::1-fd00::3f"], ["10.9.0.16-10.9.0.31", "fd00::40-fd00::7f"]],
    ),
}  # fmt: skip

# Change of the ipam, and a word of the refusal.
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "another source": ({"ranges_from": "cluster"}, "expected node"),
    "another plugin": ({"type": "whereabouts"}, "needs the plugin host-local"),
    "no subnet": ({"subnet": None}, "subnet: expected NETWORK/LENGTH"),
    "host bits": ({"subnet": "10.9.0.1/24"}, "subnet: expected NETWORK/LENGTH"),
    "two addresses": ({"subnet": "10.9.0.0/31"}, "at least 4 addresses"),
    "a gateway elsewhere": ({"gateway": "10.8.0.1"}, "gateway: expected an address in 10.9.0.0/24"),
    "a start elsewhere": ({"rangeStart": "fd00::1"}, "rangeStart: expected an address in"),
    "a number for an address": ({"rangeStart": 5}, "rangeStart: expected an address in"),
    "an end before the start": ({"rangeStart": "10.9.0.9", "rangeEnd": "10.9.0.8"}, "before rangeEnd"),
    "a slice above the network": ({"node_slice_size": "/23"}, "from /24 to /32"),
    "no length": ({"node_slice_size": "sixty"}, "from /24 to /32"),
    "yes": ({"node_slice_size": True}, "from /24 to /32"),
    "both ways": ({"ranges": []}, "excludes ranges"),
    "two in a set": ({"subnet": ..., "ranges": [[{}, {}]]}, "a list with one range"),
    "no set": ({"subnet": ..., "ranges": [{}]}, "a list with one range"),
    "overlapping": (
        {"subnet": ..., "ranges": [[{"subnet": "10.9.0.0/16"}], [{"subnet": "10.9.1.0/24"}]]}, "an address in common",
    ),
    "no list": ({"subnet": ..., "ranges": "10.9.0.0/24"}, "a list of lists"),
}
