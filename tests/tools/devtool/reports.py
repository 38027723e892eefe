# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run leaves to read: logs, what Ansible and Molecule say in theirs, and JUnit files, one for each stage."""

from __future__ import annotations

import re
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from pathlib import Path

# What XML 1.0 can't hold, and the colour codes of terminals.
_UNPRINTABLE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Ansible's words for a task that failed: its name, the summary, the host with the result, the result's message.
_TASK = re.compile(r"^((?:TASK|RUNNING HANDLER) \[.*\]) \**$", re.MULTILINE)
_SUMMARY = re.compile(r"^\[ERROR\]: (.*)$", re.MULTILINE)
_FATAL = re.compile(r"^(fatal: \[.*)$", re.MULTILINE)
_MESSAGE = re.compile(r"^    msg: (?:\|-?\n +)?(.*(?:\n     .*|\n(?=\n     ))*)", re.MULTILINE)
# "passed", "failed" or "skipped"; of one that failed also its name and the first line of the reason.
Case = tuple[str, str]


def clean(text: str) -> str:
    """The text without what XML can't carry."""
    return _UNPRINTABLE.sub("", text)


def tail(log: Path) -> str:
    """The end of a log, as text for a failure; "" where there is none."""
    return clean(log.read_bytes()[-16_384:].decode("utf-8", "replace")) if log.exists() else ""


def last_line(log: Path) -> str:
    """A log's name and its last line, for a sign of life."""
    return f"{log.stem}: {''.join(tail(log).strip().splitlines()[-1:]).strip()[:100]}"


def newest(folder: Path, seconds: float) -> str:
    """The last lines of a folder's newest log, and of others that have grown too in the last seconds."""
    logs = sorted(((log.stat().st_mtime, log) for log in folder.glob("*.log")), reverse=True)
    return "; ".join(last_line(log) for at, log in logs if at > time.time() - seconds or log == logs[0][1])


def failed_task(log: Path) -> str:
    """The last task of a log of Ansible's that failed, in one line: its name, and what was said; "" without one."""
    text = clean(log.read_text(errors="replace")) if log.exists() else ""
    for task in reversed(re.split(r"^(?=(?:TASK|RUNNING HANDLER) \[)", text, flags=re.MULTILINE)):
        fatal = _FATAL.search(task)
        if fatal and "...ignoring" not in task.splitlines():
            summary, message = _SUMMARY.search(task, 0, fatal.start()), _MESSAGE.search(task, fatal.end())
            told = (_TASK.match(task), fatal, summary, message)
            return " | ".join(" ".join(found[1].split()) for found in told if found)
    return ""


def unseen(sequence: str, log: Path, junit: Path) -> list[str]:
    """What a scenario's sequence names and its run did not do: Molecule calls a step without playbook a success."""
    lines = log.read_text(errors="replace").splitlines()
    problems = [line.strip() for line in lines if re.search(r"\bmissing=[1-9]|Missing playbook", line)]
    verified = re.findall(r"^\s*- verify (\w+)\.yml\s*$", sequence, re.MULTILINE)
    missing = [name for name in verified if not (junit / f"chain-{name}.xml").exists()]
    return [*(f"Molecule passed over steps: {line}" for line in problems),
            *(f"verify {name}.yml left no {junit.name}/chain-{name}.xml" for name in missing)]  # fmt: skip


def write_junit(path: Path, suite: str, seconds: float, verdict: str, reason: str = "") -> None:
    """Write a suite of one case of its name, in the form that pytest writes too."""
    time, failed, left_out = f"{seconds:.3f}", str(int(verdict == "failed")), str(int(verdict == "skipped"))
    numbers = {"tests": "1", "failures": failed, "errors": "0", "skipped": left_out}
    root = ET.Element("testsuites")
    element = ET.SubElement(root, "testsuite", {"name": suite, "time": time, **numbers})
    item = ET.SubElement(element, "testcase", classname=suite, name=suite, time=time)
    if verdict != "passed":
        text = clean(reason).strip() or verdict
        ET.SubElement(item, "failure" if verdict == "failed" else verdict, message=text.splitlines()[0]).text = text
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _case(item: ET.Element) -> Case:
    for child in item:
        if child.tag in ("failure", "error"):
            reason = (child.get("message") or child.text or "no reason given").strip()
            return "failed", f"{item.get('name', '?')}: {reason.partition(chr(10))[0]}"
    return "passed" if item.find("skipped") is None else "skipped", ""


def junit_cases(paths: Iterable[Path]) -> list[Case]:
    """The cases of several files; a file that can't be read is one failed case, not none."""
    found: list[Case] = []
    for path in paths:
        try:
            found += map(_case, ET.parse(path).getroot().iter("testcase"))
        except (OSError, ET.ParseError) as error:
            found.append(("failed", f"{path.name}: {path}: not readable as JUnit XML: {error}"))
    return found
