# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policies: every mistake with its path, the host's own list, and which policies are for a host."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import InvalidSpecError
from ansible_collections.baremetal.sriov.plugins.module_utils.policy import validation
from ansible_collections.baremetal.sriov.plugins.module_utils.policy.node_spec import node_spec, parse_spec
from support.node_runs import DPDK, KERNEL


def mistakes(policies: Any) -> list[str]:
    """Paths of the mistakes."""
    with pytest.raises(InvalidSpecError) as caught:
        node_spec(policies)
    return [mistake.path for mistake in caught.value.mistakes]


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"name": None}, "name"),
        ({"name": "a b"}, "name"),
        ({"resource_name": "-x"}, "resource_name"),
        ({"resource_name": "x" * 64}, "resource_name"),
        ({"num_vfs": None}, "num_vfs"),
        ({"num_vfs": 0}, "num_vfs"),
        ({"num_vfs": True}, "num_vfs"),
        ({"num_vfs": "many"}, "num_vfs"),
        ({"mtu": 10}, "mtu"),
        ({"priority": 100}, "priority"),
        ({"device_type": "dpdk"}, "device_type"),
        ({"device_type": ["vfio-pci"]}, "device_type"),
        ({"device_type": "vfio-pci", "is_rdma": True}, "is_rdma"),
        ({"exclude_topology": "perhaps"}, "exclude_topology"),
        ({"numVfs": 3}, "numVfs"),
        ({"eswitch_mode": "bridge"}, "eswitch_mode"),
        ({"link_type": "ib"}, "link_type"),
        ({"vdpa_type": "virtio"}, "vdpa_type"),
        ({"bridge": {"ovs": {}}}, "bridge"),
        ({"nic_selector": {"net_filter": "openstack/NetworkID:x", "vendor": "8086"}}, "nic_selector.net_filter"),
        ({"nic_selector": None}, "nic_selector"),
        ({"nic_selector": {}}, "nic_selector"),
        ({"nic_selector": "enp1s0"}, "nic_selector"),
        ({"nic_selector": {"vendor": "8086h"}}, "nic_selector.vendor"),
        ({"nic_selector": {"pf_name": ["x"]}}, "nic_selector.pf_name"),
        ({"nic_selector": {"pf_names": "enp1s0"}}, "nic_selector.pf_names"),
        ({"nic_selector": {"pf_names": ["enp1s0", 7]}}, "nic_selector.pf_names[1]"),
        ({"nic_selector": {"pf_names": ["enp1s0#3-1"]}}, "nic_selector.pf_names[0]"),
        ({"nic_selector": {"pf_names": ["enp1s0#0-4"]}}, "nic_selector.pf_names[0]"),
        ({"nic_selector": {"root_devices": ["01:00.0"]}}, "nic_selector.root_devices[0]"),
        ({"nic_selector": {"mac_addresses": ["52:54"]}}, "nic_selector.mac_addresses[0]"),
        ({"vfs": {"0": {}}}, "vfs"),
        ({"vfs": [{"vlan": 3}]}, "vfs[0].indices"),
        ({"vfs": [{"indices": "4"}]}, "vfs[0].indices"),
        ({"vfs": [{"indices": "0-1"}, {"indices": 1}]}, "vfs[1].indices"),
        ({"vfs": [{"indices": 0, "vlan": 4095}]}, "vfs[0].vlan"),
        ({"vfs": [{"indices": 0, "qos": 3}]}, "vfs[0].qos"),
        ({"vfs": [{"indices": 0, "mac": "01:00:00:00:00:01"}]}, "vfs[0].mac"),
        ({"vfs": [{"indices": "0-1", "mac": "02:00:00:00:00:01"}]}, "vfs[0].mac"),
        ({"vfs": [{"indices": 0, "min_tx_rate": 5, "max_tx_rate": 4}]}, "vfs[0].min_tx_rate"),
        ({"node_selector": {"group": ["x"]}}, "node_selector.group"),
        ({"node_selector": {"labels": "x"}}, "node_selector.labels"),
    ],
)
def test_a_mistake_is_named_by_its_path(change: dict[str, Any], path: str) -> None:
    """One wrong field gives one mistake, at that field."""
    wrong = {key: value for key, value in {**KERNEL, **change}.items() if value is not None}
    assert mistakes([DPDK, wrong]) == [f"sriov_policies[1].{path}"]


