# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control plane of a cluster as processes on the loopback: real authorization, admission, schemas, controllers."""

from __future__ import annotations

import http.client
import json
import re
import socket
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sriovlab import peers, pki
from sriovlab.kubeapi import KubeApi
from sriovlab.progress import LabError

from . import audit
from .folder import Folder
from .programs import Program
from .waiting import until

START_SECONDS = 60.0  # of one program on a quiet machine
# What pods and nodes of tests need; each controller costs memory and calls.
CONTROLLERS = (
    "cronjob-controller", "clusterrole-aggregation-controller", "daemonset-controller", "deployment-controller",
    "disruption-controller", "endpoints-controller", "endpointslice-controller", "garbage-collector-controller",
    "job-controller", "namespace-controller", "node-lifecycle-controller", "pod-garbage-collector-controller",
    "replicaset-controller", "root-ca-certificate-publisher-controller", "serviceaccount-controller",
    "statefulset-controller", "taint-eviction-controller",
)  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """What a cluster is to have. controllers: their names, () for none; flags come after those that are set here."""

    controllers: tuple[str, ...] = CONTROLLERS
    scheduler: bool = True
    node_grace_seconds: float = 40.0  # without a lease's renewal a node is lost then
    api_flags: tuple[str, ...] = ()
    controller_flags: tuple[str, ...] = ()


