# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks to NetworkAttachmentDefinitions, and what a cluster needs to get there."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import InvalidSpecError
from ansible_collections.baremetal.sriov.plugins.plugin_utils.networks import network_attachments, network_notes
from ansible_collections.baremetal.sriov.plugins.plugin_utils.owned_objects import network_changes
from support.expected_networks import (
    BAD_FOLDERS,
    BRIDGE,
    DEFAULT_ROUTES,
    ELSEWHERE,
    ELSEWHERE_FIT,
    ELSEWHERE_UNFIT,
    FIT,
    GATEWAY,
    INVENTORY,
    OTHER_TYPES,
    UNFIT,
    V4,
    WRONG_OF_A_TYPE,
)

PREFIX = "baremetal.sriov"
PLAIN = {"name": "plain", "resource_name": "kernel"}


def config(network: dict[str, Any]) -> dict[str, Any]:
    """The CNI configuration that one network gives."""
    found: dict[str, Any] = json.loads(network_attachments([network], PREFIX)[0]["spec"]["config"])
    return found


def mistakes(networks: Any) -> dict[str, str]:
    """Path -> problem of every mistake."""
    with pytest.raises(InvalidSpecError) as caught:
        network_attachments(networks, PREFIX)
    return {mistake.path: mistake.problem for mistake in caught.value.mistakes}


def test_object_of_a_plain_network() -> None:
    assert network_attachments([PLAIN], PREFIX) == [
        {
            "apiVersion": "k8s.cni.cncf.io/v1",
            "kind": "NetworkAttachmentDefinition",
            "metadata": {
                "name": "plain",
                "namespace": "default",
                "labels": {"app.kubernetes.io/managed-by": "baremetal.sriov"},
                "annotations": {"k8s.v1.cni.cncf.io/resourceName": "baremetal.sriov/kernel"},
            },
            "spec": {"config": json.dumps({"cniVersion": "1.0.0", "name": "plain", "type": "sriov", "vlan": 0,
                                           "ipam": {}})},
        }
    ]  # fmt: skip


def test_every_field_reaches_the_configuration_under_its_cni_name() -> None:
    network = {
        **PLAIN, "network_namespace": "vms", "vlan": 100, "vlan_qos": 3, "vlan_proto": "802.1AD",
        "spoof_chk": False, "trust": "on", "link_state": "auto", "min_tx_rate": 10, "max_tx_rate": 100,
        "capabilities": {"mac": True},
        "log_level": "debug", "log_file": "/var/log/sriov.log", "ipam": '{"type": "host-local"}',
    }  # fmt: skip
    assert network_attachments([network], PREFIX)[0]["metadata"]["namespace"] == "vms"
    assert config(network) == {
        "cniVersion": "1.0.0", "name": "plain", "type": "sriov", "vlan": 100, "vlanQoS": 3,
        "vlanProto": "802.1ad",
        "spoofchk": "off", "trust": "on", "link_state": "auto", "min_tx_rate": 10, "max_tx_rate": 100,
        "capabilities": {"mac": True}, "logLevel": "debug", "logFile": "/var/log/sriov.log",
        "ipam": {"type": "host-local"},
    }  # fmt: skip


def test_fields_of_our_own_plugin() -> None:
    network = {
        **PLAIN, "trust": True, "mtu": 9000, "promisc": True, "allmulticast": "on", "ipv6_dad": "optimistic",
        "dns": {"nameservers": ["192.0.2.53"], "search": ["example.org"]},
        "ipam": {"type": "static", "routes": [{"dst": "10.0.0.0/8"}]},
        "routes": [{"dst": "192.0.2.0/24", "gw": "198.51.100.1"}, {"dst": "::/1"}], "mac": "02:00:00:00:0A:01",
        "cni_version": "1.1.0",
    }  # fmt: skip
    assert config(network) == {
        "cniVersion": "1.1.0", "name": "plain", "type": "sriov", "mac": "02:00:00:00:0a:01", "vlan": 0, "trust": "on",
        "mtu": 9000,
        "promisc": "on", "allmulticast": "on", "ipv6_dad": "optimistic", "dns": network["dns"],
        "ipam": {"type": "static", "routes": [{"dst": "10.0.0.0/8"}, {"dst": "192.0.2.0/24", "gw": "198.51.100.1"},
                                              {"dst": "::/1"}]},
    }  # fmt: skip


