# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check a checkout of baremetal.sriov, and run its demonstrations; `make` calls this."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from devtool import deps, images, machines, programs, releases, stages
from devtool.cache import cache_folder
from devtool.collection import OUTPUT, build
from devtool.console import ToolError, say
from devtool.pythons import CONTROLLER_MINIMUM

DROPPINGS = (".ansible", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", "collections")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    root = argparse.ArgumentParser(prog="run.py", description=__doc__)
    commands = root.add_subparsers(dest="command", required=True)
    install = commands.add_parser("deps", help="install what the checks need, after saying what")
    install.add_argument("--fast", action="store_true", help="without what only the emulated node needs")
    test = commands.add_parser("test", help="run the checks")
    test.add_argument("--only", metavar="STAGE,STAGE", help="only these stages")
    test.add_argument("--fast", action="store_true", help="without the stages that need the emulated node")
    test.add_argument("--list", action="store_true", help="list the stages and stop")
    commands.add_parser("build", help="build the tarball into tests/output")
    image = commands.add_parser("image", help="build the device plugin's container image into tests/output")
    image.add_argument("--base", default="", help="an image to build on (one is made from Debian's packages)")
    commands.add_parser("machines", help="run the device plugin on arm64 and ppc64le, under QEMU's user mode")
    commands.add_parser("demo", help="an emulated server, from nothing to a pod with VFs")
    commands.add_parser("bench", help="run the benchmarks; writes tests/bench/results.json")
    soak = commands.add_parser("soak", help="run the long loops")
    soak.add_argument("--only", metavar="LOOP,LOOP", help="only these loops")
    soak.add_argument("--list", action="store_true", help="list the loops and stop")
    soak.add_argument("--count", type=int, help="repetitions of each loop (each has a number of its own)")
    soak.add_argument("--seed", type=int, help="the random seed (one is drawn and shown)")
    release = commands.add_parser("release", help="add a commit's row to tests/support/releases.toml")
    release.add_argument("commit", nargs="?", default="HEAD", help="the release's commit (%(default)s)")
    commands.add_parser("clean", help="remove what the tools left in the checkout")
    return root


def clean() -> None:
    """Remove the droppings in the checkout; the cache is for other checkouts too and stays."""
    for folder in (OUTPUT, *(deps.ROOT / name for name in DROPPINGS)):
        shutil.rmtree(folder, ignore_errors=True)
    for folder in deps.ROOT.rglob("__pycache__"):
        shutil.rmtree(folder, ignore_errors=True)
    say(f"The checkout is clean. The cache {cache_folder()} stays; remove it by hand if you want its space.")


def dispatch(options: argparse.Namespace) -> int:
    """Do one command; returns the exit status."""
    if options.command == "clean":
        clean()
        return 0
    if options.command == "test":
        chosen = stages.choose(options.only, fast=options.fast)
        if options.list:
            for stage in chosen:
                say(f"{stage.name:16} {stage.what}")
            return 0
        return stages.run(chosen)
    if options.command == "soak" and options.list:
        for program in programs.soak_loops():
            say(programs.loop_name(program))
        return 0
    if options.command == "image":
        say(f"Built {images.image(options.base)}")
        return 0
    deps.ensure_tools()
    if options.command in ("demo", "bench", "soak") or (options.command == "deps" and not options.fast):
        deps.ensure_lab()
    if options.command == "machines":
        return machines.run()
    if options.command == "build":
        say(f"Built {build()}")
    elif options.command == "release":
        say(f"Added to {releases.LIST}: {releases.add(options.commit)}")
    elif options.command == "demo":
        return programs.demonstration()
    elif options.command == "bench":
        return programs.benchmarks()
    elif options.command == "soak":
        return programs.loops(programs.soak_loops(options.only), options.count, options.seed)
    return 0


def _terminate(number: int, frame: FrameType | None) -> None:
    """Turn SIGTERM into an exception, so that what was started is stopped too."""
    raise KeyboardInterrupt


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; 2 is for a run that could not be carried out, 1 for one with failures."""
    if sys.version_info < CONTROLLER_MINIMUM:
        print("run.py needs Python 3.11 or newer; choose one: make PYTHON=/path/to/python3", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, _terminate)
    try:
        return dispatch(parser().parse_args(argv))
    except ToolError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
