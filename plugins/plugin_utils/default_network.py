# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The default network of a node, which Multus calls for each pod before any other: is there one that it can use."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_DANM = "00-danm"
# The main plugin of a default network -> whether it takes its addresses from the node's podCIDR.
# source: documentation of flannel ("--allocate-node-cidrs"), Calico, Cilium and OVN-Kubernetes (their own addresses).
_NEEDS_POD_CIDR = {"flannel": True, "calico": False, "cilium-cni": False, "ovn-k8s-cni-overlay": False}


def problems(node: str, folder: str, files: Mapping[str, str], pod_cidr: str, cilium: Mapping[str, str]) -> list[str]:
    """Sentences about what keeps Multus from working on a node.

    files: name -> content, the one of the folder of CNI configurations that comes first; pod_cidr: of the Node object;
    cilium: the data of its ConfigMap cilium-config, {} where there is none.
    """
    name = next(iter(files), "")
    if not name:
        return [
            f"{node}: expected the configuration of a default network in {folder}, found none. Install one first, such "
            "as flannel, Calico or Cilium, or name the folder that the container runtime reads in sriov_multus_conf_dir"
        ]
    if name.startswith(_DANM):
        return [f"{node}: {folder}/{name} is DANM's, which Multus would call for each pod. Use one of the two"]
    main = _main_plugin(files[name])
    if main is None:
        return [
            f"{node}: expected a CNI configuration with a type in {folder}/{name}, found something else. Correct it"
        ]
    found = []
    kind = str(main.get("type"))
    if _NEEDS_POD_CIDR.get(kind) and not pod_cidr:
        found.append(
            f"{node}: the default network {kind} ({folder}/{name}) needs the Node's podCIDR, which is not there. Have "
            "the controller manager give one (--allocate-node-cidrs, --cluster-cidr)"
        )
    if kind == "cilium-cni" and str(cilium.get("cni-exclusive", "true")).lower() == "true":
        found.append(
            f"{node}: Cilium takes the configuration of other CNI plugins away (cni-exclusive: true in the ConfigMap "
            "cilium-config), Multus' too. Set cni.exclusive=false in Cilium's values"
        )
    return found


def _main_plugin(text: str) -> dict[str, Any] | None:
    """The first plugin of a configuration; None where there is none."""
    try:
        conf = json.loads(text)
    except ValueError:
        return None
    plugins = conf.get("plugins", [conf]) if isinstance(conf, dict) else None
    main = plugins[0] if isinstance(plugins, list) and plugins else None
    return main if isinstance(main, dict) and main.get("type") else None
