# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two runs exclude each other: a Lease in the cluster says who is at work, and since when."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from .api import Api, ApiError

NAME = "baremetal-sriov"
HOLDER = "baremetal.sriov/holder"  # the process that holds it: BOOT_ID/PID_NAMESPACE/PID/START
_CONFLICT = 409


class LeaseHeldError(Exception):
    """Somebody else holds it."""


@dataclass(frozen=True)
class Runner:
    """This run. who: for people; process: for another run on this machine, which sees whether it has ended."""

    who: str
    process: str


def runner(pid: int, proc: str = "/proc") -> Runner:
    """The run whose ansible-playbook has this process id."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # in a container whose user has no name
        user = f"user {os.getuid()}"
    who = f"{user}@{socket.gethostname()} (ansible-playbook, process {pid})"
    return Runner(who, "/".join((*_machine(proc), str(pid), _start(pid, proc))))


def _machine(proc: str) -> tuple[str, str]:
    try:
        boot = (Path(proc) / "sys/kernel/random/boot_id").read_text().strip()
        return boot, os.readlink(f"{proc}/self/ns/pid")
    except OSError:
        return "", ""


def _start(pid: int, proc: str) -> str:
    """When a process began, in ticks of the kernel; "" where there is none."""
    try:
        return (Path(proc) / str(pid) / "stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def has_ended(process: str, proc: str = "/proc") -> bool:
    """True where that process was one of this machine, in this boot and among the processes seen from here, and runs
    no longer.
    """
    parts = process.split("/")
    if len(parts) != 4 or not parts[0] or not parts[2].isdigit():
        return False
    boot, namespace, pid, start = parts
    return (boot, namespace) == _machine(proc) and _start(int(pid), proc) != start


def _path(namespace: str, name: str = "") -> str:
    return f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases" + (f"/{name}" if name else "")


def _time(text: Any) -> datetime:
    try:
        return datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        return datetime.fromtimestamp(0, timezone.utc)


def _stamp(now: datetime) -> str:
    return now.astimezone(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")


def is_free(lease: Mapping[str, Any], me: Runner, now: datetime, proc: str = "/proc") -> bool:
    """Whether this run may have it: it is nobody's, ours, run out, or that of a run on this machine that has ended."""
    spec = lease.get("spec") or {}
    held_by = (lease["metadata"].get("annotations") or {}).get(HOLDER, "")
    if not spec.get("holderIdentity") or held_by == me.process:
        return True
    end = _time(spec.get("renewTime")) + timedelta(seconds=int(spec.get("leaseDurationSeconds") or 0))
    return now > end or has_ended(held_by, proc)


def hold(
    api: Api, namespace: str, me: Runner, seconds: int, now: datetime, take_over: bool = False, proc: str = "/proc"
) -> str:
    """Take the Lease, or renew it; who had it before and has it no more, "" where nobody had.

    Raises LeaseHeldError where another run has it, ApiError.
    """
    lease = api.call("GET", _path(namespace, NAME))
    if lease is None:
        return _create(api, namespace, me, seconds, now)
    before = str((lease.get("spec") or {}).get("holderIdentity") or "")
    mine = (lease["metadata"].get("annotations") or {}).get(HOLDER) == me.process
    if not take_over and not is_free(lease, me, now, proc):
        raise LeaseHeldError(_held(lease, namespace))
    since = lease["spec"].get("acquireTime") if mine else None
    changed = {
        "metadata": {
            "resourceVersion": lease["metadata"]["resourceVersion"],  # of two that do so at once, one is refused
            "annotations": {HOLDER: me.process},
        },
        "spec": _spec(me, seconds, now, since),
    }
    try:
        api.call("PATCH", _path(namespace, NAME), changed)
    except ApiError as error:
        if error.status != _CONFLICT:
            raise
        raise LeaseHeldError(_held(api.call("GET", _path(namespace, NAME)) or lease, namespace)) from error
    return "" if mine else before


def _create(api: Api, namespace: str, me: Runner, seconds: int, now: datetime) -> str:
    body = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": NAME, "namespace": namespace, "annotations": {HOLDER: me.process}},
        "spec": _spec(me, seconds, now, None),
    }
    try:
        api.call("POST", _path(namespace), body)
    except ApiError as error:
        if error.status != _CONFLICT:
            raise
        raise LeaseHeldError(_held(api.call("GET", _path(namespace, NAME)) or body, namespace)) from error
    return ""


def _spec(me: Runner, seconds: int, now: datetime, since: Any) -> dict[str, Any]:
    return {
        "holderIdentity": me.who, "leaseDurationSeconds": seconds,
        "acquireTime": since or _stamp(now), "renewTime": _stamp(now),
    }  # fmt: skip


def _held(lease: Mapping[str, Any], namespace: str) -> str:
    spec = lease.get("spec") or {}
    end = _time(spec.get("renewTime")) + timedelta(seconds=int(spec.get("leaseDurationSeconds") or 0))
    return (
        f"Lease {namespace}/{NAME}: expected that no other run is at work in this cluster, found one of "
        f"{spec.get('holderIdentity')} since {spec.get('acquireTime')}, last heard of at {spec.get('renewTime')}. Wait "
        f"until it ends. Where it has ended without a word, it is taken over by itself from {_stamp(end)} on, and at "
        "once with -e sriov_lease_take_over=true."
    )


def release(api: Api, namespace: str, me: Runner, now: datetime) -> None:
    """Give it back, where it is still ours."""
    lease = api.call("GET", _path(namespace, NAME))
    if lease is None or (lease["metadata"].get("annotations") or {}).get(HOLDER) != me.process:
        return
    api.call(
        "PATCH",
        _path(namespace, NAME),
        {
            "metadata": {
                "resourceVersion": lease["metadata"]["resourceVersion"],
                "annotations": {HOLDER: None},
            },
            "spec": {"holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": _stamp(now)},
        },
    )
