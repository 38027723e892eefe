# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates, kubeconfigs and SSH keys of the emulated node. They protect nothing but that node."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from . import cache
from .command import run

DAYS = "3650"
# Elliptic curves: an RSA handshake takes a second under emulation.
CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
NODES = ("node1", "node2", "node3")
SERVER = "https://10.99.0.1:6443"  # node1 on the cluster's network
SERVER_NAMES = (
    "IP:127.0.0.1,IP:10.0.2.15,IP:10.96.0.1,IP:10.99.0.1,DNS:localhost,DNS:node1,DNS:kubernetes,DNS:kubernetes.default,"
    "DNS:kubernetes.default.svc"
)
# file name -> subject: what the API server's Node and RBAC authorizers know these users by.
CLIENTS = {
    "admin": "/O=system:masters/CN=admin",
    **{node: f"/O=system:nodes/CN=system:node:{node}" for node in NODES},  # their kubelets
    "kube-controller-manager": "/CN=system:kube-controller-manager",
    "kube-scheduler": "/CN=system:kube-scheduler",
    "kube-proxy": "/CN=system:kube-proxy",
    "multus": "/CN=multus",
}


def ssh_keys() -> Path:
    """A folder with `id_ed25519` (ours) and `host_ed25519` (the node's), made once per cache."""

    def build(folder: Path) -> None:
        for name in ("id_ed25519", "host_ed25519"):
            run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"lab-{name}", "-f", folder / name])

    return cache.artefact("ssh", build)


def make_certificates(folder: Path) -> None:
    """Write ca, apiserver and client certificates with their keys, and service-account.key, into `folder`."""
    authority: list[str | Path] = ["-subj", "/CN=lab-ca", "-keyout", folder / "ca.key", "-out", folder / "ca.crt"]
    usage = ["-addext", "keyUsage=critical,keyCertSign,cRLSign"]  # RFC 5280, 4.2.1.3; Python 3.13 insists on it
    run(["openssl", "req", "-x509", *CURVE, "-days", DAYS, *usage, *authority])
    key = folder / "service-account.key"
    run(["openssl", "ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", key])
    for name, subject in CLIENTS.items():
        make_certificate(folder, name, subject)
    make_certificate(folder, "apiserver", "/CN=kube-apiserver", SERVER_NAMES)


def make_certificate(folder: Path, name: str, subject: str, server_names: str = "") -> None:
    """Write NAME.crt and NAME.key of a client, or of a server with these names, beside the authority's."""
    request, extensions = folder / f"{name}.csr", folder / f"{name}.ext"
    uses = f"serverAuth\nsubjectAltName={server_names}" if server_names else "clientAuth"
    # Who signed it: RFC 5280, 4.2.1.1; Python 3.13 insists on it too.
    extensions.write_text(f"extendedKeyUsage={uses}\nauthorityKeyIdentifier=keyid\n")
    run(["openssl", "req", "-new", *CURVE, "-subj", subject, "-keyout", folder / f"{name}.key", "-out", request])
    ca: list[str | Path] = ["-CA", folder / "ca.crt", "-CAkey", folder / "ca.key", "-CAcreateserial"]
    signed: list[str | Path] = ["-extfile", extensions, "-out", folder / f"{name}.crt"]
    run(["openssl", "x509", "-req", "-in", request, *ca, "-days", DAYS, *signed])
    request.unlink()
    extensions.unlink()


def kubeconfig(folder: Path, user: str, server: str) -> str:
    """A self-contained kubeconfig (JSON, which is YAML) for one of CLIENTS."""

    def data(name: str) -> str:
        return base64.b64encode((folder / name).read_bytes()).decode()

    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "lab", "cluster": {
            "server": server, "certificate-authority-data": data("ca.crt")}}],
        "users": [{"name": user, "user": {
            "client-certificate-data": data(f"{user}.crt"), "client-key-data": data(f"{user}.key")}}],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": user}}],
        "current-context": "lab",
    }  # fmt: skip
    return json.dumps(config, indent=1) + "\n"
