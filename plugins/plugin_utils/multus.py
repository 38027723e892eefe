# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Multus as API objects, thin or thick, with the settings that avoid what its own quick start runs into.

Names are those of Multus' own manifests, so that whoever looks for it finds it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .owned_objects import OWNER, OWNER_LABEL

THIN, THICK = "thin", "thick"
NAME, DAEMON_SET, CONFIG = "multus", "kube-multus-ds", "multus-daemon-config"
VERSION = "v4.3.0"
_REPOSITORY = "ghcr.io/k8snetworkplumbingwg/multus-cni"
# The daemon's own manifest says 50Mi, with which it is killed and no pod of the node starts.
_RESOURCES = {THIN: {"cpu": "100m", "memory": "50Mi"}, THICK: {"cpu": "100m", "memory": "256Mi"}}
_SELECTOR = {"name": NAME}
_CONFIG_IN_POD = "/host/etc/cni/net.d"
_POD_RESOURCES = ("cpu", "memory")
_USUAL_BIN_DIR = "/opt/cni/bin"

# Distribution -> where its runtime looks for CNI plugins and their configuration, and its kubelet's folder.
# source: installation documentation of each, and the templates of its containerd or CRI-O configuration.
PLATFORMS: Mapping[str, tuple[str, str, str]] = {
    "kubeadm": (_USUAL_BIN_DIR, "/etc/cni/net.d", "/var/lib/kubelet"),
    "k3s": ("/var/lib/rancher/k3s/data/cni", "/var/lib/rancher/k3s/agent/etc/cni/net.d", "/var/lib/kubelet"),
    "rke2": (_USUAL_BIN_DIR, "/etc/cni/net.d", "/var/lib/kubelet"),
    "microk8s": (
        "/var/snap/microk8s/current/opt/cni/bin", "/var/snap/microk8s/current/args/cni-network",
        "/var/snap/microk8s/common/var/lib/kubelet",
    ),
    "k0s": (_USUAL_BIN_DIR, "/etc/cni/net.d", "/var/lib/k0s/kubelet"),
    "microshift": ("/run/cni/bin", "/etc/cni/net.d", "/var/lib/kubelet"),
}  # fmt: skip


@dataclass(frozen=True)
class Multus:
    """What somebody wants of it. image: "" for the pinned one; resources: of each container, as requests and limits;
    master: the file of the default network, "" for the first one; isolated: a pod may use networks of its own
    namespace, and of `global_namespaces`, alone.
    """

    kind: str = THIN
    image: str = ""
    namespace: str = "kube-system"
    bin_dir: str = _USUAL_BIN_DIR
    conf_dir: str = "/etc/cni/net.d"
    kubelet_dir: str = "/var/lib/kubelet"
    resources: Mapping[str, str] = field(default_factory=dict)
    pull_secrets: tuple[str, ...] = ()
    log_level: str = "error"
    master: str = ""
    isolated: bool = False
    global_namespaces: tuple[str, ...] = ()

    @property
    def uses(self) -> str:
        return self.image or f"{_REPOSITORY}:{VERSION}{'-thick' if self.kind == THICK else ''}"


def objects(wanted: Multus) -> list[dict[str, Any]]:
    """Everything but the definition of the resource, in the order in which it is made."""
    found = [*_rights(wanted), _account(wanted)]
    found += [_daemon_config(wanted)] if wanted.kind == THICK else []
    return [*found, _daemon_set(wanted, _thin(wanted) if wanted.kind == THIN else _thick(wanted))]


def on(platform: str, **options: Any) -> Multus:
    """Multus on a distribution; options that are "" or empty are the usual ones."""
    bin_dir, conf_dir, kubelet_dir = PLATFORMS[platform]
    given: dict[str, Any] = {"bin_dir": bin_dir, "conf_dir": conf_dir, "kubelet_dir": kubelet_dir}
    given.update({name: tuple(one) if isinstance(one, list) else one for name, one in options.items() if one})
    return Multus(**given)


def references(namespace: str) -> list[dict[str, Any]]:
    """Each object of either kind by its name, in the order in which it is removed."""
    return [
        _object("apps/v1", "DaemonSet", DAEMON_SET, namespace),
        _object("v1", "ConfigMap", CONFIG, namespace),
        _object("v1", "ServiceAccount", NAME, namespace),
        _object("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", NAME),
        _object("rbac.authorization.k8s.io/v1", "ClusterRole", NAME),
    ]


