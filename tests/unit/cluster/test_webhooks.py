# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Admission webhooks of a test: the API server calls them by their address on the loopback."""

from __future__ import annotations

import base64
import contextlib
import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from sriovlab.progress import LabError
from support.cluster.server import ApiServer, Settings
from support.cluster.waiting import until

pytestmark = pytest.mark.timeout(120, func_only=True)

HOOKS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
CONFIGMAPS = "/api/v1/namespaces/default/configmaps"
RULE = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}


@pytest.fixture(scope="module")
def cluster_settings() -> Settings:
    """What these tests need of a cluster."""
    return Settings(controllers=(), scheduler=False)


class Review(BaseHTTPRequestHandler):
    """Refuses what is called bad."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        uid, name = asked["request"]["uid"], asked["request"]["object"]["metadata"].get("name", "")
        answer: dict[str, Any] = {"uid": uid, "allowed": not name.startswith("bad")}
        if not answer["allowed"]:
            answer["status"] = {"message": f"{name} is no good name"}
        body = json.dumps({"apiVersion": asked["apiVersion"], "kind": asked["kind"], "response": answer}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_words: Any) -> None:
        """Nobody reads them."""


@contextlib.contextmanager
def webhook(server: ApiServer) -> Iterator[str]:
    """A webhook with a certificate of the cluster; its address."""
    certificate, key = server.certificate("webhook")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with ThreadingHTTPServer(("127.0.0.1", 0), Review) as listener:
        listener.socket = context.wrap_socket(listener.socket, server_side=True)
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        try:
            yield f"https://127.0.0.1:{listener.server_port}/review"
        finally:
            listener.shutdown()


def test_a_webhook_refuses_by_its_own_words(api_server: ApiServer) -> None:
    def refused(name: str) -> str:
        try:
            api_server.api.request("POST", f"{CONFIGMAPS}?dryRun=All", {"metadata": {"name": name}})
        except LabError as exc:
            return str(exc)
        return ""

    with webhook(api_server) as url:
        bundle = base64.b64encode((api_server.pki / "ca.crt").read_bytes()).decode()
        hook = {
            "name": "names.example.org", "clientConfig": {"url": url, "caBundle": bundle}, "rules": [RULE],
            "sideEffects": "None", "admissionReviewVersions": ["v1"], "failurePolicy": "Fail",
        }  # fmt: skip
        api_server.api.request("POST", HOOKS, {"metadata": {"name": "names"}, "webhooks": [hook]})
        found = until("the webhook", lambda: refused("bad-one"))
        assert "names.example.org" in found and "bad-one is no good name" in found
        assert refused("good-one") == ""
    assert "failed calling webhook" in refused("good-one")
