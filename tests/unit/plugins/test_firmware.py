# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which menu entry is off: what the running system lacks, beside what its BMC tells.

source: plugins/module_utils/node/preflight.py (the rows), support/bmc/vendors (the attributes).
"""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.node import preflight
from ansible_collections.baremetal.sriov.plugins.plugin_utils.firmware import ROWS, differences
from devtool.collection import ROOT

NO_TABLE = {"item": "IOMMU in the firmware", "verdict": "look", "found": "no table that announces one"}
HAS_IT = {**NO_TABLE, "verdict": "ok", "found": "the table DMAR"}
WORDS = {"iommu": {"VTdSupport": "Disable"}}
TO_STAGE = {"kind": "bios_setting", "target": "VTdSupport"}
BEGIN = "IOMMU in the firmware: no table that announces one. The BMC tells that VTdSupport is "

CASES: dict[str, tuple[dict[str, Any], dict[str, Any], list[str]]] = {
    "ok": (HAS_IT, {"words": WORDS}, []),
    "off": (
        NO_TABLE, {"words": WORDS, "waiting": {"VTdSupport": "Enable"}, "plan": {"steps": [TO_STAGE]}},
        [f"{BEGIN}'Disable': set sriov_bios_settings: {{iommu: true}}, and run site or provision."],
    ),
    "staged": (
        NO_TABLE, {"words": WORDS, "waiting": {"VTdSupport": "Enable"}, "plan": {"steps": []}},
        [f"{BEGIN}'Disable', and that it changes with the next reset of the host."],
    ),
    "both-disagree": (
        NO_TABLE, {"words": {"iommu": {"VTdSupport": "Enable"}}, "waiting": {}},
        [f"{BEGIN}'Enable', in effect: look for what else it depends on, and whether that system is the one behind "
         "this BMC."],
    ),
    "unknown": (NO_TABLE, {"words": {}}, ["IOMMU in the firmware: no table that announces one. The BMC has no attribute"
                                          " for it that is known: look in the BIOS setup."]),
    "bmc-away": (NO_TABLE, {"failed": True, "msg": "no answer"}, ["the BMC could not be asked: no answer"]),
}  # fmt: skip


@pytest.mark.parametrize(("row", "bios", "expected"), [pytest.param(*case, id=name) for name, case in CASES.items()])
def test_the_menu_entry_that_is_off_is_named(row: dict[str, Any], bios: dict[str, Any], expected: list[str]) -> None:
    assert differences([row], bios) == expected


def test_the_rows_are_those_of_the_preflight() -> None:
    text = (ROOT / "plugins/module_utils/node/preflight.py").read_text()
    assert all(f'"{item}"' in text for item in ROWS.values()) and preflight.LOOK == "look"


NO_CPU = {"item": "CPU virtualization", "verdict": "look", "found": "neither vmx nor svm"}
UNKNOWN_CPU = ("CPU virtualization: neither vmx nor svm. The BMC has no attribute for it that is known: look in the "
               "BIOS setup.")  # fmt: skip


@pytest.mark.parametrize(("wish", "expected"), [
    pytest.param(None, [UNKNOWN_CPU], id="nothing-asked-for"),
    pytest.param({"cpu_virtualization": True, "iommu": True}, [UNKNOWN_CPU], id="asked-for"),
    pytest.param({"iommu": True}, [], id="something-else-asked-for"),
    pytest.param({"cpu_virtualization": False}, [], id="asked-to-be-off"),
])  # fmt: skip
def test_what_was_not_asked_for_is_not_lacking(wish: dict[str, bool] | None, expected: list[str]) -> None:
    """A host whose CPU has no VT-x has what it was asked for, where that was an IOMMU alone."""
    assert differences([NO_CPU, HAS_IT], {"words": WORDS}, wish) == expected


@pytest.mark.parametrize("word", ROWS)
def test_a_look_compares_every_word_but_those_that_shall_be_off(word: str) -> None:
    """Source: docs/bios.md, `plan --tags preflight` names what the running system lacks."""
    lacking = [{"item": item, "verdict": preflight.LOOK, "found": "nothing"} for item in ROWS.values()]
    told = differences(lacking, {}, {word: False}, others=True)
    assert [text.partition(":")[0] for text in told] == [item for name, item in ROWS.items() if name != word]
