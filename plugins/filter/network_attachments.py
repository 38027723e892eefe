# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters about NetworkAttachmentDefinitions; the work is done in plugin_utils/networks.py."""

from __future__ import annotations

from typing import Any, Callable

from ansible.errors import AnsibleFilterError

from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import InvalidSpecError, SriovError
from ansible_collections.baremetal.sriov.plugins.plugin_utils import filter_inputs, manifest_names, networks


def network_attachments(
    value: Any, resource_prefix: str = networks.OWNER, manifests: Any = None, log_dir: str = networks.LOG_FOLDER
) -> list[dict[str, Any]]:
    """Networks of the inventory and of manifests to definitions, or every mistake in one error."""
    try:
        together, places = manifest_names.together("networks", value, manifests)
        try:
            return networks.network_attachments(together, resource_prefix, places, log_dir)
        except InvalidSpecError as error:
            manifest_names.name_places(error.mistakes, places)
            raise InvalidSpecError(list(error.mistakes)) from error
    except SriovError as error:
        raise AnsibleFilterError(str(error)) from error


def network_changes(value: Any, found: Any, prune: bool = False) -> dict[str, Any]:
    """Wanted definitions against the cluster's."""
    wanted = filter_inputs.objects("network_changes", value, "the wanted definitions")
    there = filter_inputs.objects("network_changes: found", found, "the cluster's definitions")
    return networks.network_changes(wanted, there, bool(prune))


class FilterModule:
    """What Ansible asks a filter file for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name to function."""
        return {
            "network_attachments": network_attachments,
            "network_changes": network_changes,
        }
