# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cluster's API server as the lab itself needs it: JSON requests with the admin certificate."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from .progress import LabError, QemuEnded


@dataclass(frozen=True)
class KubeApi:
    """`pki` holds ca.crt, admin.crt and admin.key; the server is forwarded to 127.0.0.1:port."""

    port: int
    pki: Path

    def request(self, method: str, path: str, body: Any = None, timeout: float = 30.0) -> Any:
        """One request; returns the decoded answer, or None for 404. Raises LabError for any other failure."""
        context = ssl.create_default_context(cafile=str(self.pki / "ca.crt"))
        context.load_cert_chain(self.pki / "admin.crt", self.pki / "admin.key")
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=timeout, context=context)
        kind = "application/strategic-merge-patch+json" if method == "PATCH" else "application/json"
        try:
            connection.request(
                method, path, json.dumps(body) if body is not None else None, {"Content-Type": kind}
            )
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
        except (OSError, http.client.HTTPException) as exc:
            raise LabError(f"API server, {method} {path}: {exc!r}") from exc
        finally:
            connection.close()
        if answer.status == 404:
            return None
        if answer.status >= 300:
            raise LabError(f"API server, {method} {path}: status {answer.status}: {text[:500]}")
        return json.loads(text)

    def ready(self, boot_id: str, name: str = "node1", since: float = 0) -> str:
        """Say what is missing until a node is Ready in this very boot and pods can be made; then nothing ("").

        The API server remembers the last boot's Ready, so the kubelet's own boot id is compared. since: seconds of the
        epoch, from which on the kubelet has to have said so.
        """
        node = self.request("GET", f"/api/v1/nodes/{name}")
        if node is None:
            return f"the kubelet has not registered {name}"
        if node["status"].get("nodeInfo", {}).get("bootID") != boot_id:
            return "the kubelet has not reported since this boot"
        conditions = {item["type"]: item for item in node["status"].get("conditions", [])}
        if conditions.get("Ready", {}).get("status") != "True":
            return f"{name} is not Ready: {conditions.get('Ready', {}).get('message', 'no condition')}"
        if since and not self._renewed(node, since):
            return f"the lease of {name} is from before, or it is still tainted for that: {node['spec'].get('taints')}"
        if self.request("GET", "/api/v1/namespaces/default/serviceaccounts/default") is None:
            return "the default service account is not there"
        return ""

    def _renewed(self, node: dict[str, Any], since: float) -> bool:
        """Whether the cluster takes the node for alive by a lease of its kubelet that is not older."""
        lease = self.request("GET", f"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/"
                                    f"{node['metadata']['name']}")  # fmt: skip
        told = lease["spec"].get("renewTime") if lease else None
        return bool(told and datetime.fromisoformat(told).timestamp() >= since and not node["spec"].get("taints"))

    def wait_ready(
        self, boot_id: str, timeout: float, alive: Callable[[], bool], name: str = "node1", since: float = 0
    ) -> None:
        """Wait until `ready`. Raises LabError after `timeout` seconds, QemuEnded if `alive()` is false."""
        deadline = time.monotonic() + timeout
        missing = "nothing was asked"
        while time.monotonic() < deadline:
            if not alive():
                raise QemuEnded(f"the QEMU of {name} ended before Kubernetes was ready; its qemu.log says why")
            try:
                missing = self.ready(boot_id, name, since)
                if not missing:
                    return
            except LabError as exc:
                missing = str(exc)
            time.sleep(1)
        raise LabError(f"Kubernetes on {name} is not ready after {timeout:.0f} s: {missing}")
