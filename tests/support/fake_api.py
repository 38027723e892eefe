# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An API server of a few objects, for what is tried with a kill at every write; a real one is in `support.cluster`."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from support.fake_base import Killed


@dataclass
class FakeApi:
    """Objects by their paths; lists are of what lies below. A PATCH is a merge patch (RFC 7386)."""

    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    writes: list[str] = field(default_factory=list)
    die_at: float = float("inf")  # the number of the write at which the caller is killed
    refused: set[str] = field(default_factory=set)  # verbs that this user lacks

    def call(self, method: str, path: str, body: Any = None, query: Mapping[str, str] | None = None) -> Any:
        """See `rolling.api.Api`."""
        if path.endswith("/selfsubjectaccessreviews"):
            asked = body["spec"]["resourceAttributes"]
            return {"status": {"allowed": asked["verb"] not in self.refused}}
        if method == "PATCH":
            self.writes.append(path)
            if len(self.writes) >= self.die_at:
                raise Killed(path)
            self.objects[path] = merged(self.objects[path], body)
        if path in self.objects:
            return copy.deepcopy(self.objects[path])
        below = [one for name, one in self.objects.items() if name.rpartition("/")[0] == path]
        label = (query or {}).get("labelSelector", "")
        chosen = [one for one in below if not label or label in (one["metadata"].get("labels") or {})]
        return {"items": copy.deepcopy(chosen), "metadata": {}} if below else None


def merged(value: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    found = dict(value) if isinstance(value, dict) else {}
    for key, part in patch.items():
        if part is None:
            found.pop(key, None)
        else:
            found[key] = merged(found.get(key), part)
    return found
