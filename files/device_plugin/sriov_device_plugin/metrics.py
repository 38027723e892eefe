# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Metrics in the text format of Prometheus (version 0.0.4), liveness and readiness, over HTTP."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import ThreadingMixIn
from typing import Any, Callable

from . import __version__
from .host.beside import Beside
from .host.discovery import Device
from .host.node_state import NodeState
from .kubelet import pod_resources
from .kubelet.pod_resources import Holder
from .kubelet.registration import PoolEndpoint

CLIENTS = 8  # that ask for metrics at once; more are told to come again
SILENT = 32  # connections that have not asked yet; of more the oldest is closed
METRICS = "/metrics"
CLIENT_TIMEOUT = 5.0  # seconds to ask and to take the answer
IP_TIMEOUT = 5.0  # seconds for `ip`
ALL_TIMEOUT = 10.0  # seconds after which no further PF is asked
MAX_WORDS = 200  # bytes of what a failing `ip` says
# Key of `ip -s -j link` below "stats" -> the name in our counters.
DIRECTIONS = {"rx": "receive", "tx": "transmit"}
COUNTERS = ("bytes", "packets", "dropped")

log = logging.getLogger(__name__)
_beside = Beside(IP_TIMEOUT)
_problems: dict[str, str] = {}  # PF -> why its counters were missing last, "" where they were not
Labels = Mapping[str, str]


@dataclass(frozen=True)
class Metric:
    """One family and its samples."""

    name: str
    kind: str
    help: str
    samples: Sequence[tuple[Labels, float]]

    def lines(self) -> Iterator[str]:
        """The family in the text format."""
        yield f"# HELP {self.name} {self.help}"
        yield f"# TYPE {self.name} {self.kind}"
        for labels, value in self.samples:
            inner = ",".join(f'{key}="{_escape(text)}"' for key, text in labels.items())
            yield f"{self.name}{{{inner}}} {value:.17g}"


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def render(
    endpoints: Sequence[PoolEndpoint],
    kubelet_dir: str,
    held_reads: Sized = (),
    state: NodeState | None = None,
    dra_drivers: Sequence[str] = (),
) -> str:
    """Everything, read now. held_reads: what the host does not answer."""
    held = pod_resources.holders(kubelet_dir)
    metrics = [
        Metric("sriov_device_plugin_info", "gauge", "The version that runs.", [({"version": __version__}, 1)]),
        Metric("sriov_pod_resources_up", "gauge", "1 where the kubelet tells who holds devices.",
               [({}, float(held is not None))]),
        Metric("sriov_host_reads_held", "gauge", "Reads of the host that it does not answer.",
               [({}, float(len(held_reads)))] if held_reads else []),
        Metric("sriov_dra_driver", "gauge", "1 for each DRA driver that serves this node beside the device plugin.",
               [({"driver": name}, 1.0) for name in dra_drivers]),
        *_node(state or NodeState()),
        *_pools(endpoints, held),
        *_vf_counters(endpoints, held or {}),
    ]  # fmt: skip
    return "".join(f"{line}\n" for metric in metrics if metric.samples for line in metric.lines())


def _node(state: NodeState) -> Iterator[Metric]:
    """What the node library and the CNI plugin could not do; nothing of one that is not there."""

    def metric(name: str, text: str, value: float | None, kind: str = "gauge") -> Metric:
        return Metric(f"sriov_{name}", kind, text, [] if value is None else [({}, float(value))])

    drift = state.drift
    if drift is not None:
        yield metric("node_drift_differences", "Objects that are not as configured, and were left so.",
                     drift.differences)  # fmt: skip
        yield metric("node_drift_stopped", "Objects that somebody undoes again and again: not repaired any more.",
                     drift.stopped)  # fmt: skip
        yield metric("node_drift_errors", "Failures of the last look for drift.", drift.errors)
        yield metric("node_drift_last_pass_timestamp_seconds", "When drift was looked for last.", drift.last)
        yield metric("node_repairs_total", "Objects that were repaired since the boot.", drift.repairs, "counter")
    yield metric("node_reboot_pending", "1 where what is configured takes effect with a reboot.", state.reboot_pending)
    yield metric("withheld_devices", "VFs that could not be brought back after a pod, and are not given.",
                 state.withheld)  # fmt: skip
    yield metric("failed_restores", "Journals that could not be used, so that nothing was restored by them.",
                 state.set_aside)  # fmt: skip


def _pools(endpoints: Sequence[PoolEndpoint], held: Mapping[tuple[str, str], Holder] | None) -> Iterator[Metric]:
    def gauge(name: str, text: str, value: Callable[[PoolEndpoint], float]) -> Metric:
        samples = [({"resource": endpoint.name}, value(endpoint)) for endpoint in endpoints]
        return Metric(f"sriov_pool_{name}", "gauge", text, samples)

    def healthy(endpoint: PoolEndpoint) -> float:
        return float(sum(listed[2] for listed in endpoint.service.pool.listing()))

    yield gauge("devices", "Devices of the pool.", lambda p: float(len(p.service.pool.members)))
    yield gauge("healthy_devices", "Devices that the kubelet may hand out.", healthy)
    yield gauge("registered", "1 where the kubelet has taken the pool.", lambda p: float(p.registered))
    if held is not None:
        taken = [name for name, _device in held]
        yield gauge("allocated_devices", "Devices that containers hold.", lambda p: float(taken.count(p.name)))


