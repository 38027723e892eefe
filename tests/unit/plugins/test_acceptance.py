# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What verify checks of a cluster, its pods and virtual machines, and how it is told.

Sources: the network-status annotation (Multi-Net-Spec 1.2, as Multus 4.3 writes it); kubevirt.io/network-info and
VirtualMachineInstance status (KubeVirt 1.9); Kubernetes core/v1.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from xml.etree import ElementTree

import pytest

from ansible_collections.baremetal.sriov.plugins.plugin_utils.acceptance import cluster_checks, pod_checks, report
from ansible_collections.baremetal.sriov.plugins.plugin_utils.acceptance.rows import (
    CLUSTER,
    CheckRow,
    of_node,
    row,
    warned,
)
from ansible_collections.baremetal.sriov.plugins.plugin_utils.networks import network_attachments

KERNEL = "baremetal.sriov/kernel"
VF = "0000:01:10.0"
(BLUE,) = network_attachments(
    [{"name": "blue", "resource_name": "kernel", "vlan": 100, "spoof_chk": "on"}], "baremetal.sriov"
)
SET = {"pci_address": VF, "driver": "igbvf", "vlan": 100, "spoof_chk": True, "trust": False}


def found(rows: Iterable[CheckRow]) -> dict[str, tuple[str, str]]:
    return {one.check: (one.outcome, one.found) for one in rows}


def node(ready: str = "True", free: str = "4", there: str = "4") -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": ready, "message": "kubelet is posting ready status"}]
    return {"metadata": {"name": "n"}, "status": {"conditions": conditions, "capacity": {KERNEL: there},
                                                  "allocatable": {KERNEL: free}}}  # fmt: skip


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (node(), {"node": "passed", "allocatable": "passed"}),
        (node(ready="Unknown"), {"node": "failed", "allocatable": "passed"}),
        (node(free="3"), {"node": "passed", "allocatable": "failed"}),
        (node(free="3", there="3"), {"node": "passed", "allocatable": "failed"}),
        ({"metadata": {"name": "n"}}, {"node": "failed", "allocatable": "failed"}),
        (None, {"node": "failed"}),
    ],
)
def test_a_node(given: dict[str, Any] | None, expected: dict[str, str]) -> None:
    told = found(cluster_checks.node_rows("h", "n", given, {KERNEL: 4}))
    assert {check: outcome for check, (outcome, _found) in told.items()} == expected


def definition(config: Any, ours: bool = True, resource: str = KERNEL) -> dict[str, Any]:
    text = config if isinstance(config, str) else json.dumps(config)
    metadata = {**BLUE["metadata"], "annotations": {"k8s.v1.cni.cncf.io/resourceName": resource}}
    return {"metadata": {**metadata, "labels": metadata["labels"] if ours else {}}, "spec": {"config": text}}


@pytest.mark.parametrize(
    ("given", "outcome", "words"),
    [
        (BLUE, "passed", KERNEL),
        (definition("{"), "failed", "no JSON"),
        (definition("[]"), "failed", "no JSON"),
        (definition({"plugins": []}), "failed", "without a type"),
        (definition({"type": "sriov"}), "failed", "no vlan"),
        (definition({"plugins": [{"type": "sriov", "vlan": 0}, {"type": "tuning"}]}), "passed", KERNEL),
        (definition({"type": "sriov", "vlan": 0}, resource="x/gone"), "failed", "which no node offers"),
        (definition({"type": "macvlan"}, ours=False, resource=""), "passed", "no resource"),
        (definition({"type": "sriov"}, ours=False), "warned", "somebody else's"),
        (definition(""), "passed", KERNEL),
    ],
)
def test_a_network(given: dict[str, Any], outcome: str, words: str) -> None:
    told = found(cluster_checks.definition_rows([], [given], {KERNEL}))
    assert told["definition"] == ("failed", "none")
    assert told["network"][0] == outcome and words in told["network"][1]


def test_the_definition_of_networks() -> None:
    crd = {
        "metadata": {"name": cluster_checks.CRD},
        "status": {"conditions": [{"type": "Established", "status": "True"}]},
    }
    assert found(cluster_checks.definition_rows([crd], [], ())) == {"definition": ("passed", "Established")}
    young = {"metadata": {"name": cluster_checks.CRD}}
    assert found(cluster_checks.definition_rows([young], [], ())) == {"definition": ("failed", "not Established")}