@pytest.mark.parametrize("text", [[{"type": "tuning", "mtu": 1400}], '{"type": "tuning", "mtu": 1400}'])
def test_meta_plugins_make_a_list_of_plugins(text: Any) -> None:
    found = config({**PLAIN, "meta_plugins": text})
    assert [plugin["type"] for plugin in found["plugins"]] == ["sriov", "tuning"]
    assert "type" not in found
    assert found["name"] == "plain"


@pytest.mark.parametrize("path", [pytest.param(path, id=f"finding-cni-05-{path}") for path in FIT])
def test_a_log_file_below_the_folder(path: str) -> None:
    """Also text that would break a template stays text."""
    assert config({**PLAIN, "log_file": path})["logFile"] == path


@pytest.mark.parametrize("case", [pytest.param(name, id=f"finding-cni-05-{name}") for name in UNFIT])
def test_a_log_file_that_root_must_not_write(case: str) -> None:
    assert list(mistakes([{**PLAIN, "log_file": UNFIT[case]}])) == ["sriov_networks[0].log_file"]


def test_the_nodes_may_have_another_log_folder() -> None:
    for folder in (ELSEWHERE, f"{ELSEWHERE}/"):
        network_attachments([{**PLAIN, "log_file": ELSEWHERE_FIT}], PREFIX, log_dir=folder)
        with pytest.raises(InvalidSpecError, match=f"below {ELSEWHERE}, found"):
            network_attachments([{**PLAIN, "log_file": ELSEWHERE_UNFIT}], PREFIX, log_dir=folder)


@pytest.mark.parametrize("folder", [pytest.param(folder, id=f"finding-cni-05-{folder!r}") for folder in BAD_FOLDERS])
def test_a_log_folder_that_is_none(folder: Any) -> None:
    with pytest.raises(InvalidSpecError, match="sriov_cni_log_dir: expected the absolute path of a folder"):
        network_attachments([PLAIN], PREFIX, log_dir=folder)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"name": "Upper"}, "name"),
        ({"name": 5}, "name"),
        ({"resource_name": "a/b"}, "resource_name"),
        ({"network_namespace": "a.b"}, "network_namespace"),
        ({"vlan": 4095}, "vlan"),
        ({"vlan": -1}, "vlan"),
        ({"vlan": "0x64"}, "vlan"),
        ({"vlan": True}, "vlan"),
        ({"vlan": 1, "vlan_qos": 8}, "vlan_qos"),
        ({"vlan_qos": 3}, "vlan_qos"),
        ({"vlan_proto": "802.1ad"}, "vlan_proto"),
        ({"vlan_trunk": "10-"}, "vlan_trunk"),
        ({"vlan_trunk": "20-10"}, "vlan_trunk"),
        ({"vlan_trunk": "0,5"}, "vlan_trunk"),
        ({"vlan_trunk": "4095"}, "vlan_trunk"),
        ({"vlan_trunk": True}, "vlan_trunk"),
        ({"vlan_trunk": ""}, "vlan_trunk"),
        ({"vlan_trunk": "10,20-30", "vlan": 5}, "vlan_trunk"),
        ({"vlan": 1, "vlan_proto": "802.1x"}, "vlan_proto"),
        ({"spoof_chk": "yes"}, "spoof_chk"),
        ({"trust": 1}, "trust"),
        ({"link_state": "up"}, "link_state"),
        ({"min_tx_rate": 200, "max_tx_rate": 100}, "min_tx_rate"),
        ({"capabilities": "[1]"}, "capabilities"),
        ({"ipam": "{broken"}, "ipam"),
        ({"meta_plugins": [{"mtu": 1}]}, "meta_plugins"),
        ({"meta_plugins": "{"}, "meta_plugins"),
        ({"log_level": "loud"}, "log_level"),
        ({"log_file": ""}, "log_file"),
        ({"linkState": "auto"}, "linkState"),
        ({"mtu": 67}, "mtu"),
        ({"promisc": "on"}, "promisc"),
        ({"trust": "off", "allmulticast": True}, "allmulticast"),
        ({"ipv6_dad": "never"}, "ipv6_dad"),
        ({"dns": {"nameserver": []}}, "dns"),
        ({"dns": {"search": "example.org"}}, "dns"),
        ({"routes": [{"dst": "10.0.0.0/8"}]}, "routes"),
        ({"ipam": {"type": "static"}, "routes": [{"dst": "10.0.0.1/8"}]}, "routes"),
        ({"ipam": {"type": "static"}, "routes": [{"dst": "10.0.0.0/8", "gw": "fd00::1"}]}, "routes"),
        ({"ipam": {"type": "static"}, "routes": ["10.0.0.0/8"]}, "routes"),
    ],
)
def test_a_mistake_has_the_path_of_its_field(change: dict[str, Any], path: str) -> None:
    assert list(mistakes([PLAIN, {**PLAIN, "name": "other", **change}])) == [f"sriov_networks[1].{path}"]


