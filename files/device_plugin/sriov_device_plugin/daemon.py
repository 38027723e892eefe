# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The running device plugin: one loop that tends the sockets, looks at the host again, and hears signals."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import ConfigError
from .host.device_nodes import Nodes
from .host.discovery import Scanner
from .host.kernel_events import DEVICE, LINK, Events
from .kubelet import registration
from .kubelet.plugin_server import PoolService
from .kubelet.registration import PoolEndpoint
from .kubelet.renamed_allocations import RenamedAllocations
from .notify import Watchdog, notify
from .pool import allocation, cdi, config, health, pools
from .pool.pools import Member, Pool, Share

if TYPE_CHECKING:
    from .metrics import MetricsServer

TICK = 0.5  # seconds; registered again within a second of the kubelet's return
SETTLE = 0.1  # seconds at least between a message and the look at the host: devices come in groups
SCAN_SHARE = 2  # and this many times as long as the last look took, so that a flood does not keep us busy
STUCK_AFTER = 30.0  # seconds; the longest turn waits some seconds for a kubelet that does not answer
TOLD_REASONS = 5  # of a pool with many unhealthy devices, how many different reasons one line of the log tells
RELOAD = signal.SIGHUP
WAKE = signal.SIGIO
STOP = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Options:
    """What the command line says."""

    config_file: str
    resource_prefix: str
    kubelet_dir: str
    devinfo_dir: str
    rescan_interval: float  # seconds
    root: str
    link_down_after: float  # seconds; negative: links are not looked at
    link_up_after: float  # seconds
    link_first_after: float
    cdi_dir: str  # "": without CDI
    metrics_address: str
    metrics_port: int  # 0: none
    watch_config: bool  # read the configuration again when its file changed, not only at SIGHUP


