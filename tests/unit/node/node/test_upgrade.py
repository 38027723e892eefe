# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A node that release 0.1.1 configured, and pods that hold VFs: today's library, that one again, what each leaves."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.node import boot
from devtool.collection import ROOT
from support.earlier_release import EarlierRelease
from support.fake_host import FakeHost
from support.node_runs import DPDK, KERNEL, PF1, PF2, absent, drivers, make_host, present, snapshot

VERSION = "0.1.1"
SEVEN = {**DPDK, "num_vfs": 5}


@dataclass
class Host(FakeHost):
    """That release asked the kubelet itself, which does not answer here."""

    def connect(self, path: str, seconds: float) -> None:
        raise ConnectionRefusedError(path, seconds)


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> EarlierRelease:
    text = (ROOT / "tests/support/releases.toml").read_text()  # Python 3.9 has no reader for it
    (commit,) = re.findall(rf'^version = "{re.escape(VERSION)}"\ncommit = "(\w+)"', text, re.M)
    try:
        return EarlierRelease(tmp_path_factory.mktemp("earlier"), commit)
    except subprocess.CalledProcessError:
        pytest.skip(f"this clone is shallow and lacks release {VERSION} ({commit}): git fetch --unshallow")


def configured(root: Path, earlier: EarlierRelease) -> FakeHost:
    """By that release, and then a pod takes a VF."""
    host = make_host(root, kind=Host)
    earlier.present(host, [KERNEL, DPDK])
    host.move_away(host.vf_address(PF1, 1))
    return host


def of_vfs(host: FakeHost, since: int) -> list[str]:
    return [line for line in host.log[since:] if "sriov_numvfs" in line or "driver" in line or "ip link" in line]


def test_a_new_version_takes_over_what_the_earlier_one_made(tmp_path: Path, earlier: EarlierRelease) -> None:
    host = configured(tmp_path, earlier)
    since = len(host.log)
    run = present(host, [KERNEL, DPDK])
    assert not run.plan.drain_required and of_vfs(host, since) == []
    assert present(host, [KERNEL, DPDK], check=True).plan.steps == ()
    present(host, [KERNEL, SEVEN])
    assert (host.numvfs(PF1), host.numvfs(PF2), drivers(host, PF2)) == (4, 5, ["vfio-pci"] * 5)


def test_back_to_the_earlier_version(tmp_path: Path, earlier: EarlierRelease) -> None:
    host = configured(tmp_path, earlier)
    present(host, [KERNEL, DPDK])
    since = len(host.log)
    earlier.present(host, [KERNEL, DPDK])
    assert of_vfs(host, since) == []
    assert earlier.present(host, [KERNEL, DPDK], check=True).as_dict()["changed"] is False
    earlier.present(host, [KERNEL, SEVEN])
    assert host.numvfs(PF2) == 5
    present(host, [KERNEL, SEVEN])  # and forward again
    assert present(host, [KERNEL, SEVEN], check=True).plan.steps == ()


@pytest.mark.parametrize("by", ["new", "earlier"])
def test_each_restores_what_was_before_the_other(tmp_path: Path, earlier: EarlierRelease, by: str) -> None:
    host = make_host(tmp_path, kind=Host)
    before = snapshot(host)
    (earlier.present if by == "new" else present)(host, [KERNEL, DPDK])
    if by == "new":
        present(host, [KERNEL, SEVEN])
        absent(host)
    else:
        earlier.present(host, [KERNEL, SEVEN])
        earlier.absent(host)
    after = snapshot(host)
    assert {name: after[name] for name in (PF1, PF2)} == {name: before[name] for name in (PF1, PF2)}
    assert not host.exists("/etc/baremetal-sriov/node.json") and not host.exists("/etc/pcidp/config.json")


@pytest.mark.parametrize("boots", ["new", "earlier"])
def test_each_boots_what_the_other_left(tmp_path: Path, earlier: EarlierRelease, boots: str) -> None:
    host = make_host(tmp_path, kind=Host)
    (earlier.present if boots == "new" else present)(host, [KERNEL, DPDK])
    host.reboot()
    assert (host.numvfs(PF1), host.numvfs(PF2)) == (0, 0)
    assert (boot if boots == "new" else earlier.boot).main(host) == 0
    assert (host.numvfs(PF1), drivers(host, PF2)) == (4, ["vfio-pci"] * 7)
    run = present(host, [KERNEL, DPDK], check=True).plan if boots == "new" else earlier.present(
        host, [KERNEL, DPDK], check=True).plan  # fmt: skip
    assert [step for step in run.steps if step.kind not in ("file", "record")] == []


def test_versions_are_mixed_in_the_middle_of_a_fleet(tmp_path: Path, earlier: EarlierRelease) -> None:
    """Half of the nodes have the new version; each goes on by its own, with the same policies and the same result."""
    hosts = [configured(tmp_path / str(number), earlier) for number in range(2)]
    present(hosts[0], [KERNEL, DPDK])
    present(hosts[0], [KERNEL, SEVEN])
    earlier.present(hosts[1], [KERNEL, SEVEN])
    found = [(host.numvfs(PF1), host.numvfs(PF2), drivers(host, PF2)) for host in hosts]
    assert found[0] == found[1]
    texts = [host.get("etc/pcidp/config.json") for host in hosts]
    assert texts[0] == texts[1]
