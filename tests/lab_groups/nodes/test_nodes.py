# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several nodes of one lab: who each is, what they reach of each other, and a power-off that no other node notices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pod import Pod, gone_at_the_end

from sriovlab import power
from sriovlab.definition import USUAL
from sriovlab.guest import Lab

SERVICES = "/api/v1/namespaces/default/services"
PORT = 8080
PAGE = "hostname"  # a file that the kubelet writes in each container: the pod's name


@pytest.fixture(scope="module")
def pods(nodes: list[Lab]) -> Iterator[list[Pod]]:
    """A running pod on each node, which answers HTTP with its name."""
    made = [Pod(lab, f"web-{lab.name}", {}) for lab in nodes]
    with gone_at_the_end(nodes[0], made):
        for pod in made:
            pod.begin()
        for pod in made:
            pod.wait().execute(["httpd", "-p", str(PORT), "-h", "/etc"])
        yield made


@pytest.fixture(scope="module")
def services(nodes: list[Lab], pods: list[Pod]) -> Iterator[dict[str, str]]:
    """Pod -> the ClusterIP of the service that it is the one endpoint of."""
    first, found = nodes[0], {}
    for pod in pods:
        spec = {"selector": {"app": pod.name}, "ports": [{"port": 80, "targetPort": PORT}]}
        made = first.api("POST", SERVICES, {"apiVersion": "v1", "kind": "Service", "metadata": {"name": pod.name},
                                            "spec": spec})  # fmt: skip
        found[pod.name] = made["spec"]["clusterIP"]
    yield found
    for name in found:
        first.api("DELETE", f"{SERVICES}/{name}")


def got(address: str, port: int) -> list[str]:
    """busybox' words to get the page; not its wget: Debian's static build dies of a look-up in it."""
    request = f"GET /{PAGE} HTTP/1.0\\r\\n\\r\\n"
    return ["busybox", "sh", "-c", f"printf '{request}' | busybox nc -w 10 {address} {port} | busybox tail -n 1"]


def from_host(lab: Lab, address: str, port: int = 80) -> str:
    """What a host gets; "" where nothing answers."""
    return lab.run(got(address, port), check=False).stdout.strip()


def from_pod(pod: Pod, address: str, port: int = 80) -> str:
    """What a pod gets, or why it gets nothing."""
    return pod.execute(got(address, port)[1:], check=False).strip()


def address(pod: Pod) -> str:
    """The pod's own."""
    found: str = pod.lab.api("GET", f"/api/v1/namespaces/default/pods/{pod.name}")["status"]["podIP"]
    return found


def test_each_node_is_one_of_its_own(nodes: list[Lab]) -> None:
    items = nodes[0].api("GET", "/api/v1/nodes")["items"]
    addresses = {item["metadata"]["name"]: {each["type"]: each["address"] for each in item["status"]["addresses"]}
                 for item in items}  # fmt: skip
    assert {name: each["InternalIP"] for name, each in addresses.items()} == {"node1": "10.99.0.1",
                                                                              "node2": "10.99.0.2"}  # fmt: skip
    assert [lab.run(["hostname"]).stdout.strip() for lab in nodes] == ["node1", "node2"]
    boots = {item["metadata"]["name"]: item["status"]["nodeInfo"]["bootID"] for item in items}
    assert boots == {lab.name: lab.boot_id() for lab in nodes}


def test_a_worker_runs_no_control_plane(nodes: list[Lab]) -> None:
    units = ("etcd", "kube-apiserver", "kube-scheduler", "kube-controller-manager")
    found = [lab.run(["systemctl", "is-active", *units], check=False).stdout.split() for lab in nodes]
    assert found == [["active"] * len(units), ["inactive"] * len(units)]


def test_a_cluster_ip_answers_hosts_and_pods_on_every_node(
    nodes: list[Lab], pods: list[Pod], services: dict[str, str]
) -> None:
    for name, ip in services.items():
        for lab, pod in zip(nodes, pods):
            lab.wait_for(f"{name} to answer the host {lab.name}", lambda lab=lab, ip=ip: from_host(lab, ip), 60.0)
            assert from_host(lab, ip) == name
            assert from_pod(pod, ip) == name


def test_pods_reach_pods_of_the_other_node_by_their_addresses(pods: list[Pod]) -> None:
    first, second = pods
    assert [address(pod).rpartition(".")[0] for pod in pods] == ["10.244.0", "10.244.1"]
    for pod, other in ((first, second), (second, first)):
        assert from_pod(pod, address(other), PORT) == other.name


def test_the_cards_of_all_nodes_are_on_one_wire(nodes: list[Lab]) -> None:
    try:
        for number, lab in enumerate(nodes, 1):
            lab.run(["ip", "link", "set", "enp1s0", "up"])
            lab.run(["ip", "address", "add", f"198.18.0.{number}/24", "dev", "enp1s0"])
        nodes[0].wait_for("the other node's card to answer", lambda: pinged(nodes[0], "198.18.0.2"), 60.0)
        assert pinged(nodes[1], "198.18.0.1") == "3 packets transmitted, 3 received, 0% packet loss"
    finally:
        for lab in nodes:
            lab.run(["ip", "address", "flush", "dev", "enp1s0"])
            lab.run(["ip", "link", "set", "enp1s0", "down"])


def pinged(lab: Lab, to: str) -> str:
    """The summary of three pings, without its time: duplicates would be in it. "" where none came back."""
    done = lab.run(["ping", "-c", "3", "-i", "0.3", "-W", "5", to], check=False)
    lines = [line for line in done.stdout.splitlines() if " received" in line]
    return lines[0].rpartition(", time")[0] if done.returncode == 0 else ""


def test_a_node_that_is_powered_off_and_on_has_its_disk_and_is_ready_again(nodes: list[Lab]) -> None:
    first, second = nodes
    boots = [lab.boot_id() for lab in nodes]
    second.run(["sh", "-c", "echo kept > /root/mark"])
    etc: list[Any] = [lab.snapshot_files(["/etc"]) for lab in nodes]
    power.cycle("node2", USUAL, False, "ready", 60.0)
    second = Lab.from_state("node2")
    assert second.read("/root/mark") == "kept\n"
    assert [first.boot_id(), second.boot_id() != boots[1]] == [boots[0], True]
    assert second.snapshot_files(["/etc"]) == etc[1]
    assert Lab.nodes()[1].state.ssh_port == nodes[1].state.ssh_port, "its inventory stays right"
