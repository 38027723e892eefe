# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters about the API objects that roles own: what is handed to each is looked at here."""

from __future__ import annotations

from typing import Any, Callable

from ansible.errors import AnsibleFilterError

from ..module_utils.policy.validation import show
from ..plugin_utils import cluster_plan, filter_inputs, injector, multus, object_steps, owned_objects

_OTHER_MULTUS = "another multus"


def object_changes(value: Any, found: Any, references: Any = ()) -> dict[str, Any]:
    """Wanted objects against those of a cluster that have their names."""
    wanted = filter_inputs.objects("object_changes", value, "the wanted objects")
    there = filter_inputs.objects("object_changes: found", found, "the cluster's objects")
    names = filter_inputs.objects("object_changes: references", references, "the names of objects")
    return owned_objects.object_changes(wanted, there, names)


def steps_of_objects(value: Any, found: Any, role: Any, defined: Any = True) -> list[dict[str, Any]]:
    """Changes of a role's objects as steps of a plan."""
    changes = filter_inputs.mapping("object_steps", value, "what the filter object_changes gives")
    there = filter_inputs.objects("object_steps: found", found, "the cluster's objects")
    defines = cluster_plan.definition_steps(_role("object_steps", role), bool(defined))
    return [*defines, *object_steps.object_steps(str(role), changes, there, injector.words())]


def record_steps(value: Any, before: Any, name: Any, goes: Any = False) -> list[dict[str, Any]]:
    """What becomes of the record of slices, as steps of a plan."""
    then = filter_inputs.mapping("record_steps", value, "the data of a ConfigMap")
    now = None if before is None else filter_inputs.mapping("record_steps: before", before, "the data of a ConfigMap")
    return object_steps.record_steps(str(name), now, then, bool(goes))


def foreign_refusal(value: Any, role: Any) -> str:
    """Why objects of others are left alone."""
    found = filter_inputs.objects("foreign_refusal", value, "objects of a cluster")
    if role == _OTHER_MULTUS:
        return multus.refusal(found)
    return object_steps.refusal(_role("foreign_refusal", role), found)


def injector_certificate(value: Any, days: Any) -> str:
    """The injector's certificate and key that stay, "" for none."""
    found = filter_inputs.objects("injector_certificate", value, "the cluster's objects")
    return injector.certificate(found, int(days))


def _role(name: str, value: Any) -> str:
    if value not in object_steps.ROLES:
        raise AnsibleFilterError(f"{name}: role: expected one of {', '.join(object_steps.ROLES)}; found {show(value)}")
    return str(value)


class FilterModule:
    """What Ansible asks a filter file for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name to function."""
        return {
            "foreign_refusal": foreign_refusal,
            "injector_certificate": injector_certificate,
            "object_changes": object_changes,
            "object_steps": steps_of_objects,
            "record_steps": record_steps,
        }
