# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter node_spec: from the user's policies to what one node should be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable

from ansible.errors import AnsibleFilterError

from ..module_utils.model.errors import InvalidSpecError
from ..module_utils.policy import node_spec as spec
from ..plugin_utils import manifest_names
from ..plugin_utils.filter_inputs import HostVariables


def node_spec(
    policies: Any,
    host: str = "",
    group_names: Any = (),
    labels: Any = None,
    host_variables: Any = None,
    policies_host: Any = (),
    manifests: Any = None,
    **options: Any,
) -> dict[str, Any]:
    """Document in node_spec.yml. options: see NodeOptions."""
    if "modules" in options:  # the name until 0.1.1
        options.setdefault("kernel_modules", options.pop("modules"))
    places: dict[int, str] = {}
    try:
        together, places = manifest_names.together("policies", policies, manifests)
        return spec.node_spec(
            together,
            places=places,
            overrides=() if policies_host is None else policies_host,
            groups=group_names,
            variables=HostVariables(host_variables) if isinstance(host_variables, Mapping) else host_variables,
            labels=labels,
            **options,
        )
    except InvalidSpecError as error:
        manifest_names.name_places(error.mistakes, places)
        error = InvalidSpecError(list(error.mistakes))
        raise AnsibleFilterError(f"{host}: {error}" if host else str(error)) from error


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name -> function."""
        return {"node_spec": node_spec}
