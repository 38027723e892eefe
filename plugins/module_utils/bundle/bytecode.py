# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The compiled forms of a bundle's Python files: which are not as they should be, and how they are made."""

from __future__ import annotations

import hashlib
import os

from ..host.host import Host
from ..model.errors import HostError
from . import store
from .interpreter import Interpreter
from .store import BundleRecord, BundleRequest

COMPILE_SECONDS = 300.0


def stale(
    host: Host, request: BundleRequest, record: BundleRecord, python: Interpreter, changed: set[str]
) -> list[str]:
    """The sources whose compiled form is not the one that this Python made of this very text. An image's can't be run.
    """
    if not host.is_running:
        return []
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
    return found


def _pyc(path: str, python: Interpreter) -> str:
    folder, name = os.path.split(path)
    return f"{folder}/__pycache__/{name[:-3]}.{python.cache_tag}.pyc"


def make(host: Host, record: BundleRecord, python: Interpreter, paths: list[str]) -> None:
    """Compile by the pinned Python, "unchecked-hash": a start neither reads nor compares the source. Raises
    HostError.
    """
    if not paths:
        return
    for path in paths:
        for other in store.compiled_names(host, path):
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
