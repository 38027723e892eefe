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

from . import cache, definition, deps, node, power, release, snapshot, state
from .pki import NODES
from .progress import LabError, say

EPILOG = f"""\
environment:
  BAREMETAL_SRIOV_CACHE    where slow builds are kept (now: {cache.root()})
  BAREMETAL_SRIOV_K8S_BIN  a folder with kubelet, kube-apiserver, kube-controller-manager, kube-scheduler, kube-proxy
                           and, if you like, kubectl, instead of those that are built from Go modules
  BAREMETAL_SRIOV_PEERS_BIN  a folder with other programs of these names (etcd, multus, host-device, sriovdp, sriov, ..)
  BAREMETAL_SRIOV_CNI_BIN  a folder with more CNI plugins for the node's /opt/cni/bin
  {release.VARIABLE}  the release, where --release is not given
  TMPDIR                   where a run's state is kept (now: {state.run_dir()})
The nodes have no way out to any network. One lab runs per machine; a second checkout waits for its turn, until `down`.

machines, for --machine (a JSON object with these keys, or KEY=VALUE words; they hold until the node is powered off):
  iommu=on|off, memory=MIB, cpus=NUMBER, boot=disk|network, pxe=FOLDER (a card that boots by TFTP from the file
  {definition.BOOTFILE} there, or from bootfile=NAME), nvme=on|off (one with SR-IOV; `power plug` adds it to a node
  that is on)
"""


