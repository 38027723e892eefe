# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run of Ansible, or of Molecule, said of its failure."""

from __future__ import annotations

import re
from pathlib import Path

from .console import clean

# Ansible's words for a task that failed: its name, the summary, the host with the result, the result's message.
_TASK = re.compile(r"^(?:TASK|RUNNING HANDLER) \[(.*)\] \**$", re.MULTILINE)
_SUMMARY = re.compile(r"^\[ERROR\]: (.*)$", re.MULTILINE)
_FATAL = re.compile(r"^fatal: \[.*$", re.MULTILINE)
_MESSAGE = re.compile(r"^    msg: (?:\|-?\n +)?(.*(?:\n     .*|\n(?=\n     ))*)", re.MULTILINE)


def failed_task(log: Path) -> str:
    """The last task of a log of Ansible's that failed, in one line: its name, and what was said; "" without one."""
    text = clean(log.read_text(errors="replace")) if log.exists() else ""
    for fatal in reversed([*_FATAL.finditer(text)]):
        after = _TASK.search(text, fatal.end())
        result = text[fatal.end() : after.start() if after else None]
        if "...ignoring" in result.splitlines():
            continue
        tasks = [*_TASK.finditer(text, 0, fatal.start())]
        summary = _SUMMARY.search(text, tasks[-1].end() if tasks else 0, fatal.start())
        message = _MESSAGE.search(result)
        parts = [f"TASK [{tasks[-1][1]}]" if tasks else "", fatal[0]]
        parts += [found[1] for found in (summary, message) if found]
        return " | ".join(" ".join(part.split()) for part in parts if part)
    return ""


def unseen(sequence: str, log: Path, junit: Path) -> list[str]:
    """What a scenario's sequence names and its run did not do: Molecule calls a step without playbook a success."""
    lines = log.read_text(errors="replace").splitlines()
    passed = [line.strip() for line in lines if re.search(r"\bmissing=[1-9]|Missing playbook", line)]
    verified = re.findall(r"^\s*- verify (\w+)\.yml\s*$", sequence, re.MULTILINE)
    missing = [name for name in verified if not (junit / f"chain-{name}.xml").exists()]
    problems = [f"Molecule passed over steps: {line}" for line in passed]
    return problems + [f"verify {name}.yml left no {junit.name}/chain-{name}.xml" for name in missing]
