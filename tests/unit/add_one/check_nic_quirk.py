# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A PF with a way of its own: switchdev mode on a driver that takes it without VFs alone."""

from __future__ import annotations

from pathlib import Path

from support.fake_host import FakeHost
from support.node_runs import KERNEL, PF1, absent, drivers, make_host, present, snapshot


class AcmeHost(FakeHost):
    """Its PFs' driver refuses another eswitch mode while there are VFs."""

    mode_before_vfs = frozenset({"acme"})


def test_switchdev(tmp_path: Path) -> None:
    host = make_host(tmp_path, driver="acme", kind=AcmeHost)
    before = snapshot(host)
    policy = {**KERNEL, "eswitch_mode": "switchdev"}
    present(host, [policy])
    assert (host.pfs[PF1].eswitch, drivers(host, PF1)) == ("switchdev", ["igbvf"] * 4)
    assert not present(host, [policy]).plan.steps
    absent(host)
    assert snapshot(host) == before