def test_every_mistake_is_told_at_once() -> None:
    """Also those in different policies."""
    found = mistakes([{**KERNEL, "num_vfs": 0, "mtu": 1, "colour": "red"}, "x", {**DPDK, "name": "kernel"}])
    assert found == [
        "sriov_policies[0].num_vfs",
        "sriov_policies[0].mtu",
        "sriov_policies[0].colour",
        "sriov_policies[1]",
        "sriov_policies[1].name",
        "sriov_policies[1].resource_name",
        "sriov_policies[1].nic_selector",
        "sriov_policies[2].name",
    ]


def test_one_resource_has_one_exclude_topology() -> None:
    """As the device plugin has it for a whole pool."""
    found = mistakes([KERNEL, {**KERNEL, "name": "b", "exclude_topology": True}])
    assert found == ["sriov_policies[1].exclude_topology"]


@pytest.mark.parametrize("case", ["finding-dp-03-one-resource-has-one-link-health"])
def test_one_resource_has_one_link_health(case: str) -> None:
    assert mistakes([KERNEL, {**KERNEL, "name": "b", "link_health": False}]) == ["sriov_policies[1].link_health"]
    assert mistakes([{**KERNEL, "link_health": "perhaps"}]) == ["sriov_policies[0].link_health"]
    assert node_spec([KERNEL, {**KERNEL, "name": "b", "link_health": True}])


@pytest.mark.parametrize("value", [None, 7, "x", {"name": "a"}])
def test_what_is_no_list_is_refused(value: Any) -> None:
    """The list itself is checked too."""
    assert mistakes(value) == ["sriov_policies"]


def test_a_host_replaces_fields_and_adds_policies() -> None:
    """Merged by name, field by field."""
    spec = node_spec([KERNEL], overrides=[{"name": "kernel", "num_vfs": 2}, DPDK])
    assert [(p["name"], p["num_vfs"]) for p in spec["policies"]] == [("kernel", 2), ("dpdk", 7)]


def test_a_host_override_needs_a_name() -> None:
    """Which policy is meant is never guessed."""
    with pytest.raises(InvalidSpecError, match=r"sriov_policies_host\[0\].name"):
        node_spec([KERNEL], overrides=[{"num_vfs": 2}])


@pytest.mark.parametrize(
    ("selector", "chosen"),
    [
        ({"groups": ["rack1", "x"]}, True),
        ({"groups": ["rack2"]}, False),
        ({"labels": {"sriov": True}}, True),
        ({"labels": {"sriov": "true", "zone": "b"}}, False),
        ({"variables": {"model": "r640"}, "groups": ["rack1"]}, True),
        ({"variables": {"model": "r740"}}, False),
    ],
)
def test_node_selector(selector: dict[str, Any], chosen: bool) -> None:
    """All of its keys must hold; one of the groups suffices."""
    spec = node_spec(
        [{**KERNEL, "node_selector": selector}],
        groups=["rack1"],
        labels={"sriov": "true"},
        variables={"model": "r640"},
    )
    assert bool(spec["policies"]) is chosen


def test_mistakes_in_a_policy_for_other_hosts_are_told() -> None:
    """A plan for one host tells what would fail on another."""
    with pytest.raises(InvalidSpecError):
        node_spec([{**KERNEL, "num_vfs": 0, "node_selector": {"groups": ["elsewhere"]}}])


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({}, "spec.format"),
        ({"format": 2}, "spec.format"),
        ({"format": 1, "speed": 1}, "spec.speed"),
        ({"format": 1, "resource_prefix": "UPPER"}, "spec.resource_prefix"),
        ({"format": 1, "kernel_arguments": ["a b"]}, "spec.kernel_arguments[0]"),
        ({"format": 1, "kernel_modules": [{"name": "x", "options": {"a": "b c"}}]}, "spec.kernel_modules[0].options.a"),
        ({"format": 1, "kernel_modules": ["../x"]}, "spec.kernel_modules[0].name"),
    ],
)
def test_a_wrong_spec_is_refused(value: Any, path: str) -> None:
    """The node does not trust what it is handed."""
    with pytest.raises(InvalidSpecError) as caught:
        parse_spec(value)
    assert [mistake.path for mistake in caught.value.mistakes] == [path]


@given(st.sets(st.integers(0, 300), min_size=1))
def test_ranges_and_indices_are_inverse(found: set[int]) -> None:
    """`0-3,5` means what it was made from."""
    assert set(validation.indices(validation.ranges(found))) == found


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "name",
                        "num_vfs",
                        "nic_selector",
                        "pf_names",
                        "vfs",
                        "indices",
                        "mac",
                        "node_selector",
                        "groups",
                        "labels",
                        "x",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_no_input_breaks_the_reader(value: Any) -> None:
    """Whatever it is, it is a policy list or a list of mistakes."""
    try:
        node_spec(value)
    except InvalidSpecError as error:
        assert error.mistakes
