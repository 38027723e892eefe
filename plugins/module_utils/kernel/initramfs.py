# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The initramfs: which modules it holds, since those read their options from a copy of /etc/modprobe.d in it.

Sources: lsinitramfs(8) and update-initramfs(8) of Debian and Ubuntu, lsinitcpio(1) and mkinitcpio(8) of Arch,
lsinitrd(1) and dracut(8) of the others.
"""

from __future__ import annotations

from ..host.host import Host
from ..model.errors import HostError
from ..model.frozen import dataclass

LIST_SECONDS, MAKE_SECONDS = 120.0, 900.0
RELEASE = "/proc/sys/kernel/osrelease"


@dataclass(frozen=True)
class _Tool:
    """program: where it is; image: the running kernel's, by its release and (Arch) the name of its package; show, make:
    the commands.
    """

    program: str
    image: str
    show: str
    make: tuple[str, ...]


_TOOLS = (
    _Tool("/usr/sbin/update-initramfs", "/boot/initrd.img-{}", "lsinitramfs", ("update-initramfs", "-u", "-k", "all")),
    _Tool("/usr/bin/dracut", "/boot/initramfs-{}.img", "lsinitrd", ("dracut", "--force", "--regenerate-all")),
    # SLES and openSUSE.
    _Tool("/usr/bin/dracut", "/boot/initrd-{}", "lsinitrd", ("dracut", "--force", "--regenerate-all")),
    _Tool("/usr/bin/mkinitcpio", "/boot/initramfs-{package}.img", "lsinitcpio", ("mkinitcpio", "-P")),
)


def modules(host: Host) -> frozenset[str]:
    """The modules in the running kernel's initramfs, as sysfs names them; none without one. Raises HostError."""
    found = _find(host)
    if found is None:
        return frozenset()
    tool, image = found
    lines = host.run([tool.show, image], seconds=LIST_SECONDS).stdout.splitlines()
    names = (line.split()[-1].rpartition("/")[2] for line in lines if line.strip())
    return frozenset(name.partition(".ko")[0].replace("-", "_") for name in names if ".ko" in name)


def make(host: Host) -> None:
    """Make all of them again, since the next boot may take another kernel. Raises HostError."""
    found = _find(host)
    if found is None:
        tools = "update-initramfs, dracut or mkinitcpio, and an image in /boot"
        raise HostError("initramfs", tools, "neither", "Make it by hand.")
    host.run(list(found[0].make), seconds=MAKE_SECONDS)


def _find(host: Host) -> tuple[_Tool, str] | None:
    release = (host.read_text(RELEASE) or "").strip()
    for tool in _TOOLS if host.is_running and release and "/" not in release else ():
        package = (host.read_text(f"/usr/lib/modules/{release}/pkgbase") or "linux").strip()
        image = tool.image.format(release, package=package)
        if host.exists(tool.program) and host.exists(image):
            return tool, image
    return None
