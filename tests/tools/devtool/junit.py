# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JUnit XML: one file for each stage, and the count over all of them."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from .console import clean


@dataclass(frozen=True)
class Tally:
    """Numbers of test cases, and which failed."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    failures: tuple[str, ...] = field(default=(), compare=False)  # of failed cases: name, first line of the reason

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.passed + other.passed,
            self.failed + other.failed,
            self.skipped + other.skipped,
            self.failures + other.failures,
        )


def write(path: Path, suite: str, seconds: float, failure: str | None = None, skipped: str | None = None) -> None:
    """Write a suite of one case of its name, in the form that pytest writes too; both texts are reasons."""
    time, failed, left_out = f"{seconds:.3f}", str(int(failure is not None)), str(int(skipped is not None))
    numbers = {"tests": "1", "failures": failed, "errors": "0", "skipped": left_out}
    root = ET.Element("testsuites")
    element = ET.SubElement(root, "testsuite", {"name": suite, "time": time, **numbers})
    item = ET.SubElement(element, "testcase", classname=suite, name=suite, time=time)
    for tag, reason in (("failure", failure), ("skipped", skipped)):
        if reason is not None:
            text = clean(reason).strip() or tag
            ET.SubElement(item, tag, message=text.splitlines()[0]).text = text
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _tally(item: ET.Element) -> Tally:
    bad = [child for child in item if child.tag in ("failure", "error")]
    if bad:
        reason = (bad[0].get("message") or bad[0].text or "no reason given").strip()
        return Tally(failed=1, failures=(f"{item.get('name', '?')}: {reason.partition(chr(10))[0]}",))
    return Tally(skipped=1) if item.find("skipped") is not None else Tally(passed=1)


def count(paths: Iterable[Path]) -> Tally:
    """Count the cases of several files; a file that can't be read is one failed case, not none."""
    total = Tally()
    for path in paths:
        try:
            total = sum((_tally(item) for item in ET.parse(path).getroot().iter("testcase")), total)
        except (OSError, ET.ParseError) as error:
            total += Tally(failed=1, failures=(f"{path.name}: {path}: not readable as JUnit XML: {error}",))
    return total
