# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Selectors over devices, and which pool gets what."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sriov_device_plugin.errors import ConfigError
from sriov_device_plugin.host.discovery import Device
from sriov_device_plugin.host.rdma_vdpa import Vdpa
from sriov_device_plugin.pool import config, pools
from sriov_device_plugin.pool.selectors import MAX_INDEX, parse_item
from support.vector_ids import vectors

VF = Device(
    id="0000:03:02.0", class_id="020000", vendor="8086", device="154c", driver="iavf",
    pf_address="0000:03:00.0", pf_name="ens2f1", vf_index=0, link_type="ether", acpi_index="101",
)  # fmt: skip


def load(*resources: Any) -> config.Config:
    return config.parse(json.dumps({"resourceList": list(resources)}).encode(), "intel.com")


def matches(selectors: Any, device: Device) -> bool:
    (pool,) = load({"resourceName": "r", "selectors": selectors}).pools
    return pools.match(pool, device)[0] is not None


VHOST, VIRTIO = Vdpa("vdpa0", "vhost", "/dev/vhost-vdpa-0"), Vdpa("vdpa1", "virtio")

PF_NAMES = ["ens0", "ens2f0#1", "ens2f1#0,3-5,7"]
ROOTS = ["0000:86:00.0", "0000:86:00.1#1", "0000:86:00.2#0-2,5,7"]


@pytest.mark.parametrize(
    ("name", "index", "wanted"),
    [("ens0", -1, True), ("eth0", -1, False), ("ens2f0", 1, True), ("ens2f0", 0, False), ("", -1, False)]
    + [("ens2f1", index, index in (0, 3, 4, 5, 7)) for index in range(8)],
    ids=lambda value: f"dp-vector-19-{value}",
)
def test_pf_names(name: str, index: int, wanted: bool) -> None:
    assert matches({"pfNames": PF_NAMES}, replace(VF, pf_name=name, vf_index=index)) is wanted


@pytest.mark.parametrize(
    ("address", "index", "wanted"),
    [("0000:86:00.0", -1, True), ("0000:a0:00.0", -1, False), ("0000:86:00.1", 1, True)]
    + [("0000:86:00.2", index, index in (0, 1, 2, 5, 7)) for index in range(8)],
    ids=lambda value: f"dp-vector-20-{value}",
)
def test_root_devices(address: str, index: int, wanted: bool) -> None:
    assert matches({"rootDevices": ROOTS}, replace(VF, pf_address=address, vf_index=index)) is wanted


