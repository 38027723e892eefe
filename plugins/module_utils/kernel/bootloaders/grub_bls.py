# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GRUB that reads entries of the Boot Loader Specification (its blscfg command), as RHEL and Fedora have it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from ...host.host import Host
from .bls import BlsEntries, Shared, options
from .grub_d import MENU_LIMIT

SETTINGS = "/etc/default/grub"
MENU = "/boot/grub2/grub.cfg"
ENVIRONMENT = "/boot/grub2/grubenv"
ENTRIES = "/boot/loader/entries"
LINKS = 4  # of the environment, to the firmware's partition
KERNELOPTS = "kernelopts"
_DEFAULT = r"""(?m)^\s*set\s+kernelopts=["']?([^"'\n]*)"""
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
        """GRUB's environment block: lines of name=value (kernelopts on RHEL 8, tuned_params). Without kernelopts there
        the menu has one of its own.
        """
        lines = (host.read_text(ENVIRONMENT) or "").splitlines()
        found = {name: value for name, mark, value in (line.partition("=") for line in lines) if mark}
        if not found.get(KERNELOPTS):
            default = re.search(_DEFAULT, host.read_text(MENU, MENU_LIMIT) or "")
            found.update({KERNELOPTS: default.group(1)} if default else {})
        return found

    def shared(self, host: Host) -> Shared | None:
        """On RHEL 8 a kernel that is installed later has an entry that names it, and nothing else."""
        path = ENVIRONMENT
        for _link in range(LINKS):
            target = host.read_link(path)
            path = os.path.normpath(os.path.join(os.path.dirname(path), target)) if target else path
        text = host.read_text(path) or ""
        return Shared(path, KERNELOPTS) if options(path, text) else None
