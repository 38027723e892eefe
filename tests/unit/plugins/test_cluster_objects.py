# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the API server has objects, and which certificate stays."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ansible_collections.baremetal.sriov.plugins.filter.object_filters import injector_certificate
from ansible_collections.baremetal.sriov.plugins.plugin_utils import cluster_objects, injector, multus

# source: Kubernetes, "API concepts", standard API terminology.
PATHS = {
    "/api/v1/nodes/n1": ("v1", "Node", "n1", ""),
    "/api/v1/nodes": ("v1", "Node", "", ""),
    "/apis/apps/v1/namespaces/kube-system/daemonsets/x": ("apps/v1", "DaemonSet", "x", "kube-system"),
    "/apis/apps/v1/daemonsets": ("apps/v1", "DaemonSet", "", ""),
    "/apis/k8s.cni.cncf.io/v1/network-attachment-definitions": (
        "k8s.cni.cncf.io/v1", "NetworkAttachmentDefinition", "", ""
    ),
    "/apis/resource.k8s.io/v1/deviceclasses": ("resource.k8s.io/v1", "DeviceClass", "", ""),
    "/api/v1/namespaces/a%2Fb/configmaps/..%2Fx": ("v1", "ConfigMap", "../x", "a/b"),
}  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_paths(path: str) -> None:
    assert cluster_objects.path_of(*PATHS[path]) == path


class Cluster:
    """Answers of an API server by path, 404 for all else."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers, self.asked = answers, 0

    def call(self, method: str, path: str, body: Any = None, query: Any = None) -> Any:
        assert method == "GET"
        self.asked += 1
        return self.answers.get(path)


def test_what_is_read_tells_what_it_is() -> None:
    """Members of a list do not, as the API server gives them; what is not there is left out."""
    account = "/api/v1/namespaces/kube-system/serviceaccounts/multus"
    nodes = {"items": [{"metadata": {"name": "n1"}}]}
    cluster = Cluster({"/api/v1/nodes": nodes, account: {"metadata": {"name": "multus"}}})
    found = cluster_objects.read(cluster, [{"apiVersion": "v1", "kind": "Node"}, *multus.references("kube-system")])
    assert [(item["apiVersion"], item["kind"], item["metadata"]["name"]) for item in found] == [
        ("v1", "Node", "n1"), ("v1", "ServiceAccount", "multus")
    ]  # fmt: skip
    assert cluster.asked == 6


def secret(days: float) -> dict[str, Any]:
    """One with a certificate that ends in so many days."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(timezone.utc)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")])
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(1).not_valid_before(now - timedelta(days=365))
            .not_valid_after(now + timedelta(days=days)).sign(key, hashes.SHA256()))  # fmt: skip
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                            serialization.NoEncryption())  # fmt: skip
    texts = {"tls.crt": made.public_bytes(serialization.Encoding.PEM), "tls.key": pem}
    return {"kind": "Secret", "metadata": {"name": "tls"},
            "data": {name: base64.b64encode(text).decode() for name, text in texts.items()}}  # fmt: skip


@pytest.mark.parametrize("days", [31, 29, -1])
def test_a_certificate_that_ends_soon_does_not_stay(days: int) -> None:
    found = secret(days)
    pem = injector_certificate([found], 30)
    assert bool(pem) == (days > 30)
    if pem:
        (made,) = [item for item in injector.objects(injector.of_pem(pem)) if item["kind"] == "Secret"]
        assert made["data"] == found["data"]


@pytest.mark.parametrize("data", [{}, None, *({"tls.crt": text, "tls.key": text} for text in ("", "!", "YWJj"))])
def test_one_that_can_not_be_read_does_not_stay(data: Any) -> None:
    assert injector_certificate([{"kind": "Secret", "metadata": {"name": "x"}, "data": data}], 30) == ""
    assert injector_certificate([], 30) == ""
