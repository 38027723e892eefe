# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Delegation: what the IPAM plugin gets, and what becomes of each of its answers."""

from __future__ import annotations

import json
import os
import signal
import time

import pytest

from sriov_cni.netlink import messages
from support.cni_world import VF_VFIO, Refusal, WorldHost
from support.vector_ids import vectors


def conf(world, **keys) -> dict:
    return {**world.conf, "deviceID": VF_VFIO, "ipam": world.ipam("10.9.0.5/24", **keys)}


ERROR = json.dumps({"cniVersion": "1.0.0", "code": 11, "msg": "no address left", "details": "in 10.9.0.0/24"})


def test_its_error_keeps_code_and_details(world):
    before = world.snapshot()
    with pytest.raises(Refusal) as refused:
        world.call("ADD", conf(world, fail=["ADD"], error=ERROR))
    answer = refused.value.answer
    assert (answer["code"], answer["msg"]) == (11, "IPAM plugin test-ipam: no address left; in 10.9.0.0/24")
    assert "details" not in answer  # callers show the message alone, and would have the rest twice otherwise
    assert world.ipam_calls == ["ADD", "DEL"]  # also after its own ADD failed
    assert world.snapshot() == before


def test_its_error_on_del_keeps_neither_the_vf_nor_the_pod(world):
    """Whoever calls again has only the IPAM plugin asked."""
    before = world.snapshot()
    bad = conf(world, fail=["DEL"], error=ERROR)
    world.call("ADD", {**bad, "vlan": 5})
    world.call("DEL", bad)
    assert world.snapshot() == before
    world.call("DEL", bad)
    assert world.ipam_calls == ["ADD", "DEL", "DEL"]


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"fail": ["ADD"], "exit": 3, "stderr": "it broke"}, "ended with exit code 3.*it said: it broke"),
        ({"fail": ["ADD"], "error": "plain words"}, "it said: plain words"),
        ({"fail": ["ADD"], "exit": 0, "error": "no json"}, "no CNI result"),
        pytest.param({"result": {"ips": []}}, "expected an address", id="cni-vector-85"),
        ({"result": {"ips": [{"address": "nonsense"}]}}, "not an IP address"),
        ({"result": {"ips": [{"address": "10.0.0.1/24", "gateway": "fd00::1"}]}}, "no address of its family"),
        ({"result": {"ips": "10.0.0.1/24"}}, "ips is no list"),
        ({"result": {"ips": [{"address": "10.0.0.1/33"}]}}, "prefix length"),
        (
            {"result": {"routes": [{"dst": "10.0.0.0/8", "table": "main"}]}},
            "table of 10.0.0.0/8 is no number",
        ),
        ({"result": {"dns": {"nameservers": [5]}}}, "dns.nameservers: expected a list of strings"),
    ],
)
def test_answers_that_are_no_result(world, keys, words):
    before = world.snapshot()
    with pytest.raises(Refusal, match=words) as refused:
        world.call("ADD", conf(world, **keys))
    assert refused.value.code == 999
    assert world.ipam_calls[-1] == "DEL"
    assert world.snapshot() == before


def test_old_results_are_understood(world):
    result = {
        "cniVersion": "0.2.0",
        "ip4": {"ip": "10.9.0.8/24", "gateway": "10.9.0.1", "routes": [{"dst": "0.0.0.0/0"}]},
    }
    answer = world.call("ADD", conf(world, result={"ips": [], **result}))
    assert answer["ips"] == [{"address": "10.9.0.8/24", "gateway": "10.9.0.1", "interface": 0}]
    assert answer["routes"] == [{"dst": "0.0.0.0/0"}]


def test_time_limit(world):
    before = world.snapshot()
    host = WorldHost(world)
    host.ipam_seconds = host.ipam_del_seconds = 0.3
    start = time.monotonic()
    with pytest.raises(Refusal, match=r"no answer to ADD within 0 s; it was stopped") as refused:
        world.call("ADD", conf(world, sleep=30), host)
    assert refused.value.code == 11
    assert time.monotonic() - start < 5
    assert world.snapshot()["pf"] == before["pf"]
    assert world.snapshot()["journal"] == []


@pytest.mark.parametrize("path", ["", "/nonexistent:"])
def test_not_found(world, path):
    with pytest.raises(Refusal, match="not found in CNI_PATH") as refused:
        world.call("ADD", conf(world), CNI_PATH=path)
    assert refused.value.code == 4


