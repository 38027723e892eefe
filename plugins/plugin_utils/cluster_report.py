# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles would change in one cluster besides its nodes, and why they would refuse: few questions, no change."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import cluster_objects, cluster_plan, injector, multus, object_steps, owned_objects
from .injector import of_pem
from .rolling.api import Api, ApiError, items
from .scalars import as_boolean, as_number

_USUAL_NAMESPACE = "default"  # which every cluster has
_DAEMON_SETS = cluster_objects.path_of("apps/v1", "DaemonSet")
_NETWORKS = cluster_objects.path_of(owned_objects.NETWORK_API_VERSION, owned_objects.NETWORK_KIND)
Steps = list[dict[str, Any]]
Objects = list[dict[str, Any]]


@dataclass
class ClusterReport:
    """of: the value of a variable, as the roles' tasks have it; stays: whether other nodes still use what would go.

    record: what becomes of the record of slices, where nodes share out addresses: its name, before (None without one),
    then.
    """

    api: Api
    of: Callable[[str], Any]
    absent: bool = False
    stays: bool = False
    record: Mapping[str, Any] | None = None
    refused: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    _defined: bool | None = None

    def told(self) -> dict[str, Any]:
        """In the form of a module's result. Raises ApiError."""
        parts = [self._slices, self._multus, self._injector, self._networks]
        if self.absent:  # the other way round, but for the record, which nodes leave at their own end
            parts = [self._networks, self._injector, self._multus, self._slices]
        steps = [step for part in parts for step in part()]
        if self.refused:
            return {"failed": True, "msg": "\n".join(self.refused), "refused": self.refused}
        result = cluster_plan.plan(steps)
        result["plan"]["warnings"] = self.warnings
        return result

    def _on(self, name: str) -> bool:
        return bool(as_boolean(self.of(name)))

    def _slices(self) -> Steps:
        if self.record is None:
            return []
        return object_steps.record_steps(
            self.record["name"], self.record["before"], self.record["then"], goes=self.absent
        )

    def _multus(self) -> Steps:
        if self.of("sriov_multus") not in (multus.THIN, multus.THICK) or (self.absent and self.stays):
            return []
        wanted = self.of("multus_wanted")
        if not self.absent:
            beside = multus.refusal(owned_objects.foreign(items(self.api, _DAEMON_SETS), multus.NAME))
            if beside:
                self.refused.append(beside)
                return []
        return self._objects(object_steps.MULTUS, wanted)

    def _injector(self) -> Steps:
        if not self._on("sriov_injector") or (self.absent and self.stays):
            return []
        options = self.of("injector_options")
        references = injector.references(of_pem("", **options).namespace)
        found = cluster_objects.read(self.api, references)
        pem = injector.certificate(found, as_number(self.of("sriov_injector_renew_days")) or 0)
        wanted = {"objects": injector.objects(of_pem(pem, **options)), "references": references}
        return self._objects(object_steps.INJECTOR, wanted, found)

    def _objects(self, role: str, wanted: Mapping[str, Any], found: Objects | None = None) -> Steps:
        """Of a role that owns objects by their names."""
        there = cluster_objects.read(self.api, wanted["references"]) if found is None else found
        changes = owned_objects.object_changes([] if self.absent else wanted["objects"], there, wanted["references"])
        refusal = "" if self.absent else object_steps.refusal(role, changes["foreign"])
        if refusal:
            self.refused.append(refusal)
            return []
        defines = [] if self.absent else cluster_plan.definition_steps(role, self._is_defined())
        self._defined = self._defined or bool(defines)
        return [*defines, *object_steps.object_steps(role, changes, there, injector.words())]

    def _networks(self) -> Steps:
        if not self._on("sriov_networks_enabled") or (self.absent and self.stays):
            return []
        wanted = [] if self.absent else self.of("networks_wanted")
        found = items(self.api, _NETWORKS) if self._is_defined() else []
        changes = owned_objects.network_changes(wanted, found, self.absent or self._on("sriov_prune"))
        if changes["foreign"]:
            self.refused += cluster_plan.foreign(changes)["refused"]
            return []
        self.warnings += self._namespaces(changes["apply"])
        goes = self.absent and self._definition_is_ours() and len(changes["delete"]) == len(found)
        return cluster_plan.network_steps(changes, found, self._is_defined(), goes)

    def _definition(self) -> dict[str, Any] | None:
        crd = self.of("networks_crd")
        found: dict[str, Any] | None = self.api.call("GET", cluster_objects.path_of(
            crd["apiVersion"], crd["kind"], crd["metadata"]["name"]))  # fmt: skip
        return found

    def _is_defined(self) -> bool:
        """Whether the cluster knows networks, or will by the time of the next role."""
        if self._defined is None:
            self._defined = self._definition() is not None
        return self._defined

    def _definition_is_ours(self) -> bool:
        found = self._definition()
        return found is not None and owned_objects.is_ours(found)

    def _namespaces(self, applied: Objects) -> Iterator[str]:
        """Those that networks would wait for."""
        wanted = {item["metadata"]["namespace"] for item in applied} - {_USUAL_NAMESPACE}
        try:
            known = items(self.api, cluster_objects.path_of("v1", "Namespace")) if wanted else []
        except ApiError:
            return  # the role does not wait then
        for name in sorted(wanted - {item["metadata"]["name"] for item in known}):
            yield (
                f"namespace {name} is not there: site waits {self.of('sriov_namespace_timeout')} s for it, applies all "
                "other networks, and fails."
            )