def test_multus() -> None:
    """source: multus-cni issues 1346 and 1349 (a daemon that is killed for want of memory)."""
    labels = {"name": "multus"}
    daemon_set = {"metadata": {"name": "kube-multus-ds", "namespace": "kube-system"},
                  "spec": {"selector": {"matchLabels": labels}},
                  "status": {"desiredNumberScheduled": 2, "numberReady": 2}}  # fmt: skip
    killed = {"name": "kube-multus", "restartCount": 9, "lastState": {"terminated": {"reason": "OOMKilled"}}}
    pod = {"metadata": {"name": "m", "namespace": "kube-system", "labels": labels}}
    other = {"metadata": {"name": "o", "namespace": "kube-system"}, "status": {"containerStatuses": [killed]}}
    assert found(cluster_checks.daemon_rows([daemon_set], [pod, other])) == {"multus": ("passed", "2")}
    bad = {**pod, "status": {"containerStatuses": [killed]}}
    told = list(cluster_checks.daemon_rows([daemon_set], [bad]))
    assert [one.outcome for one in told] == ["passed", "failed"] and "sriov_multus_resources" in told[1].remedy
    short = {**daemon_set, "status": {"desiredNumberScheduled": 2, "numberReady": 1}}
    assert found(cluster_checks.daemon_rows([short], []))["multus"] == ("failed", "1")


def status(**changes: Any) -> dict[str, Any]:
    info = {"type": "pci", "version": "1.1.0", "pci": {"pci-address": VF}}
    return {"name": "default/blue", "interface": "net1", "mac": "02:00:00:00:00:01", "device-info": info, **changes}


def pod(*told: dict[str, Any], networks: str = "blue", requests: int = 1, phase: str = "Running") -> dict[str, Any]:
    annotations = {"k8s.v1.cni.cncf.io/networks": networks, "k8s.v1.cni.cncf.io/network-status": json.dumps([*told])}
    resources = {"limits": {KERNEL: str(requests)}, "requests": {KERNEL: str(requests)}} if requests else {}
    return {"metadata": {"name": "p", "namespace": "default", "annotations": annotations},
            "spec": {"nodeName": "n", "containers": [{"name": "c", "resources": resources}]},
            "status": {"phase": phase}}  # fmt: skip


DEFAULT = {"name": "pods", "interface": "eth0", "default": True}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (pod(DEFAULT, status()), {"network_status": "passed", "vf_settings": "passed"}),
        (pod(DEFAULT), {"network_status": "failed"}),
        (pod(DEFAULT, status(interface="")), {"network_status": "failed", "vf_settings": "passed"}),
        (pod(status(**{"device-info": None})), {"network_status": "failed"}),
        (pod(status(**{"device-info": {"type": "pci"}})), {"network_status": "failed"}),
        (pod(status(), networks="blue,blue", requests=2), {"network_status": "failed", "vf_settings": "passed"}),
        (pod(requests=0, phase="Pending"), {"request": "warned"}),
        (pod(phase="Succeeded", requests=0), {}),
        (pod(networks="elsewhere/red"), {}),
        (pod(networks=""), {}),
    ],
)
def test_a_pod(given: dict[str, Any], expected: dict[str, str]) -> None:
    told = found(pod_checks.pod_rows([given], [BLUE], {"n": {VF: SET}}))
    assert {check: outcome for check, (outcome, _found) in told.items()} == expected


def test_status_that_is_no_list_of_objects() -> None:
    for text in ("[", "5", "[1]", "null"):
        given = pod()
        given["metadata"]["annotations"]["k8s.v1.cni.cncf.io/network-status"] = text
        assert found(pod_checks.pod_rows([given], [BLUE], {}))["network_status"][0] == "failed"


def test_what_the_pf_has() -> None:
    """Of another node with the same address nothing counts."""
    wrong = {VF: {**SET, "vlan": 7, "spoof_chk": False}}
    told = found(pod_checks.pod_rows([pod(DEFAULT, status())], [BLUE], {"n": wrong}))
    assert told["vf_settings"] == ("failed", "vlan 7 (asked: 100), spoof_chk False (asked: True)")
    assert "vf_settings" not in found(pod_checks.pod_rows([pod(DEFAULT, status())], [BLUE], {"other": wrong}))


MACHINE: dict[str, Any] = {
    "metadata": {"name": "vm", "namespace": "default", "uid": "u"},
    "spec": {"domain": {"devices": {"interfaces": [{"name": "default", "masquerade": {}},
                                                   {"name": "fast", "sriov": {}, "macAddress": "02-00-00-00-00-0A"}]}}},
    "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}],
               "interfaces": [{"name": "fast", "mac": "02:00:00:00:00:0a", "infoSource": "domain, multus-status"}]},
}  # fmt: skip