class Daemon:
    """Owns the pools and their endpoints; all its methods run on the main thread."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.scanner = Scanner(options.root)
        self.renamed = RenamedAllocations(options.kubelet_dir)
        self.endpoints: dict[str, PoolEndpoint] = {}  # resource name -> its endpoint
        self._said: dict[str, str] = {}  # resource name -> the last line about its devices
        self._said_health: dict[str, str] = {}
        self._unusable: dict[str, dict[str, str]] = {}  # resource name -> device id -> why, as of the last rescan
        self._status = ""
        holds = (options.link_down_after, options.link_up_after, options.link_first_after)
        self._links = health.Links(options.root, *holds)
        self._scanned_at = 0.0
        self._scan_took = 0.0
        self._beat_at = time.monotonic()
        self._watchdog = Watchdog()
        self._configs = self._load().pools

    def run(self) -> int:
        """Serve until a signal says stop. Returns the exit status."""
        # Blocked before any thread starts, the signals wait for sigtimedwait() and interrupt nothing.
        signal.pthread_sigmask(signal.SIG_BLOCK, (RELOAD, WAKE, *STOP))
        served = self._serve_metrics()
        events = Events(WAKE)  # before the first look, so that nothing is missed
        self.rescan()
        self.tend()
        notify("READY=1", self._status_line(), wait=True)
        self._save_files()
        next_scan = self._scanned_at + self.options.rescan_interval
        while True:
            caught = signal.sigtimedwait((RELOAD, WAKE, *STOP), self._pause(next_scan))
            if caught is not None and caught.si_signo in STOP:
                log.info("%s: leaving", signal.Signals(caught.si_signo).name)
                self.close()
                events.close()
                if served is not None:
                    served.close()
                return 0
            heard = events.drain()
            now = self._beat_at = time.monotonic()
            self._watchdog.beat(now)
            if caught is not None and caught.si_signo == RELOAD:
                self.reload()
                next_scan = now
            if DEVICE in heard:
                next_scan = min(next_scan, now + max(SETTLE, SCAN_SHARE * self._scan_took))
            if now >= next_scan:
                if self.options.watch_config and self._config_stamp() != self._read_stamp:
                    self.reload()
                self.rescan()
                self._save_files()
                next_scan = self._scanned_at + self.options.rescan_interval
            elif LINK in heard or not events.hears(LINK) or now >= self._links.next_at():
                self.judge()
            self.tend()
            self._tell_status()

    def _serve_metrics(self) -> MetricsServer | None:
        """Serve what --metrics-port asks for; a port that is taken does not keep devices from pods."""
        if not self.options.metrics_port:
            return None
        from .metrics import MetricsServer, render  # here, since it costs the import of an HTTP server

        def metrics() -> str:
            return render(list(self.endpoints.values()), self.options.kubelet_dir)

        address, port = self.options.metrics_address, self.options.metrics_port
        try:
            return MetricsServer(address, port, metrics, self._stuck, self._unready)
        except OSError as error:
            log.error("no metrics on %s port %s: %s", address, port, error)
            return None

    def _stuck(self) -> str:
        """What keeps us from being alive, "" for nothing; asked by another thread, as _unready."""
        idle = time.monotonic() - self._beat_at
        return f"the main loop has not turned for {idle:.0f} s" if idle > STUCK_AFTER else ""

    def _unready(self) -> str:
        waiting = [endpoint.name for endpoint in list(self.endpoints.values()) if not endpoint.registered]
        return f"not registered with the kubelet: {', '.join(sorted(waiting))}" if waiting else ""

    def _pause(self, next_scan: float) -> float:
        """Seconds to the next thing that is known to be due."""
        return max(0.0, min(TICK, min(next_scan, self._links.next_at()) - time.monotonic()))

    def _config_stamp(self) -> tuple[int, int, int] | None:
        """What tells one content of the configuration's file from another. In a ConfigMap's volume it is a link."""
        try:
            found = os.stat(self.options.config_file)
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def _load(self) -> config.Config:
        self._read_stamp = self._config_stamp()
        loaded = config.load(self.options.config_file, self.options.resource_prefix)
        for warning in loaded.warnings:
            log.warning("%s: %s", self.options.config_file, warning)
        return loaded

    def reload(self) -> None:
        """Read the configuration again; a wrong one is reported, and the old one stays."""
        notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}", wait=True)
        try:
            self._configs = self._load().pools
            log.info("%s: read again", self.options.config_file)
        except ConfigError as error:
            log.error("%s\nThe configuration from before stays in use.", error)
        notify("READY=1", wait=True)

    def rescan(self) -> None:
        """Look at the host, and bring the pools up to date with it and with the configuration."""
        self._scanned_at = time.monotonic()
        shares = pools.assign(self._configs, pools.scan(self._configs, self.scanner))
        self._scan_took = time.monotonic() - self._scanned_at
        for name in [name for name in self.endpoints if name not in shares]:
            log.info("%s: no longer configured", name)
            self.endpoints.pop(name).close()
            self._said.pop(name, None)
            self._said_health.pop(name, None)
        self._take_out(shares)
        self._hold_back(shares)
        found = (member.device for share in shares.values() for member in share.members.values())
        self._links.observe(found, time.monotonic())
        seen = Nodes(self.options.root)
        self._unusable = {name: allocation.problems(share.members, seen) for name, share in shares.items()}
        folders = (self.options.devinfo_dir, self.options.cdi_dir)
        for name, share in shares.items():
            self._say(name, share)
            if share.members and name not in self.endpoints:  # of an empty pool the kubelet need not know
                service = PoolService(Pool(share.config), self.scanner, *folders, self.renamed)
                self.endpoints[name] = PoolEndpoint(service, self.options.kubelet_dir)
            if name in self.endpoints:
                self._update(self.endpoints[name].service.pool, share.config, share.members)

    def _take_out(self, shares: Mapping[str, Share]) -> None:
        """What leaves a pool does so before another pool may offer it: no Allocate gives it under the old name then."""
        for name, endpoint in self.endpoints.items():
            pool, share = endpoint.service.pool, shares[name]
            left = {i: member for i, member in pool.members.items() if i in share.members}
            if len(left) < len(pool.members):
                pool.update(share.config, left, {i: text for i, text in pool.problems.items() if i in left})

    def _hold_back(self, shares: Mapping[str, Share]) -> None:
        """Take out what pods hold under another name; after the endpoints of old names are closed."""
        wanted = {device_id: name for name, share in shares.items() for device_id in share.members}
        for device_id in self.renamed.allocated_under_other_name(wanted):
            shares[wanted[device_id]].hold_back(device_id, "a pod holds it under another resource name")

    def judge(self) -> None:
        """Look at the links alone, and tell the pools what changed."""
        served = [endpoint.service.pool for endpoint in self.endpoints.values()]
        self._links.observe((member.device for pool in served for member in pool.members.values()), time.monotonic())
        for pool in served:
            self._update(pool, pool.config, pool.members)

    def _update(self, pool: Pool, pool_config: config.PoolConfig, members: Mapping[str, Member]) -> None:
        problems = {**self._unusable.get(pool_config.resource_name, {}),
                    **health.problems({i: member.device for i, member in members.items()}, self._links)}  # fmt: skip
        pool.update(pool_config, members, problems)
        count = Counter(problems.values())
        told = [f"{number} unhealthy: {text}" for text, number in sorted(count.items())]
        more = len(told) - TOLD_REASONS
        line = "; ".join(told[:TOLD_REASONS] + ([f"and {more} more reasons"] if more > 0 else []))
        if self._said_health.get(pool_config.resource_name, "") != line:
            self._said_health[pool_config.resource_name] = line
            log.log(
                logging.WARNING if line else logging.INFO, "%s: %s", pool_config.resource_name, line or "all healthy"
            )

    def tend(self) -> None:
        """Keep the sockets and the registrations."""
        now = time.monotonic()
        for endpoint in self.endpoints.values():
            endpoint.tend(now)
        registration.register(self.options.kubelet_dir, list(self.endpoints.values()))

    def close(self) -> None:
        """Leave: sockets go, device-info files stay, since pods keep running."""
        notify("STOPPING=1", wait=True)
        for endpoint in self.endpoints.values():
            endpoint.close()

    def _save_files(self) -> None:
        """Their folders are lost at a reboot, and for pods that return the kubelet does not call Allocate."""
        try:
            for endpoint in self.endpoints.values():
                endpoint.service.save_device_info(endpoint.service.pool.members.values())
                endpoint.service.save_cdi({})
            if self.options.cdi_dir:
                cdi.clean(self.options.cdi_dir, self._configs)
        except OSError as error:
            log.error("device-info or CDI files can't be written: %s", error)

    def _say(self, name: str, share: Share) -> None:
        """Log what a pool holds, and what the host keeps from it, where that is news; for an empty one, why."""
        line = f"{len(share.members)} devices {' '.join(share.members)}".strip()
        if not share.members:
            reasons = (f"{count} x {reason}" for reason, count in share.rejected.most_common(5))
            line += "; not taken: " + ("; ".join(reasons) or "there is no device of this type left")
        elif share.in_use:
            uses = [f"{device_id}, since {use}" for device_id, use in share.in_use.items()]
            line += f"; {len(uses)} withheld: " + "; ".join(uses[:TOLD_REASONS])
        if self._said.get(name) != line:
            self._said[name] = line
            log.log(logging.INFO if share.members else logging.WARNING, "%s: %s", name, line)

    def _status_line(self) -> str:
        services = self.endpoints
        devices = sum(len(p.service.pool.members) for p in services.values())
        registered = sum(p.registered for p in services.values())
        if not services:
            return "STATUS=nothing to offer: no device matches the configuration"
        sick = sum(len(p.service.pool.problems) for p in services.values())
        unhealthy = f", {sick} devices unhealthy" if sick else ""
        return f"STATUS={devices} devices in {len(services)} pools, {registered} of them registered{unhealthy}"

    def _tell_status(self) -> None:
        line = self._status_line()
        if line != self._status and notify(line):
            self._status = line
