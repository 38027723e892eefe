# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NetworkManager and systemd-networkd told to leave VFs alone: on request, before the first VF, and taken back."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import RefusedError
from ansible_collections.baremetal.sriov.plugins.module_utils.policy.rendered_files import UDEV_PATH
from support.fake_base import killed_at_every_write
from support.fake_host import FakeHost
from support.node_runs import DPDK, KERNEL, PF1, PF2, absent, make_host, present, snapshot


def place(host: FakeHost, text: str) -> int:
    """Where a change stands in the log."""
    return next(number for number, line in enumerate(host.log) if text in line)


def test_the_rule_is_there_before_the_first_vf(tmp_path: Path) -> None:
    """And udevd knows it."""
    host = make_host(tmp_path)
    before = snapshot(host)
    present(host, [KERNEL, DPDK], vfs_unmanaged=True)
    rules = host.get(UDEV_PATH)
    for pf in (PF1, PF2):
        assert f'RESULT=="*/{pf}", ENV{{NM_UNMANAGED}}="1"' in rules
    assert place(host, f"write {UDEV_PATH}") < place(host, "udevadm trigger") < place(host, "sriov_numvfs=")
    assert not present(host, [KERNEL, DPDK], vfs_unmanaged=True).plan.steps
    absent(host)
    assert snapshot(host) == before and not host.exists(UDEV_PATH)


def test_given_back_by_the_users_word(tmp_path: Path) -> None:
    """A PF that no policy names any more leaves the rule."""
    host = make_host(tmp_path)
    present(host, [KERNEL, DPDK], vfs_unmanaged=False)
    assert not host.exists(UDEV_PATH)
    present(host, [KERNEL, DPDK], vfs_unmanaged=True)
    present(host, [KERNEL], vfs_unmanaged=True)
    assert PF2 not in host.get(UDEV_PATH)
    present(host, [KERNEL], vfs_unmanaged=False)
    assert not host.exists(UDEV_PATH)


def test_a_file_of_somebody_else_is_not_replaced(tmp_path: Path) -> None:
    """Unless it is adopted; then teardown puts it back."""
    host = make_host(tmp_path)
    host.put(UDEV_PATH, "mine")
    with pytest.raises(RefusedError, match="somebody else wrote"):
        present(host, [KERNEL], vfs_unmanaged=True)
    present(host, [KERNEL], vfs_unmanaged=True, adopt=True)
    absent(host)
    assert host.get(UDEV_PATH) == "mine"


def test_killed_at_any_write(tmp_path: Path) -> None:
    """The next run ends where it should."""

    def act(host: FakeHost) -> None:
        present(host, [KERNEL], vfs_unmanaged=True)

    for host in killed_at_every_write(lambda number: make_host(tmp_path / str(number)), act, 5):
        act(host)
        assert PF1 in host.get(UDEV_PATH) and host.numvfs(PF1) == 4
