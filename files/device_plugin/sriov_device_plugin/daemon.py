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
from functools import partial
from typing import TYPE_CHECKING

from .errors import ConfigError
from .host import node_state
from .host.discovery import Scanner
from .host.kernel_events import DEVICE, LINK, Events
from .host.node_state import NodeState
from .kubelet import handover, instance, registration
from .kubelet.dra import DraDrivers
from .kubelet.folder_watch import FolderWatch
from .kubelet.look import Look
from .kubelet.memory import Memory
from .kubelet.plugin_server import PoolService
from .kubelet.registration import PoolEndpoint
from .kubelet.renamed_allocations import RenamedAllocations
from .notify import Watchdog, notify
from .pool import cdi, config, health
from .pool.pools import Member, Pool, Share
from .pool.withdrawn import Withdrawn

if TYPE_CHECKING:
    from .metrics import MetricsServer

TICK = 0.5  # seconds; registered again within a second of the kubelet's return
SETTLE = 0.1  # seconds at least between a message and the look at the host: devices come in groups
SCAN_SHARE = 2  # and this many times as long as the last look took, so that a flood does not keep us busy
STUCK_AFTER = 30.0  # seconds; the longest turn waits some seconds for a kubelet that does not answer
STOP_GRACE = 1.0  # seconds that running calls have at a stop
METRICS_AGAIN = 5.0  # seconds after which a port that is taken is tried again
EXIT_OTHER = 75  # EX_TEMPFAIL of sysexits.h: another instance serves this node
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
    state_dir: str


