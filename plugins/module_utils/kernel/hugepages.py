# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Huge pages: taken from the running kernel where it can give them, else asked for on its command line.

At boot memory is not fragmented yet, and pages of 1 GiB are hardly to be had later. What is taken from the running
kernel is taken again by the boot service. Pages that were there before us are never taken away.

Sources: Linux Documentation/admin-guide/mm/hugetlbpage.rst and kernel-parameters.rst (hugepagesz, hugepages and its
node format), Documentation/ABI/testing/sysfs-kernel-mm-hugepages, mm/hugetlb.c (a write that finds too little memory
succeeds with fewer pages; pages in use that are given back live on as surplus pages), proc(5) (MemAvailable).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any

from ..host.host import Host
from ..model.errors import HostError, Problem, StateFileError, problems_of
from ..model.frozen import dataclass
from ..model.goal import AT_BOOT, AT_RUNTIME, HugePages
from ..model.plan import NOW, Step
from ..record.record import ORIGINAL, Forget
from . import cmdline

SIZES = "/sys/kernel/mm/hugepages"
NODES = "/sys/devices/system/node"
COMPACT = "/proc/sys/vm/compact_memory"
WRITE_SECONDS = 120.0  # the kernel moves other memory out of the way meanwhile
GIGANTIC = 1 << 30  # bytes; from here on a page is asked for at boot, unless the user says otherwise
HOST = ""  # the place of pages that may lie on any NUMA node

_FOLDER = re.compile(r"^hugepages-(\d{1,9})kB$")
_LINE = re.compile(r"^(?:Node \d+ )?([A-Za-z()_]+):\s*(\d{1,15}) kB", re.M)

Places = Mapping[str, int]  # a NUMA node's number, or HOST, -> pages


@dataclass(frozen=True)
class Memory:
    """Bytes: total and available of the host, total and available of each NUMA node; 0 where nothing tells.

    pages: size in bytes -> pages that there are now; places: size -> the same by NUMA node (by HOST where there are no
    nodes); used: size -> pages that somebody has, or was promised.
    """

    total: int = 0
    available: int = 0
    nodes: Mapping[int, int] = field(default_factory=dict)
    free: Mapping[int, int] = field(default_factory=dict)
    pages: Mapping[int, int] = field(default_factory=dict)
    places: Mapping[int, Places] = field(default_factory=dict)
    used: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class PageSize:
    """Huge pages of one size as a step's target."""

    bytes: int

    def __str__(self) -> str:
        units = (("G", 30), ("M", 20), ("K", 10))
        unit, shift = next((u, s) for u, s in units if self.bytes >> s and not self.bytes % (1 << s))
        return f"huge pages of {self.bytes >> shift}{unit}"


class HugePagesStep(Step, kind="hugepages", lost_at_boot=True):
    """Have so many pages by place."""

    def apply(self, host: Host) -> None:
        """Raises HostError, also where the kernel gives fewer; those stay."""
        for place, count in sorted(self.after.items(), key=lambda item: int(item[1]) - self.before.get(item[0], 0)):
            base = SIZES if place == HOST else f"{NODES}/node{place}/hugepages"
            folder = f"{base}/hugepages-{self.target.bytes >> 10}kB"
            found = _write(host, folder, count)
            if found < count:
                host.write_attribute(COMPACT, "1", WRITE_SECONDS)
                found = _write(host, folder, count)
            if found != count:
                where = "" if place == HOST else f" on NUMA node {place}"
                raise HostError(
                    f"{self.target}{where}",
                    f"{count}",
                    f"the kernel gave {found}, which stay until the next run",
                    "Its free memory is in too small pieces, or in use: ask for fewer, stop what takes memory and run "
                    "this again, or have them set aside at boot, which needs a reboot (at: boot in sriov_hugepages).",
                )


def read(host: Host) -> Memory:
    """What the host has. Raises HostError."""
    told = _lines(host.read_text("/proc/meminfo"))
    nodes, free = {}, {}
    for name in host.list_dir(NODES):
        if re.match(r"^node\d{1,4}$", name):
            lines = _lines(host.read_text(f"{NODES}/{name}/meminfo"))
            nodes[int(name[4:])] = lines.get("MemTotal", 0)
            if "MemFree" in lines:
                # A node does not tell what is available: the page cache makes room, as it does for the host.
                free[int(name[4:])] = sum(lines.get(key, 0) for key in ("MemFree", "Active(file)", "Inactive(file)"))
    pages, places, used = {}, {}, {}
    for name in host.list_dir(SIZES):
        number = _persistent(host, f"{SIZES}/{name}")
        matched = _FOLDER.match(name)
        if matched is None or number is None:
            continue
        size = int(matched.group(1)) * 1024
        pages[size] = number
        found = {str(node): _persistent(host, f"{NODES}/node{node}/hugepages/{name}") for node in sorted(nodes)}
        places[size] = {node: count for node, count in found.items() if count is not None} or {HOST: number}
        used[size] = _used(host, f"{SIZES}/{name}")
    return Memory(told.get("MemTotal", 0), told.get("MemAvailable", 0), nodes, free, pages, places, used)