@pytest.mark.parametrize(
    ("change", "path"), [pytest.param(*case, id=f"finding-cni-01-{name}") for name, case in INVENTORY.items()]
)
def test_the_plugin_does_not_delegate_to_itself(change: dict[str, Any], path: str) -> None:
    assert list(mistakes([{**PLAIN, **change}])) == [f"sriov_networks[0].{path}"]


@pytest.mark.parametrize("case", OTHER_TYPES)
def test_networks_of_other_types(case: str) -> None:
    network, expected, resource = OTHER_TYPES[case]
    found = network_attachments([network], PREFIX)[0]
    assert json.loads(found["spec"]["config"]) == expected
    assert found["metadata"]["annotations"] == ({"k8s.v1.cni.cncf.io/resourceName": resource} if resource else {})


@pytest.mark.parametrize("case", WRONG_OF_A_TYPE)
def test_what_a_network_of_a_type_cannot_have(case: str) -> None:
    change, path = WRONG_OF_A_TYPE[case]
    assert list(mistakes([{**BRIDGE, **change}])) == [f"sriov_networks[0].{path}"]


def test_what_each_type_needs() -> None:
    assert list(mistakes([{"name": "a", "type": "bridge"}])) == ["sriov_networks[0].bridge"]
    assert list(mistakes([{"name": "a", "type": "host-device"}])) == ["sriov_networks[0].resource_name"]


@pytest.mark.parametrize("case", DEFAULT_ROUTES)
def test_a_default_route_has_to_be_asked_for(case: str) -> None:
    change, routes, left_out = DEFAULT_ROUTES[case]
    network = {**PLAIN, **change, "ipam": {"type": "static", **GATEWAY, **change.get("ipam", {})}}
    before = copy.deepcopy(network)
    assert config(network)["ipam"].get("routes", []) == routes
    notes = network_notes([network])
    assert len(notes) == len(left_out)
    for note, words in zip(notes, left_out):
        assert note.startswith("network default/plain: ")
        assert words in note and "default_route: true" in note
    assert network == before


def test_a_default_route_by_other_ways() -> None:
    """What a plugin that is called behind ours would set, and a bridge that is the gateway."""
    chained = {**PLAIN, "meta_plugins": [{"type": "route-override", "addroutes": [V4], "flushroutes": True}]}
    assert config(chained)["plugins"][1] == {"type": "route-override", "addroutes": [], "flushroutes": True}
    (note,) = network_notes([chained])
    assert "0.0.0.0/0 of meta_plugins[0].addroutes" in note
    assert config({**chained, "default_route": True})["plugins"][1]["addroutes"] == [V4]
    assert "isDefaultGateway" not in config({**BRIDGE, "is_default_gateway": True})
    assert "is_default_gateway" in network_notes([{**BRIDGE, "is_default_gateway": True}])[0]
    asked = {**BRIDGE, "is_default_gateway": True, "default_route": True}
    assert config(asked)["isDefaultGateway"] is True and network_notes([asked]) == []


@pytest.mark.parametrize("ipam", [{}, {"type": "static"}, {"type": "host-local", "subnet": "192.0.2.0/24"}])
def test_a_default_route_needs_a_gateway(ipam: dict[str, Any]) -> None:
    assert list(mistakes([{**PLAIN, "default_route": True, "ipam": ipam}])) == ["sriov_networks[0].default_route"]


