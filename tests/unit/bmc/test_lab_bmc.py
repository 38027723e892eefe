# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The BMC of an emulated node, before a lab that writes down what it is told."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from support.bmc.lab import IOMMU, LabBmc, Wires


class Told:
    """A lab that does nothing. broken: the action that it can't do."""

    def __init__(self, broken: str = "") -> None:
        self.words: list[str] = []
        self.broken = broken

    def __call__(self, words: Sequence[str]) -> None:
        self.words.append(" ".join(words))
        if words[0] == self.broken:
            raise RuntimeError("no such machine")


def made(broken: str = "", pxe: str | None = None) -> tuple[LabBmc, Told]:
    told = Told(broken)
    return LabBmc(Wires(told, pxe=pxe), **{IOMMU: "Disable"}), told


def test_the_bios_decides_which_machine_starts() -> None:
    bmc, told = made()
    bmc.reset("ForceRestart")
    bmc.stage({"Attributes": {IOMMU: "Enable"}}, bmc.etag())
    bmc.wires.wait()
    assert told.words == ["cycle node1 --hard --machine iommu=off"], "what is staged has no effect before a reset"
    bmc.reset("ForceRestart")
    bmc.wires.wait()
    assert told.words[1:] == ["cycle node1 --hard --machine iommu=on"] and bmc.current[IOMMU] == "Enable"


def test_power_and_the_boot_override() -> None:
    bmc, told = made(pxe="/srv/tftp")
    for kind in ("GracefulShutdown", "On", "On", "ForceOff"):
        bmc.reset(kind)
    bmc.boot.update(target="Pxe", enabled="Once")
    bmc.reset("On")
    bmc.reset("ForceRestart")
    bmc.wires.wait()
    assert told.words == [
        "off node1", "on node1 --machine iommu=off", "off node1 --hard",
        "on node1 --machine iommu=off boot=network pxe=/srv/tftp", "cycle node1 --hard --machine iommu=off",
    ]  # fmt: skip


def test_what_the_lab_can_not_do_is_told() -> None:
    bmc, _told = made(broken="off")
    assert bmc.reset("Nonsense").status == 400
    assert bmc.reset("ForceOff").status == 204
    with pytest.raises(RuntimeError, match="no such machine"):
        bmc.wires.wait()