def refusal(daemon_sets: list[dict[str, Any]]) -> str:
    """Why none is installed beside that of somebody else; "" where there is none of these."""
    names = ", ".join(item["metadata"]["name"] for item in daemon_sets)
    return names and (
        f"The cluster has Multus already, of somebody else: {names}. Nothing was changed. Set sriov_multus to external "
        "to use it, or remove it first."
    )


def _object(version: str, kind: str, name: str, namespace: str = "", **rest: Any) -> dict[str, Any]:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {}), "labels": {OWNER_LABEL: OWNER}}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **rest}


def _account(wanted: Multus) -> dict[str, Any]:
    return _object("v1", "ServiceAccount", NAME, wanted.namespace)


def _rights(wanted: Multus) -> list[dict[str, Any]]:
    """What Multus does, and no more: it reads networks and pods, and writes a pod's status and events."""
    read = ["get", "list", "watch"]
    rules = [
        {"apiGroups": ["k8s.cni.cncf.io"], "resources": ["network-attachment-definitions"], "verbs": read},
        {"apiGroups": [""], "resources": ["pods"], "verbs": read},
        {"apiGroups": [""], "resources": ["pods/status"], "verbs": ["get", "patch", "update"]},
        {"apiGroups": ["", "events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch", "update"]},
    ]
    group = "rbac.authorization.k8s.io"
    binding: dict[str, Any] = {
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": NAME},
        "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": wanted.namespace}],
    }
    return [
        _object(f"{group}/v1", "ClusterRole", NAME, rules=rules),
        _object(f"{group}/v1", "ClusterRoleBinding", NAME, **binding),
    ]


def _daemon_config(wanted: Multus) -> dict[str, Any]:
    config: dict[str, Any] = {
        "chrootDir": "/hostroot",  # plugins run with the host's files, of which ours needs Python
        "cniVersion": "0.3.1",
        "logLevel": wanted.log_level,
        "logToStderr": True,
        "cniConfigDir": _CONFIG_IN_POD,
        "multusAutoconfigDir": _CONFIG_IN_POD,
        "multusConfigFile": "auto",
        "socketDir": "/host/run/multus/",
        "binDir": wanted.bin_dir,
        "namespaceIsolation": wanted.isolated,
    }
    if wanted.master:
        config["multusMasterCNI"] = wanted.master
    if wanted.global_namespaces:
        config["globalNamespaces"] = ",".join(wanted.global_namespaces)
    data = {"daemon-config.json": json.dumps(config, sort_keys=True)}
    return _object("v1", "ConfigMap", CONFIG, wanted.namespace, data=data)


def _container(wanted: Multus, name: str, mounts: list[dict[str, Any]], **rest: Any) -> dict[str, Any]:
    """One whose requests equal its limits, so that the pod is the last to be killed for memory."""
    given = {key: str(wanted.resources[key]) for key in _POD_RESOURCES if key in wanted.resources}
    amounts = {**_RESOURCES[wanted.kind], **given}
    return {
        "name": name, "image": wanted.uses, "securityContext": {"privileged": True},
        "resources": {"requests": amounts, "limits": amounts}, "volumeMounts": mounts,
        "terminationMessagePolicy": "FallbackToLogsOnError", **rest,
    }  # fmt: skip


def _mount(name: str, path: str, **rest: Any) -> dict[str, Any]:
    return {"name": name, "mountPath": path, **rest}


def _host_path(name: str, path: str, **rest: Any) -> dict[str, Any]:
    return {"name": name, "hostPath": {"path": path, **rest}}


def _thin(wanted: Multus) -> dict[str, Any]:
    arguments = [
        "--multus-conf-file=auto",
        f"--multus-autoconfig-dir={_CONFIG_IN_POD}",
        f"--cni-conf-dir={_CONFIG_IN_POD}",
        # Without it the token in Multus' kubeconfig is written once, and ends after an hour.
        "--cleanup-config-on-exit=true",
        f"--multus-kubeconfig-file-host={wanted.conf_dir}/multus.d/multus.kubeconfig",
        f"--multus-log-level={wanted.log_level}",
        f"--namespace-isolation={'true' if wanted.isolated else 'false'}",
    ]
    arguments += [f"--additional-bin-dir={wanted.bin_dir}"] if wanted.bin_dir != _USUAL_BIN_DIR else []
    arguments += [f"--multus-master-cni-file-name={wanted.master}"] if wanted.master else []
    if wanted.global_namespaces:
        arguments.append(f"--global-namespaces={','.join(wanted.global_namespaces)}")
    config = _mount("cni", _CONFIG_IN_POD)
    binaries = _mount("cnibin", "/host/opt/cni/bin")
    install = _container(wanted, "install-multus-binary", [_mount("cnibin", "/host/opt/cni/bin")],
                         command=["/install_multus"], args=["--type", THIN])  # fmt: skip
    main = _container(wanted, "kube-multus", [config, binaries], command=["/thin_entrypoint"], args=arguments)
    return {
        "initContainers": [install], "containers": [main],
        "volumes": [_host_path("cni", wanted.conf_dir), _host_path("cnibin", wanted.bin_dir)],
    }  # fmt: skip


