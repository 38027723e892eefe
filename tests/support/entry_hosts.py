# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts with entries of the Boot Loader Specification, and one with rpm-ostree.

Transcripts: the entries' form is what Red Hat's and systemd's manuals show of RHEL 8, RHEL 9 and systemd-boot, and the
answers of rpm-ostree are built from its manual page. No such host was at hand.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from ansible_collections.baremetal.sriov.plugins.module_utils.host.host import Completed, Host
from ansible_collections.baremetal.sriov.plugins.module_utils.kernel.bootloaders import bls
from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import CommandError

ID = "6f9cc9cb7d7845d49698c9537337cedc"
RHEL8_ENTRY = """\
title Red Hat Enterprise Linux ({version}) 8.9 (Ootpa)
version {version}
linux /vmlinuz-{version}
initrd /initramfs-{version}.img $tuned_initrd
options $kernelopts $tuned_params
id rhel-20240101000000-{version}
grub_users $grub_users
grub_arg --unrestricted
grub_class kernel
"""
RHEL9_ENTRY = """\
title Red Hat Enterprise Linux ({version}) 9.3 (Plow)
version {version}
linux /vmlinuz-{version}
initrd /initramfs-{version}.img $tuned_initrd
options root=/dev/mapper/rhel-root ro  console=ttyS0 intel_iommu=off $tuned_params
grub_users $grub_users
grub_arg --unrestricted
grub_class rhel
"""
SYSTEMD_ENTRY = """\
# Boot Loader Specification type#1 entry
title      Debian GNU/Linux 12 (bookworm)
version    {version}
machine-id 6f9cc9cb7d7845d49698c9537337cedc
sort-key   debian
options    root=UUID=1-2 ro quiet systemd.machine_id=6f9cc9cb7d7845d49698c9537337cedc
linux      /6f9cc9cb7d7845d49698c9537337cedc/{version}/linux
"""
GRUBENV = "# GRUB Environment Block\nsaved_entry=x\nkernelopts=root=/dev/mapper/rhel-root ro quiet iommu=pt \n#####"


class Killed(BaseException):
    """The process is gone."""


class EntryHost(Host):
    """See the module's text. changes_left: how many changes pass before the process is killed."""

    is_running = True

    def __init__(self, root: Path) -> None:
        super().__init__(str(root))
        self.changes_left = -1
        self.boots = 0
        self.broken = ""
        self.kargs = "root=UUID=3 rw ostree=/ostree/boot.1/x iommu=pt"

    def put(self, path: str, text: str) -> None:
        """Somebody else writes a file."""
        real = Path(self.path(path))
        real.parent.mkdir(parents=True, exist_ok=True)
        real.write_text(text)

    def boot(self) -> None:
        """Start the newest kernel."""
        shutil.rmtree(self.path("/run/baremetal-sriov"), ignore_errors=True)
        self.boots += 1
        self.put("/proc/sys/kernel/random/boot_id", f"boot-{self.boots}\n")
        if self.exists("/run/ostree-booted"):
            self.put("/proc/cmdline", self.kargs + "\n")
            return
        folder = next(f for f in ("/boot/loader/entries", "/efi/loader/entries") if self.list_dir(f))
        name = [name for name in self.list_dir(folder) if bls.RESCUE not in name][-1]
        lines = dict(
            line.partition("=")[::2] for line in (self.read_text("/boot/grub2/grubenv") or "").splitlines()
        )
        words = bls.all_options(self.read_text(f"{folder}/{name}") or "").split()
        self.put("/proc/cmdline", " ".join(t for word in words for t in bls.expand(word, lines)) + "\n")

    def tree(self) -> dict[str, str]:
        """Every file but those of /proc, and of ours below /run: a boot takes them away."""
        root = Path(self.root)
        found = {
            str(path.relative_to(root)): path.read_text()
            for path in root.rglob("*")
            if path.is_file() and not str(path.relative_to(root)).startswith(("proc/", "run/baremetal-sriov/"))
        }
        return {**found, "kargs": self.kargs}

    def _change(self) -> None:
        if self.changes_left == 0:
            raise Killed
        self.changes_left -= 1

    def write_file(self, path: str, data: bytes, mode: int = 0o644) -> None:
        if self.broken and self.broken in path:
            self.broken = ""
            raise CommandError(path, "the file written", "No space left on device (errno 28)")
        self._change()
        super().write_file(path, data, mode)

    def remove_file(self, path: str) -> None:
        self._change()
        super().remove_file(path)

    def run(
        self, argv: Sequence[str], *, stdin: str | None = None, seconds: float = 60.0, check: bool = True
    ) -> Completed:
        assert list(argv[:2]) == ["rpm-ostree", "kargs"], argv
        if len(argv) > 2:
            self._change()
            if self.broken:
                self.broken = ""
                raise CommandError(" ".join(argv), "exit status 0", "1; it said: No space left on device")
            words = self.kargs.split()
            for word in argv[2:]:
                option, _mark, token = word.partition("=")
                if option == "--delete":
                    words.remove(token)
                else:
                    words.append(token)
            self.kargs = " ".join(words)
            return Completed(tuple(argv), 0, "Staging deployment... done\n", "")
        return Completed(tuple(argv), 0, self.kargs + "\n", "")


def rhel8(root: Path) -> EntryHost:
    """Entries that share one line in GRUB's environment block."""
    host = EntryHost(root)
    for version in ("4.18.0-500.el8.x86_64", "4.18.0-513.el8.x86_64", "0-rescue-6f9cc9cb7d7845d49698c9537337cedc"):
        host.put(f"/boot/loader/entries/{ID}-{version}.conf", RHEL8_ENTRY.format(version=version))
    host.put("/boot/grub2/grubenv", GRUBENV)
    host.put("/etc/default/grub", "GRUB_ENABLE_BLSCFG=true\n")
    host.boot()
    return host


def rhel9(root: Path) -> EntryHost:
    """Entries with a line of their own, and /etc/kernel/cmdline for kernels to come."""
    host = EntryHost(root)
    for version in ("5.14.0-284.el9.x86_64", "5.14.0-362.el9.x86_64", "0-rescue-6f9cc9cb7d7845d49698c9537337cedc"):
        host.put(f"/boot/loader/entries/{ID}-{version}.conf", RHEL9_ENTRY.format(version=version))
    host.put("/etc/kernel/cmdline", "root=/dev/mapper/rhel-root ro  console=ttyS0 iommu=pt")
    host.put("/boot/grub2/grub.cfg", "insmod blscfg\nblscfg\n")
    host.boot()
    return host


def systemd_boot(root: Path) -> EntryHost:
    """Debian with systemd-boot."""
    host = EntryHost(root)
    host.put("/efi/EFI/systemd/systemd-bootx64.efi", "MZ")
    for version in ("6.1.0-1-amd64", "6.1.0-2-amd64"):
        host.put(f"/efi/loader/entries/{ID}-{version}.conf", SYSTEMD_ENTRY.format(version=version))
    host.put("/etc/kernel/cmdline", "root=UUID=1-2 ro quiet\n")
    host.boot()
    return host


def rpm_ostree(root: Path) -> EntryHost:
    """Fedora CoreOS."""
    host = EntryHost(root)
    host.put("/run/ostree-booted", "")
    host.put("/usr/bin/rpm-ostree", "")
    host.boot()
    return host
