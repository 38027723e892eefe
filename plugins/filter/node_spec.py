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
    policies_may_be_empty: bool = False,
    resource_prefix: str = spec.DEFAULT_PREFIX,
    kernel_arguments: Any = (),
    boot_loader: str = "auto",
    hugepages: Any = (),
    hugepages_floor: int = spec.DEFAULT_FLOOR,
    iommu: Any = None,
    modules: Any = (),
    allow_unsafe_interrupts: bool = False,
    no_iommu: bool = False,
    vfs_unmanaged: bool = False,
    kubelet_root_dir: str = spec.DEFAULT_KUBELET_DIR,
    device_plugin: bool = True,
    adopt: bool = False,
    kernel_arguments_unsafe: bool = False,
    manifests: Any = None,
) -> dict[str, Any]:
    """Document in node_spec.yml."""
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
            policies_may_be_empty=policies_may_be_empty,
            resource_prefix=resource_prefix,
            kernel_arguments=kernel_arguments,
            kernel_arguments_unsafe=kernel_arguments_unsafe,
            boot_loader=boot_loader,
            hugepages=hugepages,
            hugepages_floor=hugepages_floor,
            iommu=iommu,
            modules=modules,
            allow_unsafe_interrupts=allow_unsafe_interrupts,
            no_iommu=no_iommu,
            vfs_unmanaged=vfs_unmanaged,
            kubelet_root_dir=kubelet_root_dir,
            device_plugin=device_plugin,
            adopt=adopt,
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
