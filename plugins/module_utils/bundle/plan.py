# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bundles: bring the files and units of a bundle to what is asked, or take exactly them away again.

plan() reads and decides, apply() does. A file that we did not ship is never replaced unless it is adopted,
and one that was changed since we shipped it is left when the bundle goes.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import field

from ..host.host import Host
from ..model.errors import HostError, Problem, RefusedError
from ..model.frozen import dataclass
from ..model.plan import Plan, Step
from . import bytecode as compiled
from . import store, units
from .interpreter import Interpreter
from .read_only import read_only_problem
from .store import BundleRecord, BundleRequest, Item, Shipped

INSTALL, REPLACE, MODE, REMOVE, LEAVE, RESTORE = (
    "install",
    "replace",
    "set the mode",
    "remove",
    "leave",
    "put back",
)


class BundleFileStep(Step, kind="file"):
    """One of the bundle's files. All are written in one go: see `apply`."""


class CompileStep(Step, kind="compiled"):
    """Compile the sources that `after` names; the target is the Python."""


@dataclass(frozen=True)
class BundlePlan(Plan):
    """The steps, and what they rest on."""

    record: BundleRecord = field(default_factory=lambda: BundleRecord(""))
    contents: tuple[str, ...] = ()  # paths whose content the caller must bring for apply()


# present
# --------------------------------------------------------------------------------------------------------


def plan(
    host: Host, request: BundleRequest, python: Interpreter, known: dict[str, units.UnitState] | None = None
) -> BundlePlan:
    """The steps to the bundle. known: the states of its units, where they were read with others'. Raises RefusedError
    with every file that stands in the way, StateFileError.
    """
    record = store.read_record(host, request.name)
    found = [_plan_item(host, request, record, item) for item in request.items]
    problems = [one for one in found if isinstance(one, Problem)]
    written = {os.path.dirname(one.target) for one in found if isinstance(one, BundleFileStep)}
    problems += [read_only_problem(folder) for folder in sorted(written) if host.is_read_only(folder)][:1]
    if problems:
        raise RefusedError(problems)
    steps: list[Step] = [one for one in found if isinstance(one, Step)]
    asked = {item.path for item in request.items}
    before = tuple(f"{folder}/" for folder in request.versions_before(record.versions))
    warnings: list[str] = []
    gone_files = sorted(path for path in set(record.files) - asked if not path.startswith(before))
    steps += [_removal(host, record, path, warnings) for path in gone_files]
    stale = compiled.stale(host, request, record, python, {step.target for step in steps})
    if stale:
        steps.append(
            CompileStep(
                python.path,
                f"compile {len(stale)} files",
                "not compiled by this Python",
                record.compiled_by or None,
                sorted(stale),
            )
        )
    changed = {step.target for step in steps if isinstance(step, BundleFileStep) and step.after != LEAVE}
    wanted = [unit.name for unit in request.units]
    gone = [name for name in record.units if name not in wanted]
    states = units.read(host, [*wanted, *gone]) if known is None else known
    steps = [
        *units.plan_removal(gone, states),
        *steps,
        *units.plan(request.units, {name: states[name] for name in (*wanted, *gone)}, changed, record.pending),
    ]
    steps = steps if host.is_running else units.in_an_image(steps)
    texts = {item.path for item in request.items if item.text is not None}
    contents = tuple(
        step.target
        for step in steps
        if isinstance(step, BundleFileStep) and step.action in (INSTALL, REPLACE) and step.target not in texts
    )
    return BundlePlan(tuple(steps), tuple(warnings), record=record, contents=contents)


def _plan_item(host: Host, request: BundleRequest, record: BundleRecord, item: Item) -> Step | Problem | None:
    """The step to one file, or what stands in its way; None where it is as it should be."""
    status, known = store.look(host, item.path), _ours(record, item.path)
    after = {"sha256": item.sha256, "mode": f"{item.mode:04o}"}
    if status is None:
        return BundleFileStep(item.path, INSTALL, "it is missing", None, after)
    if known is None and item.if_missing:  # whatever it is, a link among others: theirs
        return None
    if not store.is_plain(status):
        return Problem(item.path, "a regular file or nothing", "a link, a folder or a device", "Move it away.")
    found = store.digest(
        host, item.path, status, known.stamp if known else None, known.sha256 if known else ""
    )
    mode = status.st_mode & 0o7777
    before = {"sha256": found, "mode": f"{mode:04o}"}
    if known is None and (found, mode) != (item.sha256, item.mode) and not request.adopt:
        return Problem(
            item.path,
            "nothing, or the file that we ship",
            "another file, which we did not ship",
            "Move it away, or set adopt (in the inventory sriov_adopt: true): it is put back when this bundle goes.",
        )
    if found != item.sha256:
        reason = "it is not ours, and is adopted" if known is None else "it differs"
        return BundleFileStep(item.path, REPLACE, reason, before, after)
    return None if mode == item.mode else BundleFileStep(item.path, MODE, f"it is {mode:04o}", before, after)


