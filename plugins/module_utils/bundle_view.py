# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module sriov_bundle: its arguments to a request, its archive to contents, its plan to a result."""

from __future__ import annotations

import hashlib
import tarfile
from typing import Any

from . import bundle, bundle_python, runner
from .bundle_store import FILE_LIMIT, RECORDS, Request, request_from
from .errors import HostError, SriovError
from .host import Host


def run(module: runner.Module, host: Host | None = None) -> None:
    """Run the module; ends in exit_json or fail_json."""
    try:
        answer = _answer(module, Host() if host is None else host)
    except SriovError as error:
        module.fail_json(**runner.failure(error))
        return
    module.exit_json(**answer)


def _answer(module: runner.Module, host: Host) -> dict[str, Any]:
    params = module.params
    if params["state"] == "absent":
        if module.check_mode or not host.exists(RECORDS):
            return runner.result(bundle.plan_absent(host, params["name"]).public())
        with runner.locked(host, "bundle.lock"):
            planned = bundle.plan_absent(host, params["name"])
            bundle.apply_absent(host, planned)
        return runner.result(planned.public())
    python = bundle_python.choose(host, params["python"])
    if params["gather_only"]:
        return {"changed": False, "python": python.as_dict()}
    if params["manifest"] is None:
        raise HostError("sriov_bundle", "a manifest of the files, which the action plugin makes", "none",
                        "Call it as baremetal.sriov.sriov_bundle from a task.")
    variables = {name: str(value) for name, value in {"PYTHON": python.path, **params["variables"]}.items()}
    request = request_from(params["name"], params["manifest"], params["units"], variables, params["adopt"])
    return {**_present(module, host, request, python), "python": python.as_dict()}


def _present(module: runner.Module, host: Host, request: Request,
             python: bundle_python.Interpreter) -> dict[str, Any]:
    planned = bundle.plan(host, request, python)
    answer = runner.result(planned.public())
    if module.check_mode or not planned.steps:
        return answer
    archive = module.params["archive"]
    if planned.contents and archive is None:
        sums = {item.path: item.sha256 for item in request.items}
        return {"changed": False, "missing": sorted({sums[path] for path in planned.contents})}
    with runner.locked(host, "bundle.lock"):
        contents = read_archive(archive) if archive is not None else {}
        planned = bundle.plan(host, request, python)
        bundle.apply(host, request, planned, python, lambda sha256: _content(contents, sha256))
    return runner.result(planned.public())


def read_archive(path: str) -> dict[str, bytes]:
    """sha256 -> content; each member is named by its checksum, and nothing is unpacked. Raises HostError."""
    contents: dict[str, bytes] = {}
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                file = archive.extractfile(member) if member.isreg() and member.size <= FILE_LIMIT else None
                data = b"" if file is None else file.read(FILE_LIMIT)
                if hashlib.sha256(data).hexdigest() != member.name:
                    raise HostError(path, f"a content with checksum {member.name}", "another one",
                                    "The transfer was damaged, or a source changed meanwhile: run this again.")
                contents[member.name] = data
    except (OSError, EOFError, tarfile.TarError) as error:
        raise HostError(path, "the archive of the missing contents", str(error), "Run this again.") from error
    return contents


def _content(contents: dict[str, bytes], sha256: str) -> bytes:
    """The content with this checksum. Raises HostError."""
    if sha256 not in contents:
        raise HostError("the archive", f"the content {sha256}", "none: a file changed while this ran", "Run this again.")
    return contents[sha256]
