# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What our programs remember on the node: the original of everything, and the journal of a run."""

from __future__ import annotations

import json

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import StateFileError
from ansible_collections.baremetal.sriov.plugins.module_utils.record import record
from support.fake_host import FakeHost
from support.node_runs import DPDK, KERNEL, PF1, present, somebody_makes


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 9}', '{"format": 1, "pfs": 3, "files": {}, "objects": {}}'])
def test_a_damaged_record_stops_everything(host: FakeHost, text: str) -> None:
    """Without the originals nothing could be given back."""
    host.put(record.ORIGINAL, text)
    with pytest.raises(StateFileError, match=r"original.json"):
        present(host, [KERNEL])
    assert not host.log


def test_what_is_loaded_is_what_was_saved(host: FakeHost) -> None:
    """To the byte; nobody but root reads it."""
    somebody_makes(host, 2)
    present(host, [KERNEL, DPDK])
    before = host.tree()[record.ORIGINAL]
    record.save(host, record.load(host))
    assert host.tree()[record.ORIGINAL] == before and before[0] == 0o600


def test_a_vf_that_was_there_is_recorded_with_the_driver_that_was_chosen_for_it(host: FakeHost) -> None:
    """By somebody; what the kernel chose, it chooses again."""
    host.run(["modprobe", "vfio-pci"])
    somebody_makes(host, 3)
    first, second, _third = (host.vf_address(PF1, index) for index in range(3))
    host._unbind(first)
    host._unbind(second)
    host.put(f"sys/bus/pci/devices/{second}/driver_override", "vfio-pci\n")
    host._bind(second, "vfio-pci")
    present(host, [KERNEL])
    recorded = json.loads(host.get(record.ORIGINAL))["pfs"][PF1]
    assert recorded["num_vfs"] == 3
    assert [vf["driver"] for vf in recorded["vfs"]] == ["none", "vfio-pci", "default"]


def test_the_journal_names_what_is_not_finished(host: FakeHost) -> None:
    record.write_journal(host, ["num_vfs 0000:01:00.0", "reload x.service"])
    assert record.load(host).interrupted == ("num_vfs 0000:01:00.0", "reload x.service")
    record.write_journal(host, [])
    assert record.load(host).interrupted == () and not host.exists(record.JOURNAL)


@pytest.mark.parametrize(
    ("path", "text", "told"),
    [
        (record.JOURNAL, "{", "apply.json: expected our JSON of format 1, found damage"),
        (record.JOURNAL, '{"format": 1}', "found damage"),
        (record.ORIGINAL, '{"format": 2}', "expected format 1, found 2. It was written by another version"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(host: FakeHost, path: str, text: str, told: str) -> None:
    host.put(path, text)
    with pytest.raises(StateFileError, match=told):
        record.load(host)


def test_at_the_end_nothing_is_left(host: FakeHost) -> None:
    present(host, [KERNEL])
    record.write_journal(host, ["x"])
    record.remove(host)
    assert not host.exists(record.FOLDER)
    assert not record.load(host).exists
