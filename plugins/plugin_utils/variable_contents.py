# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is in lists and mappings that a cluster would refuse, or take for something else; their kinds are right."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..module_utils.model.errors import Mistake
from . import labels
from .scalars import NAMESPACE_NAME, OBJECT_NAME
from .values import TEXT, found_value, kind_of

# source: Kubernetes, "Quantity" of its API: a number, and a suffix of binary or decimal SI.
_QUANTITY = re.compile(r"[0-9]+(\.[0-9]+)?(m|k|[KMGTPE]i|[MGTPE])?")
_AMOUNTS = {"cpu": "100m", "memory": "256Mi"}
# Variable -> what an item is, a right one, what it looks like.
_ITEMS: dict[str, tuple[str, str, re.Pattern[str]]] = {
    "sriov_injector_pull_secrets": ("the name of a secret", "registry", OBJECT_NAME),
    "sriov_multus_pull_secrets": ("the name of a secret", "registry", OBJECT_NAME),
    "sriov_multus_global_namespaces": ("the name of a namespace", "networks", NAMESPACE_NAME),
    "sriov_stop_vms": ("a VM, NAMESPACE/NAME", "default/router",
                       re.compile(f"{NAMESPACE_NAME.pattern}/{OBJECT_NAME.pattern}")),
}  # fmt: skip
_LABELS, _RESOURCES = "sriov_injector_labels", "sriov_multus_resources"


def mistakes(values: Mapping[str, Any]) -> list[Mistake]:
    """Every mistake in these variables of a host. values: those of them whose kinds are right."""
    found = [
        Mistake(f"{name}[{number}]", f"expected {what}, found {found_value(item)}. Correct it, as in {example}.")
        for name, (what, example, pattern) in _ITEMS.items()
        for number, item in enumerate(values.get(name, []))
        if not pattern.fullmatch(item)
    ]
    found += _of_labels(values.get(_LABELS, []))
    return found + list(_of_resources(values.get(_RESOURCES, {})))


def _of_labels(sets: Any) -> list[Mistake]:
    found: list[Mistake] = []
    for number, one in enumerate(sets):
        path = f"{_LABELS}[{number}]"
        if not one:
            remedy = "Name the labels of pods that ask for it; those of all pods would wait for the injector."
            found.append(Mistake(path, f"expected at least one label, found none. {remedy}"))
        wrong = {key: value for key, value in one.items() if kind_of(value) != TEXT}
        found += [
            Mistake(f"{path}[{key}]", f"expected the value of a label, a text, found {found_value(value)}. "
                    "Put it in quotes: without them YAML does not read it as a text.")
            for key, value in wrong.items()
        ]  # fmt: skip
        found += labels.mistakes({key: value for key, value in one.items() if key not in wrong}, path)
    return found


def _of_resources(amounts: Mapping[str, str]) -> Iterator[Mistake]:
    for name, amount in amounts.items():
        path = f"{_RESOURCES}[{name}]"
        if name not in _AMOUNTS:
            yield Mistake(path, f"expected {' or '.join(_AMOUNTS)}, found {found_value(name)}. Correct the name.")
        elif not _QUANTITY.fullmatch(amount):
            problem = f"expected an amount, found {found_value(amount)}. Correct it, as in {name}: {_AMOUNTS[name]}."
            yield Mistake(path, problem)
