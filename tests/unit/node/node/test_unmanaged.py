# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which VFs the udev rule keeps from NetworkManager and systemd-networkd, without anybody asking for it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.policy.rendered_files import UDEV_PATH
from support.fake_host import FakeHost
from support.node_runs import KERNEL, PF1, absent, actions, make_host, present, snapshot, somebody_makes

ALONE = 'ENV{NM_UNMANAGED}="1", ENV{ID_NET_MANAGED_BY}="baremetal.sriov"'


def left_out(host: FakeHost) -> list[int]:
    """The indices that the rule leaves to others, of PF 1."""
    rules = host.get(UDEV_PATH)
    assert PF1 in rules
    return [int(index) for index in re.findall(r"/physfn/virtfn(\d+)\", GOTO=\"baremetal_sriov_end\"", rules)]


@pytest.mark.parametrize("what", [pytest.param("default", id="finding-node-26-default")])
def test_the_rule_is_there_by_default(host: FakeHost, what: str) -> None:
    """Planned like any file, with the text in the diff, before the first VF; and taken away by a teardown."""
    before = snapshot(host)
    outcome = present(host, [KERNEL])
    assert f"{UDEV_PATH}: write it" in actions(outcome), what
    assert f'RESULT=="*/{PF1}", {ALONE}' in host.get(UDEV_PATH) and left_out(host) == []
    assert not present(host, [KERNEL]).plan.steps
    absent(host)
    assert snapshot(host) == before


@pytest.mark.parametrize("word", [pytest.param(False, id="finding-node-26-not-asked-for")])
def test_the_users_word_takes_it_away(host: FakeHost, word: bool) -> None:
    present(host, [KERNEL])
    present(host, [KERNEL], vfs_unmanaged=word)
    assert not host.exists(UDEV_PATH)


@pytest.mark.parametrize(("name", "left"), [
    pytest.param("enp1s0#0-1", [2, 3], id="finding-node-26-not-offered"),
    pytest.param("enp1s0#3", [0, 1, 2], id="finding-node-26-one-is-offered"),
])  # fmt: skip
def test_vfs_that_no_pool_offers_are_the_hosts(host: FakeHost, name: str, left: list[int]) -> None:
    policies: list[dict[str, Any]] = [{**KERNEL, "nic_selector": {"pf_names": [name]}}]
    present(host, policies)
    assert left_out(host) == left
    assert not present(host, policies).plan.steps
    present(host, [KERNEL])
    assert left_out(host) == [], "offered from now on"


def with_address(host: FakeHost) -> None:
    host.nets["enp1s0v2"].addresses = ["192.0.2.7"]


def with_upper(host: FakeHost) -> None:
    host.nets["enp1s0v2"].master = "br0"


USES = {"address": with_address, "upper": with_upper}


@pytest.mark.parametrize("use", [pytest.param(name, id=f"finding-node-26-{name}") for name in USES])
def test_a_vf_that_the_host_uses_is_left_to_it(host: FakeHost, use: str) -> None:
    """As it is when the rule is first written: what comes and goes later changes nothing."""
    somebody_makes(host, 4)
    USES[use](host)
    outcome = present(host, [KERNEL])
    assert left_out(host) == [2]
    assert any("vf 2: left to the host's network programs" in text for text in outcome.plan.warnings)
    host.nets["enp1s0v2"].addresses, host.nets["enp1s0v2"].master = [], ""
    host.nets["enp1s0v3"].addresses = ["192.0.2.8"]
    assert not present(host, [KERNEL]).plan.steps and left_out(host) == [2]


PROFILES = {
    "networkmanager": ("etc/NetworkManager/system-connections/vf.nmconnection",
                       "[connection]\nid=vf\ninterface-name=enp1s0v2\n"),
    "netplan": ("etc/netplan/60.yaml", "network:\n  ethernets:\n    enp1s0v2: {dhcp4: true}\n"),
    "networkd": ("etc/systemd/network/60.network", "[Match]\nName=enp1s0v2\n"),
    "ifupdown": ("etc/network/interfaces", "auto enp1s0v2\niface enp1s0v2 inet dhcp\n"),
    "ifcfg": ("etc/sysconfig/network-scripts/ifcfg-enp1s0v2", "ONBOOT=yes\n"),
}  # fmt: skip


@pytest.mark.parametrize("made", [False, True], ids=["before-the-vfs", "after-the-vfs"])
@pytest.mark.parametrize("profile", [pytest.param(name, id=f"finding-node-26-{name}") for name in PROFILES])
def test_a_vf_with_a_network_profile_is_left_to_it(tmp_path: Path, profile: str, made: bool) -> None:
    """Whether it is there already, or will be called so."""
    host = make_host(tmp_path)
    path, text = PROFILES[profile]
    host.put(path, text)
    if made:
        somebody_makes(host, 4)
    assert any(f"(/{path})" in warning for warning in present(host, [KERNEL]).plan.warnings)
    assert left_out(host) == [2]


@pytest.mark.parametrize("text", [pytest.param("# enp1s0v2\n[Match]\nName=enp1s0v21 enp1s0v2x\n",
                                               id="finding-node-26-another-name")])  # fmt: skip
def test_other_names_and_comments_say_nothing(host: FakeHost, text: str) -> None:
    host.put("etc/systemd/network/60.network", text)
    present(host, [KERNEL])
    assert left_out(host) == []
