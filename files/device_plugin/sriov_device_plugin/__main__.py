# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of the device plugin."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from typing import NoReturn

from shared.places import DEVICE_PLUGIN_STATE, FORMAT

from . import __version__, logs
from .errors import ConfigError
from .host import libraries
from .host.discovery import Scanner
from .notify import notify
from .pool import cdi, device_info, health
from .pool.config import load, prefix_problem, read
from .pool.explain import explain
from .pool.legacy_config import convert
from .pool.withdrawn import Withdrawn

# EX_CONFIG of sysexits.h: starting again does not help, the unit does not try. For missing libraries, too.
EXIT_CONFIG = 78
# Logging options of the Go plugin: taken so that its command lines still work, and without effect.
GLOG_SWITCHES = ("logtostderr", "alsologtostderr")
LEVELS = ("debug", "info", "warning", "error")
GLOG_VALUES = ("log-dir", "stderrthreshold", "log_dir", "log_link", "logbuflevel", "vmodule", "log_backtrace_at")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sriov-device-plugin", description="Offers SR-IOV functions to the kubelet.", allow_abbrev=False
    )

    def option(name: str, **settings: object) -> None:
        parser.add_argument(f"--{name}", f"-{name}", **settings)  # type: ignore[arg-type]

    option("config-file", default="/etc/pcidp/config.json", help="the configuration (%(default)s)")
    option("watch-config", action="store_true", help="read it again when it changed, not only at SIGHUP")
    option("resource-prefix", default="intel.com", help="prefix of resources without their own (%(default)s)")
    option("kubelet-root-dir", default="/var/lib/kubelet", help="the kubelet's --root-dir (%(default)s)")
    option("devinfo-dir", default=device_info.DIRECTORY, help="folder of device-info files (%(default)s)")
    option("use-cdi", nargs="?", const="true", default="false", type=_boolean, help="name device nodes through CDI")
    option("cdi-dir", default=cdi.DIRECTORY, help="folder of CDI spec files (%(default)s)")
    option("rescan-interval", default=10.0, type=_seconds, help="seconds between two scans (%(default)g)")
    option("metrics-port", default=0, type=_port, help="serve metrics, /healthz and /readyz on it (%(default)s: no)")
    option("metrics-address", default="127.0.0.1", help="address for that (%(default)s)")
    option("link-down-after", default=0.2, type=_hold, help="seconds without link until unhealthy (%(default)g)")
    option("link-up-after", default=0.5, type=_hold, help="seconds with link until healthy again (%(default)g)")
    option(
        "link-first-after",
        default=20.0,
        type=_hold,
        help="the same for a link that is not there at first sight, as after a boot (%(default)g)",
    )
    option("no-link-health", action="store_true", help="do not look at links")
    option("state-dir", default="", help=f"folder of what is kept over restarts ({DEVICE_PLUGIN_STATE})")
    option("root", default="", help="read sys, proc and dev below this folder, for tests")
    option("log-level", default="info", type=_level, help="debug, info, warning or error (%(default)s)")
    option("log-format", default="text", choices=logs.FORMATS, help="(%(default)s)")
    option("explain", action="store_true", help="for each function, tell its pool or why it has none, and leave")
    option("holders", action="store_true", help="print which pod holds which device, as JSON, and leave")
    option("convert-config", action="store_true", help="print the oldest form of config.json in today's, and leave")
    option("check-options", action="store_true", help="report on the options and leave")
    option("check-config", action="store_true", help="report on the configuration and leave")
    option("check-libraries", action="store_true", help="report on gRPC and protobuf as JSON, and leave")
    parser.add_argument("--version", "-version", action="version", version=__version__)
    for name in GLOG_SWITCHES:
        option(name, nargs="?", help=argparse.SUPPRESS)
    for name in GLOG_VALUES:
        option(name, help=argparse.SUPPRESS)
    parser.add_argument("-v", "--v", help=argparse.SUPPRESS)
    return parser


def _state_dir(given: argparse.Namespace) -> str:
    return str(given.state_dir or given.root.rstrip("/") + DEVICE_PLUGIN_STATE)


def _within(text: str, value: float, low: float, high: float, unit: str = "") -> float:
    if not low <= value <= high:
        raise argparse.ArgumentTypeError(f"{text}: expected {low} to {high}{unit}")
    return value


def _seconds(text: str) -> float:
    return _within(text, float(text), 0.1, 86400, " seconds")


def _boolean(text: str) -> bool:
    """As Go's flag package reads one."""
    known = {"1": True, "t": True, "true": True, "0": False, "f": False, "false": False}
    if text.lower() not in known:
        raise argparse.ArgumentTypeError(f"{text}: expected true or false")
    return known[text.lower()]


def _level(text: str) -> str:
    """A number is what the Go plugin's container takes, as verbosity: its default 10 is not meant for reading."""
    if text.isdecimal():
        return "info"
    if text not in LEVELS:
        raise argparse.ArgumentTypeError(f"{text}: expected {', '.join(LEVELS)}")
    return text


def _port(text: str) -> int:
    return int(_within(text, int(text), 0, 65535))


def _hold(text: str) -> float:
    return _within(text, float(text), 0, 3600, " seconds")


def _check(path: str, prefix: str) -> None:
    """--check-config: say what the file means. Raises ConfigError where it can't be used."""
    loaded = load(path, prefix)
    for warning in loaded.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    for pool in loaded.pools:
        print(f"{pool.resource_name}: {pool.device_type.name}, {len(pool.selectors)} selector objects")
    print(f"{path}: {len(loaded.pools)} pools, {len(loaded.warnings)} warnings")


