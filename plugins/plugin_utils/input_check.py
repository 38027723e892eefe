# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one check of all input of a host: the variables' kinds and ranges, what is in them, and what they refer to.

What has the wrong kind is told for that alone and left out of the rest, so that each mistake is told once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Callable

from ..module_utils.bmc.bios.wish import Wish
from ..module_utils.model.errors import InvalidSpecError, Mistake
from ..module_utils.model.goal import NodeOptions
from ..module_utils.policy import node_spec as spec
from . import (
    labels,
    manifest_names,
    multus,
    network_values,
    networks,
    owned_objects,
    pools,
    scalars,
    variable_contents,
    variables,
)
from .values import LIST, kind_of
from .variable_specs import PREFIX, options

OPTIONS = frozenset(vars(NodeOptions()))
# Fields of a wish for a BIOS, in their order, and the variables that they come from.
_BIOS = {"settings": "sriov_bios_settings", "attributes": "sriov_bios_attributes", "names": "sriov_bios_names"}
_NONE = {"sriov_multus": "write sriov_multus: external", "sriov_injector": "write sriov_injector: false"}
_SPEC = "spec."  # what the paths of a node's options begin with
# Options of a node that have the name of a variable, where a sentence speaks of them.
_NAMES = re.compile(rf"(?<![\w.])({'|'.join(sorted(OPTIONS - {'adopt', 'device_plugin', 'iommu'}))})(?!\w)")


@dataclass(frozen=True)
class Surroundings:
    """What the variables of one host are read beside.

    variables: all variables of the host, for node_selector; manifests: what the files of sriov_manifests hold, None
    where they were not read; elsewhere: the pools of other hosts, None where they can't be told.
    """

    variables: Mapping[str, Any] | None = None
    manifests: Mapping[str, Any] | None = field(default_factory=dict)
    elsewhere: Callable[[], set[str] | None] = set


def mistakes(values: Mapping[str, Any], around: Surroundings | None = None) -> list[Mistake]:
    """Every mistake in the variables of a host. values: those that it has, templates worked out."""
    known = options()
    found = variables.mistakes(values)
    for name, value in values.items():
        if name in known and name not in variables.VARIABLES:
            found += scalars.mistakes(known[name], value)
    wrong = {_variable(mistake.path) for mistake in found}
    right = {name: value for name, value in values.items() if name not in wrong}
    found += labels.mistakes(right.get("sriov_node_labels", {}), "sriov_node_labels")
    found += variable_contents.mistakes(right)
    return found + _of_options(right) + _of_bios(right) + _of_lists(right, wrong, around or Surroundings())


def without_cluster(values: Mapping[str, Any]) -> list[Mistake]:
    """What can't be done where no way leads to a cluster, and would not be done without a word."""
    wanted = {
        "sriov_multus": values.get("sriov_multus") in (multus.THIN, multus.THICK),
        "sriov_injector": scalars.as_boolean(values.get("sriov_injector", False)),
    }
    missing = "needs a cluster, found neither sriov_kubeconfig nor sriov_kube_host. Name one, or"
    return [
        Mistake(name, f"{missing} {_NONE[name]}.")
        for name, asked in wanted.items()
        if asked
    ]


def _variable(path: str) -> str:
    """sriov_policies[0].name -> sriov_policies."""
    return re.split(r"[\[.]", path, maxsplit=1)[0]


def told_by(call: Callable[[], Any], places: Mapping[int, str] | None = None) -> list[Mistake]:
    """The mistakes that a reader of the node library raises. places: see manifest_names."""
    try:
        call()
    except InvalidSpecError as error:
        manifest_names.name_places(error.mistakes, places or {})
        return list(error.mistakes)
    return []


def _of_options(right: Mapping[str, Any]) -> list[Mistake]:
    """What the node library says of the options of a node, at the variables' own names."""
    kinds = {name: option.type for name, option in options().items()}
    given: dict[str, Any] = {}
    for name in sorted(OPTIONS):
        variable = PREFIX + name
        if variable in right:
            value = right[variable]
            given[name] = scalars.as_boolean(value) if kinds[variable] == "bool" else value
    # Told already, at the name of the variable.
    given["kernel_arguments_unsafe"] = True
    found = told_by(lambda: spec.node_spec([], **given))
    for mistake in found:
        mistake.path = PREFIX + mistake.path.removeprefix(_SPEC)
        mistake.problem = _NAMES.sub(lambda name: PREFIX + name[0], mistake.problem)
    return found


def _of_bios(right: Mapping[str, Any]) -> list[Mistake]:
    """What the client for BMCs says of the wishes for a BIOS, at the variables' own names."""
    found = told_by(lambda: Wish(*(right.get(name, {}) for name in _BIOS.values())).check())
    for mistake in found:
        part, dot, rest = mistake.path.partition(".")
        mistake.path = _BIOS[part] + dot + rest
    return found


def _of_lists(right: Mapping[str, Any], wrong: Iterable[str], around: Surroundings) -> list[Mistake]:
    """Mistakes in policies and networks, and networks whose pool no policy makes."""
    if around.manifests is None:  # the rest of both lists is unknown
        return []
    found = []
    places: dict[int, str] = {}
    policies = manifest_names.together("policies", _listed(right, "sriov_policies"), around.manifests, places)
    host = _listed(right, "sriov_policies_host")
    judged = not {"sriov_policies", "sriov_policies_host"} & set(wrong)
    if judged:
        found += told_by(
            lambda: spec.node_spec(policies, places=places, overrides=host, variables=around.variables), places
        )
    named: dict[int, str] = {}
    wanted = manifest_names.together("networks", _listed(right, "sriov_networks"), around.manifests, named)
    folder = right.get("sriov_cni_log_dir")
    prefix = right.get("sriov_resource_prefix", owned_objects.OWNER)
    told = told_by(
        lambda: networks.network_attachments(
            wanted, prefix, named, folder or network_values.LOG_FOLDER, log_dir_known="sriov_cni_log_dir" not in wrong
        ),
        named,
    )
    found += told
    if judged and scalars.as_boolean(right.get("sriov_device_plugin", True)):
        at_fault = {mistake.path for mistake in told}
        strays = pools.strays(wanted, pools.of(policies, host), around.elsewhere, named)
        found += [mistake for mistake in strays if mistake.path not in at_fault]
    return found


def _listed(right: Mapping[str, Any], name: str) -> list[Any]:
    value = right.get(name, [])
    return list(value) if kind_of(value) == LIST else []
