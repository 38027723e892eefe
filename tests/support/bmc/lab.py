# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A BMC that is wired to an emulated node: its resets are the node's power, and its BIOS says what machine that is.

Its Redfish is that of all fake BMCs. What the lab does for it are commands of tests/lab/lab.py, `power`, whose machine
has an IOMMU where the BIOS has switched it on, and starts from the network where the boot override says so.
"""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from support.bmc.fake import Answer, FakeBmc

VENDOR = "ami"
IOMMU, ON = "VTdSupport", "Enable"
NETWORK = ("Pxe", "UefiHttp")
Lab = Callable[[Sequence[str]], None]  # the words after `lab.py power`; raises where that fails
_OFF = {"ForceOff": ["--hard"], "GracefulShutdown": []}


def command(lab: Sequence[str]) -> Lab:
    """The lab by its program."""

    def run(words: Sequence[str]) -> None:
        subprocess.run([*lab, "power", *words], check=True)

    return run


@dataclass
class Wires:
    """Between BMC and node. pxe: a folder to start from by network; None for a node that has none."""

    lab: Lab
    node: str = "node1"
    pxe: str | None = None
    errors: list[BaseException] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)

    def do(self, *words: str) -> None:
        """One command, beside whoever asked: a node needs longer than a BMC may for an answer. Each after the other."""
        before = self.threads[-1:]

        def work() -> None:
            for thread in before:
                thread.join()
            try:
                self.lab([words[0], self.node, *words[1:]])
            except BaseException as error:  # whatever it is, a test is told
                self.errors.append(error)

        self.threads.append(threading.Thread(target=work))
        self.threads[-1].start()

    def wait(self) -> None:
        """Until all is done. Raises what went wrong."""
        for thread in self.threads:
            thread.join()
        if self.errors:
            raise self.errors[0]


class LabBmc(FakeBmc):
    """The BMC of one node. An IOMMU that is off in its BIOS is one that the machine does not have."""

    def __init__(self, wires: Wires, **settings: Any) -> None:
        super().__init__(VENDOR)
        self.wires = wires
        self.current.update(settings)

    @property
    def machine(self) -> list[str]:
        """What `lab.py power` is told of the machine that the BIOS makes."""
        found = [f"iommu={'on' if self.current[IOMMU] == ON else 'off'}"]
        if self.booted[-1:] and self.booted[-1] in NETWORK and self.wires.pxe:
            found += ["boot=network", f"pxe={self.wires.pxe}"]
        return found

    def reset(self, kind: str) -> Answer:
        """POST Reset: first what a BMC makes of it, then the node's power."""
        was_on = self.power == "On"
        answer = super().reset(kind)
        if answer.status != 204:
            return answer
        if kind in _OFF:
            self.wires.do("off", *_OFF[kind])
        elif kind == "On" and was_on:
            return answer
        else:
            self.wires.do("cycle" if was_on else "on", *(["--hard"] if was_on else []), "--machine", *self.machine)
        return answer