def _thick(wanted: Multus) -> dict[str, Any]:
    inside = {"mountPropagation": "HostToContainer"}
    mounts = [
        _mount("cni", _CONFIG_IN_POD),
        # At the path that it has on the host: the daemon looks there for a plugin before it changes its root.
        _mount("cnibin", wanted.bin_dir),
        _mount("host-run", "/host/run", **inside),
        _mount("host-var-lib-cni-multus", "/var/lib/cni/multus"),
        _mount("host-var-lib-kubelet", "/var/lib/kubelet", **inside),
        _mount("host-run-k8s-cni-cncf-io", "/run/k8s.cni.cncf.io"),
        _mount("host-run-netns", "/run/netns", **inside),
        _mount("hostroot", "/hostroot", **inside),
        _mount("multus-conf-dir", "/etc/cni/multus/net.d"),
        _mount("multus-daemon-config", "/etc/cni/net.d/multus.d", readOnly=True),
    ]
    create = {"type": "DirectoryOrCreate"}
    volumes = [
        _host_path("cni", wanted.conf_dir), _host_path("cnibin", wanted.bin_dir), _host_path("hostroot", "/"),
        _host_path("host-run", "/run"), _host_path("host-var-lib-cni-multus", "/var/lib/cni/multus", **create),
        _host_path("host-var-lib-kubelet", wanted.kubelet_dir),
        _host_path("host-run-k8s-cni-cncf-io", "/run/k8s.cni.cncf.io", **create),
        _host_path("host-run-netns", "/run/netns", **create),
        _host_path("multus-conf-dir", "/etc/cni/multus/net.d", **create),
        {"name": "multus-daemon-config",
         "configMap": {"name": CONFIG, "items": [{"key": "daemon-config.json", "path": "daemon-config.json"}]}},
    ]  # fmt: skip
    install = _container(wanted, "install-multus-binary", [_mount("cnibin", "/host/opt/cni/bin")], command=[
        "/usr/src/multus-cni/bin/install_multus", "-d", "/host/opt/cni/bin", "-t", THICK])  # fmt: skip
    # A node whose daemon is not there starts no pod: a configuration that leads to it must not outlast it.
    clean = ["sh", "-c", f"rm -f {_CONFIG_IN_POD}/00-multus.conf {_CONFIG_IN_POD}/00-multus.conflist"]
    main = _container(
        wanted, "kube-multus", mounts, command=["/usr/src/multus-cni/bin/multus-daemon"],
        env=[{"name": "MULTUS_NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}],
        lifecycle={"preStop": {"exec": {"command": clean}}},
        readinessProbe={"exec": {"command": ["test", "-S", "/host/run/multus/multus.sock"]}, "periodSeconds": 5},
    )  # fmt: skip
    return {"hostPID": True, "initContainers": [install], "containers": [main], "volumes": volumes}


def _daemon_set(wanted: Multus, pod: dict[str, Any]) -> dict[str, Any]:
    labels = {**_SELECTOR, "app": NAME, "tier": "node", OWNER_LABEL: OWNER}
    spec: dict[str, Any] = {
        "hostNetwork": True, "serviceAccountName": NAME, "priorityClassName": "system-node-critical",
        # It makes the node's network: no taint may keep it away.
        "tolerations": [{"operator": "Exists", "effect": effect} for effect in ("NoSchedule", "NoExecute")],
        "nodeSelector": {"kubernetes.io/os": "linux"}, "terminationGracePeriodSeconds": 30, **pod,
    }  # fmt: skip
    if wanted.pull_secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in wanted.pull_secrets]
    return _object("apps/v1", "DaemonSet", DAEMON_SET, wanted.namespace, spec={
        "selector": {"matchLabels": _SELECTOR}, "updateStrategy": {"type": "RollingUpdate"},
        "template": {"metadata": {"labels": labels}, "spec": spec}})  # fmt: skip
