# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Huge pages on the kernel's command line: sizes, counts, NUMA nodes, and memory that must stay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.kernel import cmdline
from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import InvalidSpecError, RefusedError
from ansible_collections.baremetal.sriov.plugins.module_utils.policy.node_spec import node_spec
from support.fake_host import FakeHost
from support.node_runs import KERNEL, absent, make_host, present, snapshot

GIB = 1 << 20  # kB
PAGES = [{"size": "1G", "nodes": {"0": 2, "1": 1}}, {"size": "2M", "count": 64, "at": "boot"}]
TOKENS = ("hugepagesz=1G", "hugepages=0:2,1:1", "hugepagesz=2M", "hugepages=64")


def with_memory(root: Path) -> FakeHost:
    """8 GiB on two NUMA nodes, pages of 2 MiB and 1 GiB."""
    host = make_host(root)
    host.put("proc/meminfo", f"MemTotal:       {8 * GIB} kB\nMemFree: 1 kB\n")
    for node in (0, 1):
        host.put(f"sys/devices/system/node/node{node}/meminfo", f"Node {node} MemTotal:       {4 * GIB} kB\n")
    boots(host, 0, 0)
    return host


def boots(host: FakeHost, large: int, small: int, line: str = "") -> None:
    """What the kernel found at its boot."""
    host.put("sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages", f"{large}\n")
    host.put("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", f"{small}\n")
    host.put("proc/cmdline", f"quiet intel_iommu=on iommu=pt {line}\n")


def test_there_with_one_reboot_and_back(tmp_path: Path) -> None:
    """And nothing to do on the kernel that has them."""
    host = with_memory(tmp_path)
    before = snapshot(host)
    done = present(host, [KERNEL], hugepages=PAGES)
    assert done.plan.reboot_required
    assert host.grub_line().endswith(" ".join(TOKENS))
    host.reboot()
    boots(host, 3, 64, host.grub_line())
    present(host, [KERNEL], hugepages=PAGES)
    last = present(host, [KERNEL], hugepages=PAGES)
    assert not last.plan.steps and not last.plan.warnings
    absent(host)
    assert snapshot(host) == before


def test_pages_that_the_kernel_did_not_find_are_told(tmp_path: Path) -> None:
    """It gives what it has and says nothing itself."""
    host = with_memory(tmp_path)
    present(host, [KERNEL], hugepages=PAGES)
    boots(host, 2, 64, " ".join(TOKENS))
    (warning,) = present(host, [KERNEL], hugepages=PAGES).plan.warnings
    assert "has 2 of 3 huge pages of 1G" in warning


def test_what_the_host_can_not_give_is_refused_at_once(tmp_path: Path) -> None:
    """A size, a node, a node's memory, and the floor."""
    host = with_memory(tmp_path)
    pages = [{"size": "16M", "count": 1}, {"size": "1G", "nodes": {"1": 5, "7": 1}}, {"size": "2M", "count": 1024}]
    with pytest.raises(RefusedError) as caught:
        present(host, [KERNEL], hugepages=pages)
    text = str(caught.value)
    for part in (
        "huge pages of 16M: expected a size of this CPU; found it has 2048 KiB, 1048576 KiB",
        "node 1: expected a node with 5120 MiB; found 4096 MiB",
        "node 7: expected a node with 1024 MiB; found no such node",
        "at least 1024 MiB of memory left",
    ):
        assert part in text
    assert not host.exists("/etc/default/grub.d/zz-baremetal-sriov.cfg")
    present(host, [KERNEL], hugepages=[{"size": "1G", "count": 7}])
    with pytest.raises(RefusedError, match="at least 2048 MiB"):
        present(host, [KERNEL], hugepages=[{"size": "1G", "count": 7}], hugepages_floor=2048)


def test_another_number_of_somebody_else_is_refused(tmp_path: Path) -> None:
    """The kernel takes the first; the same number is no reason to refuse."""
    host = with_memory(tmp_path)
    host.put("etc/default/grub", 'GRUB_CMDLINE_LINUX="hugepagesz=2M hugepages=8"\n')
    host.make_menu()
    with pytest.raises(RefusedError, match="no other number of huge pages of 2M"):
        present(host, [KERNEL], hugepages=PAGES)
    same = [{"size": "2M", "count": 8, "at": "boot"}, {"size": "1G", "count": 1}]
    present(host, [KERNEL], hugepages=same)
    assert present(host, [KERNEL], hugepages=same, check=True).plan.reboot_required


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ([{"size": "2X", "count": 1}], "spec.hugepages[0].size"),
        ([{"size": "2M"}], "spec.hugepages[0]"),
        ([{"size": "2M", "count": 1, "nodes": {"0": 1}}], "spec.hugepages[0]"),
        ([{"size": "2M", "nodes": {"a": 1}}], "spec.hugepages[0].nodes.a"),
        ([{"size": "2M", "count": 0}], "spec.hugepages[0].count"),
        ([{"size": "2M", "count": 1, "at": "noon"}], "spec.hugepages[0].at"),
        ([{"size": "1G", "count": 1}, {"size": "1g", "count": 1}], "spec.hugepages"),
        ("2M", "spec.hugepages"),
    ],
)
def test_mistakes(value: Any, path: str) -> None:
    """Each with its path."""
    with pytest.raises(InvalidSpecError) as caught:
        node_spec([KERNEL], hugepages=value)
    assert caught.value.mistakes[0].path == path


def test_two_ways_to_ask_are_one_too_many() -> None:
    """Which number would count?"""
    with pytest.raises(InvalidSpecError, match="use one of both"):
        node_spec([KERNEL], hugepages=PAGES, kernel_arguments=["hugepages=3"])


@pytest.mark.parametrize(
    ("line", "missing"),
    [
        ("hugepagesz=1G hugepages=2 hugepagesz=2M hugepages=8", ()),
        ("hugepagesz=2M hugepages=8 hugepagesz=1G hugepages=2", ()),
        ("hugepagesz=1g hugepages=2 hugepages=8", ("hugepagesz=2M", "hugepages=8")),
        ("hugepagesz=1G hugepages=8 hugepagesz=2M hugepages=2", None),
        ("hugepagesz=2M hugepages=8 hugepagesz=1G hugepages=1 hugepages=2", ("hugepagesz=1G", "hugepages=2")),
        ("", None),
    ],
)
def test_a_number_belongs_to_the_size_before_it(line: str, missing: tuple[str, ...] | None) -> None:
    """Tokens alone don't tell."""
    wanted = ("hugepagesz=1G", "hugepages=2", "hugepagesz=2M", "hugepages=8")
    assert cmdline.lacking(cmdline.split(line), wanted) == (wanted if missing is None else missing)
