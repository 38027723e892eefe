# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configurations for both device plugins on the chain's node, and what ours has to offer for each.

The node: enp1s0 (0000:01:00.0) with four VFs on igbvf, enp2s0 (0000:02:00.0) with seven on vfio-pci, and an interface
that the host itself uses. Sources: `README`, `docs` (upstream's documentation), `test` (a unit test of upstream's),
`operator` (what sriov-network-operator writes), `users` (what upstream's users had in their files), `source` (a
branch of upstream's program), `spec` (RFC 8259, or the kubelet's device plugin API).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

PF1, PF2 = "0000:01:00.0", "0000:02:00.0"
K = [f"0000:01:{slot}" for slot in ("10.0", "10.2", "10.4", "10.6")]
D = [f"0000:02:{slot}" for slot in ("10.0", "10.2", "10.4", "10.6", "11.0", "11.2", "11.4")]
ALL = [*K, *D]
WRONG = 78  # EX_CONFIG of sysexits.h


@dataclass(frozen=True)
class Case:
    """One configuration. offers: resource -> ids of ours; wrong: a word that the refusal has to have."""

    id: str
    source: str
    text: str | None  # None: there is no file
    offers: dict[str, list[str]] = field(default_factory=dict)
    wrong: str = ""
    options: tuple[str, ...] = ()


def resource(name: str, selectors: Any, **keys: Any) -> dict[str, Any]:
    """An entry of resourceList."""
    return {"resourceName": name, "selectors": selectors, **keys}


def one(case: str, source: str, selectors: Any, ids: list[str], **keys: Any) -> Case:
    """One pool named a."""
    return Case(case, source, text(resource("a", selectors, **keys)), {"intel.com/a": ids} if ids else {})


def many(case: str, source: str, *resources: dict[str, Any], offers: dict[str, list[str]]) -> Case:
    """Several pools; `offers` without the prefix where that is the default one."""
    full = {name if "/" in name else f"intel.com/{name}": ids for name, ids in offers.items()}
    return Case(case, source, text(*resources), full)


def wrong(case: str, source: str, word: str, *resources: dict[str, Any]) -> Case:
    """What ours refuses."""
    return Case(case, source, text(*resources), wrong=word)


def raw(case: str, source: str, content: str, word: str = "", **offers: list[str]) -> Case:
    """A file as it is."""
    return Case(case, source, content, {f"intel.com/{name}": ids for name, ids in offers.items()}, word)


def text(*resources: dict[str, Any]) -> str:
    """The file."""
    return json.dumps({"resourceList": list(resources)})


VFS = {"vendors": ["8086"], "devices": ["10ca"]}