@pytest.mark.parametrize(
    ("selectors", "change", "wanted"),
    [
        pytest.param({"linkTypes": ["ether"]}, {}, True, id="dp-vector-21-ether"),
        pytest.param({"linkTypes": ["ether"]}, {"link_type": "infiniband"}, False, id="dp-vector-21-other"),
        pytest.param({"linkTypes": ["infiniband", "fake"]}, {"link_type": "fake"}, True, id="dp-vector-21-or"),
        pytest.param({"acpiIndexes": ["101"]}, {}, True, id="dp-vector-22-101"),
        pytest.param({"acpiIndexes": ["101"]}, {"acpi_index": "102"}, False, id="dp-vector-22-102"),
        pytest.param({"pciAddresses": ["0000:03:02.0", "0000:03:02.1"]}, {}, True, id="dp-vector-23-first"),
        pytest.param({"pciAddresses": ["0000:03:02.0"]}, {"id": "0000:03:02.2"}, False, id="dp-vector-23-other"),
        pytest.param({"vendors": ["8086"]}, {}, True, id="dp-vector-24-vendor"),
        pytest.param({"vendors": ["808"]}, {}, False, id="dp-vector-24-vendor-part"),
        pytest.param({"devices": ["154c", "154d"]}, {}, True, id="dp-vector-24-device"),
        pytest.param({"drivers": ["vfio-pci"]}, {}, False, id="dp-vector-24-driver"),
        pytest.param({"drivers": ["IAVF"]}, {}, False, id="dp-vector-24-driver-case"),
        pytest.param({"pKeys": ["0x1", "0x2"]}, {"pkey": "0x1"}, True, id="dp-vector-26-first"),
        pytest.param({"pKeys": ["0x1", "0x2"]}, {"pkey": "0x2"}, True, id="dp-vector-26-second"),
        pytest.param({"pKeys": ["0x1", "0x2"]}, {"pkey": "0x3"}, False, id="dp-vector-26-other"),
        pytest.param({"pKeys": ["0x1"]}, {"pkey": ""}, False, id="dp-vector-26-none"),
        # The kernel prints four digits in lower case, and the Go plugin compares text alone.
        pytest.param({"pKeys": ["0x1"]}, {"pkey": "0x0001"}, True, id="dp-vector-26-number-differs"),
        pytest.param({"pKeys": ["0xABCD"]}, {"pkey": "0xabcd"}, True, id="dp-vector-26-case-differs"),
        pytest.param({"ddpProfiles": ["GTP"]}, {"ddp_profile": "GTP"}, True, id="dp-vector-27-gtp"),
        pytest.param({"ddpProfiles": ["GTP"]}, {"ddp_profile": "PPPoE"}, False, id="dp-vector-27-other"),
        pytest.param({"ddpProfiles": ["GTP"]}, {}, False, id="dp-vector-27-none"),
        pytest.param({"isRdma": True}, {"rdma_capable": True}, True, id="dp-vector-28-rdma"),
        pytest.param({"isRdma": True}, {}, False, id="dp-vector-28-none"),
        pytest.param({"isRdma": False}, {"rdma_capable": True}, True, id="dp-vector-28-not-asked"),
        pytest.param({"vdpaType": "vhost"}, {"vdpa": VHOST}, True, id="dp-vector-29-vhost"),
        pytest.param({"vdpaType": "vhost"}, {"vdpa": VIRTIO}, False, id="dp-vector-29-vhost-other"),
        pytest.param({"vdpaType": "virtio"}, {"vdpa": VIRTIO}, True, id="dp-vector-29-virtio"),
        pytest.param({"vdpaType": "virtio"}, {}, False, id="dp-vector-29-none"),
        pytest.param({"vendors": []}, {"vendor": ""}, True, id="an-empty-list-filters-nothing"),
        pytest.param({"vendors": [""]}, {"vendor": ""}, False, id="what-is-unknown-never-matches"),
        pytest.param({"vendors": ["8086"], "drivers": ["vfio-pci"]}, {}, False, id="fields-are-anded"),
        pytest.param({"pfNames": ["ENS2F1#0"]}, {}, True, id="dp-vector-35"),
        # The Go plugin uses the first item of a PF alone; ours unites them.
        pytest.param({"pfNames": ["ens2f1#0", "ens2f1#5"]}, {"vf_index": 5}, True, id="dp-vector-38-differs"),
    ],
)
def test_fields(selectors: Any, change: dict[str, Any], wanted: bool) -> None:
    assert matches(selectors, replace(VF, **change)) is wanted


# The Go plugin takes this text and matches nothing, or only up to the mistake; ours refuses the file.
@pytest.mark.parametrize("item", [
    *(pytest.param(i, id=f"dp-vector-36-differs-{i}") for i in
      ("p0#5-3", "p0#", "p0#1-2-3", "p0#a", "p0#0#1", "p0# 1")),
    pytest.param("p0#0-3,x", id="dp-vector-37-differs"),
    "p0#1,", "p0#-1", "p0#0x1", "#1", "", "p0#65536", "p0#" + "1," * 3000 + "1", "p0#\u0661",
])  # fmt: skip
def test_malformed_items_are_refused(item: str) -> None:
    with pytest.raises(ConfigError, match=r"resourceList\[0\].selectors.pfNames\[1\]: "):
        matches({"pfNames": ["good", item]}, VF)


