# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Multus as data: what its own quick start runs into does not happen, and every variable reaches its place."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.filter.filters import default_network_problems, multus_objects
from ansible_collections.baremetal.sriov.plugins.plugin_utils.owned_objects import foreign, is_ours
from support.expected_default_networks import CASES

KINDS = ("thin", "thick")


def by_kind(kind: str, platform: str = "kubeadm", **options: Any) -> dict[str, dict[str, Any]]:
    return {item["kind"]: item for item in multus_objects(platform, kind=kind, **options)["objects"]}


def pod(kind: str, platform: str = "kubeadm", **options: Any) -> dict[str, Any]:
    found: dict[str, Any] = by_kind(kind, platform, **options)["DaemonSet"]["spec"]["template"]["spec"]
    return found


def containers(spec: dict[str, Any]) -> list[dict[str, Any]]:
    return [*spec["initContainers"], *spec["containers"]]


@pytest.mark.parametrize("kind", KINDS)
def test_images_are_pinned_and_everything_is_ours(kind: str) -> None:
    """source: images and tags of Multus' releases."""
    found = multus_objects("kubeadm", kind=kind)
    assert all(is_ours(item) for item in found["objects"]) and foreign(found["objects"]) == []
    images = {one["image"] for one in containers(pod(kind))}
    assert images == {f"ghcr.io/k8snetworkplumbingwg/multus-cni:v4.3.0{'-thick' if kind == 'thick' else ''}"}
    assert {one["image"] for one in containers(pod(kind, image="registry/m:1"))} == {"registry/m:1"}
    assert pod(kind, pull_secrets=["a"])["imagePullSecrets"] == [{"name": "a"}]


@pytest.mark.parametrize("kind", KINDS)
def test_a_pod_is_guaranteed_what_it_needs(kind: str) -> None:
    """source: Kubernetes, "Quality of Service": requests equal limits in all containers; reports of daemons that were
    killed with 50Mi.
    """
    for one in containers(pod(kind)):
        assert one["resources"]["requests"] == one["resources"]["limits"]
        assert one["resources"]["limits"]["memory"] == {"thin": "50Mi", "thick": "256Mi"}[kind]
    assert containers(pod(kind, resources={"memory": "1Gi"}))[1]["resources"]["limits"] == {
        "cpu": "100m",
        "memory": "1Gi",
    }
    assert pod(kind)["priorityClassName"] == "system-node-critical"
    assert {entry["effect"] for entry in pod(kind)["tolerations"]} == {"NoSchedule", "NoExecute"}


def test_the_token_of_the_thin_one_is_renewed() -> None:
    """source: Multus' entry point renews its kubeconfig only where it also cleans up, and is in auto mode."""
    (main,) = pod("thin")["containers"]
    assert {"--cleanup-config-on-exit=true", "--multus-conf-file=auto"} <= set(main["args"])
    assert "--skip-config-watch" not in " ".join(main["args"])


def test_the_daemon_sees_what_it_needs_of_the_host() -> None:
    """source: Multus' documentation of the thick plugin: its mounts, and chrootDir."""
    (main,) = pod("thick")["containers"]
    mounts = {one["mountPath"]: one for one in main["volumeMounts"]}
    assert {"/hostroot", "/run/k8s.cni.cncf.io", "/var/lib/kubelet", "/run/netns", "/host/run", "/opt/cni/bin"} <= set(
        mounts
    )
    for path in ("/hostroot", "/var/lib/kubelet", "/run/netns", "/host/run"):
        assert mounts[path]["mountPropagation"] == "HostToContainer"
    config = json.loads(by_kind("thick")["ConfigMap"]["data"]["daemon-config.json"])
    assert config["chrootDir"] == "/hostroot" and config["socketDir"] == "/host/run/multus/"
    assert "00-multus.conf" in " ".join(main["lifecycle"]["preStop"]["exec"]["command"])
    assert {one["name"] for one in main["volumeMounts"]} == {one["name"] for one in pod("thick")["volumes"]}


@pytest.mark.parametrize("kind", KINDS)
def test_folders_of_distributions(kind: str) -> None:
    """source: tests/support/products.py, with the products' own documentation."""

    def paths(**options: Any) -> set[str]:
        return {one["hostPath"]["path"] for one in pod(kind, **options)["volumes"] if "hostPath" in one}

    assert {"/var/lib/rancher/k3s/data/cni", "/var/lib/rancher/k3s/agent/etc/cni/net.d"} <= paths(platform="k3s")
    assert {"/run/cni/bin", "/etc/cni/net.d"} <= paths(platform="microshift")
    assert {"/x/bin", "/x/conf"} <= paths(bin_dir="/x/bin", conf_dir="/x/conf")
    assert ("/var/lib/k0s/kubelet" in paths(platform="k0s")) == (kind == "thick")
    assert multus_objects("k3s", conf_dir="/x")["conf_dir"] == "/x"
    main = pod("thick", "k3s")["containers"][0]
    assert "/var/lib/rancher/k3s/data/cni" in {one["mountPath"] for one in main["volumeMounts"]}, "the same in both"


def test_settings_reach_both_kinds() -> None:
    options = {"master": "10-x.conf", "isolated": True, "global_namespaces": ["default", "nets"], "log_level": "debug"}
    arguments = pod("thin", **options)["containers"][0]["args"]
    assert {"--multus-master-cni-file-name=10-x.conf", "--namespace-isolation=true", "--multus-log-level=debug",
            "--global-namespaces=default,nets"} <= set(arguments)  # fmt: skip
    config = json.loads(by_kind("thick", **options)["ConfigMap"]["data"]["daemon-config.json"])
    assert config["multusMasterCNI"] == "10-x.conf" and config["namespaceIsolation"] is True
    assert (config["globalNamespaces"], config["logLevel"]) == ("default,nets", "debug")


def test_no_more_rights_than_it_uses() -> None:
    rules = by_kind("thin")["ClusterRole"]["rules"]
    assert not any("*" in entry for rule in rules for entry in rule.values())
    assert not any({"delete", "create"} & set(rule["verbs"]) for rule in rules if "events" not in rule["resources"])


def test_each_object_is_known_by_its_name_for_removal() -> None:
    found = {kind: multus_objects("kubeadm", kind=kind, namespace="net") for kind in KINDS}
    made = {(item["kind"], item["metadata"]["name"], item["metadata"].get("namespace", ""))
            for one in found.values() for item in one["objects"]}  # fmt: skip
    gone = [(item["kind"], item["metadata"]["name"], item["metadata"].get("namespace", ""))
            for item in found["thin"]["references"]]  # fmt: skip
    assert set(gone) == made and gone[0][0] == "DaemonSet"


def test_somebody_elses_is_known() -> None:
    def daemon_set(name: str, image: str, **labels: str) -> dict[str, Any]:
        template = {"spec": {"containers": [{"image": image}]}}
        return {"metadata": {"name": name, "labels": labels}, "spec": {"template": template}}

    ours = by_kind("thin")["DaemonSet"]
    named, pictured = daemon_set("kube-multus-ds", "x"), daemon_set("networks", "registry/multus-cni:v4")
    assert foreign([ours, named, pictured, daemon_set("flannel", "flannel:1")], "multus") == [named, pictured]


@pytest.mark.parametrize("case", CASES)
def test_the_default_network(case: str) -> None:
    files, pod_cidr, cilium, words = CASES[case]
    found = default_network_problems(files, "node1", "/etc/cni/net.d", pod_cidr, cilium)
    assert [words in text and text.startswith("node1: ") for text in found] == ([True] if words else [])
