# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts made by rpm-ostree (Fedora CoreOS, RHEL for Edge): `rpm-ostree kargs` is the one way to their arguments.

It prints what the next boot gets, a staged deployment included, and each change is one transaction of its own.
"""

from __future__ import annotations

from ...host.host import Host
from ...model.errors import HostError
from .. import cmdline
from .appended_arguments import AppendedArguments, changing, load, with_appended
from .base import BootLoader, Entry, Foreign, LoaderState

BOOTED = "/run/ostree-booted"
COMMAND = "rpm-ostree"
SECONDS = 600.0  # a deployment is made anew
LINE = "rpm-ostree kargs"  # the name of the line in our memory


class RpmOstree(BootLoader):
    """The back-end; see the module's text."""

    name = "rpm-ostree"
    where = "rpm-ostree kargs"

    def detect(self, host: Host) -> bool:
        return host.exists(BOOTED) and host.exists(f"/usr/bin/{COMMAND}")

    def read(self, host: Host) -> LoaderState:
        memory = load(host)
        line = _kargs(host)
        foreign = tuple(Foreign(token, LINE) for token in cmdline.split(memory.without_appended(LINE, line)))
        entry = Entry("the next deployment", cmdline.split(line))
        return LoaderState(self.name, memory.present, memory.tokens, memory.pending, (entry,), foreign)

    def write(self, host: Host, tokens: tuple[str, ...]) -> None:
        before = load(host)
        line = _kargs(host)
        base = before.without_appended(LINE, line)
        after = AppendedArguments(tokens, lines={LINE: base}, loader=self.name)
        with changing(host, before, after):
            if line != with_appended(base, tokens):
                self._change(host, cmdline.split(line), cmdline.split(base), tokens)

    def _change(self, host: Host, now: tuple[str, ...], base: tuple[str, ...], tokens: tuple[str, ...]) -> None:
        left = list(base)
        gone = []
        for token in now:
            if token in left:
                left.remove(token)
            else:
                gone.append(token)
        words = [f"--delete={token}" for token in gone] + [f"--append={token}" for token in tokens]
        host.run([COMMAND, "kargs", *words], seconds=SECONDS)
        found = cmdline.split(_kargs(host))
        if sorted(found) != sorted((*base, *tokens)):
            raise HostError(LINE, " ".join((*base, *tokens)), " ".join(found), "See rpm-ostree status.")


def _kargs(host: Host) -> str:
    """The line that the next boot gets; blanks at its ends say nothing."""
    return " ".join(host.run([COMMAND, "kargs"]).stdout.split())
