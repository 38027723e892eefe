# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""config.json: what is read, what is refused, and with which words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sriov_device_plugin.errors import ConfigError
from sriov_device_plugin.pool import config
from sriov_device_plugin.pool.device_types import TYPES
from support.vector_ids import vectors

POOL = {"resourceName": "vf", "selectors": {}}


def parse(*resources: Any) -> config.Config:
    return config.parse(json.dumps({"resourceList": list(resources)}).encode(), "intel.com")


def problems(*resources: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(*resources)
    return "\n".join(caught.value.problems)


@pytest.mark.parametrize(
    ("name", "good"),
    [
        pytest.param("sriov-net_0", True, id="dp-vector-01"),
        pytest.param("junk.net.0", False, id="dp-vector-02"),
        pytest.param("invalid.name", False, id="dp-vector-03"),
        pytest.param("", False, id="dp-vector-04"),
        pytest.param("a/b", False, id="slash"),
        pytest.param("a b", False, id="blank"),
        # The Go plugin takes these, and the kubelet refuses them later.
        pytest.param("-a", False, id="leading-hyphen"),
        pytest.param("a" * 64, False, id="too-long"),
    ],
)
def test_resource_names(name: str, good: bool) -> None:
    if good:
        assert parse({**POOL, "resourceName": name}).pools[0].name == name
    else:
        assert f"resourceList[0].resourceName: {name!r}" in problems({**POOL, "resourceName": name})


@pytest.mark.parametrize("content", [pytest.param(None, id="dp-vector-05"), pytest.param("junk", id="dp-vector-06")])
def test_unreadable_files(content: str | None, tmp_path: Any) -> None:
    path = tmp_path / "config.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match=str(path)) as caught:
        config.load(str(path), "intel.com")
    assert ("can't be read: No such file" if content is None else "not valid JSON") in str(caught.value)


@pytest.mark.parametrize("selectors", [
    pytest.param([{"isRdma": False}, {"isRdma": False}], id="dp-vector-07"),
    pytest.param([{"vendors": ["8086"]}, [{"vendors": ["8086"]}, {"devices": ["154c"]}]], id="dp-vector-08"),
])  # fmt: skip
def test_selectors_as_object_or_list(selectors: list[Any]) -> None:
    pools = parse(*({"resourceName": f"r{n}", "selectors": s} for n, s in enumerate(selectors))).pools
    wanted = [len(s) if isinstance(s, list) else 1 for s in selectors]
    assert [len(pool.selectors) for pool in pools] == wanted


@pytest.mark.parametrize(
    ("prefixes", "good"),
    [
        pytest.param((None, None), False, id="dp-vector-09"),
        pytest.param((None, "example.com"), True, id="dp-vector-10"),
        pytest.param((None, "intel.com"), False, id="the-default-spelled-out"),
    ],
)
def test_full_names_are_unique(prefixes: tuple[str | None, str | None], good: bool) -> None:
    entries = [{**POOL, "resourceName": "duplicate", "resourcePrefix": p} for p in prefixes]
    if good:
        names = [p.resource_name for p in parse(*entries).pools]
        assert names == ["intel.com/duplicate", "example.com/duplicate"]
    else:
        assert "resourceList[1]: resourceList[0] already has the name intel.com/duplicate" in problems(*entries)


BOTH = {"isRdma": True, "vdpaType": "virtio"}


@pytest.mark.parametrize(
    ("selectors", "where"),
    [
        pytest.param(BOTH, "resourceList[0].selectors: isRdma and vdpaType", id="dp-vector-11"),
        pytest.param([{"isRdma": True}, {"vdpaType": "virtio"}], "", id="dp-vector-12"),
        pytest.param([{}, BOTH], "resourceList[0].selectors[1]: isRdma and vdpaType", id="dp-vector-13"),
        pytest.param({"IsRdma": False, "vdpaType": "", "pKeys": None}, "", id="both-off"),
        # The Go plugin takes any word and then matches nothing.
        pytest.param({"vdpaType": "Virtio"}, "selectors.vdpaType: 'Virtio' is not known; known: vhost, virtio", id="v"),
        pytest.param({"vdpaType": True}, "selectors.vdpaType: expected a string", id="no-text"),
    ],
)
def test_rdma_and_vdpa(selectors: Any, where: str) -> None:
    if where:
        assert where in problems({**POOL, "selectors": selectors})
    else:
        assert parse({**POOL, "selectors": selectors}).warnings == ()


@pytest.mark.parametrize(
    ("selectors", "where"),
    [
        pytest.param("sf", "selectors: expected an object", id="dp-vector-14-type"),
        pytest.param({"auxTypes": []}, "selectors.auxTypes: missing or empty", id="dp-vector-14-empty"),
        pytest.param({}, "selectors.auxTypes: missing or empty", id="dp-vector-14-missing"),
        pytest.param([{"auxTypes": ["sf"]}, {"auxTypes": []}], "selectors[1].auxTypes: m", id="dp-vector-14-second"),
        pytest.param(
            {"auxTypes": ["sf", "eth", "rdma"]}, "auxTypes[1]: 'eth' is not supported", id="dp-vector-14-unknown"
        ),
        pytest.param({"auxTypes": ["sf", "sf"]}, "", id="dp-vector-14-twice"),
        # The Go plugin's parser takes it and its validation refuses it; ours does both at once.
        pytest.param({"auxTypes": ["foo"]}, "auxTypes[0]: 'foo' is not supported", id="dp-vector-15-aux-differs"),
    ],
)
def test_auxiliary_types(selectors: Any, where: str) -> None:
    entry = {**POOL, "deviceType": "auxNetDevice", "selectors": selectors}
    if where:
        assert where in problems(entry)
    else:
        assert parse(entry).warnings == ()


@pytest.mark.parametrize("name", ["netDevice", "accelerator", "auxNetDevice"], ids=lambda n: f"dp-vector-18-{n}")
def test_the_three_types_of_the_go_plugin_are_known(name: str) -> None:
    selectors = {"vendors": ["8086"], **({"auxTypes": ["sf"]} if name == "auxNetDevice" else {})}
    assert parse({**POOL, "deviceType": name, "selectors": selectors}).pools[0].device_type.name == name


def test_an_unknown_preference_is_refused() -> None:
    assert parse({**POOL, "preferredAllocation": "packed"}).pools[0].preference == "packed"
    assert "preferredAllocation: 'tight' is not known; known: packed, spread" in problems(
        {**POOL, "preferredAllocation": "tight"}
    )


@pytest.mark.parametrize(
    ("kind", "selectors", "good"),
    [
        pytest.param("netDevice", {"PfNames": ["eth0"]}, True, id="dp-vector-15-key-case"),
        pytest.param("netDevice", "invalid selectors!", False, id="dp-vector-15-text"),
        pytest.param("unknown", {}, False, id="dp-vector-15-type"),
        pytest.param("accelerator", {"Vendors": ["8086"]}, True, id="dp-vector-15-accelerator"),
        pytest.param("auxNetDevice", "invalid selectors!", False, id="dp-vector-15-aux-text"),
        pytest.param("accelerator", "invalid selectors!", False, id="dp-vector-15-accelerator-text"),
        pytest.param("netdevice", {}, False, id="type-case"),
        pytest.param("netDevice", [], False, id="dp-vector-16-empty-list"),
        pytest.param("netDevice", {}, True, id="dp-vector-16-all"),
        # The Go plugin drops this entry and goes on; ours refuses the file, as for every other mistake.
        pytest.param("netDevice", {"vendors": "8086"}, False, id="dp-vector-16-differs"),
        pytest.param("netDevice", None, False, id="missing"),
        pytest.param("netDevice", [None], False, id="null-in-list"),
    ],
)
def test_selectors_by_type(kind: str, selectors: Any, good: bool) -> None:
    entry = {**POOL, "deviceType": kind, "selectors": selectors}
    if good:
        assert parse(entry).warnings == ()
    else:
        assert "resourceList[0]." in problems(entry)


def test_every_mistake_is_reported_at_once_with_its_path() -> None:
    found = problems(
        {"resourceName": "a.b", "selectors": {"pfNames": ["p0#x"], "vendors": [1]}},
        {"resourceName": "ok", "resourcePrefix": "No_Domain", "selectors": [{}, 5]},
        {"resourceName": "info", "selectors": {"needVhostNet": "yes"}, "additionalInfo": {"*": {"n": 1}}},
        "text",
    )
    for wanted in (
        "resourceList[0].resourceName: 'a.b'",
        "resourceList[0].selectors.pfNames[0]: 'p0#x': 'x' is no VF index or range",
        "resourceList[0].selectors.vendors[0]: expected a string, found the number 1",
        "resourceList[1].resourcePrefix: 'No_Domain'",
        "resourceList[1].selectors[1]: expected an object, found the number 5",
        'resourceList[2].selectors.needVhostNet: expected true or false, found the string "yes"',
        "resourceList[2].additionalInfo.*.n: expected a string, found the number 1",
        'resourceList[3]: expected an object, found the string "text"',
    ):
        assert wanted in found
    assert len(found.splitlines()) == 8


@pytest.mark.parametrize("names", ['"resourcename": "no", "resourceName"', '"resourceName": "yes", "RESOURCENAME"'])
def test_keys_match_without_regard_to_case_and_the_exact_one_wins(names: str) -> None:
    last = "yes" if "no" in names else "no"
    content = f"""{{"RESOURCELIST": [{{{names}: "{last}", "ResourcePrefix": "a.example",
        "DeviceType": "netDevice", "SelectorObj": null, "Selectors": {{"NeedVhostNet": true}}}}]}}"""
    loaded = config.parse(content.encode(), "intel.com")
    assert loaded.warnings == ()
    assert loaded.pools[0].resource_name == "a.example/yes"
    assert loaded.pools[0].selectors[0].flags == {"needVhostNet"}


def test_what_does_nothing_is_a_warning() -> None:
    selectors = {
        "vendors": ["0x8086"],
        "pciAddresses": ["3b:02.1"],
        "rootDevices": ["86:00.0"],
    }
    entry = {
        "resourceName": "vf",
        "colour": "red",
        "selectors": selectors,
        "rootDevices": [],
        "additionalInfo": {"86:00.0": {}},
    }
    warnings = "\n".join(parse(entry).warnings)
    for wanted in (
        "resourceList[0].rootDevices: unknown key, ignored; it belongs into selectors",
        "resourceList[0].colour: unknown key, ignored",
        "resourceList[0].selectors.vendors[0]: '0x8086' matches nothing",
        "resourceList[0].selectors.pciAddresses[0]: '3b:02.1' matches nothing",
        "resourceList[0].selectors.rootDevices[0]: '86:00.0' matches nothing",
        "resourceList[0].additionalInfo.86:00.0: expected * or a full PCI address",
    ):
        assert wanted in warnings


def test_two_pools_with_one_environment_variable_are_a_warning() -> None:
    loaded = parse({**POOL, "resourceName": "vf"}, {**POOL, "resourceName": "VF"})
    assert "same environment variable PCIDEVICE_INTEL_COM_VF" in loaded.warnings[0]


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"null", b'{"resourceList": {}}', b"{}", b'{"resourceList": [],}', b'{"resourceList": []} x',
     b'{"resourceList": NaN}', b"\xff", b"[" * 100_000, b" " * (config.MAX_BYTES + 1)],
)  # fmt: skip
def test_no_configuration_at_all(content: bytes, tmp_path: Any) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="1 mistake"):
        config.load(str(path), "intel.com")


