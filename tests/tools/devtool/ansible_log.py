# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run of Ansible, or of Molecule, said of its failure."""

from __future__ import annotations

import re
from pathlib import Path

from .junit import clean

# Ansible's words for a task that failed: its name, the summary, the host with the result, the result's message.
_TASK = re.compile(r"^(?:TASK|RUNNING HANDLER) \[(.*)\] \**$", re.MULTILINE)
_SUMMARY = re.compile(r"^\[ERROR\]: (.*)$", re.MULTILINE)
_FATAL = re.compile(r"^fatal: \[.*$", re.MULTILINE)
_MESSAGE = re.compile(r"^    msg: (?:\|-?\n +)?(.*(?:\n     .*|\n(?=\n     ))*)", re.MULTILINE)
_IGNORED = re.compile(r"^\.\.\.ignoring$", re.MULTILINE)


def failed_task(log: Path) -> str:
    """The last task of a log of Ansible's that failed, in one line: its name, and what was said; "" without one."""
    text = clean(log.read_text(errors="replace")) if log.exists() else ""
    for fatal in reversed([*_FATAL.finditer(text)]):
        after = _TASK.search(text, fatal.end())
        result = text[fatal.end() : after.start() if after else None]
        if _IGNORED.search(result):
            continue
        tasks = [*_TASK.finditer(text, 0, fatal.start())]
        summary = _SUMMARY.search(text, tasks[-1].end() if tasks else 0, fatal.start())
        message = _MESSAGE.search(result)
        parts = [f"TASK [{tasks[-1][1]}]" if tasks else "", fatal[0]]
        parts += [found[1] for found in (summary, message) if found]
        return " | ".join(" ".join(part.split()) for part in parts if part)
    return ""
