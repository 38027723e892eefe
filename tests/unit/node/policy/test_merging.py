# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several policies on one PF merge as the operator means it, without the traps that its users fell into."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import RefusedError
from support.fake_host import FakeHost
from support.node_runs import KERNEL, PF1, PF2, drivers, make_host, present


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    """enp1s0 has another name as well."""
    host = make_host(tmp_path)
    host.nets["enp1s0"].altnames = ["eno1np0"]
    return host


def policy(name: str, *pf_names: str, **fields: Any) -> dict[str, Any]:
    """A policy on these PFs."""
    return {**KERNEL, "name": name, "resource_name": name, "nic_selector": {"pf_names": list(pf_names)}, **fields}


def pools(host: FakeHost) -> dict[str, list[str]]:
    """Resource -> the rootDevices of all its selectors."""
    config = json.loads(host.get("etc/pcidp/config.json"))
    return {
        resource["resourceName"]: [device for s in resource["selectors"] for device in s["rootDevices"]]
        for resource in config["resourceList"]
    }


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        pytest.param({"link_health": False}, {"linkHealth": False}, id="finding-dp-03-policy-says-no"),
        pytest.param({"link_health": True}, {}, id="finding-dp-03-policy-says-yes"),
        pytest.param({}, {}, id="finding-dp-03-policy-says-nothing"),
    ],
)
def test_a_policy_says_whether_links_count(host: FakeHost, fields: dict[str, Any], told: dict[str, Any]) -> None:
    present(host, [policy("a", "enp1s0", **fields)])
    (resource,) = json.loads(host.get("etc/pcidp/config.json"))["resourceList"]
    assert {key: value for key, value in resource.items() if key == "linkHealth"} == told


def test_a_range_on_an_alternative_name_is_kept(host: FakeHost) -> None:
    """And PFs are remembered by PCI address, whatever name was used."""
    present(host, [policy("a", "eno1np0#1-2")])
    assert pools(host) == {"a": [f"{PF1}#1-2"]}
    assert f'"address": "{PF1}"' in host.get("etc/baremetal-sriov/node.json")
    host.nets["enp1s0"].altnames = []
    with pytest.raises(RefusedError, match="a PF eno1np0"):
        present(host, [policy("a", "eno1np0#1-2")])


def test_two_ranges_of_one_resource_on_one_pf_are_both_kept(host: FakeHost) -> None:
    """In one policy and in two."""
    two = [policy("a", "enp1s0#0"), policy("b", "enp1s0#2-3", resource_name="a")]
    for wanted in ([policy("a", "enp1s0#0", "eno1np0#2-3")], two):
        outcome = present(host, wanted)
        assert dict(outcome.look.goal.resources) == {"baremetal.sriov/a": 3}
    assert pools(host) == {"a": [f"{PF1}#0", f"{PF1}#2-3"]}


def test_count_and_mtu_are_the_highest_that_is_kept(host: FakeHost) -> None:
    """A policy with fewer VFs does not take VFs from another."""
    low = policy("low", "enp1s0#0-1", num_vfs=2, mtu=2000)
    high = policy("high", "enp1s0#4-5", num_vfs=6, mtu=9000, priority=5, device_type="vfio-pci")
    present(host, [high, low])
    assert drivers(host, PF1) == ["igbvf"] * 4 + ["vfio-pci"] * 2
    assert host.nets["enp1s0"].mtu == 9000 and host.nets["enp1s0v0"].mtu == 2000


def test_the_lower_number_wins_where_ranges_overlap(host: FakeHost) -> None:
    """And it is said who lost, and for which VFs."""
    one = policy("one", "enp1s0#0-2", priority=50)
    two = policy("two", "enp1s0#2-3", priority=10)
    outcome = present(host, [two, one])
    assert pools(host) == {"two": [f"{PF1}#2-3"]}
    (warning,) = outcome.plan.warnings
    assert "two (priority 10) replaces one (priority 50)" in warning and "VFs 2" in warning


def test_every_pair_of_policies_is_compared(host: FakeHost) -> None:
    """All overlaps are told at once, also behind a pair that has none."""
    wanted = [policy("a", "enp1s0#0"), policy("b", "enp1s0#1-2"), policy("c", "enp1s0#2-3"), policy("d", "enp1s0#0,3")]
    with pytest.raises(RefusedError) as caught:
        present(host, wanted)
    found = [problem.target for problem in caught.value.problems]
    assert found == ["policies b and c", "policies a and d", "policies c and d"]


def test_one_pool_of_several_pfs_and_drivers(host: FakeHost) -> None:
    """A resource may mix them."""
    wanted = [policy("a", "enp1s0"), policy("b", "enp2s0", resource_name="a", device_type="vfio-pci", num_vfs=2)]
    outcome = present(host, wanted)
    assert pools(host) == {"a": [PF1, PF2]}
    assert dict(outcome.look.goal.resources) == {"baremetal.sriov/a": 6}


def test_a_nic_that_was_swapped_is_said_and_never_guessed(host: FakeHost) -> None:
    """Its MAC address is another one: the one that is there is named, and left alone."""
    wanted = {**policy("a"), "nic_selector": {"mac_addresses": ["52:54:00:00:00:01"]}}
    present(host, [wanted])
    host.nets["enp1s0"].mac = "52:54:00:00:00:99"
    with pytest.raises(RefusedError, match="a PF 52:54:00:00:00:01") as caught:
        present(host, [wanted])
    assert "0000:01:00.0 (enp1s0)" in str(caught.value) and host.numvfs(PF1) == 4