def test_a_gateway_of_each_family_gives_a_default_route() -> None:
    ranges = [[{"subnet": "192.0.2.0/24", "gateway": "192.0.2.1"}], [{"subnet": "fd00::/64", "gateway": "fd00::1"}]]
    found = config({**PLAIN, "default_route": True, "ipam": {"type": "host-local", "ranges": ranges}})
    assert found["ipam"]["routes"] == [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]


def test_what_a_dhcp_server_may_do_is_said() -> None:
    assert "DHCP server" in network_notes([{**PLAIN, "ipam": {"type": "dhcp"}}])[0]
    assert network_notes([{**PLAIN, "ipam": {"type": "dhcp"}, "default_route": True}]) == []


def test_host_local_on_several_nodes_is_said() -> None:
    """source: host-local's documentation: it keeps what it gave out on the node alone."""
    network = {**PLAIN, "ipam": {"type": "host-local", "subnet": "192.0.2.0/24"}}
    assert network_notes([network], nodes=1) == []
    (note,) = network_notes([network], nodes=2)
    assert "ranges_from: node" in note and "whereabouts" in note


def test_all_mistakes_at_once() -> None:
    networks = [{"name": "a", "vlan": 5000, "colour": "red"}, "text", {**PLAIN, "trust": "maybe"}]
    assert set(mistakes(networks)) == {
        "sriov_networks[0].vlan", "sriov_networks[0].colour", "sriov_networks[0].resource_name",
        "sriov_networks[1]",
        "sriov_networks[2].trust",
    }  # fmt: skip


def test_the_same_name_twice_in_one_namespace() -> None:
    assert "sriov_networks[0]" in mistakes([PLAIN, PLAIN])["sriov_networks[1].name"]
    assert len(network_attachments([PLAIN, {**PLAIN, "network_namespace": "other"}], PREFIX)) == 2


def test_no_list() -> None:
    assert list(mistakes({"name": "x"})) == ["sriov_networks"]


@pytest.fixture
def wanted() -> list[dict[str, Any]]:
    """Two definitions as the inventory wants them."""
    return network_attachments([PLAIN, {**PLAIN, "name": "second"}], PREFIX)


def test_an_empty_cluster_gets_everything(wanted: list[dict[str, Any]]) -> None:
    assert network_changes(wanted, [], False) == {"apply": wanted, "delete": [], "foreign": []}


def test_nothing_to_do_where_everything_is_there(wanted: list[dict[str, Any]]) -> None:
    found = copy.deepcopy(wanted)
    found[0]["metadata"].update({"uid": "1", "resourceVersion": "7"})
    found[0]["metadata"]["annotations"]["somebody/else"] = "x"
    found[1]["spec"]["config"] = json.dumps(json.loads(found[1]["spec"]["config"]), indent=4)
    assert network_changes(wanted, found, True) == {"apply": [], "delete": [], "foreign": []}


@pytest.mark.parametrize("where", ["config", "broken", "annotation"])
def test_ours_that_differs_is_applied(wanted: list[dict[str, Any]], where: str) -> None:
    found = copy.deepcopy(wanted)
    if where == "config":
        found[0]["spec"]["config"] = found[0]["spec"]["config"].replace('"vlan": 0', '"vlan": 7')
    elif where == "broken":
        found[0]["spec"]["config"] = "{"
    else:
        found[0]["metadata"]["annotations"] = None
    assert network_changes(wanted, found, False)["apply"] == [wanted[0]]


def test_foreign_ones_are_neither_applied_nor_deleted(wanted: list[dict[str, Any]]) -> None:
    found = copy.deepcopy(wanted)
    found[0]["metadata"]["labels"] = None
    found[1]["metadata"]["labels"] = {"app.kubernetes.io/managed-by": "Helm"}
    changes = network_changes(wanted[:1], found, True)
    assert changes == {"apply": [], "delete": [], "foreign": ["default/plain"]}


def test_ours_that_are_not_wanted_go_only_when_asked(wanted: list[dict[str, Any]]) -> None:
    assert network_changes(wanted[:1], wanted, False)["delete"] == []
    deleted = network_changes(wanted[:1], wanted, True)["delete"]
    assert [item["metadata"] for item in deleted] == [{"name": "second", "namespace": "default"}]