def _vf_counters(endpoints: Sequence[PoolEndpoint], held: Mapping[tuple[str, str], Holder]) -> Iterator[Metric]:
    """What the PF counts for its VFs, where its driver does; also for VFs that are in a pod or a VM."""
    vfs = [(endpoint.name, member.device) for endpoint in endpoints for member in endpoint.service.pool.members.values()
           if member.device.pf_name and member.device.vf_index >= 0 and not member.device.parent]  # fmt: skip
    stats = _stats({device.pf_name for _name, device in vfs})
    for direction, word in DIRECTIONS.items():
        for counter in COUNTERS:
            samples = []
            for name, device in vfs:
                value = stats.get((device.pf_name, device.vf_index), {}).get(direction, {}).get(counter)
                if isinstance(value, int):
                    samples.append((_vf_labels(name, device, held.get((name, device.id), Holder())), float(value)))
            yield Metric(f"sriov_vf_{word}_{counter}_total", "counter", f"What the VF's PF counts: {word}, {counter}.",
                         samples)  # fmt: skip


def _vf_labels(name: str, device: Device, holder: Holder) -> Labels:
    return {"resource": name, "device": device.id, "pf": device.pf_name, "vf": str(device.vf_index),
            "namespace": holder.namespace, "pod": holder.pod, "container": holder.container}  # fmt: skip


def _ask_ip(pf: str) -> Any:
    """The JSON that `ip` prints of a PF; None where there is none, which is warned about when it begins or changes."""
    problem = ""
    answer = None
    try:
        done = subprocess.run(["ip", "-j", "-s", "link", "show", "dev", pf], capture_output=True, timeout=IP_TIMEOUT,
                              check=False, stdin=subprocess.DEVNULL)  # fmt: skip
        if done.returncode == 0:
            answer = json.loads(done.stdout)
        else:
            problem = f"ip ended with status {done.returncode}: {done.stderr[:MAX_WORDS].decode(errors='replace')!r}"
    except (OSError, ValueError, RecursionError, subprocess.TimeoutExpired) as error:
        problem = str(error)
    if problem and _problems.get(pf) != problem:
        log.warning("no counters of %s and its VFs: %s; try 'ip -j -s link show dev %s'", pf, problem, pf)
    _problems[pf] = problem
    return answer


def _stats(pfs: Iterable[str]) -> dict[tuple[str, int], dict[str, Any]]:
    """(PF, VF index) -> what `ip -s -j link show` says below "stats"; a PF that does not answer is left out."""
    found = {}
    until = time.monotonic() + ALL_TIMEOUT
    # Beside, since an `ip` that waits for a driver's lock can't even be killed.
    told = _beside.ask_each(
        "the counters of", sorted(pfs), lambda pf: _ask_ip(pf) if time.monotonic() < until else None, remember=False
    )
    for pf, links in told.items():
        vfs = links[0].get("vfinfo_list") if isinstance(links, list) and links and isinstance(links[0], dict) else None
        for vf in vfs if isinstance(vfs, list) else ():
            if isinstance(vf, dict) and isinstance(vf.get("vf"), int) and isinstance(vf.get("stats"), dict):
                sides = {key: side for key, side in vf["stats"].items() if isinstance(side, dict)}
                found[pf, vf["vf"]] = sides
    return found


class MetricsServer(ThreadingMixIn, HTTPServer):
    """Serves /metrics, /healthz and /readyz on threads of its own."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self, address: str, port: int, metrics: Callable[[], str], alive: Callable[[], str], ready: Callable[[], str]
    ) -> None:
        """Listen. alive, ready: what is wrong, or "". Raises OSError."""
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.pages: Mapping[str, Callable[[], tuple[int, str]]] = {
            METRICS: lambda: (200, metrics()),
            "/healthz": lambda: _health(alive()),
            "/readyz": lambda: _health(ready()),
        }
        self.slots = threading.BoundedSemaphore(CLIENTS)
        self._silent: dict[Any, None] = {}  # connections, in the order of their coming
        self._lock = threading.Lock()
        super().__init__((address, port), _Handler)
        threading.Thread(target=self.serve_forever, name="metrics", daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self.shutdown()
        self.server_close()

    def server_bind(self) -> None:
        """Without the base class's look-up of our own name in the DNS."""
        super(HTTPServer, self).server_bind()
        self.server_name, self.server_port = "", self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            if len(self._silent) >= SILENT:
                oldest = next(iter(self._silent))
                del self._silent[oldest]
                with contextlib.suppress(OSError):
                    oldest.shutdown(socket.SHUT_RDWR)  # which ends the thread that waits for it
            self._silent[request] = None
        super().process_request(request, client_address)

    def asked(self, request: Any) -> None:
        """The connection is no silent one any more."""
        with self._lock:
            self._silent.pop(request, None)

    def shutdown_request(self, request: Any) -> None:
        self.asked(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.debug("a client of the metrics went away", exc_info=True)


def _health(problem: str) -> tuple[int, str]:
    return (503, f"{problem}\n") if problem else (200, "ok\n")


class _Handler(BaseHTTPRequestHandler):
    server: MetricsServer
    timeout = CLIENT_TIMEOUT
    server_version = "sriov-device-plugin"
    sys_version = ""

    def do_GET(self) -> None:
        self.server.asked(self.connection)
        path = self.path.partition("?")[0]
        page = self.server.pages.get(path)
        if page is None:
            self.send_error(404, "expected " + ", ".join(self.server.pages))
        elif path != METRICS:  # what tells that we are alive never waits
            self._answer(*page())
        elif self.server.slots.acquire(blocking=False):
            try:
                self._answer(*page())
            finally:
                self.server.slots.release()
        else:
            self.send_error(503, f"{CLIENTS} others are asking for {METRICS}; come again")

    def _answer(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        log.debug(format, *arguments)
