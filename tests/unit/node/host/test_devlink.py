# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A PF's eswitch mode through devlink: read, set, and what is said where the NIC does not take it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.host import devlink
from ansible_collections.baremetal.sriov.plugins.module_utils.host.host import Completed
from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import CommandError
from ansible_collections.baremetal.sriov.plugins.module_utils.model.state import NodeState, Pf
from support.fake_host import FakeHost
from support.node_runs import PF1, PF2, make_host, somebody_makes


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    """Two PFs whose driver has an eswitch and changes its mode without VFs."""
    return make_host(tmp_path, "ice")


def test_the_mode_is_set_and_read_back(host: FakeHost) -> None:
    assert devlink.read_mode(host, PF1) == "legacy"
    devlink.set_mode(host, PF1, "switchdev")
    assert (devlink.read_mode(host, PF1), devlink.read_mode(host, PF2)) == ("switchdev", "legacy")


def test_a_driver_without_an_eswitch_has_no_mode(tmp_path: Path) -> None:
    assert devlink.read_mode(make_host(tmp_path), PF1) is None


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "3", '{"dev": []}', '{"dev": {}}', '{"dev": {"pci/0000:01:00.0": {"mode": 1}}}']
)
def test_an_answer_that_is_none(host: FakeHost, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Of another version, or cut off."""
    monkeypatch.setattr(host, "_devlink_show", lambda argv: Completed(argv, 0, text, ""))
    assert devlink.read_mode(host, PF1) is None


def test_a_mode_that_is_refused(host: FakeHost) -> None:
    """ice takes none while there are VFs; the message has devlink's own words."""
    somebody_makes(host, 1)
    host.complaint = "Error: ice: Changing eswitch mode is allowed only if there is no VFs created."
    with pytest.raises(CommandError, match=r"expected eswitch mode switchdev; found legacy; it said: Error: ice: Chan"):
        devlink.set_mode(host, PF1, "switchdev")


def test_the_state_has_the_modes_of_those_that_are_asked_for(host: FakeHost) -> None:
    state = NodeState((Pf(PF1, name="enp1s0"), Pf(PF2, name="enp2s0"), Pf("0000:03:00.0")))
    assert devlink.with_modes(host, state, ()) is state
    found = devlink.with_modes(host, state, {PF2})
    assert [(pf.eswitch_mode, pf.tc_offload) for pf in found.pfs] == [(None, None), ("legacy", False), (None, None)]
