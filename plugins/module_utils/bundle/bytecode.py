# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The compiled forms of a bundle's Python files: which are not as they should be, and how they are made."""

from __future__ import annotations

import hashlib
import os

from ..host.host import Host
from ..model.errors import HostError
from . import pack as bundle_pack
from . import store
from .interpreter import Interpreter
from .store import Record, Request

COMPILE_SECONDS = 300.0


def stale(host: Host, request: Request, record: Record, python: Interpreter, changed: set[str]) -> list[str]:
    """The sources whose compiled form is not the one that this Python made of this very text, and the packs of such."""
    found: list[str] = []
    for item in request.items:
        if not item.compile or not item.path.endswith(".py"):
            continue
        known = record.compiled.get(item.path)
        pyc = _pyc(item.path, python)
        status = store.look(host, pyc)
        if (
            item.path in changed
            or known is None
            or record.compiled_by != python.compiles_as
            or known[0] != item.sha256
            or status is None
            or not store.is_plain(status)
            or store.digest(host, pyc, status, known[2], known[1]) != known[1]
        ):
            found.append(item.path)
    return found + _unpacked(host, request, record, found)


def _unpacked(host: Host, request: Request, record: Record, stale: list[str]) -> list[str]:
    """The packs that are asked for and do not hold the present compiled forms, and those no longer asked for."""
    packages = [item.path for item in request.items if item.pack and item.path.endswith("/__init__.py")]
    wanted = {bundle_pack.path_of(os.path.dirname(path)) for path in packages}
    found = {pack for pack in record.compiled if bundle_pack.is_pack(pack)} - wanted
    found |= {bundle_pack.path_of(os.path.dirname(path)) for path in stale} & wanted
    for pack in wanted - found:
        known, status = record.compiled.get(pack), store.look(host, pack)
        if known is None or status is None or store.digest(host, pack, status, known[2], known[1]) != known[1]:
            found.add(pack)
    return sorted(found)


def _pyc(path: str, python: Interpreter) -> str:
    folder, name = os.path.split(path)
    return f"{folder}/__pycache__/{name[:-3]}.{python.cache_tag}.pyc"


def make(host: Host, request: Request, record: Record, python: Interpreter, paths: list[str]) -> None:
    """Make what stale() gave, the packs last. Raises HostError."""
    _compile(host, record, python, [path for path in paths if not bundle_pack.is_pack(path)])
    _pack(host, request, record, python, [path for path in paths if bundle_pack.is_pack(path)])


def _compile(host: Host, record: Record, python: Interpreter, paths: list[str]) -> None:
    """Compile by the pinned Python; "unchecked-hash": a start neither reads nor compares the source."""
    if not paths:
        return
    for path in paths:
        for other in store.compiled_names(host, path):
            if not bundle_pack.is_pack(other):  # it serves until the new one takes its place
                host.remove_file(other)
    listed = "".join(f"{host.path(path)}\n" for path in paths)
    host.run(
        [
            python.path,
            "-I",
            "-m",
            "compileall",
            "-q",
            "-f",
            "--invalidation-mode",
            "unchecked-hash",
            "-i",
            "-",
        ],
        stdin=listed,
        seconds=COMPILE_SECONDS,
    )
    for path in paths:
        pyc = _pyc(path, python)
        data = host.read_bytes(pyc, store.FILE_LIMIT)
        status = store.look(host, pyc)
        if data is None or status is None:
            raise HostError(pyc, f"{path} compiled by {python.path}", "no such file")
        record.compiled[path] = [
            record.files[path].sha256,
            hashlib.sha256(data).hexdigest(),
            store.stamp_of(status),
        ]
    record.compiled_by = python.compiles_as


def _pack(host: Host, request: Request, record: Record, python: Interpreter, packs: list[str]) -> None:
    """Make the packs, or remove those that are not asked for."""
    for pack in packs:
        sources = [i.path for i in request.items if i.pack and bundle_pack.path_of(os.path.dirname(i.path)) == pack]
        if not sources:
            host.remove_file(pack)
            record.compiled.pop(pack, None)
            continue
        compiled = {
            os.path.basename(path)[:-3]: host.read_bytes(_pyc(path, python), store.FILE_LIMIT) or b""
            for path in sources
            if path.endswith(".py")
        }
        try:
            data = bundle_pack.content(compiled)
        except ValueError as error:
            raise HostError(pack, f"the files compiled by {python.path} in one", str(error)) from error
        stamps = store.install(host, [(pack, data, 0o644)])
        record.compiled[pack] = ["", hashlib.sha256(data).hexdigest(), stamps[pack]]
