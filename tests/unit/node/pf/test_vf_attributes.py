# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of a VF's attributes: what it reads of `ip`, and the commands that it makes."""

from __future__ import annotations

import errno
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import (
    HostError,
    InvalidSpecError,
    RefusedError,
)
from ansible_collections.baremetal.sriov.plugins.module_utils.model.goal import VfAttributes
from ansible_collections.baremetal.sriov.plugins.module_utils.node import boot
from ansible_collections.baremetal.sriov.plugins.module_utils.pf import vf_attributes
from support.fake_host import FakeHost
from support.fake_pci import DEVICES
from support.node_runs import KERNEL, PF1, absent, actions, drivers, make_host, present, snapshot

# source: iproute2 6.1.0, `ip -j -d link show` of an igb with one VF.
TOLD = {
    "vf": 0, "link_type": "ether", "address": "52:54:00:AA:00:01", "broadcast": "ff:ff:ff:ff:ff:ff",
    "vlan_list": [{"vlan": 100, "qos": 3}], "rate": {"max_tx": 200, "min_tx": 0}, "spoofchk": True,
    "link_state": "auto", "trust": False, "query_rss_en": False,
}  # fmt: skip


def test_each_row_has_its_field() -> None:
    assert [row.name for row in vf_attributes.ATTRIBUTES] == [field.name for field in fields(VfAttributes)]


@pytest.mark.parametrize(
    ("told", "found"),
    [
        (TOLD, VfAttributes("52:54:00:aa:00:01", 100, 3, True, False, 0, 200, "802.1q", "auto")),
        # iproute2 before 5.0 has no list of VLANs; a driver without a VLAN, a rate or trust tells none.
        ({"vf": 1, "vlan": 7, "qos": 1}, VfAttributes(vlan=7, qos=1, vlan_proto="802.1q")),
        # source: iproute2 6.1.0, ip/ipaddress.c, print_vfinfo: the usual protocol is not named.
        ({"vf": 1, "vlan_list": [{"vlan": 7, "protocol": "802.1ad"}], "link_state": "disable"},
         VfAttributes(vlan=7, qos=0, vlan_proto="802.1ad", link_state="disable")),
        ({"vf": 1, "spoofchk": "on", "rate": [], "vlan_list": [{}]}, VfAttributes(vlan=0, qos=0)),
        ({}, VfAttributes()),
    ],
    ids=["all", "old", "protocol", "odd", "none"],
)
def test_what_ip_tells(told: dict[str, Any], found: VfAttributes) -> None:
    assert vf_attributes.read(told) == found


def test_one_command_for_each_setting_of_the_kernel() -> None:
    """source: ip-link(8), `ip link set vf`."""
    wanted = {
        "mac": "02:00:00:00:00:01", "vlan": 5, "qos": 2, "spoofchk": False, "trust": True, "min_tx_rate": 1,
        "max_tx_rate": 9, "vlan_proto": "802.1ad", "link_state": "enable", "msix_count": 5,
    }  # fmt: skip
    assert [" ".join(words) for words in vf_attributes.commands(wanted)] == [
        "mac 02:00:00:00:00:01", "vlan 5 qos 2 proto 802.1ad", "spoofchk off", "trust on",
        "max_tx_rate 9 min_tx_rate 1", "state enable",
    ]  # fmt: skip
    assert vf_attributes.commands({"min_tx_rate": 3}) == [["min_tx_rate", "3"]]
    assert vf_attributes.commands({}) == []


def with_vfs(**attributes: Any) -> list[dict[str, Any]]:
    """A policy of four VFs, of which the first has these settings."""
    return [{**KERNEL, "vfs": [{"indices": 0, **attributes}]}]


def told(host: FakeHost, name: str) -> list[Any]:
    return [settings[name] for settings in host.pfs[PF1].settings.values()]


def test_a_link_state_is_set_and_given_back(host: FakeHost) -> None:
    """A wrong one is a mistake; one that was there before is put back by a teardown."""
    present(host, with_vfs(link_state="disable"))
    assert told(host, "link_state") == ["disable", "auto", "auto", "auto"]
    assert not present(host, with_vfs(link_state="disable")).plan.steps
    assert f"{PF1} vf 0: set link_state auto" in actions(present(host, with_vfs(link_state="auto")))
    with pytest.raises(InvalidSpecError, match="link_state: expected one of auto, enable, disable; found 'up'"):
        present(host, with_vfs(link_state="up"))


