# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody renames the VF while it is on its way back, as udev does with an interface that has just come: DEL finishes
by itself, and nothing of what the pod changed stays.

# source: netdevice(7), SIOCSIFNAME; Linux, dev_change_name: an interface may be renamed at any time, also while it is
# up (from 6.0 on); __dev_alt_name: an alternative name is taken by no other interface; ethtool(8) and sysctl(8) know an
# interface by its name alone.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from pyroute2.ethtool.ioctl import IoctlEthtool

from sriov_cni.netlink import messages, socket
from sriov_cni.pod.netns import Inside, open_netns
from support.cni_world import VF, VF_NAME, WorldHost, run

OTHER = "other0"
ALTNAME = "enp1s0f0v0"  # of the world
FEATURE = "tx-tcp-segmentation"
CHANGES = "txqueuelen 77 group 9 mtu 1280 arp off address 02:00:00:00:0b:ad"


class Renaming(WorldHost):
    """Its VF gets the other of its two names after each answer of the kernel from number `first` on, `count` times."""

    def __init__(self, world, first: int, count: int) -> None:
        super().__init__(world)
        self.answers, self._moments = 0, range(first, first + count)
        self._plain = socket.Socket()

    def answered(self) -> None:
        self.answers += 1
        for name in super().net_names(VF) if self.answers in self._moments else []:
            index = messages.Interface(self._plain.get(messages.get_link(name=name))).index
            self._plain.change(messages.set_link(index, name=OTHER if name == VF_NAME else VF_NAME))

    @property
    def socket(self):
        return _Socket(self, super().socket)


class _Socket:
    def __init__(self, host: Renaming, inner) -> None:
        self._host, self._inner = host, inner

    def __getattr__(self, name: str):
        return getattr(self._inner, name)

    def change(self, *batch) -> None:
        try:
            self._inner.change(*batch)
        finally:
            self._host.answered()

    def get(self, message) -> bytes:
        found = self._inner.get(message)
        self._host.answered()
        return found


def feature(name: str) -> bool:
    with contextlib.closing(IoctlEthtool(name)) as ethtool:
        return {known: active for known, active, *_rest in ethtool.get_features()}[FEATURE]


def view(name: str) -> dict:
    (link,) = json.loads(run("ip", "-j", "-d", "link", "show", "dev", name))
    flags = sorted({*link["flags"]} & {"UP", "NOARP", "MULTICAST"})
    kept = {key: link[key] for key in ("address", "mtu", "altnames", "txqlen", "group")}
    filtered = Path(f"/proc/sys/net/ipv4/conf/{name}/rp_filter").read_text()
    return {**kept, "flags": flags, "filter": filtered, "feature": feature(name)}


def change(world) -> None:
    run("ip", "-n", world.pod_ns, "link", "set", "net1", *CHANGES.split())
    with Inside(open_netns(f"/run/netns/{world.pod_ns}")):
        with contextlib.closing(IoctlEthtool("net1")) as ethtool:
            values = ethtool.get_features()
            values[FEATURE] = False
            ethtool.set_features(values)
        Path("/proc/sys/net/ipv4/conf/net1/rp_filter").write_text("2")


def left_over(world) -> list[str]:
    """Of the journal, and VFs that are withheld."""
    state = world.root / "state"
    return [file.name for folder in ("journal", "withheld") for file in (state / folder).glob("*")]


def one_way_back(world, first: int, count: int) -> int:
    """Of an ADD and a DEL with so many renames; how many answers of the kernel there were."""
    before = view(VF_NAME)
    world.call("ADD")
    change(world)
    host = Renaming(world, first, count)
    world.call("DEL", host=host)
    (name,) = WorldHost(world).net_names(VF)
    assert name in (VF_NAME, OTHER)
    if name == OTHER:  # since it had its own name again
        run("ip", "link", "set", name, "name", VF_NAME)
    assert view(VF_NAME) == before, f"{count} renames from answer {first} on"
    assert left_over(world) == [], f"{count} renames from answer {first} on"
    return host.answers


@pytest.mark.parametrize("count", [1, 3])
def test_renamed_in_the_middle_of_a_del(world, count):
    run("ip", "link", "set", VF_NAME, "up")
    Path(f"/proc/sys/net/ipv4/conf/{VF_NAME}/rp_filter").write_text("1")
    first = 1
    while first <= one_way_back(world, first, count):
        first += 1
    assert first > 6


def test_an_alternative_name_that_another_interface_has_by_now(world, capfd):
    """As with a name: it is told, and the VF can be given out."""
    before = world.snapshot()
    world.call("ADD")
    run("ip", "-n", world.pod_ns, "link", "property", "del", "dev", "net1", "altname", ALTNAME)
    world.add_link(ALTNAME, world.host_ns)
    world.call("DEL")
    assert left_over(world) == []
    assert f"{ALTNAME} before; that is in use now" in capfd.readouterr().err
    run("ip", "link", "del", ALTNAME)
    assert world.snapshot()["vf"] == [{**before["vf"][0], "altnames": None}]


@pytest.mark.parametrize("way", ["add", "del"])
def test_somebody_is_faster_with_an_alternative_name(world, way):
    before = world.snapshot()
    world.call("ADD")
    pods, step = ("del", ALTNAME), "restore altnames"
    if way == "del":
        pods, step = ("add", "podsown"), "remove altnames"
    run("ip", "-n", world.pod_ns, "link", "property", pods[0], "dev", "net1", "altname", pods[1])
    host = WorldHost(world)
    words = ["link", "property", way, "dev", VF_NAME, "altname", pods[1]]
    host.step = lambda what: run("ip", *words) if what == step else None
    world.call("DEL", host=host)
    assert (world.snapshot(), left_over(world)) == (before, [])
