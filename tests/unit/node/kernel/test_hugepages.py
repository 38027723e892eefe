# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Huge pages from the running kernel: by size and NUMA node, above a floor, again at each boot, and given back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import (
    HostError,
    RefusedError,
    StateFileError,
)
from ansible_collections.baremetal.sriov.plugins.module_utils.node import boot
from ansible_collections.baremetal.sriov.plugins.module_utils.policy.rendered_files import NODE_PATH
from ansible_collections.baremetal.sriov.plugins.module_utils.record.record import ORIGINAL
from support.fake_base import killed_at_every_write
from support.fake_host import FakeHost
from support.node_runs import KERNEL, PF1, absent, actions, make_host, present, snapshot

M2, G1 = 2 << 20, 1 << 30
SMALL = {"size": "2M", "count": 64}
BY_NODE = {"size": "2M", "nodes": {"0": 48, "1": 16}}
KERNEL_ARGUMENTS = "/etc/default/grub.d/zz-baremetal-sriov.cfg"


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    """8 GiB on two NUMA nodes, of which 6 GiB are free."""
    found = make_host(tmp_path)
    found.add_memory(2, 4096, 3072, M2, G1)
    return found


def pages(host: FakeHost, size: int = M2) -> list[int]:
    """How many there are, by node."""
    return [host.counts[node, size] for node in (0, 1)]


def test_there_without_a_reboot_and_back(host: FakeHost) -> None:
    before = snapshot(host)
    checked = present(host, [KERNEL], hugepages=[SMALL], check=True)
    done = present(host, [KERNEL], hugepages=[SMALL])
    assert checked.plan == done.plan and not done.plan.reboot_required
    assert actions(done)[0] == "huge pages of 2M: have 64"
    assert pages(host) == [32, 32] and host.numvfs(PF1) == 4
    assert not host.exists(KERNEL_ARGUMENTS)
    assert any("kubelet" in warning for warning in done.plan.warnings)
    last = present(host, [KERNEL], hugepages=[SMALL])
    assert not last.plan.steps and not last.plan.warnings
    absent(host)
    assert snapshot(host) == before


def test_a_node_of_its_own_for_each_page(host: FakeHost) -> None:
    """The other way to ask for as many is no change."""
    done = present(host, [], hugepages=[BY_NODE])
    assert actions(done)[0] == "huge pages of 2M: have 48 on NUMA node 0, 16 on NUMA node 1"
    assert pages(host) == [48, 16]
    present(host, [], hugepages=[{"size": "2048K", "count": 64}])
    assert pages(host) == [48, 16]
    present(host, [], hugepages=[{"size": "2M", "nodes": {"1": 8}}])
    assert pages(host) == [0, 8]
    absent(host)
    assert pages(host) == [0, 0]


def test_pages_of_others_stay(host: FakeHost) -> None:
    """More than we ask for is enough, and what was there is what is given back."""
    host.set_pages(M2, 10, 2)
    assert not any("huge" in action for action in actions(present(host, [], hugepages=[{"size": "2M", "count": 12}])))
    present(host, [], hugepages=[SMALL])
    assert sum(pages(host)) == 64
    present(host, [], hugepages=[{"size": "2M", "count": 5}])
    assert pages(host) == [10, 2], "as before us"
    present(host, [], hugepages=[SMALL])
    present(host, [], hugepages=[])
    assert pages(host) == [10, 2]


