# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cluster's KubeVirt needs before a virtual machine gets a VF. It is yours to install; this looks at it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

INJECTOR = "network-resources-injector"
GATE = "ExternalNetResourceInjection"
# source: release notes of KubeVirt 1.7 (network-info is the way to a VF's address), 1.9 (the gate is on by default) and
# 1.10 (there is no other way).
_OLDEST, _INJECTS_NOT, _NO_GATE = (1, 7), (1, 9), (1, 10)
# Gates that mean nothing any more.
_SPENT_GATES = ("SRIOVLiveMigration", "HotplugNICs", "NUMA", "NetworkBindingPlugins", "DynamicPodInterfaceNaming")


def problems(kubevirts: Iterable[Mapping[str, Any]], webhooks: Iterable[Mapping[str, Any]]) -> list[str]:
    """Sentences about what keeps virtual machines from their VFs; none where there is no KubeVirt.

    kubevirts: the objects of kind KubeVirt; webhooks: the cluster's MutatingWebhookConfigurations.
    """
    injected = any(INJECTOR in str(item.get("metadata", {}).get("name", "")) for item in webhooks)
    return [problem for item in kubevirts for problem in _of_one(item, injected)]


def _of_one(item: Mapping[str, Any], injected: bool) -> list[str]:
    metadata, status = item.get("metadata") or {}, item.get("status") or {}
    name = f"KubeVirt {metadata.get('namespace', '')}/{metadata.get('name', '')}"
    phase, text = status.get("phase"), str(status.get("observedKubeVirtVersion") or "")
    if phase != "Deployed":
        return [f"{name}: expected the phase Deployed, found {phase or 'none'}: ask its operator"]
    version = tuple(int(part) for part in re.findall(r"\d+", text)[:2])
    if len(version) < 2:
        return [f"{name}: expected a version in status.observedKubeVirtVersion, found {text or 'none'}"]
    found = []
    if version < _OLDEST:
        found.append(
            f"{name}: expected version 1.7 or newer, found {text}, which looks for a VF elsewhere. Update it"
        )
    settings = ((item.get("spec") or {}).get("configuration") or {}).get("developerConfiguration") or {}
    kept = GATE in (settings.get("disabledFeatureGates") or ()) and version < _NO_GATE
    if version >= _INJECTS_NOT and not injected and not kept:
        way = "" if version >= _NO_GATE else f", or name {GATE} in disabledFeatureGates, while there is that gate"
        found.append(
            f"{name}: {text} does not add a VF's resource to the pods of virtual machines, and there is no {INJECTOR}: "
            f"set sriov_injector: true, have the filter pod_spec write it into each machine{way}"
        )
    spent = [gate for gate in settings.get("featureGates") or () if gate in _SPENT_GATES]
    if spent:
        found.append(f"{name}: featureGates names {', '.join(spent)}, which mean nothing any more. Remove them")
    return found
