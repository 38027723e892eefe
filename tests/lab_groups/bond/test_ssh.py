# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""First VFs on the PF that the run's own SSH connection comes in by: it takes the user's word, and the run survives.

The other PF is the peer, in a network namespace: what Ansible says leaves by it, and reaches the node by the first.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import chain
import pytest
from changing import KERNEL, NODE, words
from refusing import prepared

from sriovlab.guest import Lab

RELAY = """\
import os, socket, threading
there = socket.create_connection(("192.0.2.1", 22), 60)
there.settimeout(None)
def copy(read, write):
    while data := read():
        write(data)
    os._exit(0)
threading.Thread(target=copy, args=(lambda: os.read(0, 65536), there.sendall)).start()
copy(lambda: there.recv(65536), lambda data: os.write(1, data))
"""
MAKE = ["ip netns add peer", "ip link set enp2s0 netns peer", "ip -n peer address add 192.0.2.2/24 dev enp2s0",
        "ip -n peer link set enp2s0 up", "ip address add 192.0.2.1/24 dev enp1s0", "ip link set enp1s0 up"]  # fmt: skip
UNDO = ["ip address del 192.0.2.1/24 dev enp1s0", "ip -n peer link set enp2s0 netns 1", "ip netns del peer"]


@pytest.fixture
def way(lab: Lab) -> Iterator[dict[str, Any]]:
    """Variables by which Ansible comes in through the first PF."""
    ssh = lab.state.ssh()
    lab.put(RELAY.encode(), "/run/relay.py")
    proxy = " ".join([*ssh.command(shared=False), "ip netns exec peer python3 -I /run/relay.py"])
    options = f"-o 'HostKeyAlias=[{ssh.host}]:{ssh.port}' -o 'ProxyCommand={proxy}'"
    with prepared(lab, MAKE, UNDO):
        yield {"ansible_host": "192.0.2.1", "ansible_port": 22, "ansible_ssh_common_args": options,
               "sriov_reboot_ok": False, "sriov_networks": []}  # fmt: skip


def test_first_vfs_on_the_pf_of_the_ssh_connection(lab: Lab, way: dict[str, Any]) -> None:
    refused = chain.playbook("site", {**way, "sriov_policies": [KERNEL]}, *NODE)
    assert refused.status != 0
    assert "an SSH connection to 192.0.2.1" in words(refused) and "allow_in_use" in words(refused)
    assert chain.num_vfs(lab)["enp1s0"] == 0
    run = chain.playbook("site", {**way, "sriov_policies": [{**KERNEL, "allow_in_use": True}]}, *NODE)
    assert run.status == 0, run.output
    assert [vf["driver"] for vf in chain.vfs(lab, "enp1s0")] == ["igbvf"] * 4
    again = chain.playbook("site", {**way, "sriov_policies": [{**KERNEL, "allow_in_use": True}]}, *NODE)
    assert again.status == 0 and again.recap["node1"]["changed"] == 0, again.output
