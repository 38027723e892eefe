# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian 13, which has AppArmor as it comes: site, a pod with VFs and teardown, with nothing refused."""

from __future__ import annotations

from collections.abc import Iterator

import chain
import denials
import pytest
import standalone
from confined import SERVICES, Seen, refused, seen

from sriovlab.guest import Lab

PROGRAM = "/opt/cni/bin/sriov"
PLANTED = "/run/lab-planted"


@pytest.fixture(scope="module")
def lab() -> Lab:
    """The running node, from its pristine disk."""
    return standalone.start(pristine=True, system="13")


@pytest.fixture(scope="module")
def node(lab: Lab) -> Seen:
    """What was seen on it."""
    return seen(lab, "apparmor/current")


@pytest.fixture
def planted(lab: Lab) -> Iterator[None]:
    """A profile that lets the CNI plugin do nothing."""
    lab.put(f"profile planted {PROGRAM} {{\n}}\n".encode(), PLANTED)
    lab.run(["apparmor_parser", "--replace", PLANTED])
    yield
    lab.run(["apparmor_parser", "--remove", PLANTED])


def test_apparmor_is_on_with_its_profiles(lab: Lab) -> None:
    assert lab.read("/sys/module/apparmor/parameters/enabled").strip() == "Y"
    assert lab.run(["systemctl", "is-active", "apparmor"]).stdout.strip() == "active"
    assert "apparmor" in lab.read("/sys/kernel/security/lsm").split(",")


def test_our_services_are_unconfined_and_the_pod_has_containerds_profile(node: Seen) -> None:
    assert node.services == dict.fromkeys(SERVICES, "unconfined")
    assert node.pod == "cri-containerd.apparmor.d (enforce)"


def test_a_second_run_changes_nothing(lab: Lab, node: Seen) -> None:
    run = standalone.site()
    assert run.recap["node1"]["changed"] == 0, run.output


def test_nothing_was_refused(lab: Lab, node: Seen) -> None:
    assert [str(denial) for denial in refused(lab, node.cursor)] == []


def test_a_profile_that_confines_a_program_of_ours_is_seen(lab: Lab, node: Seen, planted: None) -> None:
    cursor = denials.mark(lab)
    assert lab.run([PROGRAM], check=False).returncode != 0
    assert {denial.subject for denial in refused(lab, cursor)} == {"planted"}


def test_teardown_gives_the_node_back_with_nothing_refused(lab: Lab, node: Seen) -> None:
    cursor = denials.mark(lab)
    run = chain.playbook("teardown")
    assert run.status == 0, run.output
    assert chain.num_vfs(lab) == dict.fromkeys(chain.PFS, 0)
    assert [str(denial) for denial in refused(lab, cursor)] == []
