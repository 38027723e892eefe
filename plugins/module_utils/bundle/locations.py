# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where on a host is installed what the sources name below /usr: there, or at places that take writes."""

from __future__ import annotations

from collections.abc import Mapping

from ..host.host import Host
from ..shared.places import LIBRARY, LIBRARY_ELSEWHERE

COMMANDS = "/usr/local/sbin"
COMMANDS_ELSEWHERE = f"{LIBRARY_ELSEWHERE}/sbin"
# There while the root folder is a deployment of rpm-ostree: what is written below its /usr, where an overlay allows it,
# is gone with the next boot (ostree-booted: the source of ostree-system-generator; ostree admin unlock(1)).
OSTREE = "/run/ostree-booted"


def places(host: Host) -> dict[str, str]:
    """The folder in the sources -> that on this host, for those that are elsewhere here."""
    found = {}
    if host.exists(OSTREE) or host.is_read_only(LIBRARY):
        found[LIBRARY] = LIBRARY_ELSEWHERE
    if host.is_read_only(COMMANDS):
        found[COMMANDS] = COMMANDS_ELSEWHERE
    return found


def library(host: Host) -> str:
    """Where the node library and the programs are."""
    return places(host).get(LIBRARY, LIBRARY)


def moved(text: str, found: Mapping[str, str]) -> str:
    """A path, or a text that names some, with the places of this host. found: see `places`."""
    for name, place in found.items():
        text = text.replace(name, place)
    return text
