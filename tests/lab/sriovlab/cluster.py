# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a fresh cluster gets before a test sees it: what the thin Multus of the nodes may ask the API server."""

from __future__ import annotations

from typing import Any

from .kubeapi import KubeApi

RBAC = "/apis/rbac.authorization.k8s.io/v1"
MULTUS = "multus"  # the user, by its certificate, and the role
RULES = [
    {"apiGroups": ["k8s.cni.cncf.io"], "resources": ["network-attachment-definitions"], "verbs": ["get", "list"]},
    {"apiGroups": [""], "resources": ["pods", "namespaces"], "verbs": ["get", "list"]},
    {"apiGroups": [""], "resources": ["pods/status"], "verbs": ["get", "update", "patch"]},
    {"apiGroups": ["", "events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch", "update"]},
]


def _objects() -> dict[str, dict[str, Any]]:
    """Collection -> the object to make in it."""
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": MULTUS}
    user = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": MULTUS}
    named = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": MULTUS}}
    return {
        f"{RBAC}/clusterroles": {**named, "kind": "ClusterRole", "rules": RULES},
        f"{RBAC}/clusterrolebindings": {**named, "kind": "ClusterRoleBinding", "roleRef": role, "subjects": [user]},
    }


def create(api: KubeApi) -> None:
    """Make the objects. Raises LabError where the API server refuses one."""
    for path, body in _objects().items():
        api.request("POST", path, body)