class Daemon:
    """Owns the pools and their endpoints; all its methods run on the main thread."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self._memory = Memory(options.state_dir)
        self.scanner = Scanner(options.root, self._memory.pf_names)
        self.renamed = RenamedAllocations(options.kubelet_dir, options.root)
        self.dra = DraDrivers(options.kubelet_dir, self.scanner.beside)
        self._folders = FolderWatch(registration.known_dirs(options.kubelet_dir))
        self.endpoints: dict[str, PoolEndpoint] = {}  # resource name -> its endpoint
        self._kept: dict[str, str] = {}  # of these the names that are no longer configured -> for which pod
        self._said: dict[str, str] = {}  # resource name -> the last line about its devices
        self._said_health: dict[str, str] = {}
        self._status = ""
        holds = (options.link_down_after, options.link_up_after, options.link_first_after)
        links = health.Links(options.root, *holds, beside=self.scanner.beside)
        self.withdrawn = Withdrawn(options.state_dir)
        self._withdrawn_stamp = self.withdrawn.stamp()  # of the last pass
        self.look = Look(self.scanner, links, self.renamed, self.withdrawn)
        self._scanned_at = 0.0
        self._scan_took = 0.0
        self._beat_at = time.monotonic()
        self._watchdog = Watchdog()
        self._metrics: MetricsServer | None = None
        self._metrics_at = 0.0  # when to try for their port
        self._metrics_problem = ""
        self._wrong: tuple[str, ...] = ()  # mistakes of the configuration whose pools are left out
        self._configs = self._load_sound().pools

    def run(self) -> int:
        """Serve until a signal says stop. Returns the exit status: 1 for a fault of ours."""
        # Blocked before any thread starts, the signals wait for sigtimedwait() and interrupt nothing.
        signal.pthread_sigmask(signal.SIG_BLOCK, (RELOAD, WAKE, *STOP))
        other = instance.claim(self.options.devinfo_dir)
        if other:
            log.error("%s", other)
            return EXIT_OTHER
        try:
            self._serve()
        except BaseException:
            log.critical("a fault of the device plugin; it ends, to be started again", exc_info=True)
            self.close(0.0)
            return 1
        self.close(STOP_GRACE)
        return 0

    def _serve(self) -> None:
        events = Events(WAKE)  # before the first look, so that nothing is missed
        self._serve_metrics(self._beat_at)
        self.rescan()
        leaving = partial(handover.other, self.options.state_dir, self.options.kubelet_dir, self._configs)
        if leaving():
            if not handover.wait(leaving, STOP, self._beat):
                events.close()
                return
            self.rescan()  # pods may have got devices from it until now
        self.tend()
        notify("READY=1", self._status_line(), wait=True)
        self._save_files()
        next_scan = self._scanned_at + self.options.rescan_interval
        while True:
            caught = signal.sigtimedwait((RELOAD, WAKE, *STOP), self._pause(next_scan))
            if caught is not None and caught.si_signo in STOP:
                log.info("%s: leaving", signal.Signals(caught.si_signo).name)
                events.close()
                return
            heard = events.drain()
            now = self._beat()
            if caught is not None and caught.si_signo == RELOAD:
                self.reload()
                next_scan = now
            if DEVICE in heard:
                next_scan = min(next_scan, now + max(SETTLE, SCAN_SHARE * self._scan_took))
            if now >= next_scan or self.withdrawn.stamp() != self._withdrawn_stamp:
                if self.options.watch_config and self._config_stamp() != self._read_stamp:
                    self.reload()
                self.rescan()
                self._save_files()
                next_scan = self._scanned_at + self.options.rescan_interval
            elif LINK in heard or not events.hears(LINK) or self.look.links.is_due(now):
                self.judge()
            elif self.look.look_at_withheld():
                self._update_all()
            self.tend()
            self._serve_metrics(now)
            self.scanner.beside.tell()
            self._tell_status()

    def _beat(self) -> float:
        """Tell the watchdog and /healthz that we turn; returns the time."""
        now = self._beat_at = time.monotonic()
        self._watchdog.beat(now)
        return now

    def _serve_metrics(self, now: float) -> None:
        """Serve what --metrics-port asks for; a port that is taken keeps no device from pods, and is tried again."""
        if not self.options.metrics_port or self._metrics is not None or now < self._metrics_at:
            return
        from .metrics import MetricsServer, render  # here, since it costs the import of an HTTP server

        root = self.options.root

        def metrics() -> str:
            beside = self.scanner.beside
            state = beside.ask("what other programs left", partial(node_state.read, root), NodeState())
            pools = list(self.endpoints.values())
            return render(pools, self.options.kubelet_dir, beside.held(), state, list(self.dra.names))

        address, port = self.options.metrics_address, self.options.metrics_port
        try:
            self._metrics = MetricsServer(address, port, metrics, self._stuck, self._unready)
            problem = ""
        except OSError as error:
            self._metrics_at = now + METRICS_AGAIN
            problem = f"no metrics on {address} port {port}: {error}"
        if problem and problem != self._metrics_problem:
            log.error("%s; tried again every %g s", problem, METRICS_AGAIN)
        elif self._metrics_problem and not problem:
            log.info("metrics on %s port %s", address, port)
        self._metrics_problem = problem

    def _stuck(self) -> str:
        """What keeps us from being alive, "" for nothing; asked by another thread, as _unready."""
        idle = time.monotonic() - self._beat_at
        return f"the main loop has not turned for {idle:.0f} s" if idle > STUCK_AFTER else ""

    def _unready(self) -> str:
        waiting = [endpoint.name for endpoint in list(self.endpoints.values()) if not endpoint.registered]
        return f"not registered with the kubelet: {', '.join(sorted(waiting))}" if waiting else ""

    def _pause(self, next_scan: float) -> float:
        """Seconds to the next thing that is known to be due."""
        return max(0.0, min(TICK, min(next_scan, self.look.links.next_at()) - time.monotonic()))

    def _config_stamp(self) -> tuple[int, int, int] | None:
        """What tells one content of the configuration's file from another. In a ConfigMap's volume it is a link."""
        try:
            found = os.stat(self.options.config_file)
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def _load(self) -> config.Config:
        """Raises ConfigError for any mistake."""
        self._read_stamp = self._config_stamp()
        return self._warned(config.load(self.options.config_file, self.options.resource_prefix))

    def _load_sound(self) -> config.Config:
        """The same at a start, when there is nothing from before: the sound pools are served, and the others named.

        Raises ConfigError where the file as a whole can't be read, or no pool of it is sound.
        """
        self._read_stamp = self._config_stamp()
        loaded = config.load_sound(self.options.config_file, self.options.resource_prefix)
        self._wrong = loaded.problems
        for problem in loaded.problems:
            log.error("%s: %s; its pool is not offered, the others are", self.options.config_file, problem)
        return self._warned(loaded)

    def _warned(self, loaded: config.Config) -> config.Config:
        for warning in loaded.warnings:
            log.warning("%s: %s", self.options.config_file, warning)
        return loaded

    def reload(self) -> None:
        """Read the configuration again; a wrong one is reported, and the old one stays."""
        notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}", wait=True)
        try:
            self._configs = self._load().pools
            self._wrong = ()
            log.info("%s: read again", self.options.config_file)
        except ConfigError as error:
            log.error("%s\nThe configuration from before stays in use.", error)
        notify("READY=1", wait=True)

    def rescan(self) -> None:
        """Look at the host, and bring the pools up to date with it and with the configuration."""
        self._scanned_at = time.monotonic()
        self._withdrawn_stamp = self.withdrawn.stamp()
        shares = self.look.shares(self._configs)
        self._scan_took = time.monotonic() - self._scanned_at
        self._beat()
        self._take_out(shares)
        self._keep_old_names(shares)
        self.look.hold_back(shares)
        self.look.look_at_withheld()
        self.look.judge(shares)
        self._beat()
        for name, share in shares.items():
            self._say(name, share)
            if share.members and name not in self.endpoints:  # of an empty pool the kubelet need not know
                self._add(share.config)
            if name in self.endpoints:
                pool = self.endpoints[name].service.pool
                pool.withdrawn = dict(share.withdrawn)
                self._update(pool, share.config, share.members)
        self.dra.look([endpoint.service.endpoint for endpoint in self.endpoints.values()])
        if (self.scanner.names, set(self.endpoints)) != (self._memory.pf_names, self._memory.resources):
            self._memory.save(self.scanner.names, self.endpoints)

    def _add(self, pool_config: config.PoolConfig) -> None:
        folders = (self.options.devinfo_dir, self.options.cdi_dir)
        service = PoolService(Pool(pool_config), self.scanner, *folders, self.renamed, self.withdrawn)
        self.endpoints[pool_config.resource_name] = PoolEndpoint(service, self.options.kubelet_dir)

    def _take_out(self, shares: Mapping[str, Share]) -> None:
        """What leaves a pool does so before another pool may offer it: no Allocate gives it under the old name then."""
        for name, endpoint in self.endpoints.items():
            pool = endpoint.service.pool
            share = shares.get(name) or Share(pool.config)
            left = {i: member for i, member in pool.members.items() if i in share.members}
            if len(left) < len(pool.members):
                pool.update(share.config, left, {i: text for i, text in pool.problems.items() if i in left})

    def _keep_old_names(self, shares: Mapping[str, Share]) -> None:
        """A name that is no longer configured stays registered, with nothing to give, while a pod holds something of
        it: without it the kubelet would not start that pod's containers again.
        """
        old = ({*self.endpoints, *self._memory.resources} - shares.keys()) | (self._kept.keys() - shares.keys())
        held = self.renamed.under(old)
        kept = {name: next(iter(sorted(held[name].values()))) for name in sorted(old) if name in held}
        for name in sorted(old - kept.keys()):
            if name in self.endpoints:
                log.info("%s: no longer configured", name)
                self.endpoints.pop(name).close()
                self._said.pop(name, None)
                self._said_health.pop(name, None)
        for name, holder in kept.items():
            if name not in self.endpoints:
                self._add(config.emptied(name))
            if name not in self._kept:
                log.warning("%s: no longer configured; kept with an empty list, since %s holds of it", name, holder)
        self._kept = kept

    def judge(self) -> None:
        """Look at the links and what is withheld alone, and tell the pools what changed."""
        served = [endpoint.service.pool for endpoint in self.endpoints.values()]
        self.look.look_at_links([member.device for pool in served for member in pool.members.values()])
        self.look.look_at_withheld()
        self._update_all()

    def _update_all(self) -> None:
        for endpoint in self.endpoints.values():
            pool = endpoint.service.pool
            self._update(pool, pool.config, pool.members)

    def _update(self, pool: Pool, pool_config: config.PoolConfig, members: Mapping[str, Member]) -> None:
        problems = self.look.problems(pool_config, members)
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
        self._folders.tend()  # first: what comes after we have looked wakes us again
        for endpoint in self.endpoints.values():
            endpoint.tend(self._beat())
        registration.register(self.options.kubelet_dir, list(self.endpoints.values()))

    def close(self, grace: float) -> None:
        """Leave: sockets go, device-info files stay, since pods keep running. grace: seconds for running calls."""
        notify("STOPPING=1", wait=True)
        until = time.monotonic() + grace + 2
        for ended in [endpoint.begin_close(grace) for endpoint in self.endpoints.values()]:
            if ended is not None:
                ended.wait(max(0.0, until - time.monotonic()))

    def _save_files(self) -> None:
        """Their folders are lost at a reboot, and for pods that return the kubelet does not call Allocate."""
        kept = [self.endpoints[name].service.pool.config for name in self._kept]
        try:
            for name, endpoint in self.endpoints.items():
                if name not in self._kept:
                    endpoint.service.save_device_info(endpoint.service.pool.members.values())
                    endpoint.service.save_cdi({})
            if self.options.cdi_dir:
                cdi.clean(self.options.cdi_dir, [*self._configs, *kept], lambda name: bool(self.renamed.under([name])))
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
        more = f", {sick} devices unhealthy" if sick else ""
        held = len(self.scanner.beside.held())
        more += f"; the host does not answer {held} questions" if held else ""
        more += f"; mistakes in the configuration: {len(self._wrong)}" if self._wrong else ""
        more += f"; {self._metrics_problem}" if self._metrics_problem else ""
        return f"STATUS={devices} devices in {len(services)} pools, {registered} of them registered{more}"

    def _tell_status(self) -> None:
        line = self._status_line()
        if line != self._status and notify(line):
            self._status = line
