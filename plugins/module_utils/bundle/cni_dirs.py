# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the container runtime of a node looks for CNI plugins and their configurations, from its own configuration.

k3s, RKE2 and MicroK8s write a configuration for their own containerd; CRI-O's (MicroShift uses it) is read before
containerd's, which may be there for other containers. containerd has bin_dir, since 2.0 also bin_dirs; CRI-O has
plugin_dirs, and the last of its files that sets it counts.
"""

from __future__ import annotations

import os
import re

from ..host.host import Host

DEFAULT = "/opt/cni/bin"  # of containerd, CRI-O and RKE2
CONF_DEFAULT = "/etc/cni/net.d"  # of the same
LEANT_ON = ("loopback", "host-local", "static", "host-device")  # the runtime calls the first, networks the others
_LIMIT = 1 << 20  # bytes of a configuration
_K3S = "/var/lib/rancher/k3s"
_SNAP = "/var/snap/microk8s"
_CONTAINERD = (
    f"{_K3S}/agent/etc/containerd/config.toml",
    "/var/lib/rancher/rke2/agent/etc/containerd/config.toml",
    f"{_SNAP}/current/args/containerd.toml",
    "/etc/containerd/config.toml",
)
_CRIO, _CRIO_FOLDER = "/etc/crio/crio.conf", "/etc/crio/crio.conf.d"
_VALUE = r"\s*=\s*(\[[^\]]*\]|\"[^\"\n]*\"|'[^'\n]*')"
_QUOTED = re.compile(r"\"([^\"\n]*)\"|'([^'\n]*)'")
# Folders that are others after each update, and the link that follows them.
_VERSIONED = (
    (re.compile(rf"{_K3S}/data/[0-9a-f]{{32,}}/bin"), f"{_K3S}/data/current/bin"),
    (re.compile(rf"{_SNAP}/x?[0-9]+/opt/cni/bin"), f"{_SNAP}/current/opt/cni/bin"),
)


def bin_dir(host: Host) -> str:
    """The folder for our plugin; DEFAULT where no runtime says otherwise. Raises HostError."""
    files = [*_CONTAINERD[:-1], _crio_file(host), _CONTAINERD[-1]]
    for path in files:
        found = _dirs(host, path, "plugin_dirs?" if path.startswith("/etc/crio") else "bin_dirs?") if path else []
        if DEFAULT in found:
            return DEFAULT
        for folder in found:
            # a folder in memory is empty after each boot
            if folder.startswith("/") and os.path.normpath(folder) == folder and not folder.startswith("/run/"):
                return next((link for pattern, link in _VERSIONED if pattern.fullmatch(folder)), folder)
    return DEFAULT


def conf_dir(host: Host) -> str:
    """The folder of CNI configurations; CONF_DEFAULT where no runtime says otherwise. Raises HostError."""
    for path in [*_CONTAINERD[:-1], _crio_file(host, "network_dir"), _CONTAINERD[-1]]:
        key = "network_dir" if path.startswith("/etc/crio") else "conf_dir"
        found = [one for one in (_dirs(host, path, key) if path else ()) if one.startswith("/")]
        if found:
            return found[-1].rstrip("/") or CONF_DEFAULT
    return CONF_DEFAULT


def missing(host: Host, folder: str) -> list[str]:
    """The plugins of LEANT_ON that are not in the folder."""
    return [name for name in LEANT_ON if not host.exists(f"{folder}/{name}")]


def _crio_file(host: Host, key: str = "plugin_dirs?") -> str:
    """The one of CRI-O's files that counts, "" where none sets its folders."""
    files = [_CRIO, *(f"{_CRIO_FOLDER}/{name}" for name in host.list_dir(_CRIO_FOLDER) if name.endswith(".conf"))]
    setting = [path for path in files if _dirs(host, path, key)]
    return setting[-1] if setting else ""


def _dirs(host: Host, path: str, key: str) -> list[str]:
    text = re.sub(r"(?m)^\s*#.*$", "", host.read_text(path, _LIMIT) or "")
    return [a or b for value in re.findall(rf"(?m)^\s*{key}{_VALUE}", text) for a, b in _QUOTED.findall(value)]
