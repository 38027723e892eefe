# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Units of an image: systemctl can't be asked there, so what it would do is done by links.

Source: systemd.unit(5), [Install].
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from ..host.host import Host
from ..model.errors import HostError

ETC = "/etc/systemd/system"
_INSTALL = re.compile(r"^\[Install\]\s*$(.*?)(?=^\[|\Z)", re.M | re.S)
_SETTING = re.compile(r"^(WantedBy|RequiredBy)=(.*)$", re.M)
_KINDS = {"WantedBy": "wants", "RequiredBy": "requires"}


def enabled(host: Host, names: Sequence[str]) -> list[str]:
    """Those of the units that start at boot."""
    folders = [f"{ETC}/{entry}" for entry in host.list_dir(ETC) if entry.endswith((".wants", ".requires"))]
    held = {entry for folder in folders for entry in host.list_dir(folder)}
    return [name for name in names if name in held]


def enable(host: Host, name: str) -> None:
    """Link the unit into what wants it. Raises HostError for one without an [Install] section."""
    links = _links(host.read_text(f"{ETC}/{name}") or "", name)
    if not links:
        raise HostError(name, "a unit with an [Install] section", "none", "Ship its file with the bundle.")
    for link in links:
        host.restore(link, {"link": f"{ETC}/{name}"})


def disable(host: Host, name: str) -> None:
    """Take the links away, and the folders that held nothing else."""
    for folder in (f"{ETC}/{entry}" for entry in host.list_dir(ETC) if entry.endswith((".wants", ".requires"))):
        if name in host.list_dir(folder):
            host.remove_file(f"{folder}/{name}")
            host.remove_empty_folder(folder)


def _links(text: str, name: str) -> list[str]:
    install = _INSTALL.search(text)
    settings = _SETTING.findall(install.group(1)) if install else ()
    return [os.path.join(ETC, f"{target}.{_KINDS[key]}", name) for key, value in settings for target in value.split()]
