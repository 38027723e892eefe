# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fake host's memory: NUMA nodes, and huge pages that are taken from what is free, as mm/hugetlb.c does."""

from __future__ import annotations

import re
from pathlib import Path

from support.fake_base import FakeBase

MIB = 1 << 20
_PAGES = re.compile(r"^/sys/(?:kernel/mm|devices/system/node/node(\d+))/hugepages/hugepages-(\d+)kB/nr_hugepages$")


class Memory(FakeBase):
    """What gives huge pages."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.spare: dict[int, int] = {}  # NUMA node -> bytes that huge pages can be made of
        self.total: dict[int, int] = {}  # NUMA node -> bytes
        self.counts: dict[tuple[int, int], int] = {}  # node, page size in bytes -> pages
        self.in_use: dict[int, int] = {}  # page size in bytes -> pages
        self.fragments: int | None = None  # pages that a write finds at most before memory is compacted; None: all

    def add_memory(self, nodes: int, mib: int, spare: int, *sizes: int) -> None:
        """NUMA nodes with this memory each, of which `spare` MiB are free, and no huge page of these sizes (bytes)."""
        self.total = dict.fromkeys(range(nodes), mib * MIB)
        self.spare = dict.fromkeys(range(nodes), spare * MIB)
        self.counts = {(node, size): 0 for node in range(nodes) for size in sizes}
        self.show_memory()

    def set_pages(self, size: int, *counts: int) -> None:
        """What somebody else set, or the kernel found at boot, by node."""
        for node, count in enumerate(counts):
            self.spare[node] -= (count - self.counts[node, size]) * size
            self.counts[node, size] = count
        self.show_memory()

    def reboot(self) -> None:
        """No page is there that the kernel was not asked for."""
        super().reboot()
        for node, size in self.counts:
            self.spare[node] += self.counts[node, size] * size
            self.counts[node, size] = 0
        self.fragments = None
        if self.counts:
            self.show_memory()

    def show_memory(self) -> None:
        """Make the files anew."""
        free = sum(self.spare.values()) >> 10
        self.put("proc/meminfo", f"MemTotal: {sum(self.total.values()) >> 10} kB\nMemAvailable: {free} kB\n")
        self.put("proc/sys/vm/compact_memory", "")
        for node, total in self.total.items():
            text = f"Node {node} MemTotal: {total >> 10} kB\nNode {node} MemFree: {self.spare[node] >> 10} kB\n"
            self.put(f"sys/devices/system/node/node{node}/meminfo", text)
        for size in {size for _node, size in self.counts}:
            name = f"hugepages-{size >> 10}kB"
            of_size = [(node, count) for (node, other), count in self.counts.items() if other == size]
            number = sum(count for _node, count in of_size)
            self.put(f"sys/kernel/mm/hugepages/{name}/nr_hugepages", f"{number}\n")
            self.put(f"sys/kernel/mm/hugepages/{name}/free_hugepages", f"{number - self.in_use.get(size, 0)}\n")
            self.put(f"sys/kernel/mm/hugepages/{name}/resv_hugepages", "0\n")
            for node, count in of_size:
                self.put(f"sys/devices/system/node/node{node}/hugepages/{name}/nr_hugepages", f"{count}\n")

    def react(self, path: str, value: str) -> int:
        if path == "/proc/sys/vm/compact_memory":
            self.fragments = None
            return 0
        matched = _PAGES.match(path)
        if matched is None or not self.counts:
            return super().react(path, value)
        size = int(matched.group(2)) << 10
        nodes = [node for node, other in self.counts if other == size]
        self._change([int(matched.group(1))] if matched.group(1) else nodes, size, int(value))
        self.show_memory()
        return 0

    def _change(self, nodes: list[int], size: int, wanted: int) -> None:
        """One page after the other, from each node in turn, until no node has one more."""
        found = 0
        while sum(self.counts[node, size] for node in nodes) != wanted:
            more = sum(self.counts[node, size] for node in nodes) < wanted
            can = [n for n in nodes if (self.spare[n] >= size if more else self.counts[n, size] > 0)]
            if not can or (more and self.fragments is not None and found >= self.fragments):
                return
            pick = min if more else max
            node = pick(can, key=lambda n: self.counts[n, size])
            self.counts[node, size] += 1 if more else -1
            self.spare[node] -= size if more else -size
            found += 1
