# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The calls of simulated kubelets: one connection pool, each call in the name of its node."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator
from typing import Any

import aiohttp

from sriovlab.progress import LabError

from .server import ApiServer

USER, AGENT = "simulated-kubelets", "kubelet/simulated"
CONNECTIONS = 16
STRATEGIC, JSON = "application/strategic-merge-patch+json", "application/json"


class NodeCalls:
    """Requests as a user who may do anything, or as a node: the Node authorizer and NodeRestriction judge those.

    A connection for each node, with a certificate of its own, would cost a handshake and two goroutines a node.
    """

    def __init__(self, server: ApiServer) -> None:
        server.user(USER, groups=["system:masters"])
        context = ssl.create_default_context(cafile=str(server.pki / "ca.crt"))
        context.load_cert_chain(server.pki / f"{USER}.crt", server.pki / f"{USER}.key")
        self._url, self._context = server.url, context

    async def open(self) -> None:
        """In the event loop that makes the calls."""
        connector = aiohttp.TCPConnector(ssl=self._context, limit=CONNECTIONS)
        self._session = aiohttp.ClientSession(connector=connector, headers={"User-Agent": AGENT})

    async def close(self) -> None:
        await self._session.close()

    async def call(
        self, method: str, path: str, body: Any = None, user: str = "", allowed: tuple[int, ...] = ()
    ) -> Any:
        """The answer, or None for a status that is allowed. Raises LabError for any other failure."""
        headers = {"Content-Type": STRATEGIC if method == "PATCH" else JSON}
        if user:
            headers.update({"Impersonate-User": user, "Impersonate-Group": "system:nodes"})
        data = json.dumps(body) if body is not None else None
        what = f"{method} {path} as {user or USER}"
        try:
            async with self._session.request(method, self._url + path, data=data, headers=headers) as answer:
                if answer.status in allowed:
                    return None
                text = await answer.read()
        except (aiohttp.ClientError, OSError) as exc:
            raise LabError(f"{what}: {exc!r}") from exc
        if answer.status >= 300:
            raise LabError(f"{what}: expected success, found status {answer.status}: {text.decode()[:500]}")
        return json.loads(text)

    async def watch(self, path: str) -> AsyncIterator[dict[str, Any]]:
        """The events of a watch, until the API server ends it."""
        timeout = aiohttp.ClientTimeout(total=None)
        left = b""
        async with self._session.get(self._url + path, timeout=timeout) as answer:
            async for chunk in answer.content.iter_any():
                *lines, left = (left + chunk).split(b"\n")
                for line in lines:
                    yield json.loads(line)
