# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GRUB that reads entries of the Boot Loader Specification (its blscfg command), as RHEL and Fedora have it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ...host.host import Host
from .bls import BlsEntries

SETTINGS = "/etc/default/grub"
MENU = "/boot/grub2/grub.cfg"
ENVIRONMENT = "/boot/grub2/grubenv"
ENTRIES = "/boot/loader/entries"
_ENABLED = re.compile(r"^\s*GRUB_ENABLE_BLSCFG=[\"']?true[\"']?\s*$", re.M)
_BLSCFG = re.compile(r"^\s*blscfg\b", re.M)


class GrubBls(BlsEntries):
    """The back-end; see the module's text, and `bls`."""

    name = "grub-bls"
    where = "/boot/loader/entries"

    def detect(self, host: Host) -> bool:
        """GRUB's menu, or the settings that it is made from, names blscfg, and there are entries."""
        if not any(name.endswith(".conf") for name in host.list_dir(ENTRIES)):
            return False
        settings = host.read_text(SETTINGS) or ""
        return bool(_ENABLED.search(settings) or _BLSCFG.search(host.read_text(MENU) or ""))

    def folders(self, host: Host) -> tuple[str, ...]:
        return (ENTRIES,)

    def variables(self, host: Host) -> Mapping[str, str]:
        """GRUB's environment block: lines of name=value (kernelopts on RHEL 8, tuned_params)."""
        lines = (host.read_text(ENVIRONMENT) or "").splitlines()
        return {name: value for name, mark, value in (line.partition("=") for line in lines) if mark}
