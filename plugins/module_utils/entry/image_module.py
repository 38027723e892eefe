# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module sriov_image: all that the roles would ship, and the node's own files, below an image's root folder."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from ..bundle import image_archive, image_python, store, summary
from ..bundle import plan as bundle_plan
from ..bundle.interpreter import Interpreter
from ..host.host import Host
from ..host.image_host import ImageHost, image_host
from ..model.errors import HostError, Problem, RefusedError, SriovError
from ..model.frozen import dataclass
from ..model.plan import NODE, Plan
from ..node import image
from ..policy.node_spec import parse_spec
from . import bundle_module, results
from .parts import Bundle

ARCHIVE_LIMIT = 4 << 30  # bytes


@dataclass(frozen=True)
class Shipment:
    """A bundle, what it asks for (None: it goes), and the checksums of the contents that it takes."""

    bundle: Bundle
    request: store.BundleRequest | None
    contents: tuple[str, ...]


def run(module: results.Module, host: ImageHost | None = None) -> None:
    """Run the module; ends in exit_json or fail_json. host: for tests."""
    params = module.params
    try:
        if host is None and os.geteuid() != 0:
            raise HostError("the module", "to run as root", f"the user {os.geteuid()}", "Set become: true.")
        where = host or image_host(params["target_root"])
        python = image_python.find(where)
        if params["gather_only"]:
            module.exit_json(changed=False, python=python.as_dict() if python else None)
            return
        given: list[dict[str, Any]] = params["bundles"] or []
        params["bundles"] = None  # a result repeats its parameters
        absent = params["state"] == "absent"
        wish = image.ImageWish()
        if not absent:
            wish = image.ImageWish(parse_spec(params["spec"]), params["spec"], params["cpu"])
        requests = [None if absent else _request(where, one, python or image_python.unknown()) for one in given]
        prepared, bundles = _plans(where, wish, given, requests)
        missing = sorted({sha256 for one in bundles for sha256 in one.contents})
        if missing and not module.check_mode and not params["archive"]:
            module.exit_json(changed=False, missing=missing)
            return
        if not module.check_mode:
            _carry_out(where, wish, bundles, params["archive"])
        packed = _packed(where, params["pack"], module.check_mode) if params["pack"] and not absent else None
    except SriovError as error:
        results.fail(module, error)
    else:
        _finish(module, prepared, bundles, python, packed)


@dataclass(frozen=True)
class Packed:
    """The archive. sha256: of what it is, or was where this is a check."""

    path: str
    sha256: str
    changed: bool


def _packed(image: ImageHost, path: str, check: bool) -> Packed:
    """Write it, beside the image, where it is another one. Raises HostError."""
    builder = Host()
    before = builder.read_bytes(path, ARCHIVE_LIMIT)
    data = image_archive.pack(image)
    if not check and data != before:
        builder.write_file(path, data)
    return Packed(path, hashlib.sha256(data).hexdigest(), data != before)


def _request(host: ImageHost, one: Mapping[str, Any], python: Interpreter) -> store.BundleRequest:
    """Raises HostError, InvalidSpecError."""
    return bundle_module.request_of(one, bundle_module.variables_of(host, one, python))


def _plans(
    host: ImageHost,
    wish: image.ImageWish,
    given: Sequence[Mapping[str, Any]],
    requests: Sequence[store.BundleRequest | None],
) -> tuple[image.Prepared, list[Shipment]]:
    """The plans of all. Raises RefusedError with every reason, before any change."""
    problems: list[Problem] = []
    found: list[Shipment] = []
    prepared = image.Prepared(Plan(), absent=wish.spec is None)
    try:
        prepared = image.prepare(host, wish, check=True)
    except RefusedError as error:
        problems += error.problems
    for one, request in zip(given, requests):
        try:
            planned = _bundle_plan(host, one["name"], request)
        except RefusedError as error:
            problems += error.problems
        else:
            bundle = Bundle(one["name"], one["part"], planned, summary.short(host, planned, request))
            sums = {item.path: item.sha256 for item in request.items} if request is not None else {}
            found.append(Shipment(bundle, request, tuple(sums[path] for path in planned.contents)))
    if problems:
        raise RefusedError(problems)
    return prepared, found


def _bundle_plan(host: ImageHost, name: str, request: store.BundleRequest | None) -> bundle_plan.BundlePlan:
    if request is None:
        return bundle_plan.plan_absent(host, name)
    return bundle_plan.plan(host, request, image_python.unknown())


def _carry_out(host: ImageHost, wish: image.ImageWish, bundles: Sequence[Shipment], archive: str | None) -> None:
    """Our programs come before what names them, and go after it. Raises HostError."""
    sent = bundle_module.read_archive(archive) if archive else {}
    if wish.spec is None:
        image.prepare(host, wish, check=False)
    with host.lock(bundle_module.LOCK):
        for one in bundles:
            planned = _bundle_plan(host, one.bundle.name, one.request)
            if one.request is None and planned.steps:
                bundle_plan.apply_absent(host, planned)
            elif one.request is not None and planned.steps:
                python = image_python.unknown()
                bundle_plan.apply(host, one.request, planned, python, partial(bundle_module.content, sent))
    if wish.spec is not None:
        image.prepare(host, wish, check=False)


def _finish(
    module: results.Module,
    prepared: image.Prepared,
    bundles: Sequence[Shipment],
    python: Interpreter | None,
    packed: Packed | None,
) -> None:
    own = [{**step.as_dict(), "part": NODE} for step in prepared.plan.steps]
    shipped = [step for one in bundles for step in one.bundle.told()]
    plans: list[Plan] = [prepared.plan, *(one.bundle.plan for one in bundles)]
    steps = tuple(step for plan in plans for step in plan.steps)
    warnings = tuple(dict.fromkeys(word for plan in plans for word in plan.warnings))
    for warning in warnings:
        module.warn(warning)
    found: dict[str, Any] = {"diff": results.diff(replace(prepared.plan, steps=steps))} if module._diff else {}
    module.exit_json(
        changed=bool(steps) or bool(packed and packed.changed),
        plan={"steps": [*own, *shipped] if prepared.absent else [*shipped, *own], "warnings": list(warnings)},
        left=list(prepared.left),
        archive={"path": packed.path, "sha256": packed.sha256} if packed else None,
        python=python.as_dict() if python else None,
        **found,
    )
