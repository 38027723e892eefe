# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of PFs within the whole plan: their order, and the words that people read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.expected_plans import ROWS, Row
from support.fake_host import FakeHost
from support.node_runs import PF1, PLUGIN, absent, make_host, present, somebody_makes


def device_plugin_runs(host: FakeHost) -> None:
    host.active.add(PLUGIN)


def iommu_is_off(host: FakeHost) -> None:
    host.add_grub('GRUB_CMDLINE_LINUX_DEFAULT="quiet"\n')
    host.put("proc/cmdline", "root=/dev/vda1 ro quiet\n")
    host.real("sys/kernel/iommu_groups/0").rmdir()


def a_pod_has_vf_0(host: FakeHost) -> None:
    host.move_away(host.vf_address(PF1, 0))


def vlan_7_on_vf_0(host: FakeHost) -> None:
    host.pfs[PF1].settings[0]["vlan"] = 7


def somebody_made_2_vfs(host: FakeHost) -> None:
    somebody_makes(host, 2)


def _line(step: dict[str, Any]) -> str:
    needs = f" [{', '.join(step['needs'])}]" if step["needs"] else ""
    return f"{step['stage']}{needs} {step['target']}: {step['action']} ({step['reason']})"


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_the_plan_as_text(tmp_path: Path, row: Row) -> None:
    host = make_host(tmp_path, row.driver)
    if row.before is not None:
        present(host, row.before)
    for name in row.then.split():
        globals()[name](host)
    asked = absent(host, check=True) if row.policies is None else present(host, row.policies, check=True)
    assert [_line(step) for step in asked.plan.as_dict()["steps"]] == list(row.plan)
