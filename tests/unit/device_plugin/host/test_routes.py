# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's routes, as a real kernel tells them in a network namespace of the test's own."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sriov_device_plugin.host import routes
from support.dp_daemon import PLUGIN

SETUP = (
    "link add p0 type veth peer name p1", "link add p2 type veth peer name p3",
    "link set p0 up", "link set p1 up", "link set p2 up", "link set p3 up",
    "address add 198.51.100.1/24 dev p0", "address add 203.0.113.1/24 dev p1", "address add 192.0.2.1/24 dev p2",
    "address add 2001:db8::1/64 dev p3 nodad",
)  # fmt: skip
TELL = """
import ipaddress, json, sys
sys.path.insert(0, sys.argv[1])
from sriov_device_plugin.host import routes
found = routes.read("", [ipaddress.ip_address(text) for text in sys.argv[2:]])
print(json.dumps([[str(r.target), list(r.interfaces), r.table] for r in found]))
"""


def told(*commands: str, addresses: tuple[str, ...] = ()) -> list[tuple[str, list[str], int]]:
    """What `routes.read` says in a new network namespace after these words for `ip`."""
    script = "".join(f"ip {command} && " for command in (*SETUP, *commands)) + 'exec "$@"'
    program = [sys.executable, "-I", "-c", TELL, str(PLUGIN), *addresses]
    unshare = ["unshare", "--user", "--map-root-user", "--net", "sh", "-ec", script, "sh", *program]
    done = subprocess.run(unshare, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    found: list[list[Any]] = json.loads(done.stdout)
    return [(str(target), list(names), int(table)) for target, names, table in found]


def test_default_routes_of_every_table_and_every_hop() -> None:
    found = told(
        "route add default nexthop via 198.51.100.254 dev p0 nexthop via 203.0.113.254 dev p1",
        "route add default via 192.0.2.254 dev p2 table 1234",
        "-6 route add default via 2001:db8::99 dev p3 table 77",
        "route add unreachable default table 5 metric 9",
    )
    assert sorted(found) == [
        ("0.0.0.0/0", ["p0", "p1"], 254),
        ("0.0.0.0/0", ["p2"], 1234),
        ("::/0", ["p3"], 77),
    ]


def test_routes_to_an_address_and_no_others() -> None:
    found = told("route add 10.9.0.0/16 via 192.0.2.254 dev p2", addresses=("10.9.8.7", "2001:db8::5"))
    assert sorted(found) == [("10.9.0.0/16", ["p2"], 254), ("2001:db8::/64", ["p3"], 254)]


@given(st.binary(max_size=200))
def test_any_bytes_are_a_route_or_none(content: bytes) -> None:
    route = routes.parse(content)
    assert route is None or route.interfaces
    assert all(len(body) <= len(content) for _kind, body in routes._messages(content))


@pytest.mark.parametrize("cut", [0, 11, 12, 13, 20])
def test_a_message_that_is_cut_off_is_no_route(cut: int) -> None:
    whole = bytes([2, 0, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0]) + (8).to_bytes(2, sys.byteorder) + (4).to_bytes(
        2, sys.byteorder) + (1).to_bytes(4, sys.byteorder)  # fmt: skip
    route = routes.parse(whole)
    assert route is not None and route.is_default and route.interfaces == ("lo",)
    assert (routes.parse(whole[:cut]) is None) == (cut < 20)
