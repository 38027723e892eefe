# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine that a node's next power-on has, as words or JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sriovlab import definition
from sriovlab.definition import Definition
from sriovlab.progress import LabError


@pytest.fixture
def tftp(tmp_path: Path) -> Path:
    (tmp_path / "boot.ipxe").write_text("#!ipxe\n")
    (tmp_path / "other").write_text("#!ipxe\n")
    return tmp_path


def test_without_words_it_is_the_usual_one() -> None:
    assert definition.parse([]) == Definition(True, "disk", "", "", 2560, 2)


def test_words_and_json_say_the_same(tftp: Path) -> None:
    words = ["iommu=off", "boot=network", f"pxe={tftp}", "memory=1024", "cpus=1"]
    expected = Definition(False, "network", str(tftp), "boot.ipxe", 1024, 1)
    assert definition.parse(words) == expected
    given = {"iommu": "off", "boot": "network", "pxe": str(tftp), "memory": 1024, "cpus": 1}
    assert definition.parse([json.dumps(given)]) == expected
    assert definition.parse([json.dumps({**given, "iommu": False})]) == expected
    assert definition.parse([*words, "bootfile=other"]).bootfile == "other"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["colour=red"], r"colour: .*expected one of bootfile, boot, cpus, iommu, memory, nvme, pxe"),
        (["iommu"], "'iommu': expected KEY=VALUE"),
        (["iommu=maybe"], "iommu=maybe: expected on or off"),
        (["boot=tape"], "boot=tape: expected disk or network"),
        (["memory=much"], "memory=much: expected a number of MiB from 256 to 2815"),
        (["memory=2816"], "memory=2816: expected a number of MiB from 256 to 2815"),
        (["cpus=0"], "cpus=0: expected a number from 1 to 8"),
        (["boot=network"], "boot=network: expected pxe=FOLDER too"),
        (["pxe=/no/such/folder"], "pxe=/no/such/folder: expected a folder with boot.ipxe in it"),
        (["{"], "expected a JSON object"),
    ],
)
def test_what_is_no_machine_is_refused_in_words(words: list[str], message: str) -> None:
    with pytest.raises(LabError, match=message):
        definition.parse(words)