def _ours(record: BundleRecord, path: str) -> Shipped | None:
    """The record's entry, None for a path where we wrote nothing."""
    known = record.files.get(path)
    return None if known is None or known.kept else known


def _removal(host: Host, record: BundleRecord, path: str, warnings: list[str]) -> Step:
    """What to do with a file that is no longer asked for."""
    known, status = record.files[path], store.look(host, path)
    after = LEAVE
    if status is None:
        reason = "it is gone already"
    elif known.kept:
        reason = "it was there before us"
    elif not store.is_plain(status) or store.digest(host, path, status, known.stamp, known.sha256) not in (
        known.sha256,
        known.was,
    ):
        reason = "it was changed since we shipped it"
        warnings.append(f"{path} is left: {reason}")
    elif known.original is not None:
        after, reason = RESTORE, "we had adopted it"
    else:
        after, reason = REMOVE, "it is no longer asked for"
    return BundleFileStep(path, after, reason, {"sha256": known.sha256, "mode": f"{known.mode:04o}"}, after)


def apply(
    host: Host, request: BundleRequest, planned: BundlePlan, python: Interpreter, content: Callable[[str], bytes]
) -> None:
    """Do the steps. `content` gives the bytes of a source by its sha256. Raises HostError.

    The record says what we are about to do before the first file is written, and loses what is done at the
    end. Files that have versions are there, and compiled, before a file that names their folder is.
    """
    record = planned.record
    files: list[Step] = [step for step in planned.steps if isinstance(step, BundleFileStep)]
    changed = {step.target for step in files if step.after != LEAVE}
    store.sweep(host, record.name, [*record.files, *(item.path for item in request.items)])
    _announce(host, request, record, files, changed)
    of_units: list[Step] = [step for step in planned.steps if isinstance(step, units.UnitStep)]
    before = [s for s in of_units if s.after in (units.STOP, units.DISABLE) and s.target in record.units]
    for step in before:
        step.apply(host)
    versioned = {item.path for item in request.items if item.version}
    stale = [path for step in planned.steps if isinstance(step, CompileStep) for path in step.after]
    _write_files(host, request, record, [step for step in files if step.target in versioned], content)
    compiled.make(host, record, python, [path for path in stale if path in versioned])
    _write_files(host, request, record, [step for step in files if step.target not in versioned], content)
    for step in files:
        if step.after in (REMOVE, RESTORE, LEAVE):
            _remove(host, record, step)
    compiled.make(host, record, python, [path for path in stale if path not in versioned])
    unused = [folder for folder in record.folders if not any(path.startswith(folder + "/") for path in record.files)]
    store.remove_folders(host, unused)
    for step in of_units:
        if step not in before:
            step.apply(host)
    record.pending, record.units = [], [unit.name for unit in request.units]
    record.versions = [folder for folder in record.versions if folder]
    record.compiled = {path: known for path, known in record.compiled.items() if path in record.files}
    for shipped in record.files.values():
        shipped.was = None
    record.folders = [folder for folder in record.folders if host.exists(folder)]
    _save(host, record)


def _announce(host: Host, request: BundleRequest, record: BundleRecord, files: list[Step], changed: set[str]) -> None:
    """Put down what we are going to do, and keep what we adopt."""
    items = {item.path: item for item in request.items}
    for step in files:
        if step.action not in (INSTALL, REPLACE, MODE):
            continue
        item, known = items[step.target], _ours(record, step.target)
        shipped = Shipped(item.sha256, item.mode, was=step.before["sha256"] if step.before else None)
        if known is not None:
            shipped.original = known.original
        elif step.before is not None:
            data = host.read_bytes(step.target, store.FILE_LIMIT) or b""
            store.install(host, [(store.original_path(request.name, step.target), data, 0o600)])
            shipped.original = int(step.before["mode"], 8)
        record.files[step.target] = shipped
    for path, item in items.items():  # there with this very content, though we did not ship it
        record.files.setdefault(path, Shipped(item.sha256, item.mode, kept=True))
    record.folders = sorted(
        {
            *record.folders,
            *store.missing_folders(host, [step.target for step in files if step.action == INSTALL]),
        }
    )
    if any(path.startswith(units.FOLDERS) for path in changed):
        record.pending.append("")
    record.pending.extend(
        unit.name for unit in request.units if unit.started and units.restarts(unit, changed)
    )
    record.pending = sorted(set(record.pending))
    versions = [*request.versions, *request.versions_before(record.versions)]
    if versions != record.versions:
        record.versions = ["", *versions]
    _save(host, record)


