# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A node's base system as one cached tar: a release of Debian, nothing of ours."""

from __future__ import annotations

import tarfile
from pathlib import Path

from . import apt, cache
from .command import run
from .progress import LabError, step
from .release import Release

PACKAGES = (
    "bash", "busybox-static", "conntrack", "containerd", "dbus", "ethtool", "grub-common", "grub-pc-bin",
    "grub2-common", "initramfs-tools", "iproute2", "iptables", "iputils-ping", "kmod", "network-manager",
    "openssh-server", "pciutils", "procps", "python3", "runc", "systemd", "systemd-sysv", "udev", "util-linux", "zstd",
    "dpdk-dev",  # for dpdk-testpmd, which a pod runs
)  # fmt: skip

# What a server without screen, sound or radio never reads: a third of the image.
EXCLUDED = (
    "/usr/include/*", "/usr/lib/x86_64-linux-gnu/*.a",
    "/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*",
    *(f"{usr}/lib/modules/*/kernel/{folder}/*" for usr in ("", "/usr") for folder in (
        "sound", "drivers/gpu", "drivers/media", "drivers/staging", "drivers/net/wireless",
        "drivers/bluetooth", "drivers/iio", "drivers/infiniband", "drivers/isdn")),
)  # fmt: skip

# Runs before the packages above are configured, so that the kernel's initramfs is made once, and small.
ESSENTIAL_HOOK = (
    'mkdir -p "$1/etc/initramfs-tools/conf.d" "$1/usr/share/initramfs-tools/modules.d"'
    ' && printf "MODULES=list\\nCOMPRESS=zstd\\n" > "$1/etc/initramfs-tools/conf.d/lab"'
    ' && printf "virtio_pci\\nvirtio_blk\\next4\\ncrc32c_generic\\n"'
    ' > "$1/usr/share/initramfs-tools/modules.d/lab"'
)
TAR = "rootfs.tar"


def packages(release: Release) -> tuple[str, ...]:
    """All that is installed by name."""
    return (*PACKAGES, release.kernel, *release.packages)


def key(release: Release) -> str:
    """Names the cached base system. The packages' versions are those of the day it is first built."""
    return cache.digest(*packages(release), *EXCLUDED, ESSENTIAL_HOOK)  # the kernel's name has the suite in it


def _build(folder: Path, release: Release) -> None:
    debian, security = apt.mirrors(release.suite)
    argv: list[str | Path] = ["mmdebstrap", "--variant=minbase", f"--include={','.join(packages(release))}"]
    argv += [f"--dpkgopt=path-exclude={pattern}" for pattern in EXCLUDED]
    argv += [
        f"--essential-hook={ESSENTIAL_HOOK}",
        release.suite,
        folder / TAR,
        *apt.source_lines(debian, security, release.suite),
    ]
    with step(f"base system: installing {release.title} into a tar (about a minute, once)"):
        run(argv, log=folder / "build.log", timeout=3600)


def tar(release: Release) -> Path:
    """The base system's tar, built if needed."""
    return cache.artefact(f"rootfs-{key(release)}", lambda work: _build(work, release)) / TAR


def content(release: Release, name: str) -> bytes:
    """A file of the base system, by its name without a leading slash. Raises LabError where there is none."""
    archive = tar(release)
    with tarfile.open(archive) as found:
        for member in found:
            if member.name.removeprefix("./") == name and member.isfile():
                stream = found.extractfile(member)
                assert stream is not None
                return stream.read()
    raise LabError(f"{archive}: expected the file {name} in it, found none")
