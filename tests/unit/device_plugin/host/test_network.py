# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's addresses and routes, as a real kernel tells them in a network namespace of the test's own."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sriov_device_plugin.host import network
from support.dp_daemon import PLUGIN, SHARED

SETUP = (
    "link add p0 type veth peer name p1", "link add p2 type veth peer name p3",
    "link set p0 up", "link set p1 up", "link set p2 up", "link set p3 up",
    "address add 198.51.100.1/24 dev p0", "address add 203.0.113.1/24 dev p1", "address add 192.0.2.1/24 dev p2",
    "address add 2001:db8::1/64 dev p3 nodad",
)  # fmt: skip
TELL = """
import json, sys
sys.path[:0] = sys.argv[1:]
from sriov_device_plugin.host import network
print(json.dumps(network.read("")))
"""
Named = dict[str, list[str]]
ADDRESSES = {"p0": ["198.51.100.1/24"], "p1": ["203.0.113.1/24"], "p2": ["192.0.2.1/24"], "p3": ["2001:db8::1/64"]}


def told(*commands: str) -> tuple[Named, Named]:
    """What `network.read` says in a new network namespace after these words for `ip`."""
    script = "".join(f"ip {command} && " for command in (*SETUP, *commands)) + 'exec "$@"'
    program = [sys.executable, "-I", "-c", TELL, str(PLUGIN), str(SHARED.parent)]
    unshare = ["unshare", "--user", "--map-root-user", "--net", "sh", "-ec", script, "sh", *program]
    done = subprocess.run(unshare, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    addresses, routes = json.loads(done.stdout)
    return addresses, routes


def test_default_routes_of_every_table_and_every_hop() -> None:
    assert told(
        "route add default nexthop via 198.51.100.254 dev p0 nexthop via 203.0.113.254 dev p1",
        "route add default via 192.0.2.254 dev p2 table 1234",
        "-6 route add default via 2001:db8::99 dev p3 table 77",
        "route add unreachable default table 5 metric 9",
    ) == (ADDRESSES, {name: ["default"] for name in ("p0", "p1", "p2", "p3")})


COMPATIBLE = "nexthop list >&2 && echo {} > /proc/sys/net/ipv4/nexthop_compat_mode"


@pytest.mark.parametrize("mode", [pytest.param("1", id="finding-dp-07-told-twice"),
                                  pytest.param("0", id="finding-dp-07-object-alone")])  # fmt: skip
def test_default_routes_by_nexthop_objects(mode: str) -> None:
    """Linux Documentation/networking/ip-sysctl.rst, nexthop_compat_mode: a route may tell the object's id alone."""
    assert told(
        COMPATIBLE.format(mode),
        "nexthop add id 1 via 198.51.100.254 dev p0", "nexthop add id 2 via 203.0.113.254 dev p1",
        "nexthop add id 3 group 1/2", "nexthop add id 4 via 2001:db8::99 dev p3",
        "nexthop add id 5 via 192.0.2.9 dev p2",
        "route add default nhid 3", "-6 route add default nhid 4 table 77", "route add 10.9.0.0/16 nhid 5",
    ) == (ADDRESSES, {"p0": ["default"], "p1": ["default"], "p2": ["10.9.0.0/16"], "p3": ["default"]})


@given(st.binary(max_size=200))
def test_any_bytes_are_a_nexthop_object(content: bytes) -> None:
    ident, (indexes, members) = network.parse_nexthop(content)
    assert all(isinstance(number, int) for number in (ident, *indexes, *members))


def test_routes_that_somebody_made_and_no_others() -> None:
    """Those that came with the addresses are none, and one that stands in two tables is told once."""
    found = told(
        "route add 10.9.0.0/16 via 192.0.2.254 dev p2", "route add 10.9.0.0/16 via 192.0.2.254 dev p2 table 9",
        "route add default via 192.0.2.254 dev p2 table 9",
    )  # fmt: skip
    assert found == (ADDRESSES, {"p2": ["default", "10.9.0.0/16"]}) or found == (
        ADDRESSES, {"p2": ["10.9.0.0/16", "default"]})  # fmt: skip


def test_many_routes_are_counted_to_a_limit_and_the_default_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "MOST_KEPT", 3)
    assert network._collect([*(("p0", f"10.0.0.{n}/32") for n in range(9)), ("p0", "default")]) == {
        "p0": ["10.0.0.0/32", "10.0.0.1/32", "10.0.0.2/32", "default"]
    }


@given(st.binary(max_size=200))
def test_any_bytes_are_a_route_and_an_address_or_none(content: bytes) -> None:
    for found in (network.parse_route(content), network.parse_address(content)):
        assert found is None or all(found)
    assert all(len(body) <= len(content) for _head, body in network.split(content, network.HEADER))


@pytest.mark.parametrize("cut", [0, 11, 12, 13, 20])
def test_a_message_that_is_cut_off_is_no_route(cut: int) -> None:
    whole = bytes([2, 0, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0]) + (8).to_bytes(2, sys.byteorder) + (4).to_bytes(
        2, sys.byteorder) + (1).to_bytes(4, sys.byteorder)  # fmt: skip
    assert network.parse_route(whole) == ("default", [1])
    assert (network.parse_route(whole[:cut]) is None) == (cut < 20)


@pytest.mark.parametrize("family", [2, 10, 45])
@pytest.mark.parametrize("scope", [0, 200, 253, 254])
def test_an_address_that_cannot_be_read_counts(family: int, scope: int) -> None:
    """Of a family that nobody knows, or without its bytes."""
    head = bytes([family, 24, 0, scope]) + (7).to_bytes(4, sys.byteorder)
    assert network.parse_address(head) == (None if scope > 200 else ("?", [7]))
