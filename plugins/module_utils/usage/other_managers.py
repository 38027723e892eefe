# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Other software on this host that creates VFs or advertises them to the kubelet.

Read from files alone, and told as warnings: who is right is for a person to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ..host.host import Host
from ..kernel import cmdline
from ..model.errors import HostError
from ..model.goal import KUBELET_FOLDERS
from ..shared.places import DEVICE_PLUGIN_UNIT
from . import socket_owners
from .pods import logged_pods
from .vf_places import PLACES, SIZE_LIMIT, Place

FILES_LIMIT = 2000  # in one folder
OUR_PREFIX = "baremetal-sriov"
OPERATOR = "/etc/sriov-operator"
UNITS = ("/sys/fs/cgroup/system.slice", "/sys/fs/cgroup/systemd/system.slice")  # a folder for each that runs
_PLUGIN_UNIT = r"sriov[\w.@-]*device-plugin|sriov-?dp(?=[.@-])"
OUR_PLUGIN = f"/etc/systemd/system/{DEVICE_PLUGIN_UNIT}"
PODS = {
    "sriov-network-config-daemon": "the SR-IOV network operator's daemon",
    "sriov-device-plugin": "another SR-IOV device plugin",
    "kube-sriov-device-plugin": "another SR-IOV device plugin",
    "sriov-network-device-plugin": "another SR-IOV device plugin",
    "sriovdp": "another SR-IOV device plugin",
}


def find(host: Host, resources: Iterable[str] = (), folders: Iterable[str] = KUBELET_FOLDERS) -> tuple[str, ...]:
    """What else makes VFs here, or offers them, each in one sentence with what to do.

    resources: full names of what this host is to offer. folders: those that a kubelet may keep its files in.
    """
    return (*_warnings(host), *_plugins(host, resources, folders))


def _plugins(host: Host, resources: Iterable[str], folders: Iterable[str]) -> Iterator[str]:
    """Another device plugin: by who listens at the socket of a resource of ours, and by the units that run. Both take
    the socket from each other at each start, so the one that has it now tells but half.
    """
    for path, resource, owner in socket_owners.others(host, folders, resources):
        way = "remove it, or choose another sriov_resource_prefix or resource_name"
        if owner:
            yield f"{path} is there, and is not ours: {owner} offers {resource}; {way}"
        elif not host.exists(OUR_PLUGIN):  # which has not taken it away yet
            yield f"{path} is there, and is not ours: another device plugin offers {resource}, or has; {way}"
    for unit in dict.fromkeys(unit for folder in UNITS for unit in host.list_dir(folder)):
        if unit.count("sriov") and re.search(_PLUGIN_UNIT, unit) and unit != DEVICE_PLUGIN_UNIT:
            yield f"{unit} runs, another SR-IOV device plugin: two that offer the same VFs take them from each other"


def _warnings(host: Host) -> Iterator[str]:
    for place in PLACES:
        for path in _files(host, place):
            text = _text(host, path, place.limit)
            found = re.search(place.sign, text)
            if found:
                group = found.re.groups  # what says it is the last one
                line = text.count("\n", 0, found.start(group)) + 1
                yield _message(f"{path} ({place.what}, line {line}) has {found.group(group)}")
    for token in cmdline.split(_text(host, "/proc/cmdline")):
        if cmdline.key(token).endswith(".max_vfs"):
            yield _message(f"the kernel's command line has {token}")
    if host.list_dir(f"{OPERATOR}/pci"):
        yield _message(f"{OPERATOR}/pci holds settings of the SR-IOV network operator")
    for namespace, pod, _uid in logged_pods(host)[:FILES_LIMIT]:
        for start, what in PODS.items():
            if pod.startswith(f"{start}-"):
                where = f"the pod {namespace}/{pod}"
                yield f"{where} is on this node, {what}: two that manage the same VFs undo each other's work"


def _files(host: Host, place: Place) -> Iterator[str]:
    for folder in place.folders:
        parent, _rest, end = folder.partition("/*")
        below = [f"{parent}/{name}" for name in host.list_dir(parent) if name.endswith(end)] if end else [folder]
        for one in below:
            for name in host.list_dir(one)[:FILES_LIMIT]:
                if re.search(place.names, name) and not name.startswith(OUR_PREFIX):
                    yield f"{one}/{name}"


def _text(host: Host, path: str, limit: int = SIZE_LIMIT) -> str:
    """A file's text; "" where it can't be read: a warning less, and no run that fails for a file of others."""
    try:
        return host.read_text(path, limit) or ""
    except HostError:
        return ""


def _message(found: str) -> str:
    return f"{found}: it may undo what is configured here; remove it, or say externally_managed in the policy"
