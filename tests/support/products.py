# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubernetes distributions as they lie on a node: what each writes, and where its kubelet and CNI plugins are.

Sources: the installation documentation of each product, and the templates of its containerd or CRI-O configuration:
kubeadm and kubespray (containerd's default), k3s and RKE2 (pkg/agent/templates), MicroK8s
(microk8s-resources/default-args/containerd-template.toml), k0s (pkg/component/worker/containerd), OpenShift (the
machine-config-operator's crio.conf), MicroShift (packaging/crio.conf.d). Talos has neither a shell nor Python on a
node, and is no product of this list.
"""

from __future__ import annotations

from dataclasses import dataclass

CRI_V2, CRI_V3 = 'plugins."io.containerd.grpc.v1.cri".cni', "plugins.'io.containerd.cri.v1.runtime'.cni"


@dataclass(frozen=True)
class Product:
    """One distribution. tree: path -> content, a path that ends with / is a folder."""

    name: str
    tree: dict[str, str]
    kubelet: str  # the kubelet's --root-dir
    units: tuple[str, ...]  # that run a kubelet
    cni: str  # where its runtime looks for CNI plugins, by a name that an update leaves


def containerd(folder: str, key: str = "bin_dir", section: str = CRI_V2) -> str:
    value = f'"{folder}"' if key == "bin_dir" else f"['{folder}']"
    return f"version = 2\n[{section}]\n  {key} = {value}\n  conf_dir = \"/etc/cni/net.d\"\n"


def kubelet(folder: str) -> dict[str, str]:
    return {f"{folder}/{name}/": "" for name in ("device-plugins", "plugins_registry", "pod-resources", "pods")}


K3S_BIN = f"/var/lib/rancher/k3s/data/{'5e' * 32}/bin"
LOCAL = "apiVersion: v1\nkind: Config\nclusters:\n- cluster:\n    server: https://127.0.0.1:6444\n  name: local\n"
PRODUCTS = (
    Product("kubeadm", {
        **kubelet("/var/lib/kubelet"), "/etc/containerd/config.toml": containerd("/opt/cni/bin"),
        "/etc/kubernetes/kubelet.conf": LOCAL.replace("127.0.0.1:6444", "192.0.2.1:6443"),
    }, "/var/lib/kubelet", ("kubelet.service",), "/opt/cni/bin"),
    Product("kubespray", {
        **kubelet("/var/lib/kubelet"), "/etc/containerd/config.toml": containerd("/opt/cni/bin", "bin_dirs", CRI_V3),
        "/etc/kubernetes/kubelet.conf": LOCAL.replace("6444", "6443"), "/etc/nginx/nginx.conf": "stream {}\n",
    }, "/var/lib/kubelet", ("kubelet.service",), "/opt/cni/bin"),
    Product("k3s", {
        **kubelet("/var/lib/kubelet"),
        "/var/lib/rancher/k3s/agent/etc/containerd/config.toml": containerd("/var/lib/rancher/k3s/data/cni"),
        "/var/lib/rancher/k3s/agent/kubelet.kubeconfig": LOCAL,
        "/var/lib/rancher/k3s/agent/etc/k3s-agent-load-balancer.json": '{"ServerAddresses": ["192.0.2.1:6443"]}',
    }, "/var/lib/kubelet", ("k3s.service", "k3s-agent.service"), "/var/lib/rancher/k3s/data/cni"),
    Product("k3s-1.29", {
        **kubelet("/var/lib/kubelet"),
        "/var/lib/rancher/k3s/agent/etc/containerd/config.toml": containerd(K3S_BIN), f"{K3S_BIN}/loopback": "",
        "/var/lib/rancher/k3s/agent/kubelet.kubeconfig": LOCAL,
    }, "/var/lib/kubelet", ("k3s.service", "k3s-agent.service"), "/var/lib/rancher/k3s/data/current/bin"),
    Product("rke2", {
        **kubelet("/var/lib/kubelet"),
        "/var/lib/rancher/rke2/agent/etc/containerd/config.toml": containerd("/opt/cni/bin"),
        "/var/lib/rancher/rke2/agent/kubelet.kubeconfig": LOCAL,
    }, "/var/lib/kubelet", ("rke2-server.service", "rke2-agent.service"), "/opt/cni/bin"),
    Product("microk8s", {
        **kubelet("/var/snap/microk8s/common/var/lib/kubelet"),
        "/var/snap/microk8s/current/args/containerd.toml": containerd("/var/snap/microk8s/7449/opt/cni/bin"),
    }, "/var/snap/microk8s/common/var/lib/kubelet", ("snap.microk8s.daemon-kubelite.service",),
       "/var/snap/microk8s/current/opt/cni/bin"),
    Product("k0s", {
        **kubelet("/var/lib/k0s/kubelet"), "/etc/k0s/containerd.toml": "version = 2\nimports = []\n",
    }, "/var/lib/k0s/kubelet", ("k0sworker.service", "k0scontroller.service"), "/opt/cni/bin"),
    Product("openshift", {
        **kubelet("/var/lib/kubelet"),
        "/etc/crio/crio.conf.d/00-default": 'plugin_dirs = ["/ignored"]\n',
        "/etc/crio/crio.conf.d/00-default.conf":
            '[crio.network]\nplugin_dirs = [\n  "/var/lib/cni/bin",\n  "/usr/libexec/cni",\n]\n',
    }, "/var/lib/kubelet", ("kubelet.service",), "/var/lib/cni/bin"),
    Product("microshift", {
        **kubelet("/var/lib/kubelet"),
        "/etc/crio/crio.conf.d/10-microshift.conf": 'plugin_dirs = ["/run/cni/bin", "/usr/libexec/cni"]\n',
    }, "/var/lib/kubelet", ("microshift.service",), "/usr/libexec/cni"),
)  # fmt: skip