def _convert(path: str) -> None:
    """--convert-config: the file in today's form on standard output, which nothing else goes to. Raises ConfigError."""
    text, notes = convert(read(path), path)
    for note in notes:
        print(note, file=sys.stderr)
    print(text)


def _explain(given: argparse.Namespace) -> None:
    """--explain: the daemon's own pass, and what came of it. Raises ConfigError."""
    from .kubelet.dra import DraDrivers  # here, since it costs the import of gRPC
    from .kubelet.look import Look
    from .kubelet.memory import Memory
    from .kubelet.renamed_allocations import RenamedAllocations

    logs.configure("error", "text")
    configs = load(given.config_file, given.resource_prefix).pools
    root = given.root.rstrip("/")
    scanner = Scanner(root, Memory(_state_dir(given)).pf_names)
    down_after = -1.0 if given.no_link_health else 0.0
    links = health.Links(root, down_after, 0.0, 0.0, beside=scanner.beside)
    renamed = RenamedAllocations(os.path.abspath(given.kubelet_root_dir), root)
    look = Look(scanner, links, renamed, Withdrawn(_state_dir(given)))
    for line in explain(configs, scanner, look):
        print(line)
    dra = DraDrivers(os.path.abspath(given.kubelet_root_dir), scanner.beside)
    dra.look(())
    for name, path in dra.names.items():
        words = f"the DRA driver {name} serves this node ({path}): what it offers too can be given twice"
        print(words, file=sys.stderr)
    for what, seconds in scanner.beside.held().items():
        print(f"the host has not answered for {seconds:.0f} s: {what}", file=sys.stderr)


def _holders(given: argparse.Namespace) -> int:
    """--holders: who holds which device as JSON; 1 where nobody knows."""
    from .kubelet import pod_resources

    known = pod_resources.known(os.path.abspath(given.kubelet_root_dir), given.root.rstrip("/"))
    holders = pod_resources.as_list(known.holders)
    print(json.dumps({"format": FORMAT, "complete": known.is_complete, "holders": holders}, indent=1))
    if not known.is_complete:
        problem = "the kubelet does not answer, and there is no checkpoint of it that can be read"
        print(f"{given.kubelet_root_dir}: {problem}", file=sys.stderr)
    return 0 if known.is_complete else 1


def _check_libraries() -> int:
    """--check-libraries: what serves under this Python, and what is there for the next ones; 1 where nothing serves."""
    loaded = libraries.load()
    print(json.dumps({"format": FORMAT, **loaded.as_dict()}))
    if loaded.notes:
        print(loaded.notes, file=sys.stderr)
    return 1 if loaded.problem else 0


def _report(given: argparse.Namespace) -> int:
    """Do what one of the options says that only report; 0 where the configuration can be used."""
    if given.check_libraries:
        return _check_libraries()
    if given.explain or given.holders:
        problem = libraries.load().problem
        if problem:
            print(problem, file=sys.stderr)
            return 1
    try:
        if given.check_config:
            _check(given.config_file, given.resource_prefix)
        elif given.convert_config:
            _convert(given.config_file)
        elif given.holders:
            return _holders(given)
        elif given.explain:
            _explain(given)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Run; returns the exit status: 0 after a stop signal, 78 for a wrong configuration."""
    parser = _parser()
    given = parser.parse_args(arguments)
    problem = prefix_problem(given.resource_prefix)
    if problem:
        parser.error(f"--resource-prefix: {problem}")
    if given.check_options:
        return 0
    if given.check_config or given.check_libraries or given.convert_config or given.explain or given.holders:
        return _report(given)
    logs.configure(given.log_level, given.log_format)
    os.umask(0o022)
    # gRPC imports asyncio, and that TLS where it can; on Unix sockets nobody needs the 4 MiB of OpenSSL.
    sys.modules.setdefault("ssl", None)  # type: ignore[arg-type]
    # Python 3.9 starts programs with fork(), where gRPC's handlers abort the child now and then: we never fork to stay.
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
    if not _libraries_load():
        return EXIT_CONFIG
    from .daemon import Daemon, Options  # here, since it costs the import of gRPC

    options = Options(
        config_file=given.config_file,
        resource_prefix=given.resource_prefix,
        kubelet_dir=os.path.abspath(given.kubelet_root_dir),
        devinfo_dir=given.devinfo_dir,
        rescan_interval=given.rescan_interval,
        root=given.root.rstrip("/"),
        link_down_after=-1.0 if given.no_link_health else given.link_down_after,
        link_up_after=given.link_up_after,
        link_first_after=given.link_first_after,
        metrics_address=given.metrics_address,
        metrics_port=given.metrics_port,
        cdi_dir=given.cdi_dir if given.use_cdi else "",
        watch_config=given.watch_config,
        state_dir=_state_dir(given),
    )
    try:
        daemon = Daemon(options)
    except ConfigError as error:
        logging.error("%s", error)
        return EXIT_CONFIG
    _leave(daemon.run())


def _libraries_load() -> bool:
    """Whether they do; what is wrong, in the log and for `systemctl status`."""
    loaded = libraries.load()
    if loaded.notes:
        logging.warning("%s", loaded.notes)
    if loaded.problem:
        logging.error("%s", loaded.problem)
        notify(f"STATUS={loaded.problem}", wait=True)
    return not loaded.problem


def _leave(status: int) -> NoReturn:
    """At once: the interpreter's own end would wait for threads, and one may be held by the kernel for minutes."""
    logging.shutdown()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    sys.exit(main())
