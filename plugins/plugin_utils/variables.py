# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the `sriov_*` variables have to be, in one table, and every mistake in those of one host.

A role's argument spec checks a converted copy of a value, while templates read the value itself: there a text in the
place of a list is one of its letters. So the values themselves are looked at.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean

from ..module_utils.kernel import cmdline, unsafe_arguments
from ..module_utils.model.errors import Mistake
from .values import BOOLEAN, LIST, MAPPING, NULL, NUMBER, TEXT, found_value, kind_of

MANIFESTS = "sriov_manifests"
ARGUMENTS, ARGUMENTS_UNSAFE = "sriov_kernel_arguments", "sriov_kernel_arguments_unsafe"
_LONGEST_EXAMPLE = 60  # characters of a text that is repeated as an item

_QUOTES = "Put it in quotes: without them YAML does not read it as a text."
_NESTED = "There is a list within the list: leave out one dash, or one pair of brackets."
_COLON = "A colon with a blank after it makes a mapping in YAML: put the whole text in quotes."
_EMPTY = "Remove the empty item."


@dataclass(frozen=True)
class Variable:
    """What a variable is. kind: LIST or MAPPING; holds: the kinds that an item, or a value, may have; one, many: what
    an item is called; example: a right value.
    """

    kind: str
    holds: frozenset[str]
    one: str
    many: str
    example: Any


def _list(one: str, many: str, example: Any, *holds: str) -> Variable:
    return Variable(LIST, frozenset(holds), one, many, example)


def _labels(example: Any, *holds: str) -> Variable:
    return Variable(MAPPING, frozenset(holds), "a label's value", "labels", example)


_POLICY = {"name": "dpdk", "resource_name": "dpdk", "num_vfs": 4, "nic_selector": {"pf_names": ["enp1s0"]}}

# In the order in which mistakes are told.
VARIABLES: dict[str, Variable] = {
    "sriov_policies": _list("a policy", "policies", [_POLICY], MAPPING),
    "sriov_policies_host": _list("a policy", "policies", [{"name": "dpdk", "num_vfs": 2}], MAPPING),
    "sriov_networks": _list("a network", "networks", [{"name": "blue", "resource_name": "dpdk"}], MAPPING),
    MANIFESTS: _list("a file or folder", "files or folders", ["operator/"], TEXT),
    ARGUMENTS: _list("a kernel argument", "kernel arguments", ["pci=realloc"], TEXT),
    "sriov_hugepages": _list("a huge page pool", "huge page pools", [{"size": "2M", "count": 512}], MAPPING),
    "sriov_kernel_modules": _list("a kernel module", "kernel modules", ["vfio-pci"], TEXT, MAPPING),
    "sriov_take_over": _list("the path of a file", "paths of files", ["/etc/sysfs.d/vfs.conf"], TEXT),
    "sriov_ignore_variables": _list("the name of a variable", "names of variables", ["sriov_lab_*"], TEXT),
    "sriov_injector_labels": _list("labels", "sets of labels", [{"baremetal.sriov/inject": "true"}], MAPPING),
    "sriov_injector_pull_secrets": _list("the name of a secret", "names of secrets", ["registry"], TEXT),
    "sriov_multus_pull_secrets": _list("the name of a secret", "names of secrets", ["registry"], TEXT),
    "sriov_smoke_pull_secrets": _list("the name of a secret", "names of secrets", ["registry"], TEXT),
    "sriov_multus_global_namespaces": _list("a namespace", "namespaces", ["default", "networks"], TEXT),
    "sriov_multus_resources": Variable(
        MAPPING, frozenset({TEXT}), "an amount of cpu or memory", "amounts", {"cpu": "100m", "memory": "256Mi"}
    ),
    "sriov_device_plugin_options": _list("an option", "options", ["--metrics-port=9810"], TEXT),
    "sriov_adopt_from": _list(
        "what leaves a node", "things that leave a node", ["daemonset/kube-system/kube-sriov-device-plugin"], TEXT
    ),
    "sriov_stop_vms": _list("a VM", "VMs", ["default/router"], TEXT),
    "sriov_node_labels": _labels({"baremetal.sriov/configured": "true"}, TEXT),
    "sriov_bios_settings": Variable(
        MAPPING, frozenset({BOOLEAN}), "true or false", "settings, each true or false", {"iommu": True, "sriov": True}
    ),
    "sriov_bios_attributes": Variable(
        MAPPING, frozenset({TEXT, NUMBER, BOOLEAN}), "a text, a number, true or false", "attributes of the BIOS",
        {"SriovGlobalEnable": "Enabled"},
    ),
    "sriov_bios_names": Variable(
        MAPPING, frozenset({MAPPING}), "a mapping with the attribute", "names of attributes",
        {"iommu": {"attribute": "VTdSupport", "on": "Enable", "off": "Disable"}},
    ),
    "sriov_target_python": Variable(
        MAPPING, frozenset({TEXT}), "a text", "texts", {"version": "3.11", "machine": "x86_64", "libc": "glibc 2.36"}
    ),
    # Nobody writes these: they are compared as texts.
    "sriov_present_labels": _labels({"example.org/zone": "a"}, TEXT, NUMBER, BOOLEAN),
}


