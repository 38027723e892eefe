# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real Go plugins give their node to ours, and get it back, while three pods hold VFs.

The tests stand in the order in which they run.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import chain
import pytest
from changing import KERNEL, identities, words
from pod import Attachment, Pod, define_network, gone_at_the_end

from sriovlab.guest import Lab

PLUGIN_UNIT, CNI = "sriovdp.service", "/opt/cni/bin/sriov"
OURS = "baremetal-sriov-device-plugin.service"
NETWORK, HELD = "kept", 3
VARIABLES: dict[str, Any] = {
    "sriov_policies": [KERNEL], "sriov_adopt_from": [f"unit/{PLUGIN_UNIT}"], "sriov_networks_enabled": False,
}  # fmt: skip


@pytest.fixture(scope="module")
def pods(lab: Lab) -> Iterator[list[Pod]]:
    define_network(lab, NETWORK, "kernel", {"vlan": 100})
    made = [Pod(lab, f"kept{number}", {"kernel": 1}, networks=[Attachment(NETWORK)]) for number in range(HELD)]
    with gone_at_the_end(lab, made, [NETWORK]):
        for pod in made:
            pod.create()
        yield made


@contextmanager
def never_fewer(lab: Lab) -> Iterator[None]:
    """The node's allocatable is not under what pods hold, looked at twice a second; and no pod is another one."""
    ended, seen = threading.Event(), []

    def look() -> None:
        while not ended.wait(0.5):
            seen.append(chain.offered(lab).get("kernel", 0))

    thread = threading.Thread(target=look)
    before = containers(lab)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    assert seen and min(seen) >= HELD, seen
    assert containers(lab) == before


def containers(lab: Lab) -> dict[str, tuple[str, int]]:
    """Pod -> its container, and how often that was started."""
    items = lab.api("GET", "/api/v1/namespaces/default/pods")["items"]
    states = {item["metadata"]["name"]: item["status"]["containerStatuses"][0] for item in items}
    return {name: (one["containerID"], one["restartCount"]) for name, one in states.items()}


def digest(lab: Lab) -> str:
    return lab.run(["sha256sum", CNI]).stdout.split()[0]


def active(lab: Lab, name: str) -> str:
    return chain.unit(lab, name, "ActiveState")["ActiveState"]


def test_the_plan_changes_nothing(lab: Lab, pods: list[Pod]) -> None:
    before = digest(lab)
    run = chain.playbook("adopt", VARIABLES, "--check")
    assert run.status == 0, run.output
    assert f"{PLUGIN_UNIT} is switched off" in words(run) and "with 3 devices in pods" in words(run)
    assert digest(lab) == before and active(lab, PLUGIN_UNIT) == "active"
    run = chain.playbook("adopt", {**VARIABLES, "sriov_adopt_from": []}, "--check")
    assert run.status == 2 and f"expected unit/{PLUGIN_UNIT} in sriov_adopt_from" in words(run)


def test_over(lab: Lab, pods: list[Pod]) -> None:
    chain.note("program", digest(lab))
    vfs = identities(lab, "enp1s0")
    with never_fewer(lab):
        run = chain.playbook("adopt", VARIABLES)
    assert run.status == 0, run.output
    assert (active(lab, PLUGIN_UNIT), active(lab, OURS)) == ("inactive", "active")
    assert identities(lab, "enp1s0") == vfs and digest(lab) != chain.noted("program")
    again = chain.playbook("adopt", VARIABLES)
    assert again.status == 0 and again.recap["node1"]["changed"] == 0, again.output
    pods[0].delete()  # what sriov-cni attached, ours brings back
    pods[0].create()
    chain.wait_allocatable(lab, {"kernel": 4}, 120)


def test_back(lab: Lab, pods: list[Pod]) -> None:
    with never_fewer(lab):
        run = chain.playbook("adopt", {**VARIABLES, "sriov_adopt_back": True})
    assert run.status == 0, run.output
    assert (active(lab, PLUGIN_UNIT), digest(lab)) == ("active", chain.noted("program"))
    assert "stays, and takes a VF back when its pod has ended" in words(run), "one pod's VF is of ours"
    pods[0].delete()
    run = chain.playbook("adopt", {**VARIABLES, "sriov_adopt_back": True})
    assert run.status == 0, run.output
    assert lab.run(["test", "-e", "/usr/lib/baremetal-sriov"], check=False).returncode != 0
    pods[0].create()
