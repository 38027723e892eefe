# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the nodes run: a release of Debian."""

from __future__ import annotations

import os
from dataclasses import dataclass

from .progress import LabError

VARIABLE = "BAREMETAL_SRIOV_RELEASE"


@dataclass(frozen=True)
class Release:
    """One kind of guest."""

    name: str  # as --release has it
    title: str
    suite: str
    kernel: str  # 6.12: the release that has igb, igbvf and vfio-pci as modules and INTEL_IOMMU on by default
    packages: tuple[str, ...] = ()  # besides those of all releases


RELEASES = {release.name: release for release in (
    Release("12", "Debian 12", "bookworm", "linux-image-amd64/bookworm-backports"),
    Release("13", "Debian 13", "trixie", "linux-image-amd64/trixie", ("apparmor",)),
)}  # fmt: skip
USUAL = "12"


def named(name: str) -> Release:
    """The release of that name. Raises LabError where there is none."""
    try:
        return RELEASES[name]
    except KeyError:
        raise LabError(f"release {name!r}: expected one of {', '.join(RELEASES)}") from None


def asked(given: str | None) -> str | None:
    """The name that the command line has, or else the environment; None where neither does. Raises LabError."""
    name = given or os.environ.get(VARIABLE)
    return named(name).name if name else None
