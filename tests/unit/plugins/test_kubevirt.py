# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What verify says of a KubeVirt.

source: KubeVirt's release notes of 1.7, 1.8, 1.9 and VEP 106 (ExternalNetResourceInjection: off by default in 1.8, on
in 1.9, without an alternative in 1.10); its user guide on feature gates that have graduated.
"""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.filter.filters import kubevirt_problems

INJECTOR = [{"metadata": {"name": "network-resources-injector-config"}}]
KEPT = {"disabledFeatureGates": ["ExternalNetResourceInjection"]}


def kubevirt(version: str | None, phase: str = "Deployed", **developer: Any) -> dict[str, Any]:
    status = {"phase": phase, **({"observedKubeVirtVersion": version} if version else {})}
    spec = {"configuration": {"developerConfiguration": developer}} if developer else {}
    return {"metadata": {"name": "kubevirt", "namespace": "kubevirt"}, "spec": spec, "status": status}


CASES: dict[str, tuple[dict[str, Any], bool, str]] = {
    "1.9 with the injector": (kubevirt("v1.9.0"), True, ""),
    "1.9 without": (kubevirt("v1.9.0"), False, "sriov_injector: true"),
    "1.9 without, as before": (kubevirt("v1.9.1", **KEPT), False, ""),
    "1.10 has no gate": (kubevirt("v1.10.0", **KEPT), False, "does not add a VF's resource"),
    "1.8 does so itself": (kubevirt("v1.8.4"), False, ""),
    "1.6": (kubevirt("v1.6.0"), True, "expected version 1.7 or newer"),
    "2.0": (kubevirt("v2.0.0-rc.1"), False, "does not add"),
    "at work": (kubevirt("v1.9.0", "Deploying"), True, "expected the phase Deployed, found Deploying"),
    "no version": (kubevirt(None), True, "expected a version"),
    "spent gates": (kubevirt("v1.9.0", featureGates=["NUMA", "CPUManager"]), True, "names NUMA, which mean nothing"),
}


@pytest.mark.parametrize("case", CASES)
def test_one_kubevirt(case: str) -> None:
    item, injected, words = CASES[case]
    found = kubevirt_problems([item], INJECTOR if injected else [])
    assert all(text.startswith("KubeVirt kubevirt/kubevirt: ") for text in found)
    assert [words in text for text in found] == ([True] if words else [])


def test_no_kubevirt() -> None:
    assert kubevirt_problems([], []) == []
    assert kubevirt_problems([{"metadata": {"name": "x"}}], []) != []
