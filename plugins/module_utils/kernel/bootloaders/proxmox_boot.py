# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proxmox VE on partitions that proxmox-boot-tool keeps, started by systemd-boot: ZFS roots, mostly.

The partitions are not mounted. The tool copies kernels there, and makes their entries from /etc/kernel/cmdline, at each
`proxmox-boot-tool refresh`, which a new kernel's package calls as well (Proxmox VE Administration Guide, Host
Bootloader). With GRUB it makes the menu instead, from /etc/default/grub.d: see `grub_d`.
"""

from __future__ import annotations

from ...host.host import Host
from ...model.errors import HostError, Problem, problems_of
from .. import cmdline
from .appended_arguments import AppendedArguments, changing, load, with_appended
from .base import BootLoader, Entry, Foreign, LoaderState
from .bls import KERNEL_CMDLINE, options, with_options

PARTITIONS = "/etc/kernel/proxmox-boot-uuids"
TOOL = "/usr/sbin/proxmox-boot-tool"
SECONDS = 300.0  # it copies every kernel to every partition
BY_GRUB = "BOOT_IMAGE="  # what GRUB alone tells the kernel


class ProxmoxBoot(BootLoader):
    """The back-end; see the module's text."""

    name = "proxmox-boot-tool"
    where = "/etc/kernel/cmdline, from which proxmox-boot-tool makes the entries"

    def detect(self, host: Host) -> bool:
        return starts(host)

    def read(self, host: Host) -> LoaderState:
        memory = load(host)
        text = host.read_text(KERNEL_CMDLINE)
        line = options(KERNEL_CMDLINE, text or "")
        theirs = cmdline.split(memory.without_appended(KERNEL_CMDLINE, line))
        return LoaderState(
            self.name,
            memory.present,
            memory.tokens,
            memory.pending,
            (Entry("each kernel", cmdline.split(line)),),
            tuple(Foreign(word, KERNEL_CMDLINE) for word in theirs),
            tuple(_obstacles(line)),
        )

    def write(self, host: Host, tokens: tuple[str, ...]) -> None:
        before = load(host)
        text = host.read_text(KERNEL_CMDLINE) or ""
        line = before.without_appended(KERNEL_CMDLINE, options(KERNEL_CMDLINE, text))
        after = AppendedArguments(tokens, lines={KERNEL_CMDLINE: line}, loader=self.name)
        with changing(host, before, after):
            try:
                _replace(host, text, with_options(KERNEL_CMDLINE, text, with_appended(line, tokens)))
                refresh(host)
            except HostError:
                _undo(host, text)
                raise


def keeps_partitions(host: Host) -> bool:
    """The tool keeps the partitions that the firmware starts from."""
    return host.exists(PARTITIONS) and host.exists(TOOL)


def starts(host: Host) -> bool:
    """It started the host, by systemd-boot."""
    return keeps_partitions(host) and BY_GRUB not in (host.read_text("/proc/cmdline") or "")


def refresh(host: Host) -> None:
    """Have the entries made again. Raises HostError."""
    if not host.is_running:
        remedy = "An image's kernel arguments can't be set from outside of it; run this once it is booted."
        raise HostError(host.root, "a running host", "an image's root folder", remedy)
    host.run([TOOL, "refresh"], seconds=SECONDS)


def _undo(host: Host, text: str) -> None:
    """The line as it was; the entries too, if the tool still works."""
    try:
        _replace(host, host.read_text(KERNEL_CMDLINE) or "", text)
        refresh(host)
    except HostError:
        return


def _replace(host: Host, now: str, wanted: str) -> None:
    if now != wanted:
        host.write_file(KERNEL_CMDLINE, wanted.encode(), host.file_mode(KERNEL_CMDLINE) or 0o644)


def _obstacles(line: str) -> list[Problem]:
    return problems_of(
        KERNEL_CMDLINE,
        (not line, "the kernel's command line", "none", "Write it, such as root=ZFS=rpool/ROOT/pve-1 boot=zfs."),
    )
