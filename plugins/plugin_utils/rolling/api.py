# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The API server as changes of many nodes need it: JSON calls through the client of kubernetes.core."""

from __future__ import annotations

import importlib
import json
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol
from urllib.parse import quote

from .. import cluster

_CLIENT = "ansible_collections.kubernetes.core.plugins.module_utils.k8s.client"
MERGE, JSON = "application/merge-patch+json", "application/json"
TIMEOUT = (10, 60)  # seconds to connect, and until an answer
_AWAY = (0, 502, 503, 504)  # no answer, or that of a proxy whose API server gives none
_PAUSE = 3.0  # seconds between tries
_LONGEST = 1000  # characters of an answer that an error repeats


class ApiError(Exception):
    """A call that failed. status: the API server's, 0 where it gave none; body: its answer, {} where that is none."""

    def __init__(self, message: str, status: int = 0, body: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status, self.body = status, body or {}

    @property
    def may_pass(self) -> bool:
        """Whether one more try may help."""
        return self.status == 0 or self.status >= 500


class Api(Protocol):
    """Calls to one cluster."""

    def call(self, method: str, path: str, body: Any = None, query: Mapping[str, str] | None = None) -> Any:
        """The decoded answer, None for 404. A PATCH is a merge patch. Raises ApiError for all else."""


class ClusterApi:
    """Calls to the cluster that the options of kubernetes.core lead to (see cluster.access).

    patience: for so many seconds an API server that can't be reached is asked again: it may be on the node that boots.
    """

    def __init__(
        self, used: Mapping[str, str], patience: float = 0.0, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._used, self._patience, self._sleep = dict(used), patience, sleep
        self._client: Any = None

    def call(self, method: str, path: str, body: Any = None, query: Mapping[str, str] | None = None) -> Any:
        """Document in Api."""
        end = time.monotonic() + self._patience
        while True:
            try:
                return self._once(method, path, body, query or {})
            except ApiError as error:
                told = cluster.refusal({"msg": str(error), "status": error.status}, self._used)
                if told and error.status == 0:
                    raise ApiError(told) from error
                if error.status not in _AWAY or time.monotonic() >= end:
                    raise
                self._sleep(_PAUSE)

    def _once(self, method: str, path: str, body: Any, query: Mapping[str, str]) -> Any:
        what = f"API server, {method} {path}"
        try:
            client = self._connected()
            answer = client.request(
                method.lower(), path, body=body, query_params=list(query.items()), serialize=False,
                content_type=MERGE if method == "PATCH" else JSON, _request_timeout=TIMEOUT,
            )  # fmt: skip
            return _content(answer.data)
        except Exception as error:  # of the client's libraries, which have no common base
            status = int(getattr(error, "status", 0) or 0)
            if status == 404:
                return None
            found = _decoded(getattr(error, "body", None))
            told = str(found.get("message") or error)[:_LONGEST]
            raise ApiError(f"{what}: {f'status {status}: ' if status else ''}{told}", status, found) from error

    def _connected(self) -> Any:
        if self._client is None:
            # Found by Ansible alone, and asked for only where there is a cluster.
            client = importlib.import_module(_CLIENT)
            self._client = client.get_api_client(**self._used).client
        return self._client


def _content(data: Any) -> Any:
    """What was answered; /readyz has a text."""
    try:
        return json.loads(data)
    except ValueError:
        return str(data)


def _decoded(body: Any) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (TypeError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def path_of(name: str) -> str:
    """The path of a Node."""
    return f"/api/v1/nodes/{quote(name, safe='')}"


def items(api: Api, path: str, query: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """All objects of a list, in pages; [] where the cluster does not know the kind."""
    found: list[dict[str, Any]] = []
    asked = {"limit": "500", **(query or {})}
    while True:
        page = api.call("GET", path, query=asked)
        if page is None:
            return found
        found += page.get("items") or []
        more = (page.get("metadata") or {}).get("continue")
        if not more:
            return found
        asked["continue"] = more
