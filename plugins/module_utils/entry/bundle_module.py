# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module sriov_bundle: its arguments to a request, its archive to contents, its plan to a result."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from ..bundle import cni_dirs, interpreter, locations, summary
from ..bundle import plan as bundle_plan
from ..bundle.interpreter import Interpreter
from ..bundle.store import FILE_LIMIT, RECORDS, BundleRequest, request_from
from ..host.host import Host
from ..model import approval
from ..model.errors import HostError, SriovError
from ..model.plan import Step
from . import results

CNI_BIN_DIR = "CNI_BIN_DIR"
LOCK = "/run/baremetal-sriov/bundle.lock"
LOCK_SECONDS = 300.0  # another bundle may wait for units to start


def run(module: results.Module, host: Host | None = None) -> None:
    """Run the module; ends in exit_json or fail_json."""
    where, params = Host() if host is None else host, module.params
    try:
        if params["state"] == "absent":
            planned, steps = _absent(module, where)
            results.finish(module, planned, steps=_told(steps))
            return
        python = interpreter.choose(where, params["python"])
        if params["gather_only"]:
            module.exit_json(changed=False, python=python.as_dict())
            return
        variables = variables_of(where, params, python)
        request = request_of(params, variables, locations.places(where))
        params["manifest"] = None  # a result repeats its parameters
        planned, steps, missing = _present(module, where, request, python)
    except SriovError as error:
        results.fail(module, error)
        return
    if missing:
        module.exit_json(changed=False, missing=missing)
    else:
        found: dict[str, object] = {"python": python.as_dict(), "steps": _told(steps)}
        results.finish(module, planned, **found, **cni_facts(where, variables))


def cni_facts(host: Host, variables: Mapping[str, str]) -> dict[str, Any]:
    """What a result tells of the folder for CNI plugins, where files go there."""
    folder = variables.get(CNI_BIN_DIR)
    return {} if folder is None else {"cni_bin_dir": folder, "cni_plugins_missing": cni_dirs.missing(host, folder)}


def variables_of(host: Host, params: Mapping[str, Any], python: Interpreter) -> dict[str, str]:
    """What `@NAME@` stands for. The folder for CNI plugins is looked for where a file goes there. Raises HostError."""
    found = {name: str(value) for name, value in {"PYTHON": python.path, **params["variables"]}.items()}
    entries = (params["manifest"] or {}).get("files", [])
    if any(f"@{CNI_BIN_DIR}@" in str(entry["path"]) for entry in entries):
        found.setdefault(CNI_BIN_DIR, cni_dirs.bin_dir(host))
    return found


def request_of(
    params: Mapping[str, Any], variables: dict[str, str], places: Mapping[str, str] | None = None
) -> BundleRequest:
    """What the module's arguments ask for. places: see `locations`.

    Raises HostError without a manifest, InvalidSpecError.
    """
    if params["manifest"] is None:
        raise HostError(
            "sriov_bundle",
            "a manifest of the files, which the action plugin makes",
            "none",
            "Call it as baremetal.sriov.sriov_bundle from a task.",
        )
    return request_from(params["name"], params["manifest"], params["units"], variables, params["adopt"], places)


def _told(steps: Sequence[Step]) -> list[dict[str, Any]]:
    return [step.as_dict() for step in steps]


def _approved(params: Mapping[str, Any], steps: Sequence[Step]) -> None:
    """Raises RefusedError where these are not the steps that were approved."""
    if params.get("approved") is not None:
        approved = [step for step in params["approved"] if step.get("bundle") == params["name"]]
        approval.require(f"bundle {params['name']}", approved, _told(steps))


def _absent(module: results.Module, host: Host) -> tuple[bundle_plan.BundlePlan, list[Step]]:
    name = module.params["name"]
    if module.check_mode or not host.exists(RECORDS):
        planned = bundle_plan.plan_absent(host, name)
        return planned, summary.short(host, planned, None)
    with host.lock(LOCK, LOCK_SECONDS):
        planned = bundle_plan.plan_absent(host, name)
        steps = summary.short(host, planned, None)
        _approved(module.params, steps)
        bundle_plan.apply_absent(host, planned)
    return planned, steps


def _present(
    module: results.Module, host: Host, request: BundleRequest, python: Interpreter
) -> tuple[bundle_plan.BundlePlan, list[Step], list[str]]:
    """The plan, long and short, carried out unless this is a check; or the checksums of contents that must be sent
    first.
    """
    planned = bundle_plan.plan(host, request, python)
    steps = summary.short(host, planned, request)
    if module.check_mode or not planned.steps:
        return planned, steps, []
    archive = module.params["archive"]
    if planned.contents and archive is None:
        sums = {item.path: item.sha256 for item in request.items}
        return planned, steps, sorted({sums[path] for path in planned.contents})
    contents = read_archive(archive) if archive is not None else {}
    with host.lock(LOCK, LOCK_SECONDS):
        planned = bundle_plan.plan(host, request, python)
        steps = summary.short(host, planned, request)
        _approved(module.params, steps)
        bundle_plan.apply(host, request, planned, python, lambda sha256: content(contents, sha256))
    return planned, steps, []


def read_archive(path: str) -> dict[str, bytes]:
    """sha256 -> content; each member is named by its checksum, and nothing is unpacked. Raises HostError."""
    import tarfile  # only here: a call that ships nothing needs none

    contents: dict[str, bytes] = {}
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                file = archive.extractfile(member) if member.isreg() and member.size <= FILE_LIMIT else None
                data = b"" if file is None else file.read(FILE_LIMIT)
                if hashlib.sha256(data).hexdigest() != member.name:
                    raise HostError(
                        path,
                        f"a content with checksum {member.name}",
                        "another one",
                        "The transfer was damaged, or a source changed meanwhile: run this again.",
                    )
                contents[member.name] = data
    except (OSError, EOFError, tarfile.TarError) as error:
        raise HostError(path, "the archive of the missing contents", str(error), "Run this again.") from error
    return contents


def content(contents: dict[str, bytes], sha256: str) -> bytes:
    """The content with this checksum. Raises HostError."""
    if sha256 not in contents:
        raise HostError(
            "the archive", f"the content {sha256}", "none: a file changed while this ran", "Run this again."
        )
    return contents[sha256]
