# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of VFs that were made and that their PF's driver does not report: what a later run can't see on the host.

Below /run, since a boot takes the VFs away as well. A VF that was made anew has another folder in sysfs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from ..host.host import Host
from ..shared import pci

FORMAT = 1
PATH = "/run/baremetal-sriov/unreported.json"


def read(host: Host) -> dict[str, dict[str, Any]]:
    """VF address -> the settings; of VFs that are still the same. A damaged file is none: they are made again."""
    kept = _load(host) if host.exists(PATH) else {}
    return {vf: dict(item["settings"]) for vf, item in kept.items() if item["folder"] == _folder(host, vf)}


def note(host: Host, vf: str, settings: Mapping[str, Any]) -> None:
    """Remember more of a VF's settings. Raises HostError."""
    kept = _load(host)
    earlier = kept.get(vf, {})
    folder = _folder(host, vf)
    same = earlier["settings"] if earlier and earlier["folder"] == folder else {}
    kept[vf] = {"folder": folder, "settings": {**same, **settings}}
    there = {address: item for address, item in kept.items() if pci.exists(host.root, address)}
    host.write_file(PATH, (json.dumps({"format": FORMAT, "vfs": there}) + "\n").encode(), 0o600)


def _folder(host: Host, vf: str) -> int:
    """Tells a VF from one that had its address before."""
    try:
        return os.stat(pci.device_dir(host.root, vf)).st_ino
    except OSError:
        return 0


def _load(host: Host) -> dict[str, dict[str, Any]]:
    text = host.read_text(PATH)
    try:
        value = json.loads(text) if text else {}
        found = value["vfs"] if value.get("format") == FORMAT else {}
        return {str(vf): {"folder": int(i["folder"]), "settings": dict(i["settings"])} for vf, i in found.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
