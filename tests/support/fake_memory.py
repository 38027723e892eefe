# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fake host's memory: NUMA nodes, and huge pages that are taken from what is free, as mm/hugetlb.c does."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from support.fake_base import FakeBase

MIB = 1 << 20
_PAGES = re.compile(r"^/sys/(?:kernel/mm|devices/system/node/node(\d+))/hugepages/hugepages-(\d+)kB/nr_hugepages$")


@dataclass
class Memory(FakeBase):
    """What gives huge pages."""

    spare: dict[int, int] = field(default_factory=dict)  # NUMA node -> bytes that huge pages can be made of
    total: dict[int, int] = field(default_factory=dict)  # NUMA node -> bytes
    counts: dict[tuple[int, int], int] = field(default_factory=dict)  # node, page size in bytes -> pages
    in_use: dict[int, int] = field(default_factory=dict)  # page size in bytes -> pages
    fragments: float = float("inf")  # pages that a write finds at most before memory is compacted

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
        self.fragments = float("inf")
        for size in {size for _node, size in self.counts}:
            self.set_pages(size, *[0] * len(self.total))

    def show_memory(self) -> None:
        """Make the files anew."""
        free, total = sum(self.spare.values()) >> 10, sum(self.total.values()) >> 10
        files = {"proc/meminfo": f"MemTotal: {total} kB\nMemAvailable: {free} kB\n", "proc/sys/vm/compact_memory": ""}
        for node, spare in self.spare.items():
            files[f"sys/devices/system/node/node{node}/meminfo"] = (
                f"Node {node} MemTotal: {self.total[node] >> 10} kB\nNode {node} MemFree: {spare >> 10} kB\n"
            )
        for (node, size), count in self.counts.items():
            pages, found = f"hugepages/hugepages-{size >> 10}kB", self._found(self.total, size)
            files[f"sys/devices/system/node/node{node}/{pages}/nr_hugepages"] = f"{count}\n"
            for name, number in (("nr", found), ("free", found - self.in_use.get(size, 0)), ("resv", 0)):
                files[f"sys/kernel/mm/{pages}/{name}_hugepages"] = f"{number}\n"
        self.fill(files)

    def react(self, path: str, value: str) -> int:
        matched = _PAGES.match(path)
        if path == "/proc/sys/vm/compact_memory":
            self.fragments = float("inf")
        elif matched is None or not self.counts:
            return super().react(path, value)
        else:
            self._change([int(matched[1])] if matched[1] else [*self.total], int(matched[2]) << 10, int(value))
            self.show_memory()
        return 0

    def _found(self, nodes: Iterable[int], size: int) -> int:
        return sum(self.counts[node, size] for node in nodes)

    def _change(self, nodes: list[int], size: int, wanted: int) -> None:
        """One page after the other, from each node in turn, until no node has one more."""
        left = self.fragments
        while self._found(nodes, size) != wanted:
            more = self._found(nodes, size) < wanted
            can = [n for n in nodes if (self.spare[n] >= size if more else self.counts[n, size] > 0)]
            if not can or (more and left <= 0):
                return
            node = (min if more else max)(can, key=lambda n: self.counts[n, size])
            self.counts[node, size] += 1 if more else -1
            self.spare[node] -= size if more else -size
            left -= 1
