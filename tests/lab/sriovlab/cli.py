# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's command line."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from collections.abc import Sequence

from . import cache, deps, node, state
from .progress import LabError, say

EPILOG = f"""\
environment:
  BAREMETAL_SRIOV_CACHE    where slow builds are kept (now: {cache.root()})
  BAREMETAL_SRIOV_K8S_BIN  a folder with kubelet, kube-apiserver, kube-controller-manager, kube-scheduler, kube-proxy
                           and, if you like, kubectl, instead of those that are built from Go modules
  BAREMETAL_SRIOV_PEERS_BIN  a folder with other programs of these names (etcd, multus, host-device, sriovdp, sriov, ..)
  BAREMETAL_SRIOV_CNI_BIN  a folder with more CNI plugins for the node's /opt/cni/bin
  TMPDIR                   where a run's state is kept (now: {state.run_dir()})
The node has no way out to any network. One node runs per machine; a second checkout waits for its turn.
"""


def parser() -> argparse.ArgumentParser:
    """The argument parser, one sub-command per thing that the lab does."""
    top = argparse.ArgumentParser(
        prog="lab.py",
        description="An emulated bare-metal node with SR-IOV cards and Kubernetes.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text in (
        ("up", "start the node (building what is missing); its disk is that of its last run"),
        ("reset", "start the node from its pristine disk"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("--nodes", type=int, default=1, help="how many nodes (reserved: only 1)")
        group = command.add_mutually_exclusive_group()
        group.add_argument(
            "--wait", choices=node.WAITS, default="ready", help="what to wait for (default: ready)"
        )
        group.add_argument(
            "--no-wait", dest="wait", action="store_const", const="none", help="the same as --wait none"
        )
        _lock_option(command)
    text = "make the cached builds: Kubernetes and its peers, base system, image"
    _lock_option(commands.add_parser("build", help=text))
    commands.add_parser("down", help="power the node off")
    commands.add_parser(
        "clean", help="end the node at once and remove this checkout's run state (the cache stays)"
    )
    ssh = commands.add_parser("ssh", help="a shell on the node, or a command: ssh -- ip link")
    ssh.add_argument("words", nargs=argparse.REMAINDER, help="the command and its arguments")
    status = commands.add_parser("status", help="where the node is; exit status 3 when it is off")
    status.add_argument("--json", action="store_true", help="everything, for programs")
    commands.add_parser("check", help="say what is missing to run the lab here; installs nothing")
    commands.add_parser("install", help="install the packages that are missing (Debian 12, root)")
    return top


def _lock_option(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--lock-timeout",
        type=float,
        default=1800.0,
        metavar="SECONDS",
        help="how long to wait for another checkout's node to end (default: 1800)",
    )


def _status(as_json: bool) -> int:
    found = state.load()
    if as_json:
        print(json.dumps(found.describe() if found else {"format": state.FORMAT, "running": False}, indent=1))
    elif found is None or not found.running():
        print("node1 is off")
    else:
        print(
            f"node1 is on ({found.accel}, process {found.pid}),"
            f" SSH port {found.ssh_port}, API port {found.api_port}"
        )
        print(f"  SSH after {found.ssh_seconds} s, Kubernetes after {found.ready_seconds} s")
        print(f"  kubeconfig: {found.kubeconfig}\n  inventory:  {found.inventory}")
    return 0 if found and found.running() else 3


def _ssh(words: Sequence[str]) -> int:
    found = state.load()
    if found is None or not found.running():
        raise LabError("node1 is off; start it with `python3 tests/lab/lab.py up`")
    words = words[1:] if words[:1] == ["--"] else words
    argv = found.ssh().command()
    if words:
        # As with ssh itself, a single word is a line for the node's shell.
        argv += ["--", words[0] if len(words) == 1 else shlex.join(words)]
    sys.stdout.flush()
    os.execvp(argv[0], argv)


def _start(args: argparse.Namespace) -> None:
    if args.nodes != 1:
        raise LabError(f"--nodes {args.nodes}: reserved; this lab has one node")
    deps.require()
    act = node.up if args.command == "up" else node.reset
    current = act(args.wait, args.lock_timeout)
    say(f"node1: SSH port {current.ssh_port}; kubeconfig {current.kubeconfig}; inventory {current.inventory}")


def _check() -> int:
    found = deps.problems()
    for text in found:
        print(f"missing: {text}")
    if not found:
        print("nothing is missing: the lab can run here")
    return 1 if found else 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status (1 after an error, which is told on stderr)."""
    args = parser().parse_args(argv)
    try:
        if args.command in ("up", "reset"):
            _start(args)
        elif args.command == "build":
            deps.require()
            say(f"image: {node.build(args.lock_timeout).folder}")
        elif args.command == "down":
            node.down()
        elif args.command == "clean":
            node.clean()
        elif args.command == "ssh":
            return _ssh(args.words)
        elif args.command == "status":
            return _status(args.json)
        elif args.command == "check":
            return _check()
        elif args.command == "install":
            deps.install()
    except LabError as exc:
        say(f"error: {exc}")
        return 1
    except KeyboardInterrupt:
        say("stopped")
        return 130
    return 0
