# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A new field of policies: asked for, made on the host, and restored."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import InvalidSpecError
from ansible_collections.baremetal.sriov.plugins.module_utils.policy.node_spec import node_spec
from support.node_runs import KERNEL, PF1, absent, make_host, present, snapshot

TRUSTED = {**KERNEL, "trusted": True, "vfs": [{"indices": 3, "trust": False}]}


def test_trusted(tmp_path: Path) -> None:
    host = make_host(tmp_path)
    host.nets["enp1s0"].up = True
    host.write_attribute(f"/sys/bus/pci/devices/{PF1}/sriov_numvfs", "4")  # by the administrator
    before = snapshot(host)
    present(host, [TRUSTED])
    assert [vf["trust"] for vf in host.pfs[PF1].settings.values()] == [True, True, True, False]
    assert not present(host, [TRUSTED]).plan.steps
    absent(host)
    assert snapshot(host) == before


def test_a_wrong_value() -> None:
    with pytest.raises(InvalidSpecError, match="trusted: expected true or false, found 7"):
        node_spec([{**KERNEL, "trusted": 7}])
