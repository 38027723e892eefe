# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls for both CNI plugins on one VF, and the code that ours has to answer each with (0: all is well).

A scenario begins with a network namespace and a VF as it was made. The peer is host-device where it can be; the Go
sriov-cni of 2019 has ADD and DEL alone, and of a VF's settings at its PF the VLAN. Sources: `SPEC` and a version is the
CNI specification, `README` the peer's documentation, `kubelet` what the kubelet and runtimes do, `users` what happened
to upstream's users.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

V4, V6 = "198.51.100", "2001:db8:7"
ROUTES = [{"dst": "192.0.2.0/24"}, {"dst": "203.0.113.0/24", "gw": f"{V4}.9"}]
IPAMS: dict[str, dict[str, Any]] = {
    "none": {},
    "host-local": {"type": "host-local", "subnet": f"{V4}.0/24", "routes": ROUTES},
    "static": {"type": "static", "addresses": [{"address": f"{V4}.7/24", "gateway": f"{V4}.1"}]},
    "dual": {"type": "host-local", "ranges": [[{"subnet": f"{V4}.0/24"}], [{"subnet": f"{V6}::/64"}]],
             "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]},
    "static-full": {
        "type": "static",
        "addresses": [{"address": f"{V4}.7/24", "gateway": f"{V4}.1"}, {"address": f"{V6}::7/64"}],
        "routes": [*ROUTES, {"dst": "2001:db8:9::/48", "gw": f"{V6}::1"}],
        "dns": {"nameservers": [f"{V4}.53"], "domain": "example.org", "search": ["example.org"]},
    },
}
ONE_ADDRESS = {"type": "host-local", "ranges": [[{"subnet": f"{V4}.0/24", "rangeStart": f"{V4}.5",
                                                  "rangeEnd": f"{V4}.5"}]]}  # fmt: skip
# Error codes: the specification's, and from 100 on ours (docs/cni.md).
VERSION, ENVIRONMENT, DECODE, CONFIG, TRY_AGAIN, NOT_AVAILABLE = 1, 4, 6, 7, 11, 50
DEVICE, REFUSED, DIFFERS, INTERNAL = 100, 101, 102, 999
Step = dict[str, Any]


def call(command: str, code: int = 0, **more: Any) -> Step:
    """A call; more: `environment` over the usual one, `config` over the scenario's, `stdin` in its place."""
    return {"call": command, "code": code, **more}


def do(*commands: str) -> Step:
    """What somebody else does: {netns}, {ifname}, {vf} (the interface's name), {leases}, {device} stand for names."""
    return {"do": list(commands)}


@dataclass(frozen=True)
class Scenario:
    """Some calls in a row. needs: `vf`, a real one; `vfio`, one that is bound to vfio-pci; "": a veth does as well."""

    id: str
    source: str
    steps: tuple[Step, ...]
    peer: str = "host-device"
    version: str = "1.0.0"
    ipam: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    needs: str = ""


ADD, CHECK, DEL, STATUS = call("ADD"), call("CHECK"), call("DEL"), call("STATUS")
NONE_VALID: dict[str, Any] = {"cni.dev/valid-attachments": []}
VALID = {"cni.dev/valid-attachments": [{"containerID": "{container}", "ifname": "{ifname}"}]}
GC = call("GC", config=VALID)
NO_DEVICE = {"device": None, "pciBusID": None, "deviceID": None}
TAKEN = do("ip -n {netns} link add {ifname} address 02:00:00:00:ee:0d type veth peer name taken0")
GONE = do("ip netns del {netns}")
LEASED = do("mkdir -p {leases}/peers", f"printf 'other\\r\\nnet1' > {{leases}}/peers/{V4}.5")
WHOLE_LIFE = {
    "0.3.1": (ADD, DEL, DEL),
    "0.4.0": (ADD, CHECK, DEL, DEL),
    "1.0.0": (ADD, CHECK, DEL, DEL),
    "1.1.0": (STATUS, ADD, CHECK, GC, DEL, DEL),
}
LIVES = [Scenario(f"life-{version}-{kind}", f"SPEC {version}", steps, version=version, ipam=ipam)
         for version, steps in WHOLE_LIFE.items() for kind, ipam in IPAMS.items()]  # fmt: skip


def environment(name: str, code: int, **settings: str) -> Scenario:
    """An ADD with another environment."""
    return Scenario(name, "SPEC 1.0.0", (call("ADD", code, environment=settings),), ipam=IPAMS["static"])


def changed(name: str, command: str, code: int, kind: str = "static") -> Scenario:
    """A CHECK after somebody changed something in the pod."""
    steps = (ADD, do(command), call("CHECK", code), DEL)
    return Scenario(f"check-{name}", "SPEC 1.0.0", steps, ipam=IPAMS[kind])


WORDS = [
    Scenario("version", "SPEC 1.0.0", (call("VERSION"),)),
    Scenario("old-0.1.0", "SPEC 0.1.0", (ADD, DEL), version="0.1.0", ipam=IPAMS["static"]),
    Scenario("old-0.2.0", "SPEC 0.2.0", (ADD, DEL), version="0.2.0", ipam=IPAMS["static"]),
    Scenario("old-0.3.0", "SPEC 0.3.0", (ADD, DEL), version="0.3.0", ipam=IPAMS["host-local"]),
    Scenario("version-unknown", "SPEC 1.0.0", (call("ADD", VERSION),), version="1.0.7", ipam=IPAMS["static"]),
    Scenario("check-of-0.3.1", "SPEC 0.4.0", (call("CHECK", VERSION),), version="0.3.1", ipam=IPAMS["static"]),
    Scenario("gc-of-1.0.0", "SPEC 1.1.0", (call("GC", VERSION),), ipam=IPAMS["static"]),
    Scenario("status-of-1.0.0", "SPEC 1.1.0", (call("STATUS", VERSION),), ipam=IPAMS["static"]),
    Scenario("command-unknown", "SPEC 1.0.0", (call("LIST", ENVIRONMENT),)),
    Scenario("not-json", "SPEC 1.0.0", (call("ADD", DECODE, stdin="junk"),)),
    Scenario("empty-stdin", "SPEC 1.0.0", (call("ADD", DECODE, stdin=""),)),
    Scenario("wrong-type-of-name", "SPEC 1.0.0", (call("ADD", CONFIG, config={"name": 5}),)),
    Scenario("network-name-missing", "SPEC 1.0.0", (call("ADD", CONFIG, config={"name": ""}),)),
    Scenario("network-name-wrong", "SPEC 1.0.0", (call("ADD", CONFIG, config={"name": "a/b"}),)),
    environment("container-missing", ENVIRONMENT, CNI_CONTAINERID=""),
    environment("container-wrong", ENVIRONMENT, CNI_CONTAINERID="a%b"),
    environment("interface-missing", ENVIRONMENT, CNI_IFNAME=""),
    environment("interface-too-long", ENVIRONMENT, CNI_IFNAME="sixteen-letters-"),
    environment("interface-with-slash", ENVIRONMENT, CNI_IFNAME="a/b"),
    environment("interface-with-blank", ENVIRONMENT, CNI_IFNAME="a b"),
    environment("interface-two-dots", ENVIRONMENT, CNI_IFNAME=".."),
    environment("netns-missing", ENVIRONMENT, CNI_NETNS=""),
    environment("path-missing", ENVIRONMENT, CNI_PATH=""),
]
FAULTS = [
    Scenario("eth0", "users", (call("ADD", environment={"CNI_IFNAME": "eth0"}),
                               call("DEL", environment={"CNI_IFNAME": "eth0"})), ipam=IPAMS["static"]),
    Scenario("name-taken", "SPEC 1.0.0", (TAKEN, call("ADD", ENVIRONMENT), DEL), ipam=IPAMS["host-local"]),
    Scenario("netns-never", "kubelet", (GONE, call("ADD", ENVIRONMENT), DEL), ipam=IPAMS["host-local"]),
    Scenario("netns-gone", "SPEC 1.0.0", (ADD, GONE, DEL, DEL), ipam=IPAMS["host-local"], needs="vf"),
    Scenario("netns-not-told", "kubelet", (ADD, call("DEL", environment={"CNI_NETNS": ""}), DEL),
             ipam=IPAMS["host-local"]),
    Scenario("del-before-add", "SPEC 1.0.0", (DEL,), ipam=IPAMS["host-local"]),
    Scenario("check-before-add", "SPEC 1.0.0", (call("CHECK", DIFFERS, config={"prevResult": {
        "cniVersion": "1.0.0", "interfaces": [{"name": "net1", "sandbox": "/run/netns/x"}]}}),),
        ipam=IPAMS["static"]),
    Scenario("device-missing", "README", (call("ADD", CONFIG, config=NO_DEVICE),)),
    Scenario("device-unknown", "README", (call("ADD", DEVICE, config={"device": "no0", "deviceID": "0000:7f:1f.7"}),)),
    Scenario("no-address-left", "users", (LEASED, call("ADD", INTERNAL), DEL), ipam=ONE_ADDRESS),
    Scenario("add-twice", "users", (ADD, call("ADD", TRY_AGAIN, environment={"CNI_CONTAINERID": "another"}), DEL),
             ipam=IPAMS["host-local"]),
    Scenario("ipam-unknown", "SPEC 1.0.0", (call("ADD", ENVIRONMENT), DEL), ipam={"type": "no-such-plugin"}),
    Scenario("ipam-wrong", "SPEC 1.0.0", (call("ADD", INTERNAL), DEL), ipam={"type": "host-local", "subnet": "x"}),
    Scenario("interface-renamed", "users", (ADD, do("ip -n {netns} link set {ifname} down",
                                                    "ip -n {netns} link set {ifname} name other0"), DEL),
             ipam=IPAMS["static"]),
    Scenario("mtu-kept", "users", (do("ip link set {vf} mtu 1400"), ADD, do("ip -n {netns} link set {ifname} mtu 1300"),
                                   DEL), ipam=IPAMS["static"]),
    Scenario("mac-kept", "users", (ADD, do("ip -n {netns} link set {ifname} address 02:00:00:00:ee:0a"), DEL),
             ipam=IPAMS["static"]),
    Scenario("up-before", "README", (do("ip link set {vf} up"), ADD, DEL), ipam=IPAMS["static"]),
    Scenario("dns-of-the-network", "README", (ADD, DEL), ipam=IPAMS["static"],
             config={"dns": {"nameservers": [f"{V4}.54"]}}),
    Scenario("dns-of-both", "SPEC 1.0.0", (ADD, DEL), ipam=IPAMS["static-full"],
             config={"dns": {"nameservers": [f"{V4}.54"]}}),
    Scenario("gc-of-a-stale-one", "SPEC 1.1.0", (ADD, call("GC", config=NONE_VALID), DEL), version="1.1.0",
             ipam=IPAMS["host-local"]),
    Scenario("status-without-ipam", "SPEC 1.1.0", (call("STATUS", NOT_AVAILABLE),), version="1.1.0",
             ipam={"type": "no-such-plugin"}),
    changed("address-gone", "ip -n {netns} address flush dev {ifname}", DIFFERS),
    changed("link-down", "ip -n {netns} link set {ifname} down", DIFFERS),
    changed("route-gone", "ip -n {netns} route flush dev {ifname} 192.0.2.0/24", DIFFERS, "host-local"),
    changed("mac-changed", "ip -n {netns} link set {ifname} address 02:00:00:00:ee:0b", DIFFERS),
    changed("more-addresses", f"ip -n {{netns}} address add {V4}.77/24 dev {{ifname}}", 0),
]


def sriov(name: str, source: str, *steps: Step, needs: str = "", ipam: str = "host-local", **config: Any) -> Scenario:
    """With the Go sriov-cni, whose results are always of 0.3.1."""
    return Scenario(f"sriov-{name}", source, steps, "sriov-cni", "0.3.1", IPAMS[ipam], config, needs)


SRIOV = [
    *(sriov(f"life-{kind}", "README", ADD, DEL, DEL, ipam=kind) for kind in IPAMS),
    sriov("vlan", "README", ADD, DEL, vlan=100, needs="vf"),
    sriov("vlan-qos", "README", ADD, DEL, vlan=100, vlanQoS=3, needs="vf"),
    sriov("vlan-zero", "README", ADD, DEL, vlan=0, needs="vf"),
    sriov("vlan-wrong", "README", call("ADD", CONFIG), DEL, vlan=5000, needs="vf"),
    sriov("qos-wrong", "README", call("ADD", CONFIG), DEL, vlan=100, vlanQoS=10, needs="vf"),
    sriov("mac", "README", ADD, DEL, mac="02:00:00:00:ee:0c", needs="vf"),
    sriov("spoofchk-trust", "README", ADD, DEL, spoofchk="off", trust="on", needs="vf"),
    sriov("max-rate", "README", ADD, DEL, max_tx_rate=100, needs="vf"),
    sriov("link-state", "README", call("ADD", REFUSED), DEL, link_state="auto", needs="vf"),
    sriov("link-state-wrong", "README", call("ADD", CONFIG), DEL, link_state="up"),
    sriov("device-missing", "README", call("ADD", CONFIG, config={"deviceID": None})),
    sriov("device-unknown", "README", call("ADD", DEVICE, config={"deviceID": "0000:7f:1f.7"})),
    sriov("del-before-add", "SPEC 0.3.1", DEL),
    sriov("netns-gone", "SPEC 0.3.1", ADD, GONE, DEL, DEL, vlan=100, needs="vf"),
    sriov("netns-not-told", "kubelet", ADD, call("DEL", environment={"CNI_NETNS": ""}), DEL),
    sriov("netns-never", "kubelet", GONE, call("ADD", ENVIRONMENT), DEL),
    sriov("name-taken", "SPEC 0.3.1", TAKEN, call("ADD", ENVIRONMENT), DEL),
    sriov("add-twice", "users", ADD, call("ADD", TRY_AGAIN, environment={"CNI_CONTAINERID": "another"}), DEL),
    sriov("vfio", "README", ADD, DEL, DEL, needs="vfio", ipam="none", vlan=100),
    sriov("vfio-ipam", "users", ADD, DEL, needs="vfio", ipam="static", vlan=100, trust="on"),
    sriov("vfio-netns-gone", "kubelet", ADD, GONE, DEL, needs="vfio", ipam="none", vlan=100),
]
SCENARIOS = [*LIVES, *WORDS, *FAULTS, *SRIOV]
PEERS = {one.id: one.peer for one in SCENARIOS}


def unexpected(found: dict[str, list[dict[str, Any]]]) -> list[str]:
    """Where ours answered otherwise than this table says."""
    return [
        f"{one.id}: {step['call']}: expected code {step['code']}, found {answer['code']}: {answer.get('words')}"
        for one in SCENARIOS if one.id in found
        for step, answer in zip((step for step in one.steps if "call" in step), found[one.id])
        if (answer["code"], answer["status"]) != (step["code"], int(step["code"] != 0))
    ]  # fmt: skip