def test_the_boot_service_takes_them_first(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    present(host, [KERNEL], hugepages=[SMALL])
    host.reboot()
    assert pages(host) == [0, 0]
    host.log.clear()
    assert boot.main(host, [boot.EARLY]) == 0
    assert pages(host) == [32, 32]
    written = [line for line in host.log if "hugepages" in line or "sriov_numvfs" in line]
    assert "nr_hugepages=64" in written[0] and "sriov_numvfs=4" in written[-1]
    assert boot.main(host) == 0
    assert not present(host, [KERNEL], hugepages=[SMALL]).plan.steps


def test_drift_is_repaired(host: FakeHost) -> None:
    present(host, [], hugepages=[SMALL])
    host.set_pages(M2, 3, 0)
    assert boot.main(host) == 0
    assert sum(pages(host)) == 64


def test_memory_that_is_short_now_is_asked_for_at_boot(host: FakeHost) -> None:
    """And stays there, though memory is free later."""
    host.add_memory(2, 4096, 600, M2, G1)
    checked = present(host, [KERNEL], hugepages=[{"size": "2M", "count": 512}], check=True)
    assert checked.plan.reboot_required
    present(host, [KERNEL], hugepages=[{"size": "2M", "count": 512}])
    assert host.grub_line().endswith("hugepagesz=2M hugepages=512")
    assert pages(host) == [0, 0] and host.numvfs(PF1) == 4
    host.reboot()
    host.put("proc/cmdline", f"quiet {host.grub_line()}\n")
    host.add_memory(2, 4096, 3072, M2, G1)
    host.set_pages(M2, 256, 256)
    present(host, [KERNEL], hugepages=[{"size": "2M", "count": 512}])
    last = present(host, [KERNEL], hugepages=[{"size": "2M", "count": 512}])
    assert not last.plan.steps and not last.plan.reboot_required
    absent(host)
    assert pages(host) == [256, 256], "the kernel's own, until the reboot that is asked for"


def test_the_floor_stays_free_in_words(host: FakeHost) -> None:
    """Where the user wants them now; also the memory of one NUMA node."""
    wanted = {"size": "2M", "count": 2600, "at": "runtime"}
    with pytest.raises(RefusedError) as caught:
        present(host, [], hugepages=[wanted])
    assert "6144 MiB available, 5200 MiB needed, 1024 MiB to be left" in str(caught.value)
    assert pages(host) == [0, 0] and not host.exists(NODE_PATH)
    with pytest.raises(RefusedError, match="3072 MiB available on NUMA node 1, 3200 MiB needed"):
        present(host, [], hugepages=[{"size": "2M", "nodes": {"1": 1600}, "at": "runtime"}])
    present(host, [], hugepages=[wanted], hugepages_floor=512)
    assert sum(pages(host)) == 2600


def test_gigantic_pages_come_with_the_boot_unless_asked(host: FakeHost) -> None:
    assert present(host, [], hugepages=[{"size": "1G", "count": 2}], check=True).plan.reboot_required
    done = present(host, [], hugepages=[{"size": "1G", "count": 2, "at": "runtime"}])
    assert not done.plan.reboot_required and pages(host, G1) == [1, 1]


def test_fewer_than_asked_are_told_and_kept(host: FakeHost) -> None:
    """Compacted memory gives them; if that does not help, a person hears what does."""
    host.fragments = 10
    present(host, [], hugepages=[SMALL])
    assert sum(pages(host)) == 64 and any("compact_memory" in line for line in host.log)
    host.show_memory()
    host.spare = {0: 8 * M2, 1: 0}  # others were quicker: meminfo is older
    with pytest.raises(HostError) as caught:
        present(host, [], hugepages=[{"size": "2M", "count": 128}])
    assert "expected 128; found the kernel gave 72, which stay" in str(caught.value)
    assert "at: boot" in str(caught.value)
    assert sum(pages(host)) == 72
    host.add_memory(2, 4096, 3072, M2, G1)
    host.set_pages(M2, 36, 36)
    present(host, [], hugepages=[{"size": "2M", "count": 128}])
    assert sum(pages(host)) == 128
    absent(host)
    assert sum(pages(host)) == 0, "what was before the first of these runs"


def test_what_a_kernel_can_not_do_is_told(host: FakeHost) -> None:
    host.refusals["nr_hugepages="] = 22
    with pytest.raises(HostError, match=r"Invalid argument.*at: boot"):
        present(host, [], hugepages=[SMALL])


def test_pages_in_use_are_not_taken_back(host: FakeHost) -> None:
    """Nothing is changed, and teardown works when they are free."""
    present(host, [KERNEL], hugepages=[SMALL])
    host.in_use[M2] = 40
    host.show_memory()
    for wanted in ([{"size": "2M", "count": 32}], []):
        with pytest.raises(RefusedError, match=r"huge pages of 2M: expected at most .* in use.*found 40 in use"):
            present(host, [KERNEL], hugepages=wanted)
    with pytest.raises(RefusedError, match="40 in use"):
        absent(host)
    assert sum(pages(host)) == 64 and host.numvfs(PF1) == 4
    assert present(host, [KERNEL], hugepages=[{"size": "2M", "count": 40}]).plan.steps
    host.in_use.clear()
    host.show_memory()
    absent(host)
    assert pages(host) == [0, 0]


def test_killed_at_each_write(host: FakeHost, tmp_path: Path) -> None:
    """The rerun reaches them, and the record knows the number before the first of all."""
    host.set_pages(M2, 4, 0)
    before = snapshot(host)

    def make(_number: int, there: bool = False) -> FakeHost:
        if there:
            ask(host)
        return host

    def ask(host: FakeHost) -> None:
        present(host, [], hugepages=[BY_NODE])

    for _killed in killed_at_every_write(make, ask, 5):
        ask(host)
        absent(host)
        assert snapshot(host) == before
    for _killed in killed_at_every_write(lambda number: make(number, there=True), absent, 5):
        absent(host)
        assert snapshot(host) == before


def test_a_host_without_numa(tmp_path: Path) -> None:
    """Its kernel shows no nodes."""
    host = make_host(tmp_path)
    base = "sys/kernel/mm/hugepages/hugepages-2048kB"
    host.put(f"{base}/nr_hugepages", "0\n")
    host.put("proc/meminfo", "MemTotal: 4194304 kB\nMemAvailable: 4000000 kB\n")
    present(host, [], hugepages=[SMALL])
    assert host.get(f"{base}/nr_hugepages") == "64\n"
    host.put(f"{base}/free_hugepages", "64\n")
    absent(host)
    assert host.get(f"{base}/nr_hugepages") == "0\n"


def test_the_boot_service_tells_what_it_can_not_have(host: FakeHost, capsys: pytest.CaptureFixture[str]) -> None:
    present(host, [], hugepages=[SMALL])
    host.reboot()
    host.add_memory(2, 4096, 500, M2, G1)
    assert boot.main(host) == 0
    assert "has 0 of 64 huge pages of 2M: 1000 MiB available, 128 MiB needed" in capsys.readouterr().out


@pytest.mark.parametrize("value", ["garbage", {"": "x"}, {"0": None}, 7])
def test_a_damaged_record_is_told(host: FakeHost, value: Any) -> None:
    """What is not as we write it is never guessed."""
    present(host, [], hugepages=[SMALL])
    record = json.loads(host.get(ORIGINAL))
    record["objects"]["hugepages huge pages of 2M"] = value
    host.put(ORIGINAL, json.dumps(record))
    with pytest.raises(StateFileError, match="huge pages of 2M: expected numbers of pages by NUMA node"):
        absent(host)
    assert pages(host) == [32, 32]