@vectors("cni", 86)
def test_routes_without_gateway_take_that_of_their_family(world):
    result = {
        "ips": [
            {"address": "10.9.0.5/24", "gateway": "10.9.0.1"},
            {"address": "10.8.0.5/24", "gateway": "10.8.0.1"},
        ],
        "routes": [{"dst": "10.50.0.0/16"}, {"dst": "10.51.0.0/16", "scope": 253}],
    }
    world.call("ADD", {**world.conf, "ipam": world.ipam(result=result)})
    routes = {r["dst"]: r.get("gateway") for r in world.pod("route", "show", "dev", "net1")}
    assert (routes["10.50.0.0/16"], routes["10.51.0.0/16"]) == ("10.9.0.1", None)


def test_a_refused_route_is_named(world):
    before = world.snapshot()
    result = {"ips": [{"address": "10.9.0.5/24"}], "routes": [{"dst": "10.50.0.0/16", "gw": "172.16.0.1"}]}
    with pytest.raises(Refusal, match=r"route to 10.50.0.0/16 via 172.16.0.1 was refused: ") as refused:
        world.call("ADD", {**world.conf, "vlan": 3, "ipam": world.ipam(result=result)})
    assert refused.value.code == 101
    assert world.snapshot() == before


def test_a_caller_that_ignores_sigchld(world):
    """Ignored signals are inherited, and with SIGCHLD the kernel would throw the plugin's exit code away."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        assert world.call("ADD", conf(world))["ips"]
    finally:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)


@pytest.mark.parametrize("kind", ["host-local", "test-ipam"])
def test_ipam_beside_the_move_or_after_it(world, kind):
    """host-local and its like run while the interface moves; others find it in the pod."""
    os.link(world.root / "bin" / "test-ipam", world.root / "bin" / "host-local")
    conf = {**world.conf, "ipam": {**world.ipam("10.9.0.5/24", sleep=0.1), "type": kind}}
    before = world.snapshot()
    host = WorldHost(world)
    world.call("ADD", conf, host)
    order = ["move", "ipam aside", "up"] if kind == "host-local" else ["move", "up", "ipam"]
    assert [step for step in host.steps if step in order] == order
    world.call("DEL", conf)
    assert world.snapshot() == before
    assert world.ipam_calls == ["ADD", "DEL"]
    bad = {**conf, "ipam": {**conf["ipam"], "fail": ["ADD"], "error": '{"code": 11, "msg": "none left"}'}}
    with pytest.raises(Refusal, match="none left") as refused:
        world.call("ADD", bad)
    assert refused.value.code == 11
    assert world.snapshot() == before


def test_ipam_is_not_asked_for_a_vf_that_is_found_wanting(world):
    os.link(world.root / "bin" / "test-ipam", world.root / "bin" / "static")
    world.set_pf(vfs=[])
    before = world.snapshot()
    with pytest.raises(Refusal, match="expected VF 0 among its VFs"):
        world.call("ADD", {**world.conf, "vlan": 5, "ipam": {**world.ipam("10.9.0.5/24"), "type": "static"}})
    assert (world.snapshot(), world.ipam_calls) == (before, [])


@pytest.mark.parametrize("ipam", [{"sleep": 0.2}, {"fail": ["ADD"]}, {"folder": "/nowhere"}])
def test_move_fails_while_ipam_runs(world, monkeypatch, ipam):
    """The move's error is told, whatever became of the IPAM plugin; the address is given back."""
    os.link(world.root / "bin" / "test-ipam", world.root / "bin" / "static")
    real = messages.set_link

    def set_link(index: int, **keys):
        return real(2**31 - 1 if "netns_fd" in keys else index, **keys)

    monkeypatch.setattr("sriov_cni.vf.vf.set_link", set_link)
    before = world.snapshot()
    with pytest.raises(Refusal, match=r"cannot be moved to /run/netns/.* as net1: No such device") as refused:
        world.call("ADD", {**world.conf, "ipam": {**world.ipam("10.9.0.5/24"), "type": "static", **ipam}})
    assert refused.value.code == 101
    assert world.snapshot() == before
    assert world.ipam_calls == ([] if "folder" in ipam else ["ADD", "DEL"])
