# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""site refuses what would cut the node off or can't be done, names every reason, and changes nothing."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import chain
import pytest

from sriovlab.guest import Lab

Snapshot = dict[str, list[Any]]
KERNEL = {"name": "kernel", "resource_name": "kernel", "nic_selector": {"pf_names": ["enp1s0"]}, "num_vfs": 4}
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


def refused(lab: Lab, before: Snapshot, policies: list[dict[str, Any]], **variables: Any) -> str:
    """Run site with these policies: it must fail and change nothing. Returns the output on one line."""
    boot = lab.boot_id()
    stamp = chain.stamp(lab)
    run = chain.playbook("site", {"sriov_policies": policies, "sriov_reboot_ok": True, **variables})
    assert run.status != 0, run.output
    assert chain.written_since(lab, stamp) == []
    assert chain.difference(before, chain.snapshot(lab)) == []
    assert lab.boot_id() == boot
    for address in chain.PFS.values():
        path = f"/sys/bus/pci/devices/{address}/sriov_numvfs"
        assert lab.read(path).strip() == "0"
    return " ".join(run.output.split())


@contextmanager
def prepared(lab: Lab, make: list[str], undo: list[str]) -> Iterator[None]:
    """Run commands on the node, and their opposites at the end whatever happens."""
    try:
        for line in make:
            lab.run(shlex.split(line))
        yield
    finally:
        for line in undo:
            lab.run(shlex.split(line), check=False)


def test_pf_with_the_default_route(lab: Lab, before: Snapshot) -> None:
    make = ["ip link set enp1s0 up", "ip address add 192.0.2.1/24 dev enp1s0",
            "ip route add default via 192.0.2.254 dev enp1s0"]  # fmt: skip
    undo = ["ip route del default via 192.0.2.254 dev enp1s0", "ip address del 192.0.2.1/24 dev enp1s0",
            "ip link set enp1s0 down"]  # fmt: skip
    with prepared(lab, make, undo):
        text = refused(lab, before, [KERNEL])
    assert "enp1s0" in text
    assert "default route" in text


def test_pf_under_a_bridge(lab: Lab, before: Snapshot) -> None:
    make = ["ip link add chain0 type bridge", "ip link set enp1s0 master chain0"]
    with prepared(lab, make, ["ip link set enp1s0 nomaster", "ip link del chain0"]):
        text = refused(lab, before, [KERNEL])
    assert "enp1s0" in text
    assert "bridge" in text
    assert "chain0" in text


def test_pf_with_an_address_and_no_route(lab: Lab, before: Snapshot) -> None:
    """As for storage, or a second network of the cluster."""
    make = ["ip address add 192.0.2.1/24 dev enp1s0"]
    with prepared(lab, make, ["ip address del 192.0.2.1/24 dev enp1s0"]):
        text = refused(lab, before, [KERNEL])
    assert "it carries the address 192.0.2.1/24" in text
    assert "allow_in_use" in text


def test_pf_with_a_vlan_on_it(lab: Lab, before: Snapshot) -> None:
    make = ["ip link add link enp1s0 name chain0 type vlan id 9", "ip address add 192.0.2.1/24 dev chain0"]
    with prepared(lab, make, ["ip link del chain0"]):
        text = refused(lab, before, [KERNEL])
    assert "the vlan chain0 on it with the address 192.0.2.1/24" in text


def test_pf_in_another_network_namespace(lab: Lab, before: Snapshot) -> None:
    """As a pod has it. What the PF carries there is not known."""
    policy = {**KERNEL, "nic_selector": {"root_devices": [chain.PFS["enp2s0"]]}}
    make = ["ip netns add peer", "ip link set enp2s0 netns peer"]
    with prepared(lab, make, ["ip -n peer link set enp2s0 netns 1", "ip netns del peer"]):
        text = refused(lab, before, [policy])
    assert "0000:02:00.0" in text
    assert "in another network namespace" in text


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


def test_more_vfs_than_the_card_has(lab: Lab, before: Snapshot) -> None:
    text = refused(lab, before, [{**KERNEL, "num_vfs": 9}])
    assert "enp1s0" in text
    assert "7" in text
    assert "9" in text


def test_unknown_pf(lab: Lab, before: Snapshot) -> None:
    text = refused(lab, before, [{**KERNEL, "nic_selector": {"pf_names": ["enp9s0"]}}])
    assert "enp9s0" in text
    assert "enp1s0" in text, "the message names the PFs that are there"


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
