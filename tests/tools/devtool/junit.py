# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JUnit XML: one file for each stage, and the count over all of them."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

# What XML 1.0 can't hold, and the colour codes of terminals.
_UNPRINTABLE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
TAIL_BYTES = 16_384


@dataclass(frozen=True)
class Case:
    """One test case; `failure` and `skipped` hold their reason."""

    name: str
    seconds: float = 0.0
    failure: str | None = None
    skipped: str | None = None


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


def clean(text: str) -> str:
    """The text without what XML can't carry."""
    return _UNPRINTABLE.sub("", text)


def tail(log: Path) -> str:
    """The end of a log, as text for a failure."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - TAIL_BYTES))
        return clean(file.read().decode("utf-8", "replace"))


def write(path: Path, suite: str, cases: Iterable[Case]) -> None:
    """Write one suite, in the form that pytest writes too."""
    cases = list(cases)
    root = ET.Element("testsuites")
    element = ET.SubElement(
        root,
        "testsuite",
        name=suite,
        tests=str(len(cases)),
        failures=str(sum(case.failure is not None for case in cases)),
        errors="0",
        skipped=str(sum(case.skipped is not None for case in cases)),
        time=f"{sum(case.seconds for case in cases):.3f}",
    )
    for case in cases:
        named = {"classname": suite, "name": clean(case.name), "time": f"{case.seconds:.3f}"}
        item = ET.SubElement(element, "testcase", named)
        if case.failure is not None:
            text = clean(case.failure).strip() or "failed"
            ET.SubElement(item, "failure", message=text.splitlines()[0]).text = text
        elif case.skipped is not None:
            ET.SubElement(item, "skipped", message=clean(case.skipped))
    path.parent.mkdir(parents=True, exist_ok=True)
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def read(path: Path) -> list[Case]:
    """The cases of a file that any tool wrote; a file that can't be read is one failed case, not none."""
    try:
        root = ET.parse(path).getroot()
    except (OSError, ET.ParseError) as error:
        return [Case(path.name, failure=f"{path}: not readable as JUnit XML: {error}")]
    cases = []
    for item in root.iter("testcase"):
        bad = [child for child in item if child.tag in ("failure", "error")]
        skipped = item.find("skipped")
        cases.append(
            Case(
                name=item.get("name", "?"),
                seconds=float(item.get("time") or 0),
                failure=(bad[0].get("message") or bad[0].text or "failed") if bad else None,
                skipped=(skipped.get("message") or "") if skipped is not None and not bad else None,
            )
        )
    return cases


def count(paths: Iterable[Path]) -> Tally:
    """Count the cases of several files."""
    total = Tally()
    for path in paths:
        for case in read(path):
            bad, left_out = case.failure is not None, case.skipped is not None
            reason = (case.failure or "").strip().splitlines()
            total += Tally(
                passed=int(not bad and not left_out),
                failed=int(bad),
                skipped=int(left_out),
                failures=(f"{case.name}: {reason[0] if reason else 'no reason given'}",) if bad else (),
            )
    return total
