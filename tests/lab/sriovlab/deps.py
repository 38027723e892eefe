# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab needs from the machine that it runs on, and how it gets there."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable
from dataclasses import dataclass

from . import apt, cache, peers, qemu
from .command import BASE_ENV, run
from .definition import USUAL
from .progress import LabError, say, step

DISK_MIB = 19 * 1024  # while Kubernetes and its peers are built; what stays is mostly in caches of Go, 9 GiB
MEMORY_MIB = 1024  # and what each node has


@dataclass(frozen=True)
class Need:
    """One Debian package and how to see that what we want of it is there."""

    package: str
    program: str
    backports: bool = False
    test: Callable[[], str] | None = None

    def missing(self) -> str:
        """Say what is missing, or nothing ("")."""
        if shutil.which(self.program, path=BASE_ENV["PATH"]) is None:
            return f"{self.program} (package {self.package})"
        return self.test() if self.test else ""


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"


def _qemu_age() -> str:
    version = qemu.parse_version(run([qemu.BINARY, "--version"]))
    if version >= qemu.MINIMUM:
        return ""
    return f"{qemu.BINARY} {_dotted(qemu.MINIMUM)} or newer: {_dotted(version)} lacks the igb device"


NEEDS = (
    Need("qemu-system-x86", qemu.BINARY, backports=True, test=_qemu_age),
    Need("qemu-utils", "qemu-img", backports=True),
    Need("mmdebstrap", "mmdebstrap"),
    Need("e2fsprogs", "mke2fs"),
    Need("openssl", "openssl"),
    Need("openssh-client", "ssh"),
)


def _host() -> tuple[str, str]:
    """(ID, VERSION_ID) of os-release(5)."""
    try:
        found = platform.freedesktop_os_release()
    except OSError:
        return "", ""
    return found.get("ID", ""), found.get("VERSION_ID", "")


def problems(nodes: int = 1) -> list[str]:
    """Everything that stands between this machine and a lab of so many nodes; empty when it can run."""
    found: list[str] = []
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        found.append(f"Linux on x86_64 (this is {platform.system()} on {platform.machine()})")
    if not apt.KEYRING.exists():
        found.append(f"{apt.KEYRING} (package debian-archive-keyring)")
    found += [text for text in (need.missing() for need in NEEDS) if text]
    found += [text for text in map(peers.problem, peers.NODE) if text]
    folder = cache.root()
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free >> 20
    built = any(folder.glob("image-*/disk.raw"))
    if free < (2048 if built else DISK_MIB):
        found.append(f"{2048 if built else DISK_MIB} MiB of free disk under {folder} (there are {free})")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    needed = MEMORY_MIB + nodes * USUAL.memory_mib
    if memory < needed:
        found.append(f"{needed} MiB of memory for a lab with --nodes {nodes} (there are {memory})")
    if not built and os.geteuid() != 0:
        found.append("root, once, to make the node's disk image (run `python3 tests/lab/lab.py build` as root)")
    return found


def require(nodes: int = 1) -> None:
    """Raises LabError with the whole list if the lab can't run here: never a silent skip."""
    found = problems(nodes)
    if found:
        lines = "\n".join(f"  - {text}" for text in found)
        raise LabError(
            f"the emulated node can't run here; missing:\n{lines}\n`python3 tests/lab/lab.py install` (as root, on "
            "Debian) installs the packages among these"
        )


def install() -> None:
    """Install the missing packages; what and from where is said first. /etc/apt stays as it is."""
    missing = [need for need in NEEDS if need.missing()]
    if not apt.KEYRING.exists():
        raise LabError(f"{apt.KEYRING} is missing: install the package debian-archive-keyring")
    if not missing:
        say("nothing to install: all packages are there")
        return
    if _host() != ("debian", "12"):
        names = " ".join(need.package for need in missing)
        raise LabError(
            f"`install` knows Debian 12 only, this is {' '.join(_host())}; install by your own means: "
            f"{names} (QEMU {_dotted(qemu.MINIMUM)} or newer)"
        )
    plain = [need.package for need in missing if not need.backports]
    newer = [need.package for need in missing if need.backports]
    say("will install on this machine, with apt-get and without recommended packages:")
    for packages, origin in ((plain, apt.SUITE), (newer, apt.BACKPORTS)):
        if packages:
            say(f"  from {origin}: {' '.join(packages)}")
    say(f"  (package lists in {cache.root() / 'apt'}; /etc/apt stays as it is)")
    if os.geteuid() != 0:
        raise LabError("installing packages needs root")
    private = apt.PrivateApt(cache.root() / "apt")
    with step("installing packages"):
        private.update()
        for packages, origin in ((plain, apt.SUITE), (newer, apt.BACKPORTS)):
            if packages:
                private.install(packages, origin)
