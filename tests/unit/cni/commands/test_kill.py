# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SIGKILL before each change of ADD and DEL: whatever comes next, the VF is as it was."""

from __future__ import annotations

import os
import signal
import time

import pytest

from support.cni_world import VF, VF_NAME, VF_VFIO, run
from support.processes import eventually

# fewer changes than these would mean that a step() got lost, and a gap in what these tests see
CHANGES = {"kernel": 10, "igb": 11, "aside": 10, "vfio": 4}


def conf_of(world, kind: str) -> dict:
    conf = {
        **world.conf,
        "mac": "02:00:00:00:0a:e1",
        "vlan": 100,
        "trust": "on",
        "ipam": world.ipam("10.9.0.5/24"),
    }
    if kind == "vfio":
        return {**conf, "deviceID": VF_VFIO}
    if kind == "igb":  # whose PF forgets its MAC for a moment
        world.set_pf(driver="igb")
    if kind == "aside":
        os.link(world.root / "bin" / "test-ipam", world.root / "bin" / "static")
        conf["ipam"]["type"] = "static"
    run("ip", "link", "property", "add", "dev", VF_NAME, "altname", "net1")
    return {**conf, "mtu": 1400}


@pytest.mark.parametrize("kind", ["kernel", "igb", "aside", "vfio"])
def test_add_is_killed_then_del(world, kind):
    conf = conf_of(world, kind)
    before = world.snapshot()
    at = 0
    while world.call_and_die("ADD", conf, at):
        world.call("DEL", conf)
        assert world.snapshot() == before, f"killed before change {at}"
        at += 1
    assert at >= CHANGES[kind]
    world.call("DEL", conf)
    assert world.snapshot() == before


@pytest.mark.parametrize("kind", ["kernel", "igb", "vfio"])
def test_add_is_killed_then_another_add(world, kind):
    conf = conf_of(world, kind)
    before = world.snapshot()
    plain = {**world.conf, "deviceID": conf["deviceID"]}
    at = 0
    while world.call_and_die("ADD", conf, at, CNI_CONTAINERID="dead"):
        world.call("ADD", plain, CNI_CONTAINERID="next")
        assert world.pf["vfs"] == before["pf"], f"killed before change {at}"
        world.call(
            "DEL", conf, CNI_CONTAINERID="dead"
        )  # the runtime's, late: it must take nothing from "next"
        world.call("CHECK", {**plain, "prevResult": {"interfaces": [{"name": "net1", "sandbox": "x"}]}},
                   CNI_CONTAINERID="next")  # fmt: skip
        world.call("DEL", plain, CNI_CONTAINERID="next")
        assert world.snapshot() == before, f"killed before change {at}"
        at += 1
    assert at >= CHANGES[kind]


@pytest.mark.parametrize("kind", ["kernel", "igb", "vfio"])
def test_del_is_killed_then_called_again(world, kind):
    conf = conf_of(world, kind)
    before = world.snapshot()
    at = 0
    while True:
        world.call("ADD", conf)
        died = world.call_and_die("DEL", conf, at)
        world.call("DEL", conf)
        assert world.snapshot() == before, f"killed before change {at}"
        if not died:
            break
        at += 1
    assert at >= (1 if kind == "vfio" else 5)


def test_a_journal_that_was_not_finished_goes_with_del(world):
    """The ADD died after it had begun to write, before anything was changed."""
    before = world.snapshot()
    aside = world.root / "state" / "journal" / f".new-{VF}"
    aside.parent.mkdir(parents=True)
    aside.write_text('{"format":')
    assert world.snapshot()["journal"] == [aside.name]
    world.call("DEL", CNI_CONTAINERID="c2")
    assert world.snapshot() == {**before, "journal": []}


@pytest.mark.parametrize("kind", ["test-ipam", "static"])
def test_an_ipam_plugin_outlives_the_add_that_started_it(world, kind):
    """DEL waits for it: an address given out after DEL would never come back."""
    os.link(world.root / "bin" / "test-ipam", world.root / "bin" / "static")
    conf = {**world.conf, "ipam": {**world.ipam("10.9.0.5/24", sleep=1.5), "type": kind}}
    before = world.snapshot()
    pid = world.start("ADD", conf)
    eventually(lambda: world.ipam_calls == ["ADD"])
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    started = time.monotonic()
    world.call("DEL", conf)
    assert time.monotonic() - started > 0.2
    assert world.snapshot() == before
    assert world.ipam_calls == ["ADD", "DEL"]