def launcher(info: Any) -> dict[str, Any]:
    labels = {"kubevirt.io/created-by": "u"}
    annotations = {"kubevirt.io/network-info": json.dumps(info)}
    return {"metadata": {"name": "l", "labels": labels, "annotations": annotations}, "status": {"phase": "Running"}}


INFO = {"interfaces": [{"network": "fast", "deviceInfo": {"type": "pci", "pci": {"pci-address": VF}}}]}


def test_a_virtual_machine() -> None:
    good = found(pod_checks.machine_rows([MACHINE], [launcher(INFO)]))
    assert good == {"machine": ("passed", "Ready"), "machine_interface": ("passed", VF)}
    for info in ({}, [], {"interfaces": [{"network": "other"}]}):
        told = found(pod_checks.machine_rows([MACHINE], [launcher(info)]))
        assert told["machine_interface"][0] == "failed" and "network-info" in told["machine_interface"][1]
    young = {**MACHINE, "status": {"phase": "Scheduled"}}
    told = found(pod_checks.machine_rows([young], [launcher(INFO)]))
    assert told["machine"][0] == "failed" and "infoSource none" in told["machine_interface"][1]
    ended = {**MACHINE, "status": {"phase": "Succeeded"}}
    plain: dict[str, Any] = {**MACHINE, "spec": {}}
    assert found(pod_checks.machine_rows([ended, plain], [])) == {}


ROWS = [
    of_node("node1", {"check": "num_vfs", "target": "a", "outcome": "passed", "expected": "4 VFs", "found": "4 VFs"}),
    of_node("node1", {"check": "pf_link", "target": "b", "outcome": "failed", "expected": "up", "found": "down\x00",
                      "remedy": "Set it up."}),
    warned(CLUSTER, "request", "pod default/p", "pod default/p: asks for nothing. Add it."),
    row(CLUSTER, "network", "default/blue", True, "JSON", KERNEL, "never told"),
]  # fmt: skip


def test_the_table() -> None:
    lines = report.lines(ROWS)
    assert lines[0] == "4 checks: 2 passed, 1 failed, 1 warned"
    assert lines[1] == "node1: num_vfs passed" and any("-> Set it up." in line for line in lines)
    assert "  warned  pod default/p: asks for nothing. Add it." in lines
    assert "never told" not in "\n".join(lines)
    assert report.lines([]) == ["0 checks: none"]


def test_the_files() -> None:
    told = report.document(ROWS, {"node1": {"sync_status": "Succeeded"}})
    assert json.loads(json.dumps(told))["counts"] == {"passed": 2, "failed": 1, "warned": 1, "skipped": 0}
    suite = ElementTree.fromstring(report.as_junit(ROWS).partition("\n")[2])
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("4", "1", "1")
    failure = suite.find("testcase/failure")
    assert failure is not None and failure.text == "expected up, found down. Set it up."
    assert {case.get("classname") for case in suite} == {
        "baremetal.sriov.verify.node1",
        "baremetal.sriov.verify.cluster",
    }


def test_a_state_for_kubectl_wait() -> None:
    """source: kubectl wait --for=jsonpath compares one plain value; a ConfigMap has no status."""
    conditions = [{"type": "Configured", "status": "True", "reason": "Succeeded", "message": ""},
                  {"type": "RebootRequired", "status": "False", "reason": "NoReboot", "message": ""}]  # fmt: skip
    state = {"sync_status": "Succeeded", "last_sync_error": "", "conditions": conditions, "interfaces": []}
    good = report.config_map("n1", "kube-system", state, ROWS[:1], "uid")
    assert good["data"]["Ready"] == good["data"]["Verified"] == good["data"]["Configured"] == "True"
    assert good["metadata"]["name"] == "baremetal-sriov-state-n1" and good["data"]["RebootRequired"] == "False"
    assert good["metadata"]["ownerReferences"] == [{"apiVersion": "v1", "kind": "Node", "name": "n1", "uid": "uid"}]
    bad = report.config_map("n1", "kube-system", state, ROWS[:2])
    assert (bad["data"]["Ready"], bad["data"]["Verified"]) == ("False", "False")
    told = {one["type"]: one for one in json.loads(bad["data"]["state.json"])["conditions"]}
    assert "Set it up." in told["Verified"]["message"] and "ownerReferences" not in bad["metadata"]
    long = report.config_map("n" * 253, "kube-system", state, [])
    assert len(long["metadata"]["name"]) <= 253 and len(long["metadata"]["labels"][report.STATE_LABEL]) <= 63