class ApiServer:
    """A cluster without nodes, from `start` to `stop`; or as a context."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.start_seconds = 0.0
        self._programs: list[Program] = []
        self._groups: dict[str, tuple[str, ...]] = dict.fromkeys(pki.CLIENTS, ())  # of users with certificates

    def __enter__(self) -> ApiServer:
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    def start(self) -> None:
        """Bring it up. Raises LabError with the end of a program's log, which is kept, where that does not come up."""
        kubernetes, etcd = peers.built(peers.KUBERNETES), peers.built(peers.ETCD)
        started = time.monotonic()
        self._folder = Folder()
        self._port = socket.socket()
        try:
            self._prepare()
            self._start(etcd, kubernetes)
        except BaseException:
            self._end(keep_logs=True)
            raise
        self.start_seconds = time.monotonic() - started

    def _prepare(self) -> None:
        self.folder, self.pki = self._folder.path, self._folder.path / "pki"
        self.audit_log = self.folder / "audit.log"
        # Bound, not listened at: nobody else is given the port, and the API server shares it.
        self._port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._port.bind(("127.0.0.1", 0))
        self.port: int = self._port.getsockname()[1]
        self.url = f"https://127.0.0.1:{self.port}"
        self.pki.mkdir()
        pki.make_certificates(self.pki)
        self.api = KubeApi(self.port, self.pki)

    def _start(self, etcd: peers.Built, kubernetes: peers.Built) -> None:
        self._run(etcd.program("etcd"), *self._etcd_flags())
        self._until("etcd: its socket", (self.folder / "etcd.sock:0").exists)
        self._run(kubernetes.program("kube-apiserver"), *self._api_flags(), *self.settings.api_flags)
        self._until("kube-apiserver: ready", self._ready)
        if self.settings.controllers:
            flags = (*self._controller_flags(), *self.settings.controller_flags)
            self._run(kubernetes.program("kube-controller-manager"), *flags)
        if self.settings.scheduler:
            self._run(kubernetes.program("kube-scheduler"), f"--config={self._scheduler_config()}", "--secure-port=0")
        if "serviceaccount-controller" in self.settings.controllers:
            self._until("kube-controller-manager: the default service account", self._default_account)

    def check(self) -> None:
        """Raise ProgramEnded with the end of its log where a program runs no longer."""
        for program in self._programs:
            program.check()

    def stop(self) -> None:
        """End all of it, and take its files away."""
        self._end()

    def _end(self, keep_logs: bool = False) -> None:
        for program in reversed(self._programs):
            program.stop()
        self._programs.clear()
        self._port.close()
        self._folder.remove(keep_logs)

    @property
    def pids(self) -> list[int]:
        """Its processes."""
        return [program.pid for program in self._programs]

    def cpu_seconds(self) -> float:
        """What its programs have used until now."""
        return sum(program.cpu_seconds() for program in self._programs)

    def certificate(self, name: str) -> tuple[Path, Path]:
        """A certificate of the cluster's for a server on this machine, such as a webhook, and its key."""
        pki.make_certificate(self.pki, name, f"/CN={name}", pki.SERVER_NAMES)
        return self.pki / f"{name}.crt", self.pki / f"{name}.key"

    def user(self, name: str, groups: Sequence[str] = ()) -> Path:
        """The kubeconfig of a user, who may do what roles say; "admin" may do anything.

        Raises LabError for a name that is none of a file, and for one that is there with other groups.
        """
        if not re.fullmatch(r"[\w.:@-]+", name):
            raise LabError(f"user {name!r}: expected letters, digits and any of .:@_-")
        has = self._groups.setdefault(name, tuple(groups))
        if has != tuple(groups):
            raise LabError(f"user {name}: expected the groups {has} of its certificate, found {tuple(groups)}")
        kubeconfig = self.folder / f"{name}.kubeconfig"
        parts = [f"O={group}" for group in groups] + [f"CN={name}"]
        subject = "".join("/" + re.sub(r"([/+])", r"\\\1", part) for part in parts)
        if not (self.pki / f"{name}.crt").exists():
            pki.make_certificate(self.pki, name, subject)
        kubeconfig.write_text(pki.kubeconfig(self.pki, name, self.url))
        return kubeconfig

    def mark(self) -> int:
        """Now, in the audit log."""
        return self.audit_log.stat().st_size

    def audit(self, since: int = 0, **wanted: Any) -> list[audit.Record]:
        """The calls since a mark whose fields have these values: audit(user="writer", verb="create"); writes=True."""
        return audit.read(self.audit_log, since, **wanted)

    def _run(self, program: Path, *flags: str) -> None:
        self._programs.append(Program([program, *flags], self.folder, program.name))

    def _until(self, what: str, probe: Any) -> None:
        """Wait for what the program that was started last is to do."""

        def asked() -> bool:
            self.check()
            return bool(probe())

        until(what, asked, START_SECONDS, self._programs[-1].tail)

    def _ready(self) -> bool:
        context = ssl.create_default_context(cafile=str(self.pki / "ca.crt"))
        context.load_cert_chain(self.pki / "admin.crt", self.pki / "admin.key")
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=START_SECONDS, context=context)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def _default_account(self) -> bool:
        return self.api.request("GET", "/api/v1/namespaces/default/serviceaccounts/default") is not None

    def _etcd_flags(self) -> list[str]:
        member = "http://127.0.0.1:0"  # the only one: nobody is called there
        return [
            "--data-dir=etcd", "--unsafe-no-fsync", "--log-level=warn", "--name=only",
            "--listen-client-urls=unix://etcd.sock:0", "--advertise-client-urls=unix://etcd.sock:0",
            "--listen-peer-urls=unix://peer.sock:0", f"--initial-advertise-peer-urls={member}",
            f"--initial-cluster=only={member}",
        ]  # fmt: skip

    def _api_flags(self) -> list[str]:
        self.audit_log.touch()
        (self.folder / "audit-policy.json").write_text(json.dumps(audit.POLICY))
        return [
            "--etcd-servers=unix://etcd.sock:0", "--bind-address=127.0.0.1", f"--secure-port={self.port}",
            "--permit-port-sharing", "--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none",
            "--tls-cert-file=pki/apiserver.crt", "--tls-private-key-file=pki/apiserver.key",
            "--client-ca-file=pki/ca.crt", "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction", "--service-cluster-ip-range=10.96.0.0/16",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--service-account-key-file=pki/service-account.key",
            "--service-account-signing-key-file=pki/service-account.key",
            "--audit-policy-file=audit-policy.json", "--audit-log-path=audit.log", "--audit-log-maxsize=100000",
        ]  # fmt: skip

    def _controller_flags(self) -> list[str]:
        grace = self.settings.node_grace_seconds
        return [
            f"--kubeconfig={self.user('kube-controller-manager')}", "--leader-elect=false", "--secure-port=0",
            "--use-service-account-credentials", f"--controllers={','.join(self.settings.controllers)}",
            "--service-account-private-key-file=pki/service-account.key", "--root-ca-file=pki/ca.crt",
            f"--node-monitor-grace-period={grace}s", f"--node-monitor-period={min(5.0, grace / 4)}s",
            "--kube-api-qps=500", "--kube-api-burst=1000",
        ]  # fmt: skip

    def _scheduler_config(self) -> Path:
        config = {
            "apiVersion": "kubescheduler.config.k8s.io/v1",
            "kind": "KubeSchedulerConfiguration",
            "clientConnection": {"kubeconfig": str(self.user("kube-scheduler")), "qps": 500, "burst": 1000},
            "leaderElection": {"leaderElect": False},
        }
        path = self.folder / "scheduler.json"
        path.write_text(json.dumps(config))
        return path