def test_a_vlan_and_its_protocol_are_one_setting(host: FakeHost) -> None:
    """What is not asked for anew stays: the kernel would set it back."""
    present(host, with_vfs(vlan=100, vlan_proto="802.1ad"))
    assert told(host, "vlan_proto")[0] == "802.1ad"
    assert not present(host, with_vfs(vlan=100, vlan_proto="802.1ad")).plan.steps
    present(host, with_vfs(vlan=200))
    assert (told(host, "vlan")[0], told(host, "vlan_proto")[0]) == (200, "802.1ad")
    present(host, with_vfs(vlan=200, vlan_proto="802.1q"))
    assert told(host, "vlan_proto")[0] == "802.1q"
    with pytest.raises(InvalidSpecError, match="vlan_proto: needs a vlan other than 0"):
        present(host, with_vfs(vlan_proto="802.1ad"))


class Sharing(FakeHost):
    """Its driver shares interrupt vectors out: 16, to VFs without a driver (drivers/pci/iov.c, sriov_vf_msix_count)."""

    vectors: dict[str, int]

    def _create_vf(self, pf: Any, index: int) -> None:
        vf = self.vf_address(pf.address, index)
        self.vectors = {**getattr(self, "vectors", {}), vf: 2}
        self.put(f"{DEVICES}/{vf}/sriov_vf_msix_count", "")
        super()._create_vf(pf, index)

    def react(self, path: str, value: str) -> int:
        if not path.endswith("/sriov_vf_msix_count"):
            return super().react(path, value)
        vf = path.split("/")[-2]
        if self.driver(vf):
            return errno.EBUSY
        self.vectors[vf] = int(value) or 2
        return 0


@pytest.fixture
def sharing(tmp_path: Path) -> Sharing:
    host = make_host(tmp_path, driver="mlx5_core", kind=Sharing)
    host.put(f"{DEVICES}/{PF1}/sriov_vf_total_msix", "16\n")
    assert isinstance(host, Sharing)
    return host


def test_interrupt_vectors_are_set_while_no_driver_is_bound(sharing: Sharing) -> None:
    """New VFs are set up before they are probed; later the driver is bound again; a rerun is empty."""
    before = snapshot(sharing)
    vf = sharing.vf_address(PF1, 0)
    present(sharing, with_vfs(msix_count=8))
    assert sharing.vectors[vf] == 8 and drivers(sharing, PF1) == ["igbvf"] * 4
    assert not [line for line in sharing.log if f"{vf}/driver/unbind" in line]
    outcome = present(sharing, with_vfs(msix_count=8))
    assert not outcome.plan.steps and any("does not report msix_count" in text for text in outcome.warnings)
    present(sharing, with_vfs(msix_count=4))
    assert sharing.vectors[vf] == 4 and drivers(sharing, PF1) == ["igbvf"] * 4
    sharing.reboot()
    assert boot.main(sharing, [boot.EARLY]) == 0 and sharing.vectors[vf] == 4
    assert boot.main(sharing) == 0 and drivers(sharing, PF1) == ["igbvf"] * 4
    absent(sharing)
    assert snapshot(sharing) == before


@pytest.mark.parametrize(("count", "total", "words"), [
    (8, None, "shows no sriov_vf_total_msix"), (17, "16\n", "at most 16 interrupt vectors for all VFs"),
])  # fmt: skip
def test_vectors_that_there_are_not(sharing: Sharing, count: int, total: str | None, words: str) -> None:
    path = sharing.real(f"{DEVICES}/{PF1}/sriov_vf_total_msix")
    path.unlink()
    if total is not None:
        path.write_text(total)
    with pytest.raises(RefusedError, match=words):
        present(sharing, with_vfs(msix_count=count))


def test_a_write_that_is_refused_leaves_the_driver(sharing: Sharing) -> None:
    """It is bound again."""
    present(sharing, [KERNEL])
    sharing.refusals = {"sriov_vf_msix_count": errno.EOPNOTSUPP}
    with pytest.raises(HostError, match="vf 0: set msix_count 8"):
        present(sharing, with_vfs(msix_count=8))
    assert drivers(sharing, PF1) == ["igbvf"] * 4