def _lines(text: str | None) -> dict[str, int]:
    """A meminfo in bytes."""
    return {name: int(value) * 1024 for name, value in _LINE.findall(text or "")}


def _number(host: Host, path: str) -> int | None:
    text = (host.read_text(path, 4096) or "").strip()
    return int(text) if text.isdecimal() and len(text) < 16 else None


def _used(host: Host, folder: str) -> int:
    all_of_them, idle, promised = (_number(host, f"{folder}/{name}_hugepages") for name in ("nr", "free", "resv"))
    return max((all_of_them or 0) - (idle or 0), 0) + (promised or 0)


def _persistent(host: Host, folder: str) -> int | None:
    """Pages without those that are only lent while somebody has them."""
    number = _number(host, f"{folder}/nr_hugepages")
    return None if number is None else max(number - (_number(host, f"{folder}/surplus_hugepages") or 0), 0)


def arguments(wanted: Sequence[HugePages]) -> tuple[str, ...]:
    """A size, then how many of it, for the whole host or by NUMA node."""
    tokens: list[str] = []
    for pages in wanted:
        number = ",".join(f"{node}:{count}" for node, count in pages.nodes) or str(pages.count)
        tokens += [f"hugepagesz={pages.size}", f"hugepages={number}"]
    return tuple(tokens)


def ways(
    wanted: Sequence[HugePages], floor: int, memory: Memory, appended: tuple[str, ...] = ()
) -> tuple[list[HugePages], list[HugePages]]:
    """How to have each size: by arguments of the kernel, or from the running one. Pages that the user leaves to us are
    taken now if memory is there for them, and stay on the kernel's command line once they are there. appended:
    our arguments in the boot loader; floor: bytes.
    """
    asked = cmdline.huge_pages(appended)
    boot: list[HugePages] = []
    runtime: list[HugePages] = []
    for pages in wanted:
        later = pages.at == AT_BOOT or pages.bytes >= GIGANTIC or pages.size.upper() in asked
        at_boot = pages.at != AT_RUNTIME and (later or _short([*runtime, pages], floor, memory))
        (boot if at_boot else runtime).append(pages)
    return boot, runtime


def _growth(pages: HugePages, memory: Memory) -> dict[str, int]:
    """Pages that are still to be had, by place."""
    places = memory.places.get(pages.bytes, {})
    if pages.nodes:
        return {str(node): max(count - places.get(str(node), 0), 0) for node, count in pages.nodes}
    return {HOST: max(pages.count - memory.pages.get(pages.bytes, 0), 0)}


def _short(wanted: Sequence[HugePages], floor: int, memory: Memory) -> str:
    """Why there is no memory now for pages that are still to be had; empty where there is."""
    by_place: dict[str, int] = {}
    for pages in wanted:
        for place, count in _growth(pages, memory).items():
            by_place[place] = by_place.get(place, 0) + count * pages.bytes
    needed = sum(by_place.values())
    if needed and memory.available and memory.available - needed < floor:
        return f"{memory.available >> 20} MiB available, {needed >> 20} MiB needed, {floor >> 20} MiB to be left"
    for place, size in by_place.items():
        has = memory.free.get(int(place)) if place != HOST else None
        if has is not None and size > has:
            return f"{has >> 20} MiB available on NUMA node {place}, {size >> 20} MiB needed"
    return ""


def problems(wanted: Sequence[HugePages], floor: int, memory: Memory) -> list[Problem]:
    """What the host can't give: sizes, NUMA nodes, memory. floor: bytes that must stay free of huge pages."""
    found = []
    sizes = ", ".join(f"{size >> 10} KiB" for size in sorted(memory.pages))
    for pages in wanted:
        target = f"huge pages of {pages.size}"
        unknown = memory.pages and pages.bytes not in memory.pages
        found += problems_of(target, (unknown, "a size of this CPU", f"it has {sizes}", "Correct the size."))
        for node, count in pages.nodes:
            has = memory.nodes.get(node)
            found += problems_of(
                f"{target} on NUMA node {node}",
                (
                    has is None or has < count * pages.bytes,
                    f"a node with {count * pages.bytes >> 20} MiB",
                    "no such node" if has is None else f"{has >> 20} MiB",
                    "Correct the count of this node.",
                ),
            )
    asked = sum(pages.total * pages.bytes for pages in wanted)
    found += problems_of(
        "huge pages",
        (
            wanted and memory.total and memory.total - asked < floor,
            f"at least {floor >> 20} MiB of memory left for everything else",
            f"{asked >> 20} of {memory.total >> 20} MiB asked for",
            "Ask for fewer pages, or lower the floor.",
        ),
    )
    now = [pages for pages in wanted if pages.at == AT_RUNTIME]
    short = _short(now, floor, memory)
    return found or problems_of(
        f"huge pages of {' and '.join(pages.size for pages in now)}",
        (
            short,
            "memory for them now (at: runtime)",
            short,
            "Ask for fewer pages, lower the floor, free memory, or have them set aside at boot (at: boot).",
        ),
    )


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


