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
from collections.abc import Iterable, Sequence

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
MAX_KEY = 63  # characters of an annotation's name, after the prefix (Kubernetes, "Annotations")


def kind(config: PoolConfig) -> str:
    """VENDOR/CLASS; a class begins with a letter, a resource name need not."""
    return f"{config.prefix}/sriov-{config.name}"


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
    devices, seen = [], Nodes(root)
    for member in members:
        with contextlib.suppress(DeviceChangedError):
            granted = [
                {"path": node.container_path, "hostPath": seen.real(node.host_path), "permissions": "rw"}
                for node in allocation.grant(config, [member], nodes=seen).nodes
            ]
            if granted:
                devices.append({"name": member.device.id, "containerEdits": {"deviceNodes": granted}})
    return json.dumps({"cdiVersion": VERSION, "kind": kind(config), "devices": devices}, indent=1)


def write(directory: str, config: PoolConfig, members: Iterable[Member], root: str) -> None:
    """Bring the pool's spec file up to date; none where no device has a node. Raises OSError."""
    target, content = path(directory, config), render(config, members, root)
    if not json.loads(content)["devices"]:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(target)
        return
    files.replace(target, content)


def clean(directory: str, configs: Iterable[PoolConfig]) -> None:
    """Remove our files of pools that are not configured any more. Raises OSError."""
    kept = {os.path.basename(path(directory, config)) for config in configs}
    for name in pci.list_dir(directory):
        if name.startswith(FILE_PREFIX) and name.endswith(".json") and name not in kept:
            os.unlink(os.path.join(directory, name))
