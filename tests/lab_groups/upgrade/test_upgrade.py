# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From release 0.1.1 to this one and back, while a pod holds a VF, with a reboot by each.

The tests stand in the order in which they run.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import chain
import pytest
from changing import KERNEL, identities
from pod import Pod, gone_at_the_end

from devtool import releases
from devtool.collection import ROOT
from sriovlab.guest import Lab

VERSION, PATHS = "0.1.1", "ANSIBLE_COLLECTIONS_PATH"
VARIABLES = {"sriov_policies": [KERNEL], "sriov_networks_enabled": False}


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collection path with that release, as it was built: its checksum is the one in the list."""
    release = next(one for one in releases.read() if one["version"] == VERSION)
    assert releases.problem(release) == ""
    folder = tmp_path_factory.mktemp("earlier")
    place = folder / "ansible_collections" / "baremetal" / "sriov"
    place.mkdir(parents=True)
    archive = folder / "tree.tar"
    subprocess.run(["git", "archive", "--format=tar", f"--output={archive}", release["commit"]], cwd=ROOT, check=True)
    subprocess.run(["tar", "-xf", str(archive), "-C", str(place)], check=True)
    return folder


@contextmanager
def of(folder: Path) -> Iterator[None]:
    """Runs are of the collection in this folder."""
    before = os.environ.get(PATHS, "")
    os.environ[PATHS] = f"{folder}:{before}"
    try:
        yield
    finally:
        os.environ[PATHS] = before


def offers(lab: Lab) -> None:
    chain.wait_allocatable(lab, {"kernel": 4}, 180)


@pytest.fixture(scope="module")
def held(lab: Lab, earlier: Path) -> Iterator[Pod]:
    """A pod that got its VF from that release."""
    with of(earlier):
        run = chain.playbook("site", VARIABLES)
    assert run.status == 0, run.output
    offers(lab)
    pod = Pod(lab, "held", {"kernel": 1})
    with gone_at_the_end(lab, [pod]):
        yield pod.create()


def container(pod: Pod) -> str:
    return pod.container()


def test_to_this_version(lab: Lab, held: Pod) -> None:
    vfs, running = identities(lab, "enp1s0"), container(held)
    run = chain.playbook("site", VARIABLES)
    assert run.status == 0, run.output
    offers(lab)
    assert (identities(lab, "enp1s0"), container(held)) == (vfs, running)
    again = chain.playbook("site", VARIABLES)
    assert again.status == 0 and again.recap["node1"]["changed"] == 0, again.output


def test_a_boot_by_this_version(lab: Lab, held: Pod) -> None:
    lab.reboot_and_wait()
    offers(lab)


def test_back(lab: Lab, held: Pod, earlier: Path) -> None:
    vfs = identities(lab, "enp1s0")
    with of(earlier):
        run = chain.playbook("site", VARIABLES)
    assert run.status == 0, run.output
    offers(lab)
    assert identities(lab, "enp1s0") == vfs


def test_a_boot_by_that_version(lab: Lab, held: Pod) -> None:
    lab.reboot_and_wait()
    offers(lab)
