# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runtimes' own library (libcni 1.3, by cnitool) calls the plugin, with GC too, which no containerd calls."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from callers import NETWORK, Network

from sriovlab import peers
from sriovlab.command import Completed
from sriovlab.guest import Lab

TOOL, FOLDER, NETNS = "/var/tmp/cnitool", "/run/callers.d", "callers"


@pytest.fixture
def tool(lab: Lab, network: Network) -> Iterator[Lab]:
    """The node with cnitool, the network's file and a network namespace."""
    lab.put(peers.built(peers.CNITOOL).program("cnitool").read_bytes(), TOOL, 0o755)
    lab.run(["mkdir", "-p", FOLDER])
    lab.put(network.configuration().encode(), f"{FOLDER}/10-{NETWORK}.conflist")
    lab.run(["ip", "netns", "add", NETNS])
    yield lab
    lab.run(["ip", "netns", "del", NETNS], check=False)
    lab.run(["rm", "-rf", TOOL, FOLDER])


def call(lab: Lab, command: str, check: bool = True) -> Completed:
    """One command of the library for the network."""
    settings = (f"NETCONFPATH={FOLDER}", "CNI_PATH=/opt/cni/bin", "CNI_IFNAME=net1")
    return lab.run(["env", *settings, TOOL, command, NETWORK, f"/run/netns/{NETNS}"], check=check)


def test_an_attachment_lives_and_goes(tool: Lab, network: Network) -> None:
    call(tool, "add")
    assert "inet 198.51.100." in tool.run(["ip", "-n", NETNS, "address", "show", "dev", "net1"]).stdout
    call(tool, "check")
    call(tool, "del")
    assert network.called() == ["ADD", "CHECK", "DEL"]
    assert network.is_as_before()


def test_gc_brings_back_what_no_del_came_for(tool: Lab, network: Network) -> None:
    call(tool, "add")
    tool.run(["ip", "netns", "del", NETNS])
    call(tool, "gc")
    assert "GC" in network.called()
    assert network.is_as_before()


def test_status_says_whether_an_add_would_do(tool: Lab, network: Network) -> None:
    call(tool, "status")
    missing = network.configuration(ipam={"type": "no-such-plugin"})
    tool.put(missing.encode(), f"{FOLDER}/10-{NETWORK}.conflist")
    told = call(tool, "status", check=False)
    assert told.returncode != 0
    assert "no-such-plugin" in told.stdout + told.stderr
    assert network.called() == ["STATUS", "STATUS"]