def missing_message(wanted: Sequence[HugePages], floor: int, memory: Memory) -> tuple[str, ...]:
    """For the boot service, which sets no arguments: pages that there is no memory for now."""
    return tuple(
        f"the node has {memory.pages.get(pages.bytes, 0)} of {pages.total} huge pages of {pages.size}: "
        f"{_short([pages], floor, memory)}; the playbook site would ask for them on the kernel's command line"
        for pages in wanted
        if any(_growth(pages, memory).values())
    )


def originals(objects: Mapping[str, Any]) -> dict[int, dict[str, int]]:
    """Size -> pages by place before our first change, from the record's objects. Raises StateFileError."""
    found = {}
    for key, value in objects.items():
        if not key.startswith(f"{HugePagesStep.kind} "):
            continue
        try:
            size = HugePages(key.rpartition(" ")[2]).bytes
            found[size] = {str(place): int(count) for place, count in value.items()}
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise StateFileError(
                f"{ORIGINAL}, {key.partition(' ')[2]}: expected numbers of pages by NUMA node, found {error!r}. "
                "Nothing was changed. Restore the file from a backup; without it the original state is not known."
            ) from error
    return found


def steps(wanted: Sequence[HugePages], memory: Memory, before: Mapping[int, Places]) -> list[Step]:
    """The pages to take from the running kernel. before: see `originals`."""
    found: list[Step] = []
    for pages in wanted:
        now = memory.places.get(pages.bytes)
        after = None if now is None else _after(pages, now, before.get(pages.bytes))
        if now is not None and after:
            there = memory.pages[pages.bytes]
            reason = f"{pages.total} are asked for, {there} {'is' if there == 1 else 'are'} there"
            found.append(HugePagesStep(PageSize(pages.bytes), f"have {_message(after)}", reason, dict(now), after))
    return found


def _after(pages: HugePages, now: Places, before: Places | None) -> dict[str, int]:
    """The places whose number changes. Without a record, more than what is asked for is somebody else's."""
    if pages.nodes:
        asked = {str(node): count for node, count in pages.nodes}
        kept = now if before is None else before
        wanted = {place: max(asked.get(place, 0), kept.get(place, 0)) for place in now}
        return {place: count for place, count in wanted.items() if count != now[place]}
    lowest = sum(now.values()) if before is None else sum(before.values())
    if max(pages.count, lowest) == sum(now.values()):
        return {}
    return dict(before) if before is not None and pages.count <= lowest else {HOST: pages.count}


def steps_back(wanted: Sequence[HugePages], memory: Memory, before: Mapping[int, Places]) -> list[Step]:
    """Sizes that nothing asks for any more get their numbers of before."""
    found: list[Step] = []
    for size, places in sorted(before.items()):
        if any(pages.bytes == size for pages in wanted):
            continue
        now = memory.places.get(size, places)
        after = {place: count for place, count in places.items() if now.get(place, count) != count}
        reason = "nothing asks for them any more: back to what was before our first change"
        step = HugePagesStep(PageSize(size), f"have {_message(after)}", reason, dict(now), after)
        if after:
            found.append(step)
        found.append(Forget(step.key, "forget their original number", "it is given back", True, None))
    return found


def use_problems(planned: Sequence[Step], memory: Memory) -> Iterator[Problem]:
    """Pages that somebody has can't be given back now."""
    for step in planned:
        if not isinstance(step, HugePagesStep) or step.stage != NOW:
            continue
        size = step.target.bytes
        left = {**({} if HOST in step.after else step.before), **step.after}
        used = memory.used.get(size, 0)
        if sum(left.values()) < min(used, memory.pages.get(size, 0)):
            yield Problem(
                str(step.target),
                f"at most {sum(left.values())} in use, in order to give the others back",
                f"{used} in use",
                "Stop what uses them (pods with hugepages limits, VMs, DPDK programs), and run this again.",
            )


def _write(host: Host, folder: str, count: int) -> int:
    try:
        host.write_attribute(f"{folder}/nr_hugepages", str(count), WRITE_SECONDS)
    except HostError as error:
        remedy = "If this kernel takes pages of this size at boot alone, ask for them so (at: boot in sriov_hugepages)."
        raise HostError(folder, f"{count} huge pages", error.problem.found, remedy) from error
    return _persistent(host, folder) or 0


def _message(places: Places) -> str:
    if HOST in places:
        return f"{places[HOST]}"
    return ", ".join(f"{count} on NUMA node {place}" for place, count in sorted(places.items()))
