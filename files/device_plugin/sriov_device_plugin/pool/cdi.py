# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Container Device Interface: device nodes by name, which the container runtime looks up in our spec files.

CDI specification 0.5.0 (cncf-tags/container-device-interface). Each pool has a kind and a file of its own, so that
two pools never share an annotation. A device without nodes is no valid CDI device: it is left out, and a
container that gets only such devices gets no CDI name. Files stay when we stop: running containers may be started
again by their names.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Callable, Optional

from shared import pci

from .. import files
from ..errors import DeviceChangedError
from ..host.device_nodes import Nodes
from . import allocation
from .config import PoolConfig
from .pools import Member

DIRECTORY = "/var/run/cdi"
VERSION = "0.5.0"
FILE_PREFIX = "baremetal-sriov-"
CLASS_PREFIX = "sriov-"
MAX_BYTES = 16 << 20  # of a spec file
MAX_KEY = 63  # characters of an annotation's name, after the prefix (Kubernetes, "Annotations")


# The ids that pods hold of a pool; None where nobody knows all of them.
Held = Callable[[], Optional[Collection[str]]]


def kind(config: PoolConfig) -> str:
    """VENDOR/CLASS; a class begins with a letter, a resource name need not."""
    return f"{config.prefix}/{CLASS_PREFIX}{config.name}"


def names(of_kind: str, ids: Iterable[str]) -> list[str]:
    """The fully qualified names of devices."""
    return [f"{of_kind}={device_id}" for device_id in ids]


def annotation(of_kind: str, ids: Sequence[str]) -> tuple[str, str]:
    """Key and value of the annotation that runtimes read where the kubelet knows no cdi_devices."""
    name = of_kind.replace("/", "_")
    if len(name) > MAX_KEY:
        import hashlib  # seldom needed, and it loads OpenSSL: 2 MiB

        name = "sriov_" + hashlib.sha256(of_kind.encode()).hexdigest()[:32]
    return f"cdi.k8s.io/{name}", ",".join(names(of_kind, ids))


def path(directory: str, config: PoolConfig) -> str:
    """The pool's spec file."""
    return os.path.join(directory, f"{FILE_PREFIX}{config.prefix}-{config.name}.json")


def render(config: PoolConfig, members: Iterable[Member], root: str) -> str:
    """The pool's spec; devices without nodes, or whose nodes can't be told or are not there now, are not in it."""
    return _text(kind(config), _devices(config, members, root))


def _text(of_kind: str, devices: Sequence[Mapping[str, Any]]) -> str:
    return json.dumps({"cdiVersion": VERSION, "kind": of_kind, "devices": devices}, indent=1)


def _devices(config: PoolConfig, members: Iterable[Member], root: str) -> list[Mapping[str, Any]]:
    devices: list[Mapping[str, Any]] = []
    seen = Nodes(root)
    for member in members:
        with contextlib.suppress(DeviceChangedError):
            granted = [
                {"path": node.container_path, "hostPath": seen.real(node.host_path), "permissions": "rw"}
                for node in allocation.grant(config, [member], nodes=seen).nodes
            ]
            if granted:
                devices.append({"name": member.device.id, "containerEdits": {"deviceNodes": granted}})
    return devices


def _nobody() -> Collection[str]:
    return ()


def write(
    directory: str, config: PoolConfig, members: Iterable[Member], root: str, held: Held = _nobody
) -> int:
    """Bring the pool's spec file up to date; none where no device has a node. Returns how many are in it.

    Raises OSError.

    What pods hold stays in it, though the pool may have it no more: their containers are started again by its name.
    """
    target, devices = path(directory, config), _devices(config, members, root)
    names = {device["name"] for device in devices}
    left = [device for device in _present(target, kind(config)) if device["name"] not in names]
    if left:
        ids = held()
        devices += [device for device in left if ids is None or device["name"] in ids]
    if devices:
        files.replace(target, _text(kind(config), devices))
    else:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(target)
    return len(devices)


def _present(target: str, of_kind: str) -> list[Mapping[str, Any]]:
    """The devices that our file has now; none where it is another one's."""
    try:
        content = json.loads(files.read(target, MAX_BYTES))
        devices = content["devices"] if content["kind"] == of_kind else []
        return [device for device in devices if isinstance(device["name"], str)]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return []


def clean(directory: str, configs: Iterable[PoolConfig], is_held: Callable[[str], bool]) -> None:
    """Remove our files of pools that are not configured any more, and of which no pod holds a device. Raises OSError.

    is_held: for the name of a resource.
    """
    kept = {os.path.basename(path(directory, config)) for config in configs}
    for name in pci.list_dir(directory):
        if name.startswith(FILE_PREFIX) and name.endswith(".json") and name not in kept:
            resource = _resource(os.path.join(directory, name))
            if not resource or not is_held(resource):
                os.unlink(os.path.join(directory, name))


def _resource(target: str) -> str:
    """The name of the resource that a file of ours is for; "" where it does not tell."""
    try:
        prefix, slash, rest = json.loads(files.read(target, MAX_BYTES))["kind"].partition(f"/{CLASS_PREFIX}")
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return ""
    return f"{prefix}/{rest}" if slash else ""
