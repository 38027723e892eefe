# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian 12 with SELinux enforcing: site, a pod with VFs and teardown, every process in a named type, nothing refused.

The policy is Debian's, which is not Fedora's: a service is initrc_t there, where Fedora has unconfined_service_t.
"""

from __future__ import annotations

import re

import chain
import denials
import pytest
import standalone
from confined import SERVICES, Seen, ours, refused, seen

from sriovlab.guest import Lab

PLANTED = "/usr/lib/baremetal-sriov/device-plugin/run.py"
# What a kernel's policy begins with: magic number, name, version, flags, two counts, an ebitmap of capabilities, and
# one of permissive domains (libsepol's policydb_read).
_POLICY_HEAD = """\
import struct, sys
with open("/sys/fs/selinux/policy", "rb") as stream:
    data = stream.read(4096)
at = 8 + struct.unpack_from("<I", data, 4)[0] + 16
found = []
for name in ("capabilities", "permissive"):
    unit, highest, count = struct.unpack_from("<III", data, at)
    assert unit == 64, unit
    found.append(count)
    at += 12 + 12 * count
print(found[1])
"""


@pytest.fixture(scope="module")
def lab() -> Lab:
    """The running node, from its pristine disk."""
    return standalone.start(pristine=True, system="12-selinux")


@pytest.fixture(scope="module")
def node(lab: Lab) -> Seen:
    """What was seen on it."""
    return seen(lab, "current")


def wrong(lab: Lab) -> list[str]:
    """What restorecon would change of the labels of what is ours."""
    done = lab.run(["restorecon", "-R", "-n", "-v", *ours(lab)], timeout=300.0)
    return [line for line in done.stdout.splitlines() if line.startswith("Would relabel")]


def test_the_policy_is_enforced_in_each_domain_and_hides_nothing(lab: Lab) -> None:
    assert lab.run(["getenforce"]).stdout.strip() == "Enforcing"
    assert lab.run(["python3", "-I", "-c", _POLICY_HEAD]).stdout.strip() == "0", "there are permissive domains"
    lab.run(["test", "-e", "/var/lib/selinux/default/active/disable_dontaudit"])


def test_the_services_are_services_and_the_pod_is_a_container(node: Seen) -> None:
    assert node.services == dict.fromkeys(SERVICES, "system_u:system_r:initrc_t:s0")
    assert re.fullmatch(r"system_u:system_r:container_t:s0:c\d+,c\d+", node.pod)


def test_a_second_run_changes_nothing(lab: Lab, node: Seen) -> None:
    run = standalone.site()
    assert run.recap["node1"]["changed"] == 0, run.output


def test_what_is_ours_has_the_labels_of_its_places(lab: Lab, node: Seen) -> None:
    assert wrong(lab) == []


def test_nothing_was_refused(lab: Lab, node: Seen) -> None:
    assert [str(denial) for denial in refused(lab, node.cursor)] == []


def test_a_wrong_label_on_a_file_of_ours_is_seen(lab: Lab, node: Seen) -> None:
    lab.run(["chcon", "-t", "shadow_t", PLANTED])
    (line,) = wrong(lab)
    assert PLANTED in line and "shadow_t" in line
    lab.run(["restorecon", PLANTED])
    assert wrong(lab) == []


def test_teardown_gives_the_node_back_with_nothing_refused(lab: Lab, node: Seen) -> None:
    cursor = denials.mark(lab)
    run = chain.playbook("teardown")
    assert run.status == 0, run.output
    assert chain.num_vfs(lab) == dict.fromkeys(chain.PFS, 0)
    assert [str(denial) for denial in refused(lab, cursor)] == []
