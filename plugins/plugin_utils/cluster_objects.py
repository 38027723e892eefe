# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the API server has an object, and those of a cluster that have the names of ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from .rolling.api import Api, items

# Kinds whose resource is not their name with an s.
_RESOURCES = {"NetworkAttachmentDefinition": "network-attachment-definitions", "DeviceClass": "deviceclasses"}


def path_of(api_version: str, kind: str, name: str = "", namespace: str = "") -> str:
    """The path of an object; without a name that of all, without a namespace of those of all namespaces."""
    root = f"/api/{api_version}" if "/" not in api_version else f"/apis/{api_version}"
    where = ["namespaces", namespace] if namespace else []
    parts = [*where, _RESOURCES.get(kind, f"{kind.lower()}s"), *([name] if name else [])]
    return "/".join([root, *(quote(part, safe="") for part in parts)])


def read(api: Api, references: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Those of the objects that the cluster has; a reference without a name is all of its kind. Raises ApiError."""
    found: list[dict[str, Any]] = []
    for item in references:
        version, kind, metadata = item["apiVersion"], item["kind"], item.get("metadata") or {}
        name, namespace = metadata.get("name", ""), metadata.get("namespace", "")
        path = path_of(version, kind, name, namespace)
        answer = api.call("GET", path) if name else items(api, path)
        listed = answer if isinstance(answer, list) else [answer]
        # The members of a list do not tell what they are.
        found += [{**one, "apiVersion": version, "kind": kind} for one in listed if isinstance(one, dict)]
    return found