def _write_files(
    host: Host, request: BundleRequest, record: BundleRecord, files: list[Step], content: Callable[[str], bytes]
) -> None:
    items = {item.path: item for item in request.items}
    made = [step.target for step in files if step.action in (INSTALL, REPLACE)]
    batch = []
    for path in made:
        item = items[path]
        data = content(item.sha256) if item.text is None else item.text.encode()
        if hashlib.sha256(data).hexdigest() != item.sha256:
            raise HostError(
                path,
                f"content with sha256 {item.sha256}",
                "another content was sent",
                "A source was changed while it was sent: run this again.",
            )
        batch.append((path, data, item.mode))
    for path, stamp in store.install(host, batch).items():
        record.files[path].stamp = stamp
    for step in files:
        if step.action == MODE:
            os.chmod(host.path(step.target), items[step.target].mode)
            record.files[step.target].stamp = store.stamp_of(os.lstat(host.path(step.target)))


def _remove(host: Host, record: BundleRecord, step: Step) -> None:
    path, known = step.target, record.files[step.target]
    if step.after == RESTORE:
        kept = store.original_path(record.name, path)
        data = host.read_bytes(kept, store.FILE_LIMIT)
        if data is None:
            raise HostError(
                kept,
                f"the content of {path} before we adopted it",
                "no such file",
                f"Put {path} back from a backup, then remove it from {store.record_path(record.name)}.",
            )
        store.install(host, [(path, data, known.original or 0o644)])
        host.remove_file(kept)
    elif step.after == REMOVE:
        host.remove_file(path)
    if (
        step.after != LEAVE or path in record.compiled
    ):  # an unchecked compiled file would hide a changed source
        for pyc in store.compiled_names(host, path):
            host.remove_file(pyc)
    store.remove_folders(host, [f"{os.path.dirname(path)}/__pycache__"] if path.endswith(".py") else [])
    del record.files[path]
    record.compiled.pop(path, None)


def _save(host: Host, record: BundleRecord) -> None:
    store.install(host, [(store.record_path(record.name), record.text().encode(), 0o600)])


# absent
# ---------------------------------------------------------------------------------------------------------


def plan_absent(host: Host, name: str, known: dict[str, units.UnitState] | None = None) -> BundlePlan:
    """The steps that take away what the record says we shipped; none where there is no record. known: as for `plan`."""
    record = store.read_record(host, name)
    if not host.exists(store.record_path(name)):
        return BundlePlan(record=record)
    warnings: list[str] = []
    steps = units.plan_removal(record.units, units.read(host, record.units) if known is None else known)
    steps.extend(_removal(host, record, path, warnings) for path in sorted(record.files))
    if any(path.startswith(units.FOLDERS) for path in record.files):
        steps.append(units.UnitStep(units.SYSTEMD, units.RELOAD, "unit files go", None, units.RELOAD))
    steps = steps if host.is_running else units.in_an_image(steps)
    steps.append(BundleFileStep(store.record_path(name), REMOVE, "the bundle is gone then", None, REMOVE))
    return BundlePlan(tuple(steps), tuple(warnings), record=record)


def apply_absent(host: Host, planned: BundlePlan) -> None:
    """Units first, then files and the folders that we made, the record last. Raises HostError."""
    record = planned.record
    folders, own = list(record.folders), store.record_path(record.name)
    store.sweep(host, record.name, record.files)
    for step in planned.steps:
        if isinstance(step, units.UnitStep):
            step.apply(host)
        elif step.target != own:
            _remove(host, record, step)
    store.remove_folders(host, folders)
    originals = store.originals_folder(record.name)
    for name in host.list_dir(originals):
        host.remove_file(f"{originals}/{name}")
    host.remove_file(own)
    store.remove_folders(host, [originals, *store.OUR_FOLDERS])
