# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""After a plain reboot the boot service has done everything before the kubelet started."""

from __future__ import annotations

import chain
import pytest

from sriovlab.guest import Lab

SERVICE = "baremetal-sriov-node.service"


@pytest.fixture(scope="module", autouse=True)
def ready(lab: Lab) -> None:
    """The kubelet of this boot has said that it is ready: what the API tells is no longer the last boot's."""
    lab.wait_rebooted(chain.noted("boots")["boot_id"])


def test_node_booted_again(lab: Lab) -> None:
    assert chain.boots(lab) == chain.noted("boots")["count"] + 2


def test_boot_service_succeeded(lab: Lab) -> None:
    found = chain.unit(lab, SERVICE, "ActiveState", "Result", "ExecMainStatus")
    assert found == {"ActiveState": "active", "Result": "success", "ExecMainStatus": "0"}


def test_vfs_and_drivers_were_back_before_the_kubelet_started(lab: Lab) -> None:
    done = chain.unit(lab, SERVICE, "ExecMainExitTimestampMonotonic")["ExecMainExitTimestampMonotonic"]
    kubelet = chain.unit(lab, "kubelet.service", "ExecMainStartTimestampMonotonic")[
        "ExecMainStartTimestampMonotonic"
    ]
    assert 0 < int(done) <= int(kubelet)
