# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PFs that the host lives on: ports of a bond, or the one under the default route."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import RefusedError
from ansible_collections.baremetal.sriov.plugins.module_utils.node import boot
from support.fake_host import FakeHost
from support.fake_pci import Net
from support.node_runs import DPDK, KERNEL, PF1, PLUGIN, absent, make_host, present

WORD: dict[str, Any] = {**KERNEL, "allow_in_use": True}


def bonded(host: FakeHost, mode: str = "802.3ad", mtu: int = 1500) -> None:
    """Both PFs are ports of bond0, which has the host's address."""
    host.add_net(Net("bond0", "52:54:00:00:00:01", mtu, True, kind="bond", details={"mode": mode},
                     addresses=["192.0.2.2"]))  # fmt: skip
    for name in ("enp1s0", "enp2s0"):
        host.nets[name].master, host.nets[name].up = "bond0", True


def management(host: FakeHost) -> None:
    """The default route and an SSH connection are on PF 1."""
    host.nets["enp1s0"].addresses, host.nets["enp1s0"].up = ["192.0.2.2"], True
    host.routes = [{"dst": "default", "gateway": "192.0.2.1", "dev": "enp1s0"}]


def loose(host: FakeHost) -> None:
    """A boot before the network: nothing is configured yet."""
    host.nets.pop("bond0", None)
    for net in host.nets.values():
        net.master, net.addresses = "", []
    host.routes = []


USES = [pytest.param(bonded, id="finding-node-08-bond"), pytest.param(management, id="finding-node-08-management")]
CHANGES = [
    pytest.param({"num_vfs": 7}, "ice", id="finding-node-08-count"),
    pytest.param({"eswitch_mode": "switchdev"}, "ice", id="finding-node-08-mode"),
    pytest.param({"eswitch_mode": "switchdev", "num_vfs": 2}, "mlx5_core", id="finding-node-08-mode-and-count"),
]


@pytest.mark.parametrize("uses", USES)
@pytest.mark.parametrize(("change", "driver"), CHANGES)
def test_a_reset_of_a_pf_in_use_is_done_by_a_reboot(tmp_path: Path, uses: Any, change: Any, driver: str) -> None:
    """By both words; until then nothing changes, and what is offered stays. The early unit does it."""
    host = make_host(tmp_path, driver)
    host.put("proc/sys/kernel/random/boot_id", "the-first\n")
    host.active.add(PLUGIN)
    present(host, [WORD])
    uses(host)
    writes = len(host.log)
    wanted = [{**WORD, **change}]
    outcome = present(host, wanted, reboot_ok=True)
    assert outcome.plan.reboot_required and not outcome.plan.drain_required
    assert host.numvfs(PF1) == 4 and host.pfs[PF1].eswitch == "legacy"
    assert not [line for line in host.log[writes:] if PF1 in line or line.startswith(("devlink", "ip link set"))]
    assert boot.main(host) == 0 and host.numvfs(PF1) == 4, "drift waits, too"
    again = present(host, wanted, reboot_ok=True)
    assert again.plan.reboot_required and not again.plan.pending
    host.reboot()
    loose(host)
    assert boot.main(host, [boot.EARLY]) == 0
    uses(host)
    assert boot.main(host) == 0
    assert host.numvfs(PF1) == change.get("num_vfs", 4)
    assert host.pfs[PF1].eswitch == change.get("eswitch_mode", "legacy")
    last = present(host, wanted, reboot_ok=True)
    assert not last.plan.reboot_required and not last.plan.pending
    if "eswitch_mode" in change:  # a teardown resets it no more than a change does
        with pytest.raises(RefusedError, match=r"let a reboot do it \(sriov_reboot_ok: true\)"):
            absent(host)
    gone = absent(host, reboot_ok=True)
    if "eswitch_mode" in change:
        assert gone.plan.reboot_required and not gone.plan.drain_required
        assert host.numvfs(PF1) == change.get("num_vfs", 4) and host.pfs[PF1].eswitch == "switchdev"
        host.reboot()
        assert boot.main(host, [boot.EARLY]) == 0 and boot.main(host) == 0
    assert host.numvfs(PF1) == 0 and host.pfs[PF1].eswitch == "legacy"
    assert not absent(host).plan.steps


