# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JUnit XML: one file for each stage, and the cases of all of them."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable
from pathlib import Path

from .console import clean

# "passed", "failed" or "skipped"; of one that failed also its name and the first line of the reason.
Case = tuple[str, str]


def write(path: Path, suite: str, seconds: float, verdict: str, reason: str = "") -> None:
    """Write a suite of one case of its name, in the form that pytest writes too."""
    time, failed, left_out = f"{seconds:.3f}", str(int(verdict == "failed")), str(int(verdict == "skipped"))
    numbers = {"tests": "1", "failures": failed, "errors": "0", "skipped": left_out}
    root = ET.Element("testsuites")
    element = ET.SubElement(root, "testsuite", {"name": suite, "time": time, **numbers})
    item = ET.SubElement(element, "testcase", classname=suite, name=suite, time=time)
    if verdict != "passed":
        text = clean(reason).strip() or verdict
        tag = "failure" if verdict == "failed" else verdict
        ET.SubElement(item, tag, message=text.splitlines()[0]).text = text
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _case(item: ET.Element) -> Case:
    for child in item:
        if child.tag in ("failure", "error"):
            reason = (child.get("message") or child.text or "no reason given").strip()
            return "failed", f"{item.get('name', '?')}: {reason.partition(chr(10))[0]}"
    return "passed" if item.find("skipped") is None else "skipped", ""


def cases(paths: Iterable[Path]) -> list[Case]:
    """The cases of several files; a file that can't be read is one failed case, not none."""
    found: list[Case] = []
    for path in paths:
        try:
            found += map(_case, ET.parse(path).getroot().iter("testcase"))
        except (OSError, ET.ParseError) as error:
            found.append(("failed", f"{path.name}: {path}: not readable as JUnit XML: {error}"))
    return found
