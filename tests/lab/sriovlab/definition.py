# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node's next power-on may have otherwise than usual: its firmware's settings, as it were."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .progress import LabError

KEYS = ("bootfile", "boot", "cpus", "iommu", "memory", "nvme", "pxe")
BOOTFILE = "boot.ipxe"
# QEMU decodes only the low 32 bits of the VFs' BARs when RAM reaches above 4 GiB's hole, which begins here.
MEMORY_LIMIT_MIB = 2816
MEMORY_LEAST_MIB = 256
CPUS_MOST = 8


@dataclass(frozen=True)
class Definition:
    """One machine: with or without an IOMMU or an NVMe, what it boots from, a TFTP folder for a card that boots so."""

    iommu: bool = True
    boot: str = "disk"
    pxe: str = ""
    bootfile: str = ""
    memory_mib: int = 2560
    cpus: int = 2
    nvme: bool = False


USUAL = Definition()


def _pairs(words: Sequence[str]) -> dict[str, str]:
    """The keys and values of KEY=VALUE words or of one JSON object. Raises LabError for anything else."""
    if len(words) == 1 and words[0].lstrip().startswith("{"):
        try:
            found: dict[str, Any] = json.loads(words[0])
        except ValueError as exc:
            raise LabError(f"--machine {words[0]!r}: expected a JSON object or KEY=VALUE words ({exc})") from exc
        flags = {True: "on", False: "off"}
        return {key: flags[value] if isinstance(value, bool) else str(value) for key, value in found.items()}
    pairs = {}
    for word in words:
        key, separator, value = word.partition("=")
        if not separator:
            raise LabError(f"--machine {word!r}: expected KEY=VALUE with one of {', '.join(KEYS)}, or a JSON object")
        pairs[key] = value
    return pairs


def _chosen(pairs: dict[str, str], key: str, choices: tuple[str, str], otherwise: str) -> str:
    value = pairs.get(key, otherwise)
    if value not in choices:
        raise LabError(f"--machine {key}={value}: expected {choices[0]} or {choices[1]}")
    return value


def _number(pairs: dict[str, str], key: str, limits: tuple[int, int], what: str, otherwise: int) -> int:
    value = pairs.get(key, str(otherwise))
    if not (value.isdecimal() and limits[0] <= int(value) <= limits[1]):
        raise LabError(f"--machine {key}={value}: expected {what} from {limits[0]} to {limits[1]}")
    return int(value)


def parse(words: Sequence[str]) -> Definition:
    """The machine that KEY=VALUE words or one JSON object name. Raises LabError for what no machine can have."""
    pairs = _pairs(words)
    for key in pairs.keys() - set(KEYS):
        raise LabError(f"--machine {key}: unknown; expected one of {', '.join(KEYS)}")
    pxe, bootfile = pairs.get("pxe", ""), pairs.get("bootfile", BOOTFILE)
    if pxe and not (Path(pxe).is_dir() and (Path(pxe) / bootfile).is_file()):
        raise LabError(f"--machine pxe={pxe}: expected a folder with {bootfile} in it, found none")
    boot = _chosen(pairs, "boot", ("disk", "network"), USUAL.boot)
    if boot == "network" and not pxe:
        raise LabError("--machine boot=network: expected pxe=FOLDER too, found none: a card boots from that folder")
    return Definition(
        iommu=_chosen(pairs, "iommu", ("on", "off"), "on") == "on",
        boot=boot,
        pxe=str(Path(pxe).absolute()) if pxe else "",
        bootfile=bootfile if pxe else "",
        memory_mib=_number(
            pairs, "memory", (MEMORY_LEAST_MIB, MEMORY_LIMIT_MIB - 1), "a number of MiB", USUAL.memory_mib
        ),
        cpus=_number(pairs, "cpus", (1, CPUS_MOST), "a number", USUAL.cpus),
        nvme=_chosen(pairs, "nvme", ("on", "off"), "off") == "on",
    )
