# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules for BMCs have in common: options to BMCs, one result for each, and how a stopped run ends."""

from __future__ import annotations

import signal
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Callable

from ..entry.results import Module
from ..model.errors import InvalidSpecError, Mistake, RefusedError, SriovError, raise_if
from .fleet import PARALLEL, Bmc, each
from .redfish.client import LOGINS, Client, Credentials
from .redfish.errors import LoginError, StoppedError
from .redfish.wire import BmcAddress

# The way to a BMC: options of each item of bmcs.
ACCESS: dict[str, dict[str, Any]] = {
    "name": {"type": "str"},
    "address": {"type": "str", "required": True},
    "username": {"type": "str", "required": True},
    "password": {"type": "str", "required": True, "no_log": True},
    "validate_certs": {"type": "bool", "default": True},
    "ca_path": {"type": "path"},
    "fingerprint": {"type": "str"},
    "login": {"type": "str", "default": LOGINS[0], "choices": list(LOGINS)},
    "system_id": {"type": "str"},
    "timeout": {"type": "int", "default": 30},
}
# Of the module itself.
RUN: dict[str, dict[str, Any]] = {
    "parallel": {"type": "int", "default": PARALLEL},
    "fail": {"type": "bool", "default": True},
}


def name_of(item: Mapping[str, Any]) -> str:
    """What a BMC is called in results."""
    return str(item["name"] or item["address"])


def bmc_of(item: Mapping[str, Any]) -> Bmc:
    """The way to one BMC."""
    target = BmcAddress(
        item["address"], item["validate_certs"], item["ca_path"], item["fingerprint"], float(item["timeout"])
    )
    return Bmc(name_of(item), target, Credentials(item["username"], item["password"], item["login"]))


def check(params: Mapping[str, Any], low: Mapping[str, int]) -> None:
    """Numbers in their range, and each BMC once. low: the least of some options. Raises InvalidSpecError."""
    items = params["bmcs"]
    names, wrong = [name_of(item) for item in items], []
    for name in sorted({name for name in names if names.count(name) > 1}):
        wrong.append(Mistake("bmcs", f"expected each BMC once, found {name} twice. Leave one of both out."))
    addresses = [item["address"].rstrip("/") + str(item["system_id"] or "") for item in items]
    for address in sorted({one for one in addresses if addresses.count(one) > 1} if not wrong else ()):
        wrong.append(Mistake("bmcs", f"expected each address once, found {address} twice: one BMC has one session."))
    given = {**{name: params[name] for name in low}, "parallel": params["parallel"]}
    given.update({f"bmcs[{number}].timeout": item["timeout"] for number, item in enumerate(items)})
    for name, value in given.items():
        least = low.get(name, 1)
        if not least <= value <= 86400:
            wrong.append(Mistake(name, f"expected a number from {least} to 86400, found {value}. Correct it."))
    raise_if(wrong)


def run(
    module: Module, work: Callable[[Mapping[str, Any], Client], dict[str, Any]], low: Mapping[str, int]
) -> None:
    """Do the work at each BMC, and end the module with one result for each."""
    items: Sequence[Mapping[str, Any]] = module.params["bmcs"]
    try:
        check(module.params, low)
    except SriovError as error:
        end(module, {}, error)
        return
    stop = threading.Event()
    # A task that Ansible ends closes its sessions first.
    before = signal.signal(signal.SIGTERM, lambda _number, _frame: stop.set())
    try:
        by_name = {name_of(item): item for item in items}
        found = each(
            [bmc_of(item) for item in items],
            lambda bmc, client: work(by_name[bmc.name], client), module.params["parallel"], stop,
        )  # fmt: skip
    finally:
        signal.signal(signal.SIGTERM, before)
    end(module, {name: told(one) for name, one in found.items()})


def told(found: Any) -> dict[str, Any]:
    """The result for one BMC."""
    if not isinstance(found, SriovError):
        return {"failed": False, **found}
    result: dict[str, Any] = {"failed": True, "changed": False, "msg": str(found)}
    if isinstance(found, InvalidSpecError):
        result["mistakes"] = [vars(mistake) for mistake in found.mistakes]
    if isinstance(found, RefusedError):
        result["refused"] = [str(problem) for problem in found.problems]
    result["reason"] = next((word for kind, word in _REASONS if isinstance(found, kind)), "failed")
    return result


_REASONS: tuple[tuple[type[SriovError], str], ...] = (
    (InvalidSpecError, "mistakes"), (RefusedError, "refused"), (LoginError, "login"), (StoppedError, "stopped"),
)  # fmt: skip


def end(module: Module, results: dict[str, dict[str, Any]], error: SriovError | None = None) -> None:
    """End the module; it fails where a BMC did, unless the caller looks at that himself."""
    for name, result in results.items():
        for warning in result.pop("warnings", ()):
            module.warn(f"{name}: {warning}")
    failed = {name: result["msg"] for name, result in results.items() if result["failed"]}
    diffs = [part for result in results.values() for part in result.pop("diff", ())]
    more: dict[str, Any] = {
        "changed": any(result.get("changed") for result in results.values()),
        "reboot_required": any(result.get("reboot_required") for result in results.values()),
        "answers": results,  # Ansible has a meaning of its own for results
    }
    if module._diff:
        more["diff"] = diffs
    if error is not None:
        module.fail_json(msg=str(error), **{**more, **{k: v for k, v in told(error).items() if k == "mistakes"}})
    elif failed and module.params["fail"]:
        lines = "".join(f"\n  - {name}: {msg}" for name, msg in failed.items())
        module.fail_json(msg=f"{len(failed)} of {len(results)} BMCs:{lines}", **more)
    else:
        module.exit_json(**more)
