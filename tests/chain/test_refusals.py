# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""site refuses what would cut the node off or can't be done, names every reason, and changes nothing.

The group `refusals` of the long tests has more of them.
"""

from __future__ import annotations

import shlex

import chain
import pytest
from refusing import KERNEL, Snapshot, prepared, refused

from sriovlab.guest import Lab

# Copies both ways between its own streams and a TCP connection: the way to a PF's address out of a namespace.
RELAY = """\
import os, selectors, socket, sys
link = socket.create_connection((sys.argv[1], int(sys.argv[2])), 30)
link.settimeout(None)
watch = selectors.DefaultSelector()
watch.register(0, selectors.EVENT_READ)
watch.register(link, selectors.EVENT_READ)
while True:
    for key, _rest in watch.select():
        data = os.read(0, 65536) if key.fileobj == 0 else link.recv(65536)
        if not data:
            sys.exit(0)
        if key.fileobj == 0:
            link.sendall(data)
        else:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
"""


@pytest.fixture(scope="module")
def before(lab: Lab) -> Snapshot:
    """Every file before the first refusal; since none changes anything, before each."""
    return chain.snapshot(lab)


def test_pf_with_the_default_route(lab: Lab, before: Snapshot) -> None:
    make = ["ip link set enp1s0 up", "ip address add 192.0.2.1/24 dev enp1s0",
            "ip route add default via 192.0.2.254 dev enp1s0"]  # fmt: skip
    undo = ["ip route del default via 192.0.2.254 dev enp1s0", "ip address del 192.0.2.1/24 dev enp1s0",
            "ip link set enp1s0 down"]  # fmt: skip
    with prepared(lab, make, undo):
        text = refused(lab, before, [KERNEL])
    assert "enp1s0" in text
    assert "default route" in text


def test_pf_that_carries_the_ansible_connection(lab: Lab, before: Snapshot) -> None:
    """Ansible itself comes in through the other PF, out of a network namespace, to an address of this PF."""
    make = ["ip netns add peer", "ip link set enp2s0 netns peer",
            "ip address add 198.51.100.1/24 dev enp1s0", "ip link set enp1s0 up",
            "ip -n peer address add 198.51.100.2/24 dev enp2s0", "ip -n peer link set enp2s0 up"]  # fmt: skip
    undo = ["ip -n peer link set enp2s0 netns 1", "ip netns del peer",
            "ip address del 198.51.100.1/24 dev enp1s0", "ip link set enp1s0 down"]  # fmt: skip
    ssh = lab.state.ssh()
    lab.put(RELAY.encode(), "/run/chain-relay.py")
    relay = shlex.join(
        ["ip", "netns", "exec", "peer", "python3", "-I", "/run/chain-relay.py", "198.51.100.1", "22"]
    )
    proxy = shlex.join([*ssh.command(shared=False), "--", relay])
    options = f"-o ProxyCommand={shlex.quote(proxy)} -o 'HostKeyAlias=[{ssh.host}]:{ssh.port}'"
    with prepared(lab, make, undo):
        lab.wait_for(
            "a way between the two PFs",
            lambda: (
                lab.run(
                    ["ip", "netns", "exec", "peer", "ping", "-c1", "-W1", "198.51.100.1"], check=False
                ).returncode
                == 0
            ),
        )
        text = refused(
            lab, before, [KERNEL], ansible_host="198.51.100.1", ansible_port=22, ansible_ssh_common_args=options
        )
    assert "enp1s0" in text
    assert "SSH" in text
    assert "198.51.100.1" in text


def test_every_refusal_at_once(lab: Lab, before: Snapshot) -> None:
    other = {
        "name": "other",
        "resource_name": "other",
        "nic_selector": {"pf_names": ["enp9s0"]},
        "num_vfs": 1,
    }
    text = refused(lab, before, [{**KERNEL, "num_vfs": 9}, other])
    assert "enp1s0" in text
    assert "enp9s0" in text


@pytest.mark.parametrize("playbook", ["site", "plan"])
def test_bad_policies_name_every_mistake_with_its_path(lab: Lab, before: Snapshot, playbook: str) -> None:
    bad = [
        {"name": "one", "resource_name": "one", "nic_selector": {"pf_names": ["enp1s0"]}, "num_vfs": "many"},
        {
            "name": "two",
            "resource_name": "two",
            "nic_selector": {},
            "num_vfs": 2,
            "priority": 100,
            "colour": "red",
        },
    ]
    run = chain.playbook(playbook, {"sriov_policies": bad})
    assert run.status != 0
    for path in ("[0].num_vfs", "[1].nic_selector", "[1].priority", "[1].colour"):
        assert f"sriov_policies{path}" in run.output
    assert chain.difference(before, chain.snapshot(lab)) == []


def test_bad_networks_name_every_mistake_with_its_path(lab: Lab, before: Snapshot) -> None:
    bad = [{"name": "Upper", "resource_name": "kernel"}, {"name": "two", "vlan": 5000}]
    text = refused(lab, before, [KERNEL], sriov_networks=bad)
    for path in ("[0].name", "[1].vlan", "[1].resource_name"):
        assert f"sriov_networks{path}" in text