def parser() -> argparse.ArgumentParser:
    """The argument parser, one sub-command per thing that the lab does."""
    top = argparse.ArgumentParser(
        prog="lab.py",
        description="Emulated bare-metal nodes with SR-IOV cards and Kubernetes.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    up = commands.add_parser("up", help="start the nodes (building what is missing), from the disks of the last run")
    reset = commands.add_parser("reset", help="start the nodes, or one of them, from the pristine disk")
    reset.add_argument("node", nargs="?", choices=NODES, help="only this one")
    for command in (up, reset):
        command.add_argument("--nodes", type=int, metavar="N", help=f"how many nodes: 1 (the default) to {len(NODES)}; "
                             "node1 has the control plane, all of them run pods")  # fmt: skip
        command.add_argument("--from", dest="beginning", choices=snapshot.BEGINNINGS, default=snapshot.READY,
                             help="what one node on a fresh disk begins with: firmware and GRUB (boot), a bare machine "
                             "that is Ready (ready, the default), or one that has the kernel's arguments for an IOMMU "
                             "too (iommu); the latter two boot once, and are kept as they run")  # fmt: skip
        _release_option(command, "that of the nodes' last disks" if command is up else "that of nodes that are on")
        _wait_options(command, "ready")
    build = commands.add_parser("build", help="make the cached builds: Kubernetes and its peers, base system, image")
    _release_option(build, "")
    _lock_option(build)
    commands.add_parser("down", help="power all nodes off, and give the machine's lab free")
    commands.add_parser("clean", help="end the nodes at once and remove this checkout's run state (the cache stays)")
    _power_options(commands.add_parser("power", help="power of one node; its disk stays, and the lab"))
    console = commands.add_parser("console", help="what a node wrote to its serial console")
    console.add_argument("node", choices=NODES)
    console.add_argument("-f", "--follow", action="store_true", help="go on with what it writes")
    ssh = commands.add_parser("ssh", help="a shell on a node, or a command: ssh -- ip link, ssh node2 -- ip link")
    ssh.add_argument("words", nargs=argparse.REMAINDER, help="the node (node1), the command and its arguments")
    status = commands.add_parser("status", help="where the nodes are; exit status 3 when all are off")
    status.add_argument("--json", action="store_true", help="everything, for programs")
    commands.add_parser("check", help="say what is missing to run the lab here; installs nothing")
    commands.add_parser("install", help="install the packages that are missing (Debian 12, root)")
    return top


def _release_option(command: argparse.ArgumentParser, first: str) -> None:
    titles = "; ".join(f"{name}: {found.title}" for name, found in release.RELEASES.items())
    default = f"{first}, else {release.USUAL}" if first else release.USUAL
    text = f"what the nodes run ({titles}; default: {default})"
    command.add_argument("--release", choices=release.RELEASES, help=text)


def _wait_options(command: argparse.ArgumentParser, default: str) -> None:
    group = command.add_mutually_exclusive_group()
    group.add_argument("--wait", choices=node.WAITS, default=default, help=f"what to wait for (default: {default})")
    group.add_argument("--no-wait", dest="wait", action="store_const", const="none", help="the same as --wait none")
    _lock_option(command)


def _power_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("action", choices=power.ACTIONS)
    command.add_argument("node", choices=NODES)
    command.add_argument("--hard", action="store_true", help="off and cycle: without asking the node's system")
    command.add_argument("--machine", nargs="+", metavar="WORD", help="on and cycle: another machine; see below")
    _wait_options(command, "none")


def _lock_option(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--lock-timeout",
        type=float,
        default=1800.0,
        metavar="SECONDS",
        help="how long to wait for another checkout's lab to end (default: 1800)",
    )


def _status(as_json: bool) -> int:
    found, have = state.states(), state.members()
    title = release.named(have.release).title if have else ""
    if as_json:
        print(json.dumps(state.describe(), indent=1))
    for current in found if not as_json else ():
        if not current.running():
            print(f"{current.node} is off")
            continue
        api = f", API port {current.api_port}" if current.api_port else ""
        how = f"{title}, {current.accel}, process {current.pid}"
        print(f"{current.node} is on ({how}), SSH port {current.ssh_port}{api}")
        print(f"  SSH after {current.ssh_seconds} s, Kubernetes after {current.ready_seconds} s")
    if not as_json:
        print(f"kubeconfig: {found[0].kubeconfig}\ninventory:  {found[0].inventory}" if found else "node1 is off")
    return 0 if any(current.running() for current in found) else 3


def _ssh(words: Sequence[str]) -> int:
    name = words[0] if words[:1] and words[0] in NODES else NODES[0]
    words = words[1:] if words[:1] == [name] else words
    words = words[1:] if words[:1] == ["--"] else words
    found = state.load(name)
    if found is None or not found.running():
        raise LabError(f"{name} is off; start it with `python3 tests/lab/lab.py up`")
    argv = found.ssh().command()
    if words:
        # As with ssh itself, a single word is a line for the node's shell.
        argv += ["--", words[0] if len(words) == 1 else shlex.join(words)]
    sys.stdout.flush()
    os.execvp(argv[0], argv)


def _start(args: argparse.Namespace) -> None:
    if args.nodes is not None and not 1 <= args.nodes <= len(NODES):
        raise LabError(f"--nodes {args.nodes}: expected 1 to {len(NODES)}: more does not fit on one machine's cores")
    deps.require(args.nodes or 1)
    if args.command == "up":
        found = node.up(args.nodes, args.wait, args.lock_timeout, args.beginning, release.asked(args.release))
    else:
        for word, given in (("nodes", args.nodes), ("release", args.release)):
            if args.node and given:
                raise LabError(f"reset {args.node} --{word} {given}: expected only one of both")
        system = release.asked(args.release) if args.node is None else None
        found = node.reset(args.node, args.nodes, args.wait, args.lock_timeout, args.beginning, system)
    for current in found:
        say(f"{current.node}: SSH port {current.ssh_port}")
    say(f"kubeconfig {found[0].kubeconfig}; inventory {found[0].inventory}")


def _power(args: argparse.Namespace) -> None:
    if args.machine and args.action not in ("on", "cycle"):
        raise LabError(f"power {args.action} --machine: a machine is chosen at power-on; expected on or cycle")
    machine = definition.parse(args.machine or [])
    if args.action == "on":
        power.on(args.node, machine, args.wait, args.lock_timeout)
    elif args.action == "off":
        power.off(args.node, args.hard)
    elif args.action == "cycle":
        power.cycle(args.node, machine, args.hard, args.wait, args.lock_timeout)
    elif args.action == "plug":
        power.plug(args.node)
    else:
        power.hard_reset(args.node)


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
            say(f"image: {node.build(args.lock_timeout, release.asked(args.release)).folder}")
        elif args.command == "down":
            node.down()
        elif args.command == "power":
            _power(args)
        elif args.command == "console":
            power.console(args.node, args.follow)
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
