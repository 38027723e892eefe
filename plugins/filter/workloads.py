# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters of workloads that are made here: what each is handed is looked at, the work is done in plugin_utils."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable

from ..plugin_utils import device_plugin_pods, filter_inputs, manifest_names
from ..plugin_utils.acceptance import report
from ..plugin_utils.acceptance.rows import FAILED
from ..plugin_utils.smoke import verdicts, workloads


def smoke_rounds(value: Any, policies: Any = (), manifests: Any = None, **options: Any) -> dict[str, Any]:
    """The workloads of a smoke test."""
    with filter_inputs.told() as places:
        together = manifest_names.together("networks", value, manifests, places)
        listed = manifest_names.together("policies", policies, manifests, {})
        return workloads.rounds(together, listed, _smoke(options))


def smoke_client(
    value: Any, networks: Any, network: Any, manifests: Any = None, **options: Any
) -> list[dict[str, Any]]:
    """The pod that measures towards the server among the pods of a round."""
    pods = filter_inputs.objects("smoke_client", value, "the pods of a round")
    with filter_inputs.told() as places:
        together = manifest_names.together("networks", networks, manifests, places)
        return workloads.client(str(network), pods, together, _smoke(options))


def _smoke(options: Mapping[str, Any]) -> workloads.Smoke:
    return workloads.Smoke(**_as_given(options))


def _as_given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Lists as what does not change."""
    return {name: tuple(one) if isinstance(one, list) else one for name, one in options.items()}


def smoke_verdicts(value: Any, min_share: Any = 50, max_latency: Any = 100) -> dict[str, Any]:
    """What the rounds of a smoke test came to."""
    found = filter_inputs.mappings("smoke_verdicts", value, "what the rounds came to")
    rows = verdicts.rows(found, verdicts.Limits(int(min_share), int(max_latency)))
    return {
        "lines": report.lines(rows),
        "junit": report.as_junit(rows, "baremetal.sriov.smoke"),
        "rows": [one.as_dict() for one in rows],
        "failures": [report.words(one) for one in rows if one.outcome == FAILED],
    }


def device_plugin_objects(value: Any, **options: Any) -> list[dict[str, Any]]:
    """The device plugin as pods."""
    specs = filter_inputs.mapping("device_plugin_objects", value, "names of nodes and what each should be")
    with filter_inputs.told():
        return device_plugin_pods.objects(specs, device_plugin_pods.DevicePluginPods(**_as_given(options)))


class FilterModule:
    """What Ansible asks a filter file for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name to function."""
        return {
            "device_plugin_objects": device_plugin_objects,
            "smoke_client": smoke_client,
            "smoke_rounds": smoke_rounds,
            "smoke_verdicts": smoke_verdicts,
        }
