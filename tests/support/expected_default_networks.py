# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configurations of default networks as their products write them, and what Multus finds of each.

# source: the installation documentation of flannel, Calico, Cilium and OVN-Kubernetes (names of the files and of the
# plugins; flannel takes its addresses from the Node's podCIDR; Cilium's Helm value cni.exclusive, true by default, is
# cni-exclusive in the ConfigMap cilium-config); DANM's deployment (00-danm.conf).
"""

from __future__ import annotations

import json
from typing import Any


def conflist(kind: str) -> str:
    return json.dumps({"cniVersion": "0.3.1", "name": "net", "plugins": [{"type": kind}, {"type": "portmap"}]})


SHARED = {"cni-exclusive": "false"}
# File, content, podCIDR, cilium-config; a word of the problem, "" for none.
CASES: dict[str, tuple[dict[str, str], str, dict[str, Any], str]] = {
    "flannel": ({"10-flannel.conflist": conflist("flannel")}, "10.244.1.0/24", {}, ""),
    "flannel without podCIDR": ({"10-flannel.conflist": conflist("flannel")}, "", {}, "--allocate-node-cidrs"),
    "bridge": ({"10-bridge.conf": json.dumps({"type": "bridge", "name": "net"})}, "", {}, ""),
    "calico": ({"10-calico.conflist": conflist("calico")}, "", {}, ""),
    "ovn-kubernetes": ({"10-ovn-kubernetes.conf": '{"type": "ovn-k8s-cni-overlay"}'}, "", {}, ""),
    "cilium": ({"05-cilium.conflist": conflist("cilium-cni")}, "", SHARED, ""),
    "cilium alone": (
        {"05-cilium.conflist": conflist("cilium-cni")}, "", {"cni-exclusive": "true"}, "cni.exclusive=false",
    ),
    "cilium unsaid": ({"05-cilium.conflist": conflist("cilium-cni")}, "", {}, "cni.exclusive=false"),
    "danm": ({"00-danm.conf": '{"type": "danm"}'}, "", {}, "DANM"),
    "none": ({}, "10.244.1.0/24", {}, "found none. Install one first, such as flannel"),
    "no JSON": ({"10-x.conf": "{"}, "", {}, "expected a CNI configuration with a type"),
    "no plugins": ({"10-x.conflist": '{"plugins": []}'}, "", {}, "expected a CNI configuration with a type"),
    "a list": ({"10-x.conflist": "[]"}, "", {}, "expected a CNI configuration with a type"),
}  # fmt: skip
