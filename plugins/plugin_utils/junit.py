# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cases of a test as JUnit XML, which pipelines show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


@dataclass(frozen=True)
class Case:
    """One case. words: why it failed or was left out, or what it came to; title: of a failure, in short."""

    group: str
    name: str
    outcome: str
    words: str = ""
    seconds: int = 0
    title: str = ""


def junit(suite_name: str, cases: Sequence[Case]) -> str:
    """The text of the file."""
    counts = {outcome: sum(case.outcome == outcome for case in cases) for outcome in (FAILED, SKIPPED)}
    suite = ElementTree.Element(
        "testsuite", name=suite_name, tests=str(len(cases)), failures=str(counts[FAILED]),
        skipped=str(counts[SKIPPED]), time=str(sum(case.seconds for case in cases)),
    )  # fmt: skip
    for case in cases:
        element = ElementTree.SubElement(
            suite, "testcase", classname=printable(case.group), name=printable(case.name), time=str(case.seconds)
        )
        words = printable(case.words)
        if case.outcome == FAILED:
            ElementTree.SubElement(element, "failure", message=printable(case.title) or FAILED).text = words
        elif case.outcome == SKIPPED:
            ElementTree.SubElement(element, "skipped", message=words)
        elif words:
            ElementTree.SubElement(element, "system-out").text = words
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suite, encoding="unicode") + "\n"


def printable(text: str) -> str:
    """XML has no form for other control characters, nor for halves of a pair and what is no character."""
    return "".join(letter for letter in text if _is_printable(ord(letter)))


def _is_printable(number: int) -> bool:
    """source: XML 1.0, production 2 (Char)."""
    return number in (9, 10) or 0x20 <= number < 0xD800 or 0xE000 <= number < 0xFFFE or number >= 0x10000
