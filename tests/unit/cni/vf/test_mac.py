# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a MAC gets onto a VF: drivers that take it at once, late, only from the PF at a reset, or never."""

from __future__ import annotations

import errno
import time

import pytest

from sriov_cni.host.host import NodeHost, backoff
from sriov_cni.netlink import messages, socket
from sriov_cni.netlink.addresses import ZERO_MAC
from sriov_cni.spec.errors import CniError
from sriov_cni.vf.vf import set_mac
from support.cni_world import VF_MAC, WorldHost
from support.vector_ids import vectors

OLD, NEW = "02:00:00:00:00:10", "02:00:00:00:00:99"


class Driver:
    """A socket in front of one VF. `mode`: obeys, late, pinned (as igbvf below a MAC of the PF), deaf."""

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.mac = OLD
        self.up = False
        self.tries = 0
        self.resets = 0

    def get(self, message) -> bytes:
        if self.mode == "late" and self.tries >= 3:
            self.mac = NEW
        header = messages.get_link(7)[2]
        return header + socket.attribute(messages.IFLA_ADDRESS, bytes.fromhex(self.mac.replace(":", "")))

    def change(self, *batch) -> None:
        for _kind, _flags, payload in batch:
            _rest, _rest, _rest, flags, change = messages._IFINFO.unpack_from(payload)
            if change & messages.IFF_UP:
                if self.up and not flags & messages.IFF_UP:
                    self.resets += 1
                    self.mac = NEW if self.mode == "pinned" else self.mac
                self.up = bool(flags & messages.IFF_UP)
            for kind, value in socket.attributes(payload[16:]):
                if kind == messages.IFLA_ADDRESS:
                    self.tries += 1
                    if self.mode == "pinned":
                        raise socket.NetlinkError(errno.EADDRNOTAVAIL)
                    if self.mode == "obeys":
                        self.mac = value.hex(":")


def attempt(mode: str) -> Driver:
    driver = Driver(mode)
    host = NodeHost()
    host.mac_seconds = 0.2
    set_mac(host, driver, messages.Interface(driver.get(None)), NEW)
    return driver


@vectors("cni", 34, 36)
def test_obeys():
    assert (attempt("obeys").resets, attempt("obeys").tries) == (0, 1)


def test_late():
    assert attempt("late").mac == NEW


def test_pinned_by_the_pf():
    """igbvf refuses any MAC once the PF has one, and takes that one when it is reset."""
    driver = attempt("pinned")
    assert (driver.mac, driver.resets, driver.up) == (NEW, 1, False)


@vectors("cni", 35, 46)
def test_never():
    with pytest.raises(CniError, match=f"does not take the MAC {NEW}: it was accepted, but not taken"):
        attempt("deaf")


@vectors("cni", 32)
def test_pauses():
    """Rounds come at once, then after 2, 4, 8 .. ms, and one comes after the deadline."""
    start = time.monotonic()
    assert len(list(backoff(0.05))) >= 2
    assert 0.05 <= time.monotonic() - start < 5
    slow, end = backoff(0.01), "no more"
    assert next(slow, end) is None
    time.sleep(0.05)
    assert next(slow, end) is None
    assert next(slow, end) == "no more"


def sent_macs(world) -> list[str]:
    return [entry[1] for entry in world.pf["sent"] if entry[0] == "mac"]


def test_igb_forgets_its_mac_before_the_vf_takes_another(world):
    """Set up and down for that, the VF takes a hundred times as long."""
    world.set_pf(driver="igb")
    before = world.snapshot()
    conf = {**world.conf, "mac": NEW}
    host = WorldHost(world)
    world.call("ADD", conf, host)
    assert sent_macs(world) == [ZERO_MAC, NEW]
    assert host.steps.index("free mac") < host.steps.index("set mac on vf") < host.steps.index("set on pf")
    assert "set mac" not in host.steps, "the way by up and down was not needed"
    assert world.pod_link()["address"] == NEW
    host = WorldHost(world)
    world.call("DEL", conf, host)
    assert sent_macs(world)[2:] == [ZERO_MAC, VF_MAC]
    assert "set mac" not in host.steps
    assert world.snapshot() == before


def test_a_mac_of_the_vfs_own_choice_is_the_administrators_again(world):
    """The PF shows both alike: one that was not set again would let the VF take any."""
    world.set_pf(driver="igb")
    conf = {**world.conf, "mac": VF_MAC}
    world.call("ADD", conf)
    world.set_pf(pinned=[])
    world.call("DEL", conf)
    assert world.pf["pinned"] == [0]


def test_igb_that_keeps_its_mac_is_no_error(world):
    world.set_pf(driver="igb", refuse=["zero mac"])
    before = world.snapshot()
    conf = {**world.conf, "mac": NEW}
    world.call("ADD", conf)
    world.call("DEL", conf)
    assert sent_macs(world) == [NEW, VF_MAC]
    assert world.snapshot() == before
