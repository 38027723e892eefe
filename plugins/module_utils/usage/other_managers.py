# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Other software on this host that creates VFs or advertises them to the kubelet.

Read from files alone, and told as warnings: who is right is for a person to say.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from ..host.host import Host
from ..kernel import cmdline
from ..model.errors import HostError
from ..model.frozen import dataclass
from ..model.goal import KUBELET_FOLDERS
from ..shared.places import DEVICE_PLUGIN_UNIT
from . import socket_owners, vf_lines
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


@dataclass(frozen=True)
class Finding:
    """A file in which other software sets VFs. lines: those that do, from 1; has: what the first of them says so by;
    without: the lines to put in their place, None where one of them does more.
    """

    path: str
    what: str
    lines: tuple[int, ...]
    has: str
    text: str = ""
    is_unit: bool = False  # that runs nothing else: it is not started any more
    without: Mapping[int, str] | None = None

    def __str__(self) -> str:
        return f"{self.path} ({self.what}, line {self.lines[0]}) has {self.has}"

    @property
    def can_go(self) -> bool:
        """Whether just what sets VFs can be switched off."""
        return self.is_unit or self.without is not None


def find(
    host: Host,
    resources: Iterable[str] = (),
    folders: Iterable[str] = KUBELET_FOLDERS,
    named: Collection[str] = (),
) -> tuple[str, ...]:
    """What else makes VFs here, or offers them, each in one sentence with what to do.

    resources: full names of what this host is to offer. folders: those that a kubelet may keep its files in. named:
    paths of files that are told of elsewhere.
    """
    return (*_warnings(host, named), *_plugins(host, resources, folders))


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


def in_files(host: Host) -> list[Finding]:
    """Each file once. One in which VFs are set in two ways is not taken apart."""
    findings: dict[str, Finding] = {}
    for place in PLACES:
        for path in _files(host, place):
            text = _text(host, path, place.limit)
            found = [*re.finditer(place.sign, text)] if text else []
            if found and path in findings:
                findings[path] = replace(findings[path], without=None)
            elif found:
                findings[path] = _finding(place, path, text, found)
    return list(findings.values())


def _finding(place: Place, path: str, text: str, found: Sequence[re.Match[str]]) -> Finding:
    group = found[0].re.groups  # what says it is the last one
    lines = tuple(text.count("\n", 0, match.start(group)) + 1 for match in found)
    is_unit = place.syntax == vf_lines.UNIT and vf_lines.is_vf_unit(text)
    without = None if place.syntax == vf_lines.UNIT else vf_lines.without(text, place.syntax, lines)
    return Finding(path, place.what, lines, found[0].group(group), text, is_unit, without)


def _warnings(host: Host, named: Collection[str]) -> Iterator[str]:
    for finding in in_files(host):
        if finding.path not in named:
            yield _message(str(finding), finding.path if finding.can_go else "")
    for token in cmdline.split(_text(host, "/proc/cmdline")):
        if cmdline.key(token).endswith(".max_vfs"):
            yield _message(f"the kernel's command line has {token}")
    if host.list_dir(f"{OPERATOR}/pci"):
        yield _message(f"{OPERATOR}/pci holds settings of the SR-IOV network operator")
    for words in pods(host):
        yield f"{words}: two that manage the same VFs undo each other's work"


def pods(host: Host) -> Iterator[str]:
    """The pods of such software that are on this node, in words."""
    for namespace, pod, _uid in logged_pods(host)[:FILES_LIMIT]:
        for start, what in PODS.items():
            if pod.startswith(f"{start}-"):
                yield f"the pod {namespace}/{pod} is on this node, {what}"


def _files(host: Host, place: Place) -> Iterator[str]:
    for folder in place.folders:
        if folder.startswith("/lib/") and host.read_link("/lib") is not None:
            continue  # another name of what is below /usr
        parent, _rest, end = folder.partition("/*")
        more = folder != parent
        below = [f"{parent}/{name}" for name in host.list_dir(parent) if name.endswith(end)] if more else [folder]
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


def _message(found: str, path: str = "") -> str:
    """path: of a file in which it can be switched off."""
    remedy = f"name it in sriov_take_over ({path}), remove it" if path else "remove it"
    return f"{found}: it may undo what is configured here; {remedy}, or say externally_managed in the policy"
