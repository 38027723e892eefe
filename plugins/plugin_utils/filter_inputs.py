# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a filter is handed: one of another kind is told in words, and not as an error of Python."""

from __future__ import annotations

import contextlib
from collections import ChainMap
from collections.abc import Iterator, Mapping
from typing import Any

from ansible.errors import AnsibleError, AnsibleFilterError
from jinja2 import UndefinedError

from ..module_utils.model.errors import InvalidSpecError, Mistake
from ..module_utils.policy.validation import show
from . import manifest_names


@contextlib.contextmanager
def told(host: str = "") -> Iterator[dict[int, str]]:
    """Let every mistake be in one error of a filter, which begins with the host, and names what comes from a manifest
    by the places that are put into the mapping: number -> file, kind and name.
    """
    places: dict[int, str] = {}
    try:
        yield places
    except InvalidSpecError as error:
        manifest_names.name_places(error.mistakes, places)
        words = str(InvalidSpecError(list(error.mistakes)))
        raise AnsibleFilterError(f"{host}: {words}" if host else words) from error


def mapping(argument: str, value: Any, what: str) -> Mapping[str, Any]:
    """The value, a mapping. what: what it should be. Raises AnsibleFilterError."""
    if not isinstance(value, Mapping):
        raise AnsibleFilterError(f"{argument}: expected {what}, a mapping; found {show(value)}")
    return value


def mappings(argument: str, value: Any, what: str) -> list[Any]:
    """The value, a list of mappings. Raises AnsibleFilterError."""
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, Mapping) for item in value):
        raise AnsibleFilterError(f"{argument}: expected {what}, a list of mappings; found {show(value)}")
    return list(value)


def objects(argument: str, value: Any, what: str) -> list[Any]:
    """The value, a list of Kubernetes' objects, which have names. Raises AnsibleFilterError."""
    found = mappings(argument, value, what)
    for number, item in enumerate(found):
        metadata = mapping(f"{argument}[{number}].metadata", item.get("metadata"), f"the metadata of one of {what}")
        if not isinstance(metadata.get("name"), str):
            problem = f"expected the name of one of {what}, a text; found {show(metadata.get('name'))}"
            raise AnsibleFilterError(f"{argument}[{number}].metadata.name: {problem}")
    return found


def names(argument: str, value: Any, what: str) -> list[str]:
    """The value, a list of texts. Raises AnsibleFilterError."""
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
        raise AnsibleFilterError(f"{argument}: expected {what}, a list of texts; found {show(value)}")
    return list(value)


def module_result(filter_name: str, value: Any) -> Mapping[str, Any]:
    """The result of sriov_node. Raises AnsibleFilterError."""
    what = "the registered result of baremetal.sriov.sriov_node"
    result = mapping(filter_name, value, what)
    plan = result.get("plan")
    if plan is not None:
        mappings(f"{filter_name}: plan.steps", mapping(f"{filter_name}: plan", plan, what).get("steps", []), "steps")
    return result


class HostVariables(ChainMap[str, Any]):
    """A host's variables, worked out when they are asked for; one whose template fails is told by its name."""

    def __getitem__(self, name: str) -> Any:
        try:
            value = super().__getitem__(name)
            str(value)  # an error in its template is raised by its use
        except (AnsibleError, UndefinedError) as error:
            words = " ".join(str(getattr(error, "message", error)).split()).rstrip(".")
            problem = f"its template can't be worked out: {words}; a policy's node_selector.variables names it"
            raise InvalidSpecError([Mistake(f"variable {name}", problem)]) from error
        return value
