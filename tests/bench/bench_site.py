# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures of the emulated node and of a run of site that changes nothing.

lab.boot_seconds: power-on of the pristine node to Ready, compared with power-on to SSH.
site.remote_calls: module executions on the node in a no-change run. What they verify stands in docs/playbooks.md.
site.nochange_seconds, site.nochange_ratio: that run over SSH, and over a run of one ansible.builtin.ping on the same
connection.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import chain
import standalone
from figures import figure, main

from sriovlab.guest import Lab

HERE = Path(__file__).resolve().parent
PAIRS = 5
PING = """\
- hosts: sriov_nodes
  gather_facts: false
  tasks:
    - ansible.builtin.ping:
"""


def boot(lab: Lab) -> dict[str, Any]:
    """The boot that `start` has just measured."""
    ready, ssh = lab.state.ready_seconds, lab.state.ssh_seconds
    if ready is None or ssh is None:
        raise RuntimeError("the lab measured no boot: it was not started from its pristine disk")
    return figure("lab.boot_seconds", "s", [ready], "power-on to SSH", base=ssh)


def remote_calls() -> dict[str, Any]:
    """Count with the callback plugin beside this file."""
    with tempfile.TemporaryDirectory(prefix="remote-calls-") as folder:
        log = Path(folder) / "log"
        settings = {"REMOTE_CALLS_LOG": str(log), "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback_plugins"),
                    "ANSIBLE_CALLBACKS_ENABLED": "remote_calls"}
        os.environ.update(settings)
        try:
            standalone.site()
        finally:
            for name in settings:
                del os.environ[name]
        calls = [line.split()[1] for line in log.read_text().splitlines() if line.startswith("ssh ")]
    print("module executions on the node:", ", ".join(calls))
    return figure("site.remote_calls", "calls", [float(len(calls))], limit=4, runs=1)


def seconds(run: Callable[[], Any]) -> float:
    """How long a call takes."""
    started = time.monotonic()
    run()
    return time.monotonic() - started


def unchanged_site() -> None:
    """A run that must change nothing. Raises RuntimeError."""
    run = standalone.site()
    if not run.recap or any(counts["changed"] for counts in run.recap.values()):
        raise RuntimeError(f"site changed something:\n{run.output}")


def nochange(ping: Path) -> list[dict[str, Any]]:
    """Pairs of site and ping, interleaved."""

    def pong() -> None:
        run = chain.run_playbook(str(ping))
        if run.status != 0:
            raise RuntimeError(run.output)

    pong()  # opens the shared connection
    pairs = [(seconds(unchanged_site), seconds(pong)) for _turn in range(PAIRS)]
    base, than = statistics.median(pair[1] for pair in pairs), "a playbook with one ansible.builtin.ping"
    ratios = figure("site.nochange_ratio", "ratio", [own / other for own, other in pairs], than, limit=6)
    return [figure("site.nochange_seconds", "s", [pair[0] for pair in pairs], than, base=base), ratios]


def measured() -> list[dict[str, Any]]:
    """All of them."""
    figures = [boot(standalone.start(pristine=True))]
    standalone.configured()
    with tempfile.TemporaryDirectory(prefix="bench-site-") as folder:
        ping = Path(folder) / "ping.yml"
        ping.write_text(PING)
        figures += [remote_calls(), *nochange(ping)]
    standalone.stop()
    return figures


if __name__ == "__main__":
    sys.exit(main(__doc__, measured))
