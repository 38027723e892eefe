# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bundle's plan in short: our own code is one step with its version, all else stands for itself.

A plan that is looked at, a run that does it, and the comparison with an approved one speak of these steps.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from ..host.host import Host
from ..model.plan import Step
from .plan import INSTALL, LEAVE, MODE, REMOVE, REPLACE, RESTORE, BundleFileStep, BundlePlan, CompileStep
from .store import OUR_FOLDERS, BundleRecord, BundleRequest, Item

RELEASE = "/RELEASE"  # the end of the path of the file that tells a bundle's version
OLDER = "0.1.1 or older"  # of what has no such file
_DIGITS = 12
_OURS = tuple(f"{folder}/" for folder in OUR_FOLDERS)
_VERBS = {INSTALL: "add", REPLACE: "change", MODE: "change", REMOVE: "remove", RESTORE: "remove", LEAVE: "leave"}


class CodeStep(Step, kind="code"):
    """Our own code as a whole; before and after have its version, and the checksum of all its files."""


def short(host: Host, planned: BundlePlan, request: BundleRequest | None) -> list[Step]:
    """The steps for people. request: None where the bundle goes."""
    code = [step for step in planned.steps if isinstance(step, BundleFileStep) and step.target.startswith(_OURS)]
    compiled = [step for step in planned.steps if isinstance(step, CompileStep)]
    if code:
        first: list[Step] = [_code_step(host, planned.record, request, code)]
    else:
        first = [CompileStep(step.target, step.action, step.reason, step.before, None) for step in compiled]
    return first + [step for step in planned.steps if step not in code and step not in compiled]


def _code_step(host: Host, record: BundleRecord, request: BundleRequest | None, steps: Sequence[Step]) -> Step:
    before = _version_before(host, record)
    after = None if request is None else _version_after(request.items)
    counts = Counter(_VERBS[step.action] for step in steps)
    told = ", ".join(f"{verb} {counts[verb]}" for verb in ("add", "change", "remove", "leave") if counts[verb])
    name = record.name if request is None else request.name
    files = "file" if sum(counts.values()) == 1 else "files"
    return CodeStep(name, f"{told} {files}", _reason(before, after), before, after)


def _reason(before: dict[str, Any] | None, after: dict[str, Any] | None) -> str:
    if before is None:
        return "it is not installed"
    if after is None:
        return "it goes"
    return "another version" if before != after else "not as it was shipped"


def _version_before(host: Host, record: BundleRecord) -> dict[str, Any] | None:
    ours = [(path, shipped.mode, shipped.sha256) for path, shipped in record.files.items() if path.startswith(_OURS)]
    if not ours:
        return None
    told = next((host.read_text(path, 1 << 10) for path, _mode, _sum in ours if path.endswith(RELEASE)), None)
    return _version((told or OLDER).strip(), ours)


def _version_after(items: Iterable[Item]) -> dict[str, Any]:
    ours = [item for item in items if item.path.startswith(_OURS)]
    told = next((item.text for item in ours if item.path.endswith(RELEASE)), None)
    return _version((told or OLDER).strip(), [(item.path, item.mode, item.sha256) for item in ours])


def _version(release: str, files: Sequence[tuple[str, int, str]]) -> dict[str, Any]:
    digest = hashlib.sha256(json.dumps(sorted(files)).encode()).hexdigest()
    return {"release": release, "content": digest[:_DIGITS]}
