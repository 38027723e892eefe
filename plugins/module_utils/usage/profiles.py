# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's own network profiles: which interfaces its configuration names. Writes nothing."""

from __future__ import annotations

import re
from collections.abc import Collection

from ..host.host import Host
from ..model.errors import HostError

SIZE_LIMIT = 1 << 20  # bytes
FILES_LIMIT = 1000  # in one folder
# Folder, and the files in it: NetworkManager, netplan, systemd-networkd, ifupdown, and the scripts of RHEL and SUSE.
PLACES = (
    ("/etc/NetworkManager/system-connections", r"\.nmconnection\Z"),
    ("/run/NetworkManager/system-connections", r"\.nmconnection\Z"),
    ("/etc/netplan", r"\.yaml\Z"),
    ("/run/netplan", r"\.yaml\Z"),
    ("/etc/systemd/network", r"\.network\Z"),
    ("/run/systemd/network", r"\.network\Z"),
    ("/etc/network", r"\Ainterfaces\Z"),
    ("/etc/network/interfaces.d", r"\A[\w.-]+\Z"),
    ("/etc/sysconfig/network-scripts", r"\Aifcfg-[\w.-]+(?<!\.bak)\Z"),
    ("/etc/sysconfig/network", r"\Aifcfg-[\w.-]+(?<!\.bak)\Z"),
)


def find(host: Host, names: Collection[str]) -> dict[str, str]:
    """Interface -> the file that names it, of those with these names."""
    if not names:
        return {}
    word = re.compile(rf"(?<![\w.-])(?:ifcfg-)?({'|'.join(map(re.escape, sorted(names)))})(?![\w.-])")
    found: dict[str, str] = {}
    for folder, form in PLACES:
        for name in [name for name in host.list_dir(folder) if re.search(form, name)][:FILES_LIMIT]:
            path = f"{folder}/{name}"
            lines = (line for line in _text(host, path).splitlines() if not line.lstrip().startswith(("#", ";")))
            for match in word.finditer("\n".join((name, *lines))):
                found.setdefault(match.group(1), path)
    return found


def _text(host: Host, path: str) -> str:
    """A file's text; "" where it can't be read."""
    try:
        return host.read_text(path, SIZE_LIMIT) or ""
    except HostError:
        return ""
