# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check a checkout of baremetal.sriov, and run its demonstrations; `make` calls this, and nox does most of it."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

# Before the imports: an older Python lacks some of them, and the cache is the lab's.
sys.path.append(str(Path(__file__).resolve().parents[1] / "lab"))
if sys.version_info < (3, 11):
    print("make.py needs Python 3.11 or newer; choose one: make PYTHON=/path/to/python3", file=sys.stderr)
    sys.exit(2)

from devtool import deps, images, programs, releases, stages
from devtool.collection import OUTPUT, build, tool
from devtool.console import ToolError, show
from sriovlab import cache, peers, release

OPTIONS: dict[str, dict[str, Any]] = {
    "only": {"metavar": "NAME,NAME", "help": "only these"},
    "list": {"action": "store_true", "help": "list their names and stop"},
    "fast": {"action": "store_true", "help": "without what needs the emulated node"},
    "without-peers": {"action": "store_true", "help": "skip what needs Kubernetes, and count it as skipped"},
    "release": {"choices": release.RELEASES, "help": "what the emulated node runs, where a test does not say itself"},
    "resume": {"action": "store_true", "help": "without modules that passed at this commit"},
    "base": {"default": "", "help": "an image to build on (one is made from Debian's packages)"},
    "count": {"type": int, "help": "repetitions of each loop (each has a number of its own)"},
    "commit": {"default": "HEAD", "help": "the release's commit (%(default)s)"},
    "seed": {"type": int, "help": "the random seed (one is drawn and shown)"},
}


def install(options: Namespace) -> None:
    """What all stages need, and all programs: the environments that some stages have of their own are made by nox."""
    show(stages.nox("--install-only", "--session", *deps.OWN), cwd=deps.ROOT)
    if not options.fast:
        deps.lab("install")


def test(options: Namespace) -> int:
    """The stages that were asked for."""
    known = stages.all_stages()
    chosen = stages.choose(known, options.only, fast=options.fast)
    if options.list:
        print("\n".join(f"{stage['name']:16} {stage['description']}" for stage in chosen))
        return 0
    return stages.run(chosen, complete=chosen == known, without_peers=options.without_peers)


def clean(options: Namespace) -> None:
    """Remove the droppings in the checkout; the cache is for other checkouts too and stays."""
    names = (".ansible", ".mypy_cache", ".nox", ".pytest_cache", ".ruff_cache", ".hypothesis", "collections")
    for folder in (OUTPUT, *(deps.ROOT / name for name in names), *deps.ROOT.rglob("__pycache__")):
        shutil.rmtree(folder, ignore_errors=True)
    print(f"The checkout is clean. The cache {cache.root()} stays; remove it by hand if you want its space.")


# What each does, its options, and what has to be installed before it: "tools" or "lab". Without a status all is well.
COMMANDS: dict[str, tuple[Callable[[Namespace], int | None], str, str, str]] = {
    "deps": (install, "fast", "tools", "install what the checks need, after saying what"),
    "test": (test, "only list fast without-peers", "tools", "run the checks"),
    "build": (lambda options: print(f"Built {build()}"), "", "tools", "build the tarball into tests/output"),
    "image": (lambda options: print(f"Built {images.build(OUTPUT, options.base)}"), "base", "",
              "build the device plugin's container image into tests/output"),
    "machines": (lambda options: programs.machines(), "", "tools",
                 "run the device plugin on arm64 and ppc64le, under QEMU's user mode"),
    "demo": (lambda options: show([tool("python"), f"{programs.TESTS}/demo/demo.py"], cwd=deps.ROOT,
                                  env=programs.program_environment()), "release", "lab",
             "an emulated server, from nothing to a pod with VFs"),
    "bench": (lambda options: programs.benchmarks(options.only), "only list", "lab",
              "run the benchmarks; writes tests/bench/results.json"),
    "soak": (lambda options: programs.loops(options.only, options.count, options.seed), "only list count seed", "lab",
             "run the long loops"),
    "lab": (lambda options: programs.groups(options.only, resume=options.resume), "only list release resume", "lab",
            "run groups of long tests on the emulated node"),
    "release": (lambda options: print(f"Added to {releases.LIST}: {releases.add(options.commit)}"), "commit", "tools",
                "add a commit's row to tests/support/releases.toml"),
    "clean": (clean, "", "", "remove what the tools left in the checkout"),
}  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; 2 is for a run that could not be carried out, 1 for one with failures."""
    for number in (signal.SIGTERM, signal.SIGINT):  # the latter too: what a shell starts with & ignores it
        signal.signal(number, signal.default_int_handler)
    parser = argparse.ArgumentParser(prog="make.py", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (_do, words, _needs, what) in COMMANDS.items():
        command = commands.add_parser(name, help=what)
        for word in words.split():
            command.add_argument(f"--{word}", **OPTIONS[word])
    options = parser.parse_args(argv)
    do, _words, needs, _what = COMMANDS[options.command]
    if getattr(options, "release", None):
        os.environ[release.VARIABLE] = options.release
    try:
        if options.command in programs.KINDS and options.list:
            print("\n".join(programs.found(options.command, options.only)))
            return 0
        if needs:
            deps.ensure_tools()
        if needs == "lab":
            deps.lab("install")
            if problems := [*filter(None, map(peers.problem, peers.NODE))]:
                print("\n".join(f"error: {text}" for text in problems), file=sys.stderr)
                return 1
        return do(options) or 0
    except (ToolError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