@pytest.mark.parametrize("uses", USES)
@pytest.mark.parametrize("word", [pytest.param(True, id="finding-node-08-policy-goes")])
def test_a_policy_of_a_pf_in_use_that_goes(tmp_path: Path, uses: Any, word: bool) -> None:
    """The same where no policy names it any more: by the word for a reboot, asked for until it has come."""
    host = make_host(tmp_path, "ice")
    host.put("proc/sys/kernel/random/boot_id", "the-first\n")
    switched = {**WORD, "eswitch_mode": "switchdev"}
    present(host, [switched, DPDK], reboot_ok=True)
    uses(host)
    with pytest.raises(RefusedError, match=r"let a reboot do it \(sriov_reboot_ok: true\)"):
        present(host, [DPDK])
    for _run in range(2):
        assert present(host, [DPDK], reboot_ok=word).plan.reboot_required
        assert host.pfs[PF1].eswitch == "switchdev" and host.numvfs(PF1) == 4
    host.reboot()
    uses(host)
    assert boot.main(host) == 0
    present(host, [DPDK], reboot_ok=word)
    assert not present(host, [DPDK], reboot_ok=word).plan.steps
    assert host.pfs[PF1].eswitch == "legacy" and host.numvfs(PF1) == 0


@pytest.mark.parametrize("uses", USES)
@pytest.mark.parametrize("words", [{}, {"allow_in_use": True}])
def test_without_both_words_it_is_refused(tmp_path: Path, uses: Any, words: dict[str, bool]) -> None:
    host = make_host(tmp_path, "ice")
    present(host, [WORD])
    uses(host)
    with pytest.raises(RefusedError, match="made anew"):
        present(host, [{**KERNEL, **words, "num_vfs": 7}], reboot_ok=not words)
    assert host.numvfs(PF1) == 4


@pytest.mark.parametrize(("mode", "told"), [
    pytest.param("802.3ad", True, id="finding-node-10-lacp"),
    pytest.param("balance-xor", True, id="finding-node-10-xor"),
    pytest.param("active-backup", False, id="finding-node-10-active-backup"),
])  # fmt: skip
def test_vfs_do_not_follow_a_bond(host: FakeHost, mode: str, told: bool) -> None:
    """Said once for the PF."""
    bonded(host, mode)
    warnings = present(host, [WORD], check=True).plan.warnings
    assert sum("do not follow" in warning for warning in warnings) == told


@pytest.mark.parametrize(("mtu", "told"), [
    pytest.param(1500, True, id="finding-node-10-mtu-lower"), pytest.param(9000, False, id="finding-node-10-mtu-same"),
    pytest.param(9200, False, id="finding-node-10-mtu-higher"),
])  # fmt: skip
def test_a_bond_gives_its_ports_its_mtu(host: FakeHost, mtu: int, told: bool) -> None:
    bonded(host, mtu=mtu)
    warnings = present(host, [{**WORD, "mtu": 9000}], check=True).plan.warnings
    assert any(f"the bond bond0 has {mtu}" in warning for warning in warnings) == told


@pytest.mark.parametrize("mtu", [pytest.param(1500, id="finding-node-10-team")])
def test_so_does_a_team(host: FakeHost, mtu: int) -> None:
    """Linux drivers/net/team/team_core.c, team_port_add."""
    host.add_net(Net("team0", "52:54:00:00:00:01", mtu, True, kind="team", addresses=["192.0.2.2"]))
    host.nets["enp1s0"].master, host.nets["enp1s0"].up = "team0", True
    warnings = present(host, [{**WORD, "mtu": 9000}], check=True).plan.warnings
    assert any("the team team0 has 1500" in warning for warning in warnings)
