# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which PF a selector takes where the host has changed what it goes by."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import RefusedError
from support.fake_host import FakeHost
from support.node_runs import KERNEL, PF1, PF2, present

OWN = {PF1: "52:54:00:00:00:01", PF2: "52:54:00:00:00:02"}


def bonded(host: FakeHost, form: str) -> None:
    """Both PFs are ports of a bond, and have the first one's address. form: how iproute2 tells the own one."""
    for address, mac in OWN.items():
        net = host.nets[host.pfs[address].name]
        host.put(f"sys/class/net/{net.name}/addr_assign_type", "3\n")
        net.mac = OWN[PF1]
        if form == "permaddr" and mac != net.mac:
            net.permanent = mac
    if form == "ethtool":
        show = host.show

        def with_ethtool(argv: tuple[str, ...]) -> Any:
            own = {host.pfs[address].name: mac for address, mac in OWN.items()}
            return f"Permanent address: {own[argv[2]].upper()}\n" if argv[:2] == ("ethtool", "-P") else show(argv)

        host.show = with_ethtool  # type: ignore[method-assign]
    if form == "perm_hwaddr":
        json_of = host._link_json

        def with_port(net: Any, pf: Any) -> dict[str, Any]:
            item = json_of(net, pf)
            if pf is not None:
                port = {"info_slave_kind": "bond", "info_slave_data": {"perm_hwaddr": OWN[pf.address].upper()}}
                item["linkinfo"] = {**item.get("linkinfo", {}), **port}
            return item

        host._link_json = with_port  # type: ignore[method-assign]


@pytest.mark.parametrize("form", [
    pytest.param("permaddr", id="finding-node-09-permaddr"),
    pytest.param("perm_hwaddr", id="finding-node-09-perm_hwaddr"),
    pytest.param("ethtool", id="finding-node-09-ethtool"),  # a team, with an iproute2 that knows no permaddr
])  # fmt: skip
@pytest.mark.parametrize("pf", [PF1, PF2])
def test_a_mac_address_is_the_nics_own(host: FakeHost, form: str, pf: str) -> None:
    """Before a bond, and under it: the same plan, which is empty on day 1."""
    policy = {**KERNEL, "nic_selector": {"mac_addresses": [OWN[pf]]}}
    present(host, [policy])
    assert host.numvfs(pf) == 4
    bonded(host, form)
    assert not present(host, [policy]).plan.steps


@pytest.mark.parametrize("selector", [
    pytest.param({"pf_names": ["enp1s0"]}, id="finding-node-20-pf_names"),
    pytest.param({"mac_addresses": [OWN[PF1]]}, id="finding-node-20-mac_addresses"),
])  # fmt: skip
def test_a_pf_without_a_driver_is_told(host: FakeHost, selector: dict[str, Any]) -> None:
    """It has neither a name nor an address, which is no wrong name."""
    host._unbind(PF1)
    with pytest.raises(RefusedError, match=rf"{PF1} has no driver.*Load that NIC's driver"):
        present(host, [{**KERNEL, "nic_selector": selector}])
