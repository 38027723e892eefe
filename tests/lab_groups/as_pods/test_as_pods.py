# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Multus, thin and thick, and the injector as the roles install them: pods of the projects' images, on a real kubelet.

The node's own Multus, a program with a kubeconfig of the lab's, is put away meanwhile. The tests stand in the order in
which they run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import chain
import pytest
from accounts import account
from pod import Attachment, Extras, Pod

from ansible_collections.baremetal.sriov.plugins.plugin_utils import injector, multus
from sriovlab.guest import Lab

OWN, AWAY = "/etc/cni/net.d/00-multus.conf", "/var/tmp/00-multus.conf"
THIN_ACCESS = "/etc/cni/net.d/multus.d/multus.kubeconfig"
SYSTEM = "/api/v1/namespaces/kube-system"
SET = f"/apis/apps/v1/namespaces/kube-system/daemonsets/{multus.DAEMON_SET}"
HOOK = f"/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/{injector.NAME}"
# A tenth of an emulated processor is not enough for the daemon to start.
VALUES: dict[str, Any] = {"sriov_multus_resources": {"cpu": "1"}, "sriov_injector": True, "sriov_injector_replicas": 1}
INJECTED = Extras(labels=dict(injector.LABELS[0]))
NETWORK = "kernel-net"
CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], 443), 5)"


@pytest.fixture(scope="module")
def lab(images: Lab) -> Iterator[Lab]:
    """The running node with the chain's two policies, the images, and a default network alone."""
    images.run(["mv", OWN, AWAY])
    yield images
    images.run(["mv", AWAY, OWN])


def brought(kind: str, *options: str) -> None:
    """Have site bring Multus of a kind, and the injector."""
    run = chain.playbook("site", {**VALUES, "sriov_multus": kind}, *options)
    assert run.status == 0, run.output


def image_of(lab: Lab, label: str) -> str:
    """What the one pod with a label runs."""
    (pod,) = lab.api("GET", f"{SYSTEM}/pods?labelSelector={label.replace('=', '%3D')}")["items"]
    found: str = pod["spec"]["containers"][0]["image"]
    return found


def gets_a_vf(lab: Lab, name: str) -> None:
    """A pod that asks for a VF and its network, and ends."""
    pod = Pod(lab, name, {"kernel": 1}, networks=[Attachment(NETWORK)])
    try:
        pod.create()
        entry = pod.attached()
        assert [entry["device-info"]["pci"]["pci-address"]] == pod.devices("kernel")
        assert f"inet {entry['ips'][0]}/" in pod.execute(["ip", "address", "show", "dev", "net1"])
    finally:
        pod.delete()


def test_multus_thin_attaches_pods_with_its_own_account(lab: Lab) -> None:
    brought(multus.THIN)
    assert image_of(lab, f"name={multus.NAME}") == multus.Multus(kind=multus.THIN).uses
    token = re.search(r'token: "?([^"\s]+)', lab.read(THIN_ACCESS))
    assert token is not None and account(token[1]) == f"system:serviceaccount:kube-system:{multus.NAME}"
    assert THIN_ACCESS in lab.read(OWN), "the configuration is its own, with its own way to the API server"
    gets_a_vf(lab, "by-thin")


def test_the_injector_adds_the_vf_of_a_network(lab: Lab) -> None:
    """A pod that names a network, and no resource."""
    assert image_of(lab, f"app={injector.NAME}") == injector.IMAGE
    service = lab.api("GET", f"{SYSTEM}/services/{injector.NAME}")["spec"]["clusterIP"]
    lab.wait_for("the webhook to answer",
                 lambda: lab.run(["python3", "-c", CONNECT, service], check=False).returncode == 0)  # fmt: skip
    pod = Pod(lab, "injected", {}, INJECTED, [Attachment(NETWORK)])
    try:
        pod.create()
        (container,) = lab.api("GET", f"/api/v1/namespaces/default/pods/{pod.name}")["spec"]["containers"]
        assert container["resources"]["requests"] == {f"{chain.PREFIX}/kernel": "1"}
        assert pod.attached()["device-info"]["pci"]["pci-address"] in pod.devices("kernel")
    finally:
        pod.delete()


def test_multus_thick_takes_the_place_of_thin(lab: Lab) -> None:
    brought(multus.THICK)
    assert image_of(lab, f"name={multus.NAME}") == multus.Multus(kind=multus.THICK).uses
    assert json.loads(lab.read(OWN))["type"] == "multus-shim"
    gets_a_vf(lab, "by-thick")


def test_a_second_run_changes_nothing(lab: Lab) -> None:
    """Nor does plan foretell anything."""
    run = chain.playbook("site", {**VALUES, "sriov_multus": multus.THICK})
    assert run.status == 0 and run.recap["node1"]["changed"] == 0, run.output
    run = chain.playbook("plan", {**VALUES, "sriov_multus": multus.THICK, "sriov_plan_fail_on_changes": True})
    assert run.status == 0, run.output


def test_teardown_leaves_the_default_network(lab: Lab) -> None:
    run = chain.playbook("teardown", {**VALUES, "sriov_multus": multus.THICK})
    assert run.status == 0, run.output
    assert [lab.api("GET", path) for path in (SET, HOOK)] == [None, None]
    assert lab.run(["test", "-e", OWN], check=False).returncode != 0
    pod = Pod(lab, "afterwards", {})
    try:
        assert pod.create().execute(["echo", "here"]).strip() == "here"
    finally:
        pod.delete()
