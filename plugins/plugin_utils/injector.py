# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The network-resources-injector as API objects: the webhook that adds the VFs of its networks to what a pod requests.

It may be down at any time: pods that it is not for, and the system's own, must not wait for it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from .owned_objects import OWNER, OWNER_LABEL

NAME = "network-resources-injector"
IMAGE = "ghcr.io/k8snetworkplumbingwg/network-resources-injector:v1.9.0"
# A pod that carries one of these is looked at: ours, for whoever asks, and KubeVirt's own of its launchers.
LABELS: tuple[Mapping[str, str], ...] = ({"baremetal.sriov/inject": "true"}, {"kubevirt.io": "virt-launcher"})
_ACCOUNT, _SECRET = f"{NAME}-sa", f"{NAME}-tls"
_USER, _PORT, _HEALTH_PORT = 10000, 8443, 8444
_SELECTOR = {"app": NAME}
_RBAC = "rbac.authorization.k8s.io"
NEW = "a new certificate"  # in the place of one that is still to be made
_TIMEOUT_SECONDS = 5  # for which a pod waits, where the webhook does not answer


@dataclass(frozen=True)
class Injector:
    """What somebody wants of it. labels: a pod with all labels of one of them is looked at; certificate, key: PEM."""

    certificate: str
    key: str
    image: str = IMAGE
    namespace: str = "kube-system"
    replicas: int = 2
    failure_policy: str = "Ignore"
    labels: tuple[Mapping[str, str], ...] = LABELS
    pull_secrets: tuple[str, ...] = ()


def of_pem(pem: str, **options: Any) -> Injector:
    """An injector with the certificate and key of a text that holds both; without one it has one that is to be made.
    Options that are empty are the usual ones.
    """
    found: dict[str, Any] = {
        what: "".join(re.findall(rf"-----BEGIN {kind}-----.*?-----END {kind}-----\n?", pem, re.DOTALL)) or NEW
        for what, kind in (("certificate", "CERTIFICATE"), ("key", "PRIVATE KEY"))
    }
    found.update({name: tuple(one) if isinstance(one, list) else one for name, one in options.items() if one})
    return Injector(**found)


def objects(wanted: Injector) -> list[dict[str, Any]]:
    """In the order in which they are made: nothing is sent to it before it is there."""
    return [
        *_rights(wanted),
        _object("v1", "Secret", _SECRET, wanted.namespace, type="kubernetes.io/tls", data={
            "tls.crt": _base64(wanted.certificate), "tls.key": _base64(wanted.key)}),
        _deployment(wanted),
        _object("policy/v1", "PodDisruptionBudget", NAME, wanted.namespace,
                spec={"minAvailable": 1, "selector": {"matchLabels": _SELECTOR}}),
        _object("v1", "Service", NAME, wanted.namespace,
                spec={"selector": _SELECTOR, "ports": [{"port": 443, "targetPort": _PORT}]}),
        _webhooks(wanted),
    ]  # fmt: skip


def references(namespace: str) -> list[dict[str, Any]]:
    """Each object by its name, in the order in which it is removed: first nothing is sent to it any more."""
    made = objects(Injector("", "", namespace=namespace))
    return [{key: item[key] for key in ("apiVersion", "kind", "metadata")} for item in reversed(made)]


def certificate(found: Iterable[Mapping[str, Any]], days: int) -> str:
    """The certificate and key among the cluster's objects; "" where there is none that can be read, or it ends in fewer
    days.
    """
    secret: Mapping[str, Any] = next((item for item in found if item.get("kind") == "Secret"), {})
    data = secret.get("data") or {}
    try:
        texts = [base64.b64decode(str(data[name]), validate=True) for name in ("tls.crt", "tls.key")]
        ends = _end(texts[0])
        pem = b"".join(texts).decode("ascii")
    except (KeyError, ValueError, binascii.Error):
        return ""
    return pem if ends - datetime.now(timezone.utc) >= timedelta(days=days) else ""


def words() -> dict[str, str]:
    """What stands in objects for a certificate that is to be made -> what is said of it."""
    return {_base64(NEW): NEW, _digest(NEW): NEW}


def _end(pem: bytes) -> datetime:
    """When a certificate ends. Raises ValueError."""
    from cryptography import x509  # a library of ansible-core's, which costs most of a filter's start

    found = x509.load_pem_x509_certificate(pem)
    end: datetime = getattr(found, "not_valid_after_utc", None) or found.not_valid_after
    return end.replace(tzinfo=timezone.utc)


