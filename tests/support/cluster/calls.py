# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls of a user to the API server of a test, as the rolling change makes them, without the client's libraries."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import yaml

from ansible_collections.baremetal.sriov.plugins.plugin_utils.rolling.api import JSON, MERGE, ApiError
from support.checkout import ROOT

from .server import ApiServer

USER, GROUP = "roller", "baremetal-sriov"  # who has the rights of the manifest, and no others
RBAC = "/apis/rbac.authorization.k8s.io/v1"


def manifest() -> list[dict[str, Any]]:
    """The rights of the controller, as users are told to give them."""
    items: list[dict[str, Any]] = yaml.safe_load((ROOT / "docs/rbac.yml").read_text())["items"]
    return items


def give_rights(server: ApiServer) -> None:
    """Do as they are told."""
    for item in manifest():
        space = item["metadata"].get("namespace")
        base = RBAC + (f"/namespaces/{space}" if space else "")
        server.api.request("POST", f"{base}/{item['kind'].lower()}s", item)


class UserCalls:
    """An Api (see rolling.api) as one user."""

    def __init__(self, server: ApiServer, user: str, groups: Sequence[str] = ()) -> None:
        server.user(user, groups)
        self._port = server.port
        self._context = ssl.create_default_context(cafile=str(server.pki / "ca.crt"))
        self._context.load_cert_chain(server.pki / f"{user}.crt", server.pki / f"{user}.key")

    def call(self, method: str, path: str, body: Any = None, query: Mapping[str, str] | None = None) -> Any:
        """Document in rolling.api."""
        connection = http.client.HTTPSConnection("127.0.0.1", self._port, timeout=60, context=self._context)
        headers = {"Content-Type": MERGE if method == "PATCH" else JSON}
        asked = f"{path}?{urlencode(query)}" if query else path
        try:
            connection.request(method, asked, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        if answer.status == 404:
            return None
        found = json.loads(text) if text.startswith("{") else text
        if answer.status >= 300:
            raise ApiError(f"{method} {path}: status {answer.status}: {text[:300]}", answer.status, found)
        return found
