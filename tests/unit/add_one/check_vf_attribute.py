# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A new VF attribute: asked for by a policy, made on the host, read back, and restored."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import InvalidSpecError
from ansible_collections.baremetal.sriov.plugins.module_utils.policy.node_spec import node_spec
from support.node_runs import KERNEL, PF1, absent, actions, make_host, present, snapshot


def policy(link_state: str) -> dict[str, object]:
    return {**KERNEL, "vfs": [{"indices": 0, "link_state": link_state}]}


def test_link_state(tmp_path: Path) -> None:
    host = make_host(tmp_path)
    host.nets["enp1s0"].up = True
    host.write_attribute(f"/sys/bus/pci/devices/{PF1}/sriov_numvfs", "4")  # by the administrator
    before = snapshot(host)
    outcome = present(host, [policy("disable")])
    assert f"{PF1} vf 0: set link_state disable" in actions(outcome)
    assert [vf["link_state"] for vf in host.pfs[PF1].settings.values()] == ["disable", "auto", "auto", "auto"]
    assert [vf["link_state"] for vf in outcome.facts()["pfs"][0]["vfs"]] == ["disable", "auto", "auto", "auto"]
    assert not present(host, [policy("disable")]).plan.steps
    absent(host)
    assert snapshot(host) == before


def test_a_wrong_value() -> None:
    with pytest.raises(InvalidSpecError, match="link_state: expected one of auto, enable, disable; found 'up'"):
        node_spec([policy("up")])