def _object(version: str, kind: str, name: str, namespace: str = "", **rest: Any) -> dict[str, Any]:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {}), "labels": {OWNER_LABEL: OWNER}}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **rest}


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _rights(wanted: Injector) -> list[dict[str, Any]]:
    """It reads networks everywhere, and its switches in its own namespace."""
    subjects = [{"kind": "ServiceAccount", "name": _ACCOUNT, "namespace": wanted.namespace}]
    networks = {"apiGroups": ["k8s.cni.cncf.io"], "resources": ["network-attachment-definitions"]}
    switches = {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["nri-control-switches"]}
    role = {"apiGroup": _RBAC, "kind": "ClusterRole", "name": NAME}
    own = {"apiGroup": _RBAC, "kind": "Role", "name": NAME}
    namespace = wanted.namespace
    return [
        _object("v1", "ServiceAccount", _ACCOUNT, namespace),
        _object(f"{_RBAC}/v1", "ClusterRole", NAME, rules=[{**networks, "verbs": ["get", "list", "watch"]}]),
        _object(f"{_RBAC}/v1", "ClusterRoleBinding", NAME, roleRef=role, subjects=subjects),
        _object(f"{_RBAC}/v1", "Role", NAME, namespace, rules=[{**switches, "verbs": ["get"]}]),
        _object(f"{_RBAC}/v1", "RoleBinding", NAME, namespace, roleRef=own, subjects=subjects),
    ]


def arguments(certificate: str, key: str) -> list[str]:
    """Of the program, which finds its certificate in these files."""
    # Without -insecure it wants a client certificate, which API servers do not have unless somebody gave them one.
    return [
        "-insecure",
        "-bind-address=0.0.0.0",
        f"-port={_PORT}",
        f"-health-check-port={_HEALTH_PORT}",
        f"-tls-cert-file={certificate}",
        f"-tls-private-key-file={key}",
        "-logtostderr",
    ]


def _deployment(wanted: Injector) -> dict[str, Any]:
    probe = {"httpGet": {"path": "/healthz", "port": _HEALTH_PORT}, "periodSeconds": 5}
    container = {
        "name": "webhook-server", "image": wanted.image, "command": ["webhook"],
        "args": arguments("/etc/tls/tls.crt", "/etc/tls/tls.key"),
        "env": [{"name": "NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}}],
        "resources": {"requests": {"cpu": "50m", "memory": "50Mi"}, "limits": {"memory": "200Mi"}},
        "securityContext": {"readOnlyRootFilesystem": True, "allowPrivilegeEscalation": False,
                            "capabilities": {"drop": ["ALL"]}},
        "livenessProbe": probe, "readinessProbe": probe,
        "volumeMounts": [{"name": "tls", "mountPath": "/etc/tls", "readOnly": True}],
    }  # fmt: skip
    spec: dict[str, Any] = {
        "serviceAccountName": _ACCOUNT, "containers": [container],
        "securityContext": {"runAsUser": _USER, "runAsGroup": _USER, "fsGroup": _USER, "runAsNonRoot": True,
                            "seccompProfile": {"type": "RuntimeDefault"}},
        "volumes": [{"name": "tls", "secret": {"secretName": _SECRET, "defaultMode": 0o440}}],
        "topologySpreadConstraints": [{
            "maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": _SELECTOR}}],
    }  # fmt: skip
    if wanted.pull_secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in wanted.pull_secrets]
    # New pods for a new certificate: each of them begins with the one that the API server is told of.
    annotations = {"baremetal.sriov/certificate": _digest(wanted.certificate)}
    labels = {**_SELECTOR, OWNER_LABEL: OWNER}
    return _object("apps/v1", "Deployment", NAME, wanted.namespace, spec={
        "replicas": wanted.replicas, "selector": {"matchLabels": _SELECTOR},
        "template": {"metadata": {"labels": labels, "annotations": annotations}, "spec": spec}})  # fmt: skip


def _webhooks(wanted: Injector) -> dict[str, Any]:
    """One for each set of labels: a selector knows no "or"."""
    hidden = sorted({"kube-system", wanted.namespace})
    hooks = [
        {
            "name": f"pods-{number}.{NAME}.baremetal.sriov",
            "clientConfig": {
                "service": {"name": NAME, "namespace": wanted.namespace, "path": "/mutate", "port": 443},
                "caBundle": _base64(wanted.certificate),
            },
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"],
                       "scope": "Namespaced"}],
            "namespaceSelector": {"matchExpressions": [
                {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": hidden}]},
            "objectSelector": {"matchLabels": dict(labels)},
            "sideEffects": "None", "admissionReviewVersions": ["v1"], "failurePolicy": wanted.failure_policy,
            "matchPolicy": "Equivalent", "reinvocationPolicy": "IfNeeded", "timeoutSeconds": _TIMEOUT_SECONDS,
        }
        for number, labels in enumerate(wanted.labels)
    ]  # fmt: skip
    return _object("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", NAME, webhooks=hooks)