@given(st.lists(st.tuples(st.integers(0, MAX_INDEX), st.integers(0, 50)), min_size=1, max_size=5))
def test_ranges_hold_what_they_say(spans: list[tuple[int, int]]) -> None:
    spans = [(low, min(low + more, MAX_INDEX)) for low, more in spans]
    name, ranges = parse_item("PF#" + ",".join(f"{low}-{high}" for low, high in spans))
    assert name == "pf"
    assert {i for r in ranges for i in r} == {i for low, high in spans for i in range(low, high + 1)}


@given(st.text(max_size=30))
def test_any_item_is_read_or_refused(item: str) -> None:
    try:
        name, ranges = parse_item(item)
    except ValueError:
        return
    assert name and ranges and all(len(r) > 0 for r in ranges)


FULL = {
    "vendors": ["8086"], "devices": ["154c"], "drivers": ["iavf"], "pciAddresses": ["0000:03:02.0"],
    "pfNames": ["ens2f1#0"], "rootDevices": ["0000:03:00.0"], "linkTypes": ["ether"], "acpiIndexes": ["101"],
}  # fmt: skip
OTHERS = [replace(VF, id=f"0000:03:02.{n}", vf_index=n) for n in range(1, 5)]


@pytest.mark.parametrize(
    ("selectors", "wanted"),
    [
        pytest.param(FULL, ["0000:03:02.0"], id="dp-vector-32-object"),
        pytest.param([FULL], ["0000:03:02.0"], id="dp-vector-32-list"),
        pytest.param([FULL, {"pciAddresses": ["0000:03:02.3"]}], ["0000:03:02.0", "0000:03:02.3"], id="dp-vector-33"),
    ],
)
def test_objects_of_a_list_are_united(selectors: Any, wanted: list[str]) -> None:
    configs = load({"resourceName": "r", "selectors": selectors}).pools
    assert list(pools.assign(configs, [VF, *OTHERS])["intel.com/r"].members) == wanted


@vectors("dp", 34)
def test_the_first_pool_owns_a_device() -> None:
    """The second pool gets nothing."""
    configs = load({"resourceName": "a", "selectors": {}}, {"resourceName": "b", "selectors": {}}).pools
    shares = pools.assign(configs, [VF, *OTHERS])
    assert len(shares["intel.com/a"].members) == 5
    assert not shares["intel.com/b"].members


def test_the_selector_object_that_took_a_device_is_kept() -> None:
    objects = [{"pfNames": ["ens2f1#0"], "needVhostNet": True}, {}]
    configs = load({"resourceName": "r", "selectors": objects}).pools
    members = pools.assign(configs, [VF, *OTHERS])["intel.com/r"].members
    assert [bool(member.selector.flags) for member in members.values()] == [True, False, False, False, False]


def test_an_empty_pool_knows_why() -> None:
    configs = load({"resourceName": "r", "selectors": {"drivers": ["vfio-pci"]}}).pools
    pf = Device(id="0000:03:00.0", class_id="020000", driver="ice", num_vfs=5)
    rejected = pools.assign(configs, [VF, *OTHERS, pf])["intel.com/r"].rejected
    assert rejected == {"selector drivers": 5, "it is a PF with 5 VFs": 1}


@vectors("dp", 31)
def test_each_object_filters_by_its_own_values() -> None:
    devices = [VF, *OTHERS]
    for vendor, wanted in (("None", 0), ("8086", 5)):
        (pool,) = load({"resourceName": "r", "selectors": [{"vendors": [vendor]}]}).pools
        assert len(pools.assign([pool], devices)["intel.com/r"].members) == wanted


@vectors("dp", 47)
@pytest.mark.parametrize(("node", "hidden", "wanted"), [(0, False, 0), (1, False, 1), (-1, False, -1), (0, True, -1)])
def test_topology(node: int, hidden: bool, wanted: int) -> None:
    (config_,) = load({"resourceName": "r", "selectors": {}, "excludeTopology": hidden}).pools
    pool = pools.Pool(config_)
    pool.update(config_, pools.assign([config_], [replace(VF, numa_node=node)])["intel.com/r"].members)
    assert [listed[1] for listed in pool.listing()] == [wanted]