def test_an_empty_list_is_valid_and_said() -> None:
    loaded = parse()
    assert loaded.pools == ()
    assert loaded.warnings == ("resourceList: empty, so there is nothing to offer",)


@pytest.mark.parametrize("prefix", ["kubernetes.io", "node.kubernetes.io", "a_b", "UPPER.com", "", "a..b", "x" * 245])
def test_prefixes_that_the_kubelet_refuses(prefix: str) -> None:
    assert config.prefix_problem(prefix) is not None


def test_the_default_prefix_is_used_and_good() -> None:
    assert config.prefix_problem("baremetal.sriov") is None
    pool = config.parse(b'{"resourceList": [{"resourceName": "p", "selectors": {}}]}', "baremetal.sriov").pools[0]
    assert (pool.resource_name, pool.env_name) == ("baremetal.sriov/p", "PCIDEVICE_BAREMETAL_SRIOV_P")


KEYS = (
    "resourceName", "resourcePrefix", "deviceType", "selectors", "excludeTopology", "additionalInfo",
    "preferredAllocation", "vendors", "drivers", "pfNames", "rootDevices", "pciAddresses", "isRdma", "needVhostNet",
    "vdpaType", "auxTypes", "pKeys", "*", "0000:01:10.0",
)  # fmt: skip
TEXTS = ("netDevice", "accelerator", "auxNetDevice", "vfio", "sf", "vhost", "packed", "8086", "p0#0-3", "0x1", "r")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(TEXTS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_any_resource_is_read_or_refused_in_words(resource: Any) -> None:
    try:
        parse(resource)
    except ConfigError as error:
        assert error.problems and all(problem.startswith("resourceList[0]") for problem in error.problems)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_in_words(content: bytes) -> None:
    with pytest.raises(ConfigError):
        config.parse(b"!" + content, "intel.com")


@vectors("dp", 17)
@pytest.mark.parametrize("key", [f.key for f in TYPES["netDevice"].fields])
def test_every_known_selector_is_read(key: str) -> None:
    loaded = parse({**POOL, "selectors": {key: []}})
    assert loaded.warnings == ()


@vectors("dp", 17, differs=True)
def test_an_unknown_selector_is_a_mistake() -> None:
    """The Go plugin's factory has an error for it that no configuration reaches: there it is ignored in silence."""
    problem = problems({**POOL, "selectors": {"fruit": ["apple"]}})
    assert problem.startswith("resourceList[0].selectors.fruit: unknown key; known: vendors, ")


@pytest.mark.parametrize(
    ("key", "value", "meant"),
    [
        pytest.param("pfName", ["enp1s0"], "pfNames", id="finding-dp-13-pfName"),
        pytest.param("PFNAME", ["enp1s0"], "pfNames", id="finding-dp-13-PFNAME"),
        pytest.param("vendor", ["8086"], "vendors", id="finding-dp-13-vendor"),
        pytest.param("pciAddress", ["0000:01:10.0"], "pciAddresses", id="finding-dp-13-pciAddress"),
        pytest.param("isRDMA_", True, "isRdma", id="finding-dp-13-isRDMA"),
        pytest.param("vdpa_type", "vhost", "vdpaType", id="finding-dp-13-vdpa_type"),
    ],
)
def test_a_misspelt_selector_takes_no_device(key: str, value: Any, meant: str) -> None:
    problem = problems({**POOL, "selectors": {key: value}})
    assert problem.startswith(f"resourceList[0].selectors.{key}: unknown key, did you mean {meant}?; known: ")


@pytest.mark.parametrize(
    ("device_type", "key", "value"),
    [
        pytest.param("accelerator", "pfNames", ["enp1s0"], id="finding-dp-13-accelerator"),
        pytest.param("auxNetDevice", "pciAddresses", ["0000:01:10.0"], id="finding-dp-13-auxNetDevice"),
    ],
)
def test_a_selector_of_another_type_is_a_mistake(device_type: str, key: str, value: Any) -> None:
    found = problems({**POOL, "deviceType": device_type, "selectors": {key: value, "auxTypes": ["sf"]}})
    assert f"resourceList[0].selectors.{key}: unknown key" in found


@pytest.mark.parametrize("value", [None, False, "", [], {}], ids=lambda value: f"finding-dp-13-nothing-{value}")
def test_an_unknown_selector_that_would_take_nothing_away_is_a_warning(value: Any) -> None:
    """The SR-IOV operator writes out what is not set."""
    loaded = parse({**POOL, "selectors": {"fruit": value}})
    assert loaded.warnings == ("resourceList[0].selectors.fruit: unknown key, ignored",)


@vectors("dp", 18)
@pytest.mark.parametrize("name", ["", "netdevice", "pciNetDevice"])
def test_only_the_types_of_the_table_are_known(name: str) -> None:
    if not name:
        assert parse({**POOL, "deviceType": name}).pools[0].device_type is TYPES["netDevice"]
    else:
        assert f"resourceList[0].deviceType: {name!r} is not known; known: netDevice" in problems(
            {**POOL, "deviceType": name}
        )


@vectors("dp", 30)
@pytest.mark.parametrize("selectors", [None, []])
def test_a_pool_without_a_selector_object_is_no_pool(selectors: Any) -> None:
    assert "resourceList[0].selectors: expected an object" in problems({**POOL, "selectors": selectors})
