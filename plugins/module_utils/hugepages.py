# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Huge pages: asked for on the kernel's command line, where memory is not fragmented yet.

Sources: Linux Documentation/admin-guide/mm/hugetlbpage.rst and kernel-parameters.rst (hugepagesz, hugepages and its
node format), Documentation/ABI/testing/sysfs-kernel-mm-hugepages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import field

from . import cmdline
from .errors import Problem
from .frozen import dataclass
from .host import Host
from .model import HugePages

SIZES = "/sys/kernel/mm/hugepages"
NODES = "/sys/devices/system/node"
_TOTAL = re.compile(r"MemTotal:\s*(\d{1,15}) kB")


@dataclass(frozen=True)
class Memory:
    """total: bytes of the host; nodes: bytes by NUMA node; pages: page size in bytes -> pages that there are now."""

    total: int = 0
    nodes: Mapping[int, int] = field(default_factory=dict)
    pages: Mapping[int, int] = field(default_factory=dict)


def read(host: Host) -> Memory:
    """What the host has. Raises HostError."""
    nodes = {}
    for name in host.list_dir(NODES):
        if re.match(r"^node\d{1,4}$", name):
            nodes[int(name[4:])] = _bytes(host.read_text(f"{NODES}/{name}/meminfo"))
    pages = {}
    for name in host.list_dir(SIZES):
        size = re.match(r"^hugepages-(\d{1,9})kB$", name)
        number = (host.read_text(f"{SIZES}/{name}/nr_hugepages") or "").strip()
        if size and number.isdecimal():
            pages[int(size.group(1)) * 1024] = int(number)
    return Memory(_bytes(host.read_text("/proc/meminfo")), nodes, pages)


def _bytes(text: str | None) -> int:
    found = _TOTAL.search(text or "")
    return int(found.group(1)) * 1024 if found else 0


def arguments(wanted: Sequence[HugePages]) -> tuple[str, ...]:
    """A size, then how many of it, for the whole host or by NUMA node."""
    tokens: list[str] = []
    for pages in wanted:
        number = ",".join(f"{node}:{count}" for node, count in pages.nodes) or str(pages.count)
        tokens += [f"hugepagesz={pages.size}", f"hugepages={number}"]
    return tuple(tokens)


def problems(wanted: Sequence[HugePages], floor: int, memory: Memory) -> list[Problem]:
    """What the host can't give: sizes, NUMA nodes, memory. floor: bytes that must stay free of huge pages."""
    found = []
    for pages in wanted:
        if memory.pages and pages.bytes not in memory.pages:
            sizes = ", ".join(f"{size >> 10} KiB" for size in sorted(memory.pages))
            target = f"huge pages of {pages.size}"
            found.append(Problem(target, "a size of this CPU", f"it has {sizes}", "Correct the size."))
        for node, count in pages.nodes:
            has = memory.nodes.get(node)
            if has is None or has < count * pages.bytes:
                found.append(
                    Problem(
                        f"huge pages of {pages.size} on NUMA node {node}",
                        f"a node with {count * pages.bytes >> 20} MiB",
                        "no such node" if has is None else f"{has >> 20} MiB",
                        "Correct the count of this node.",
                    )
                )
    asked = sum(pages.total * pages.bytes for pages in wanted)
    if wanted and memory.total - asked < floor:
        found.append(
            Problem(
                "huge pages",
                f"at least {floor >> 20} MiB of memory left for everything else",
                f"{asked >> 20} of {memory.total >> 20} MiB asked for",
                "Ask for fewer pages, or lower the floor.",
            )
        )
    return found


def warnings(wanted: Sequence[HugePages], running: tuple[str, ...], memory: Memory) -> tuple[str, ...]:
    """Pages that the running kernel was asked for and could not find."""
    if cmdline.lacking(running, arguments(wanted)):
        return ()
    return tuple(
        f"the kernel has {memory.pages[pages.bytes]} of {pages.total} huge pages of {pages.size}: memory is short, "
        "or something has changed their number since the boot"
        for pages in wanted
        if memory.pages.get(pages.bytes, pages.total) < pages.total
    )
