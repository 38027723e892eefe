# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The API server's audit log: who did what. It has no bodies, so no secrets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})
# One record for each call: at the end of it, of a watch at its start.
POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "Metadata", "verbs": ["watch"], "omitStages": ["ResponseComplete"]},
        {"level": "Metadata", "omitStages": ["ResponseStarted"]},
    ],
}


@dataclass(frozen=True)
class Record:
    """One call. user: the one that it was made as; resource: pods or pods/status, "" for a path like /readyz.

    The name of what is created stands in the body, which nobody has read where a user was refused: it is "" then.
    """

    time: str
    user: str
    verb: str
    group: str
    resource: str
    namespace: str
    name: str
    status: int
    agent: str
    uri: str

    @property
    def writes(self) -> bool:
        """Whether it has changed something, as far as can be seen from here."""
        return self.verb in WRITES and self.status < 300 and "dryRun=" not in self.uri


def _record(event: dict[str, Any]) -> Record:
    what = event.get("objectRef", {})
    user = event.get("impersonatedUser", event["user"])
    return Record(
        time=event["requestReceivedTimestamp"],
        user=user.get("username", ""),
        verb=event["verb"],
        group=what.get("apiGroup", ""),
        resource="/".join(filter(None, (what.get("resource"), what.get("subresource")))),
        namespace=what.get("namespace", ""),
        name=what.get("name", ""),
        status=event.get("responseStatus", {}).get("code", 0),
        agent=event.get("userAgent", ""),
        uri=event["requestURI"],
    )


def _whole_lines(log: Path, since: int) -> Iterator[bytes]:
    with log.open("rb") as stream:
        stream.seek(since)
        yield from (line for line in stream if line.endswith(b"\n"))


def read(log: Path, since: int = 0, **wanted: Any) -> list[Record]:
    """The calls after a place in the log whose fields have these values, as they ended."""
    records = (_record(json.loads(line)) for line in _whole_lines(log, since))
    return [one for one in records if all(getattr(one, name) == value for name, value in wanted.items())]
