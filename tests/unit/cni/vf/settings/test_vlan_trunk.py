# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VLAN trunks, on a driver that reacts as those of Intel and NVIDIA do; Linux itself has none."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest

from sriov_cni.vf.settings import vlan_trunk
from support.cni_world import PF, VF, VF_VFIO, Refusal, WorldHost

DIALECTS = ["i40e", "mlx5_core"]


def numbers(text: str) -> set[int]:
    found = set()
    for part in text.rpartition(":")[2].replace(",", " ").split():
        low, _dash, high = part.partition("-")
        found.update(range(int(low), int(high or low) + 1))
    return found


class Driver:
    """The files sriov/INDEX/trunk of a PF, in one of the two forms."""

    def __init__(self, world, name: str) -> None:
        self.world, self.name = world, name
        self.refused = ""
        world.set_pf(driver=name)
        for index in (0, 1):
            self.file(index).parent.mkdir(parents=True)
            self.show(self.file(index), set())

    def file(self, index: int) -> Path:
        return self.world.device(PF) / "sriov" / str(index) / "trunk"

    def show(self, file: Path, vlans: set[int]) -> None:
        if self.name == "mlx5_core":
            text = f"Allowed 802.1Q VLANs: {' '.join(map(str, sorted(vlans)))}" if vlans else ""
        else:
            text = vlan_trunk.to_text(vlans)
        file.write_text(text + "\n")

    def write(self, path: str, text: str) -> None:
        word, *rest = text.split()
        if word == self.refused or word not in ("add", "rem") or self.world.pf["vfs"][0]["vlan"] > 0:
            raise OSError(errno.EPERM, "Operation not permitted")
        if len(rest) != (2 if self.name == "mlx5_core" else 1):
            raise OSError(errno.EINVAL, "Invalid argument")
        vlans = set(range(int(rest[0]), int(rest[1]) + 1)) if len(rest) == 2 else numbers(rest[0])
        now = numbers(Path(path).read_text())
        self.show(Path(path), now | vlans if word == "add" else now - vlans)


@pytest.fixture(params=DIALECTS)
def driver(world, request, monkeypatch):
    made = Driver(world, request.param)
    monkeypatch.setattr(vlan_trunk, "write_text", made.write)
    return made


@pytest.mark.parametrize("device", [VF, VF_VFIO])
@pytest.mark.parametrize("before", ["", "7,11-12"])
def test_set_checked_and_given_back(world, driver, device, before):
    index = 0 if device == VF else 1
    driver.show(driver.file(index), numbers(before))
    shown, whole = driver.file(index).read_text(), world.snapshot()
    conf = {**world.conf, "deviceID": device, "vlan_trunk": "30,10-12,13", "vlan": 0}
    result = world.call("ADD", conf)
    assert numbers(driver.file(index).read_text()) == {10, 11, 12, 13, 30}
    world.call("CHECK", {**conf, "prevResult": result})
    driver.show(driver.file(index), {10, 30})
    with pytest.raises(Refusal, match="vlan_trunk: expected 10-13,30, found 10,30"):
        world.call("CHECK", {**conf, "prevResult": result})
    world.call("DEL", conf)
    assert (driver.file(index).read_text(), world.snapshot()) == (shown, whole)


@pytest.mark.parametrize("victim", ["ADD", "DEL"])
def test_killed_between_two_writes(world, driver, victim):
    driver.show(driver.file(0), {1, 2, 20})
    shown, whole = driver.file(0).read_text(), world.snapshot()
    conf = {**world.conf, "vlan_trunk": "2,10-12,30"}
    steps = WorldHost(world)
    world.call("ADD", conf, steps)
    removing = WorldHost(world)
    world.call("DEL", conf, removing)
    wanted = steps if victim == "ADD" else removing
    moments = [number for number, step in enumerate(wanted.steps) if step.endswith(" trunk")]
    assert len(moments) >= 2
    for moment in moments:
        if victim == "DEL":
            world.call("ADD", conf)
        assert world.call_and_die(victim, conf, moment)
        world.call("DEL", conf)
        assert (driver.file(0).read_text(), world.snapshot()) == (shown, whole)


@pytest.mark.parametrize("refused", ["add", "rem"])
def test_a_refusal_is_named_and_all_is_undone(world, driver, refused):
    driver.show(driver.file(0), {5})
    whole = world.snapshot()
    driver.refused = refused
    with pytest.raises(Refusal, match=rf"vlan_trunk: PF {PF} refused '{refused} ") as told:
        world.call("ADD", {**world.conf, "vlan_trunk": "10"})
    assert told.value.code == 101
    driver.refused = ""
    world.call("DEL")
    assert (numbers(driver.file(0).read_text()), world.snapshot()) == ({5}, whole)


def test_a_driver_without_it(world):
    before = world.snapshot()
    words = r"vlan_trunk: the driver ixgbe of PF .* has no list of VLANs for VF 0"
    with pytest.raises(Refusal, match=words) as refused:
        world.call("ADD", {**world.conf, "vlan_trunk": "10"})
    assert (refused.value.code, world.snapshot()) == (100, before)


def test_a_driver_that_has_it_no_more(world, driver):
    """CHECK tells it as a difference; what was taken from the VF cannot be set back, so the VF is withheld."""
    conf = {**world.conf, "vlan_trunk": "10"}
    result = world.call("ADD", conf)
    driver.file(0).unlink()
    with pytest.raises(Refusal, match="vlan_trunk: expected 10, found none") as refused:
        world.call("CHECK", {**conf, "prevResult": result})
    assert refused.value.code == 102
    world.call("DEL", conf)
    kept = json.loads((world.root / "state" / "withheld" / VF).read_text())
    assert "has no list of VLANs for VF 0" in kept["cause"]


@pytest.mark.parametrize("text", ["nonsense", "1-", "70000", "1 2 " * 2000])
def test_a_list_that_is_none(world, driver, text):
    driver.file(0).write_text(text)
    with pytest.raises(Refusal, match=r"vlan_trunk: .*/trunk cannot be used: ") as refused:
        world.call("ADD", {**world.conf, "vlan_trunk": "10"})
    assert refused.value.code == 100


@pytest.mark.parametrize("text", ["", "1", "4094", "1-4094", "5,3,4,9-11"])
def test_good_trunks(text):
    assert vlan_trunk.parse(text or "1") == {"5,3,4,9-11": "3-5,9-11"}.get(text, text or "1")


@pytest.mark.parametrize("text", ["0", "4095", "1-4095", "9-3", "a", "1,,2", "1-2-3", "-1", "1-", " 1", "\u0661"])
def test_bad_trunks(world, text):
    with pytest.raises(Refusal, match="vlan_trunk: expected VLANs and ranges like 10,20-30") as refused:
        world.call("ADD", {**world.conf, "vlan_trunk": text})
    assert refused.value.code == 7


def test_a_trunk_excludes_a_vlan(world):
    with pytest.raises(Refusal, match="vlan_trunk: with it expected no vlan, or 0"):
        world.call("ADD", {**world.conf, "vlan_trunk": "10", "vlan": 7})


def test_a_journal_of_the_first_version_is_understood(world):
    """It knew of no trunks."""
    before = world.snapshot()
    world.call("ADD", {**world.conf, "vlan": 5})
    (name,) = world.snapshot()["journal"]
    file = world.root / "state" / "journal" / name
    raw = json.loads(file.read_text())
    assert raw.pop("trunk") == []
    file.write_text(json.dumps(raw))
    world.call("DEL", {**world.conf, "vlan": 5})
    assert world.snapshot() == before
