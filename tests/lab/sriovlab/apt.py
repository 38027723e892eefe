# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's packages and backports through an apt state of the lab's own.

The machine's /etc/apt is read (for its mirror), never written: `-o Dir::...` points apt at lists of ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .command import run
from .progress import LabError

SUITE = "bookworm"
BACKPORTS = f"{SUITE}-backports"
DEFAULT_MIRROR = "http://deb.debian.org/debian"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def parse_targets(text: str) -> dict[str, str]:
    """`REPO_URI|RELEASE` lines of apt-get indextargets -> {release: uri}; the first of each release wins."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        uri, separator, release = line.strip().partition("|")
        if separator and release and uri.startswith(("http://", "https://")):
            found.setdefault(release, uri.rstrip("/"))
    return found


def mirrors(suite: str = SUITE) -> tuple[str, str | None]:
    """(Debian mirror, security mirror or None) for a suite, as this machine's own sources name them."""
    try:
        text = run(["apt-get", "indextargets", "--format", "$(REPO_URI)|$(RELEASE)", "Created-By: Packages"])
    except LabError:
        text = ""
    found = parse_targets(text)
    return chosen(found, suite)


def chosen(found: dict[str, str], suite: str) -> tuple[str, str | None]:
    """(Debian mirror, security mirror or None) for a suite; a mirror of another one has this one too."""
    debian = found.get(suite) or next((uri for uri in found.values() if uri.endswith("/debian")), DEFAULT_MIRROR)
    other = next((uri for name, uri in found.items() if name.endswith("-security")), None)
    return debian, found.get(f"{suite}-security", other)


def source_lines(debian: str, security: str | None, suite: str = SUITE) -> list[str]:
    """The one-line-style sources of the private state and of a guest's root file system."""
    signed = f"[signed-by={KEYRING}] "
    lines = [f"deb {signed}{debian} {name} main" for name in (suite, f"{suite}-updates", f"{suite}-backports")]
    if security:
        lines.append(f"deb {signed}{security} {suite}-security main")
    return lines


class PrivateApt:
    """apt-get with its lists under `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.options = [
            "-o", f"Dir::Etc::sourcelist={folder / 'sources.list'}",
            "-o", "Dir::Etc::sourceparts=-",
            "-o", f"Dir::State::lists={folder / 'lists'}",
            "-o", "Dir::Cache::pkgcache=",
            "-o", "Dir::Cache::srcpkgcache=",
            "-o", "APT::Sandbox::User=root",
            "-o", "Acquire::Retries=3",
        ]  # fmt: skip

    def update(self) -> None:
        """Write the sources and fetch their lists."""
        if not KEYRING.exists():
            raise LabError(f"{KEYRING} is missing: install the package debian-archive-keyring")
        (self.folder / "lists" / "partial").mkdir(parents=True, exist_ok=True)
        debian, security = mirrors()
        (self.folder / "sources.list").write_text("\n".join(source_lines(debian, security)) + "\n")
        run(["apt-get", *self.options, "update", "-q", "-o", "APT::Update::Error-Mode=any"])

    def install(self, packages: Sequence[str], release: str) -> None:
        """Install packages of `release` on this machine (root)."""
        run(
            [
                "apt-get",
                *self.options,
                "install",
                "-y",
                "-q",
                "--no-install-recommends",
                "-t",
                release,
                *packages,
            ],
            env={"DEBIAN_FRONTEND": "noninteractive"},
            timeout=1800,
        )