SELECTORS = [
    one("vendors", "README", {"vendors": ["8086"]}, ALL),
    one("vendors-two", "README", {"vendors": ["15b3", "8086"]}, ALL),
    one("vendors-other", "README", {"vendors": ["15b3"]}, []),
    one("devices", "README", {"devices": ["10ca"]}, ALL),
    one("devices-upper-case", "source", {"devices": ["10CA"]}, []),
    one("drivers-kernel", "README", {"drivers": ["igbvf"]}, K),
    one("drivers-vfio", "README", {"drivers": ["vfio-pci"]}, D),
    one("drivers-two", "README", {"drivers": ["vfio-pci", "igbvf"]}, ALL),
    one("drivers-unknown", "users", {"drivers": ["iavf"]}, []),
    one("all-of-an-object", "README", {**VFS, "drivers": ["igbvf"], "pfNames": ["enp1s0"]}, K),
    one("all-of-an-object-none", "source", {**VFS, "drivers": ["igbvf"], "pfNames": ["enp2s0"]}, []),
    one("empty-lists", "operator", {"vendors": [], "devices": [], "pfNames": ["enp1s0"]}, K),
    one("null-lists", "operator", {"vendors": None, "pfNames": ["enp1s0"]}, K),
    one("pci-addresses", "README", {"pciAddresses": [K[1], D[6]]}, [K[1], D[6]]),
    one("pci-addresses-short", "source", {"pciAddresses": [K[1][5:]]}, []),
    one("pci-addresses-of-a-pf", "source", {"pciAddresses": [PF1]}, []),
    one("pf-names", "README", {"pfNames": ["enp1s0"]}, K),
    one("pf-names-two", "README", {"pfNames": ["enp1s0", "enp2s0"]}, ALL),
    one("pf-names-case", "source", {"pfNames": ["ENP1S0"]}, K),
    one("pf-names-unknown", "users", {"pfNames": ["ens785f0"]}, []),
    one("pf-names-range", "README", {"pfNames": ["enp1s0#0-1"]}, K[:2]),
    one("pf-names-list", "README", {"pfNames": ["enp1s0#0,2"]}, [K[0], K[2]]),
    one("pf-names-mixed", "test", {"pfNames": ["enp1s0#1", "enp2s0#0,3-5,6"]}, [K[1], D[0], *D[3:]]),
    one("pf-names-past-the-end", "users", {"pfNames": ["enp1s0#2-9"]}, K[2:]),
    one("pf-names-beyond", "users", {"pfNames": ["enp1s0#9"]}, []),
    one("pf-names-leading-zero", "source", {"pfNames": ["enp1s0#01"]}, [K[1]]),
    one("pf-names-same-twice", "users", {"pfNames": ["enp1s0#0", "enp1s0#3"]}, [K[0], K[3]]),
    one("root-devices", "README", {"rootDevices": [PF1]}, K),
    one("root-devices-ranges", "test", {"rootDevices": [f"{PF1}#1", f"{PF2}#0-2,5"]}, [K[1], *D[:3], D[5]]),
    one("root-devices-unknown", "source", {"rootDevices": ["0000:05:00.0"]}, []),
    one("link-types", "README", {"linkTypes": ["ether"], "pfNames": ["enp1s0"]}, K),
    one("link-types-two", "test", {"linkTypes": ["infiniband", "ether"], "pfNames": ["enp1s0"]}, K),
    one("link-types-other", "test", {"linkTypes": ["infiniband"]}, []),
    one("link-types-of-vfio", "users", {"linkTypes": ["ether"], "drivers": ["vfio-pci"]}, D),
    one("ddp-profiles", "README", {"ddpProfiles": ["GTPv1-C/U IPv4/IPv6 payload"]}, []),
    one("is-rdma", "README", {"isRdma": True}, []),
    one("is-rdma-false", "README", {"isRdma": False, "pfNames": ["enp1s0"]}, K),
    one("operators-case", "operator", {"pfNames": ["enp1s0"], "IsRdma": False, "NeedVhostNet": False}, K,
        SelectorObj=None),
    one("vdpa-type", "docs", {"vdpaType": "vhost"}, []),
    one("need-vhost-net", "README", {"needVhostNet": True, "drivers": ["vfio-pci"]}, D),
    one("acpi-indexes", "README", {"acpiIndexes": ["101"], "pfNames": ["enp1s0"]}, []),
    one("p-keys", "README", {"pKeys": ["0x1"], "pfNames": ["enp1s0"]}, []),
    one("everything", "source", {}, ALL),
    one("as-a-list", "README", [{"pfNames": ["enp1s0"]}], K),
    one("as-a-list-of-two", "README", [{"pfNames": ["enp2s0#6"]}, {"pfNames": ["enp1s0#0"]}], [D[6], K[0]]),
]
POOLS = [
    many("two-pools", "README", resource("k", {"drivers": ["igbvf"]}), resource("d", {"drivers": ["vfio-pci"]}),
         offers={"k": K, "d": D}),
    many("one-of-two-wrong", "docs", resource("a", {"vendors": "8086"}), resource("b", VFS), offers={"b": ALL}),
    many("name-twice", "docs", resource("a", VFS), resource("a", {"pfNames": ["enp1s0"]}), offers={"a": ALL}),
    many("first-pool-wins", "docs", resource("b", {"pfNames": ["enp1s0#0-2"]}), resource("a", VFS),
         offers={"b": K[:3], "a": [K[3], *D]}),
    many("nothing-left", "test", resource("a", VFS), resource("b", {"pfNames": ["enp1s0"]}), offers={"a": ALL}),
    many("one-pool-without-devices", "users", resource("a", {"vendors": ["15b3"]}),
         resource("b", {"pfNames": ["enp1s0"]}), offers={"b": K}),
    many("four-pools", "users", *(resource(f"p{n}", {"rootDevices": [f"{PF1}#{n}"]}) for n in range(4)),
         offers={f"p{n}": [K[n]] for n in range(4)}),
    many("same-name-other-prefix", "docs", resource("a", {"pfNames": ["enp1s0"]}),
         resource("a", {"pfNames": ["enp2s0"]}, resourcePrefix="example.com"), offers={"a": K, "example.com/a": D}),
    many("prefix", "README", resource("a", {"pfNames": ["enp1s0"]}, resourcePrefix="openshift.io"),
         offers={"openshift.io/a": K}),
    many("name-with-underscore", "README", resource("sriov_net_A", {"pfNames": ["enp1s0"]}), offers={"sriov_net_A": K}),
    many("name-with-hyphen", "docs", resource("vfio-int", {"pfNames": ["enp2s0"]}), offers={"vfio-int": D}),
    one("exclude-topology", "README", {"pfNames": ["enp1s0"]}, K, excludeTopology=True),
    one("net-device", "README", {"pfNames": ["enp1s0"]}, K, deviceType="netDevice"),
    one("accelerator", "README", {"vendors": ["8086"]}, [], deviceType="accelerator"),
    one("subfunctions", "README", {"auxTypes": ["sf"]}, [], deviceType="auxNetDevice"),
    one("additional-info", "README", {"pfNames": ["enp1s0"]}, K, additionalInfo={"*": {"token": "3e49"}}),
    one("unknown-key", "users", {"pfNames": ["enp1s0"]}, K, sriovMode=True),
    Case("prefix-by-option", "README", text(resource("a", {"pfNames": ["enp1s0"]})), {"example.org/a": K},
         options=("-resource-prefix=example.org",)),
]
TEXTS = [
    raw("keys-in-other-case", "users", '{"ResourceList": [{"resourcename": "a",'
        ' "Selectors": {"PFNAMES": ["enp1s0"]}}]}', a=K),
    raw("key-twice", "spec", '{"resourceList": [{"resourceName": "b", "resourceName": "a",'
        ' "selectors": {"pfNames": ["enp1s0"]}}]}', a=K),
    raw("key-outside", "users", '{"logLevel": 10, "resourceList": [{"resourceName": "a",'
        ' "selectors": {"pfNames": ["enp1s0"]}}]}', a=K),
    raw("no-resources", "users", '{"resourceList": []}'),
    raw("resources-missing", "users", "{}", "resourceList"),
    raw("resources-as-object", "source", '{"resourceList": {}}', "resourceList"),
    raw("not-json", "test", "junk", "JSON"),
    raw("comma-at-the-end", "users", '{"resourceList": [{"resourceName": "a", "selectors": {}},]}', "JSON"),
    raw("empty-file", "users", "", "JSON"),
    Case("no-file", "test", None, wrong="config"),
]
MISTAKES = [
    wrong("accelerator-by-pf", "users", "pfNames",
          resource("a", {"pfNames": ["enp1s0"]}, deviceType="accelerator")),
    wrong("name-with-dot", "test", "invalid.name", resource("invalid.name", VFS)),
    wrong("name-empty", "source", "resourceName", resource("", VFS)),
    wrong("device-type-unknown", "test", "fpga", resource("a", VFS, deviceType="fpga")),
    wrong("device-type-in-other-case", "source", "netdevice", resource("a", VFS, deviceType="netdevice")),
    wrong("rdma-and-vdpa", "test", "vdpaType", resource("a", {"isRdma": True, "vdpaType": "vhost"})),
    wrong("vdpa-type-unknown", "source", "vdpaType", resource("a", {"vdpaType": "none"})),
    wrong("selectors-missing", "users", "selectors", {"resourceName": "a"}),
    wrong("oldest-form", "users", "selectors", {"resourceName": "a", "rootDevices": [PF1], "sriovMode": True}),
    wrong("selectors-null", "source", "selectors", resource("a", None)),
    wrong("selectors-empty-list", "source", "selectors", resource("a", [])),
    wrong("selectors-as-text", "test", "selectors", resource("a", "invalid selectors!")),
    wrong("vendors-as-text", "source", "vendors", resource("a", {"vendors": "8086"})),
    wrong("is-rdma-as-text", "source", "isRdma", resource("a", {"isRdma": "true"})),
    wrong("unknown-selector", "users", "sriovMode", resource("a", {"pfNames": ["enp1s0"], "sriovMode": True})),
    wrong("range-reversed", "source", "enp1s0#3-1", resource("a", {"pfNames": ["enp1s0#3-1"]})),
    wrong("range-empty", "source", "enp1s0#", resource("a", {"pfNames": ["enp1s0#"]})),
    wrong("range-two-signs", "source", "enp1s0#0#1", resource("a", {"pfNames": ["enp1s0#0#1"]})),
    wrong("range-blank", "users", "enp1s0#0, 1", resource("a", {"pfNames": ["enp1s0#0, 1"]})),
    wrong("range-of-letters", "source", "enp1s0#a", resource("a", {"pfNames": ["enp1s0#a"]})),
    wrong("prefix-wrong", "spec", "Prefix_", resource("a", VFS, resourcePrefix="Prefix_")),
]
CASES = (*SELECTORS, *POOLS, *TEXTS, *MISTAKES)


def plan(cases: Sequence[Case] = CASES) -> list[dict[str, Any]]:
    """What dp_run needs of them."""
    return [{**asdict(case), "options": list(case.options)} for case in cases]


def unexpected(
    found: dict[str, dict[str, Any]], cases: Sequence[Case] = CASES, ids: Collection[str] = ALL
) -> list[str]:
    """Where ours answered otherwise than the table says. Of what the host has besides `ids` it says nothing."""
    told = []
    for case in cases:
        wanted: Any = {name: sorted(expected) for name, expected in case.offers.items()}
        answer = found[case.id]
        if case.wrong:
            wanted, got = {"ended": WRONG, "says why": True}, answer
        elif answer["ended"] is not None:
            got = answer
        else:
            got = {name: [i for i in pool["devices"] if i in ids] for name, pool in answer["of"].items()}
        if got != wanted:
            told.append(f"{case.id}: expected {wanted}, found {got}")
    return told
