# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel's security module has refused on the emulated node, from the audit records in its journal."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sriovlab.guest import Lab

_SERIAL = re.compile(r"audit\([\d.]+:(\d+)\)")
_FIELD = re.compile(r'(\w+)=("[^"]*"|\S+)')


@dataclass(frozen=True)
class Denial:
    """One refusal: who wanted to do what with what. SELinux tells types, AppArmor a profile and a name."""

    program: str
    subject: str
    action: str
    target: str
    kind: str  # SELinux' class of the target, or AppArmor's of the rule

    def __str__(self) -> str:
        return f"{self.program} as {self.subject}: {self.action} of {self.kind} {self.target}"


def _type(context: str) -> str:
    """The type in user:role:type:level."""
    parts = context.split(":")
    return parts[2] if len(parts) > 2 else context


def parse(message: str) -> Denial | None:
    """The refusal that a record tells of; None for any other record, and for what was let through."""
    fields = {key: value.strip('"') for key, value in _FIELD.findall(message)}
    found = re.search(r"avc:\s+denied\s+\{ ([^}]+) \}", message)
    if found:
        return Denial(fields.get("comm", ""), _type(fields.get("scontext", "")), found[1],
                      _type(fields.get("tcontext", "")), fields.get("tclass", ""))  # fmt: skip
    if fields.get("apparmor") == "DENIED":
        action = fields.get("requested_mask") or fields.get("capname") or ""
        what = f"{fields.get('operation', '')} {action}".strip()
        return Denial(fields.get("comm", ""), fields.get("profile", ""), what, fields.get("name", ""),
                      fields.get("class", ""))  # fmt: skip
    return None


def of_entries(entries: Iterable[dict[str, Any]]) -> list[Denial]:
    """The refusals among entries of the journal, each once: the kernel tells the log and the journal."""
    found: dict[tuple[str, str], Denial] = {}
    for entry in entries:
        message = entry.get("MESSAGE")
        denial = parse(message) if isinstance(message, str) else None
        if denial is None:
            continue
        serial = _SERIAL.search(message)
        key = str(entry.get("_AUDIT_ID") or (serial[1] if serial else len(found)))
        found[str(entry.get("_BOOT_ID")), key] = denial
    return list(found.values())


def mark(lab: Lab) -> str:
    """A place in the journal, now."""
    lab.run(["journalctl", "--sync"])
    last = lab.run(["journalctl", "--lines=1", "--output=json", "--no-pager"]).stdout
    cursor: str = json.loads(last)["__CURSOR"]
    return cursor


def since(lab: Lab, cursor: str) -> list[Denial]:
    """What was refused after a place in the journal, in this boot and in those between."""
    lab.run(["journalctl", "--sync"])
    told = lab.run(["journalctl", f"--after-cursor={cursor}", "--output=json", "--no-pager",
                    "--output-fields=MESSAGE,_AUDIT_ID,_BOOT_ID",
                    "_TRANSPORT=audit", "_TRANSPORT=kernel"]).stdout  # fmt: skip
    return of_entries(json.loads(line) for line in told.splitlines())
