# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""udev renames a VF's interface between two looks at it: no run may fail for that, or see steps that are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.host.host import Completed
from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import HostError
from support.fake_host import HostWithUdev
from support.node_runs import KERNEL, PF1, make_host, present

MAC = "02:00:00:00:bb:03"
POLICY = {**KERNEL, "mtu": 2000, "vfs": [{"indices": [3], "mac": MAC}]}


@pytest.fixture
def host(tmp_path: Path) -> HostWithUdev:
    host = make_host(tmp_path, kind=HostWithUdev)
    assert isinstance(host, HostWithUdev)
    return host


def test_new_vfs_with_an_mtu_and_a_mac(host: HostWithUdev) -> None:
    present(host, [POLICY])
    assert host.renames >= 4 and not host.new
    assert (host.nets["enp1s0v3"].mac, host.nets["enp1s0v3"].mtu) == (MAC, 2000)


def test_a_vf_that_is_bound_again_for_its_mac(host: HostWithUdev) -> None:
    present(host, [KERNEL])
    before = host.renames
    present(host, [POLICY])
    assert host.renames > before, "its driver was bound again"
    assert (host.nets["enp1s0v3"].mac, host.nets["enp1s0v3"].mtu) == (MAC, 2000)


def test_a_check_during_a_rename_sees_no_steps(host: HostWithUdev) -> None:
    present(host, [POLICY])
    vf = host.vf_address(PF1, 3)
    host._unbind(vf)
    host._bind(vf, "igbvf")
    assert list(host.new) == ["eth0"], "udev has not been there"
    host.nets["eth0"].mtu = 2000
    assert not present(host, [POLICY], check=True).plan.steps


def test_an_interface_that_does_not_stay(host: HostWithUdev, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends, and names the VF."""
    present(host, [KERNEL])
    run = HostWithUdev.run

    def taken(self: HostWithUdev, argv: list[str], **options: object) -> Completed:
        done = run(self, argv, **options)
        if argv[:2] == ["ip", "link"] and "mtu" in argv and argv[4] == "enp1s0v2":
            self.move_away(self.vf_address(PF1, 2))
        return done

    monkeypatch.setattr(HostWithUdev, "run", taken)
    with pytest.raises(HostError, match=f"{host.vf_address(PF1, 2)}: expected a network interface; found none"):
        present(host, [POLICY])
