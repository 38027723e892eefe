# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""With cni_key.patch a network can ask for query_rss, as `ip link set PF vf N query_rss on` does."""

from __future__ import annotations

import runpy
from pathlib import Path
from struct import pack

import pytest

from sriov_cni.spec import config
from sriov_cni.vf.settings import SETTINGS
from support.cni_world import Refusal, World

DOCS = Path(__file__).resolve().parents[1] / "cni" / "test_docs.py"
KEY = "query_rss"
# source: linux/if_link.h, IFLA_VF_RSS_QUERY_EN = 7, struct ifla_vf_rss_query_en: the VF's index, the setting
ATTRIBUTE = pack("=HHII", 12, 7, 3, 1)


@pytest.fixture
def world(tmp_path):
    """A PF whose driver keeps the setting."""
    with World(tmp_path) as made:
        made.set_pf(vfs=[{**vf, KEY: 0} for vf in made.pf["vfs"]])
        yield made


def test_from_the_configuration_over_add_and_check_to_del(world):
    before, conf = world.snapshot(), {**world.conf, KEY.upper(): "on"}
    with pytest.raises(Refusal, match=f"{KEY}: expected off or on, found 'maybe'"):
        world.call("ADD", {**world.conf, KEY: "maybe"})
    result = world.call("ADD", conf)
    assert world.pf["vfs"][0][KEY] == 1
    world.call("CHECK", {**conf, "prevResult": result})
    first, *others = world.pf["vfs"]
    world.set_pf(vfs=[{**first, KEY: 0}, *others])
    with pytest.raises(Refusal, match=f"{KEY}: expected 1, found 0"):
        world.call("CHECK", {**conf, "prevResult": result})
    world.set_pf(vfs=[first, *others])
    world.call("DEL", conf)
    assert world.snapshot() == before


def test_on_the_wire():
    assert SETTINGS[KEY].encode(3, {KEY: 1}) == ATTRIBUTE


def test_documented():
    assert KEY in config.KEYS
    tests = runpy.run_path(str(DOCS))
    tests["test_table_has_every_key"]()
    tests["test_example_of_a_configuration_has_every_key"]()