def mistakes(values: Mapping[str, Any]) -> list[Mistake]:
    """Every mistake in the variables of a host. values: those that it has, templates worked out; others are unread."""
    found: list[Mistake] = []
    for name, variable in VARIABLES.items():
        if name not in values:
            continue
        here = _of_one(name, variable, values[name])
        if name == ARGUMENTS and not here:
            here = _arguments(values)
        found += here
    return found


def _of_one(name: str, variable: Variable, value: Any) -> list[Mistake]:
    if kind_of(value) != variable.kind:
        expected = f"expected a {variable.kind} of {variable.many}, found {found_value(value)}. "
        return [Mistake(name, expected + _instead(name, variable, value))]
    if variable.kind == LIST:
        items = ((f"{name}[{number}]", item) for number, item in enumerate(value))
        return [mistake for path, item in items for mistake in _item(path, variable, item)]
    found = []
    for key, item in value.items():
        path = f"{name}[{key}]"
        if not isinstance(key, str):
            found.append(Mistake(path, f"expected a text as the name, found {found_value(key)}. {_QUOTES}"))
        if kind_of(item) not in variable.holds:
            hint = _hint(variable, item)
            found.append(Mistake(path, f"expected {variable.one}, found {found_value(item)}. {hint}"))
    return found


def _hint(variable: Variable, item: Any) -> str:
    """What to write in the place of a mapping's value of a wrong kind."""
    if TEXT not in variable.holds:
        return f"Write it as in {json.dumps(variable.example)}."
    return _QUOTES if kind_of(item) in (NUMBER, BOOLEAN) else "Write a text in quotes."


def _item(path: str, variable: Variable, item: Any) -> list[Mistake]:
    kind = kind_of(item)
    if kind in variable.holds and item != "":
        return []
    if kind == NULL or item == "":
        hint = _EMPTY
    elif kind == LIST:
        hint = _NESTED
    elif TEXT in variable.holds:
        hint = _COLON if kind == MAPPING else _QUOTES
    else:
        hint = f"Write its fields, as in {json.dumps(variable.example[0])}."
    return [Mistake(path, f"expected {variable.one}, found {found_value(item)}. {hint}")]


def _instead(name: str, variable: Variable, value: Any) -> str:
    """What to write in the place of a value of a wrong kind."""
    empty = "[]" if variable.kind == LIST else "{}"
    if value is None:
        return f"Write {name}: {empty} for none, or leave the variable out; a key without a value is null."
    if value == "":
        return f"Write {name}: {empty} for none, or leave the variable out."
    example = json.dumps(variable.example)
    if variable.kind == LIST and TEXT in variable.holds and _is_an_item(value):
        example = json.dumps([str(value)])
    if variable.kind == LIST and MAPPING in variable.holds and kind_of(value) == MAPPING:
        return f"Put a dash before each of them, as in {example}: a single one is a list of one."
    if variable.kind == MAPPING and kind_of(value) == LIST:
        return f"Leave out the dashes: write {name}: {example}."
    return f"Write {name}: {example}, on the command line -e '{{\"{name}\": {example}}}'."


def _is_an_item(value: Any) -> bool:
    """True for a text that may well be the one item that was meant."""
    return isinstance(value, str) and len(value) <= _LONGEST_EXAMPLE and not any(c in value for c in " \t\n,'\"[]{}")


def _arguments(values: Mapping[str, Any]) -> list[Mistake]:
    """What a kernel's command line can't hold, and words that need an explicit yes."""
    arguments = tuple(values[ARGUMENTS])
    found = cmdline.mistakes(arguments, ARGUMENTS)
    if boolean(values.get(ARGUMENTS_UNSAFE, False), strict=False):
        return found
    return found + unsafe_arguments.mistakes(arguments, ARGUMENTS, ARGUMENTS_UNSAFE)
