# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""sriov_wait_for_free: what others hold is changed when they have gone, and no VF of it is given away until then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.node import boot, command
from support.drift_runs import drift
from support.fake_base import Killed
from support.fake_offers import WITHDRAWN, HostWithKubelet
from support.node_runs import DPDK, KERNEL, PF1, PF2, absent, drivers, make_host, present

HOLDER = "7d1c51a5-6d8b-4a5e-9b7c-2f0c9a1d3e4f"
RESOURCE = "baremetal.sriov/kernel"
SEVEN = {**KERNEL, "num_vfs": 7}
VFIO = {**KERNEL, "device_type": "vfio-pci"}
WAIT = {"wait_for_free": True}


def node(root: Path, held: int = 1) -> HostWithKubelet:
    """Both policies, and a pod that has a VF of the first one."""
    host = make_host(root, kind=HostWithKubelet)
    assert isinstance(host, HostWithKubelet)
    present(host, [KERNEL, DPDK])
    host.fill({f"var/log/pods/ns_app_{HOLDER}/": "", f"var/lib/kubelet/pods/{HOLDER}/": ""})
    host.entries.append({"PodUID": HOLDER, "ContainerName": "app", "ResourceName": RESOURCE,
                         "DeviceIDs": {"-1": [host.vf_address(PF1, held)]}})  # fmt: skip
    host.serve({RESOURCE: [PF1], "baremetal.sriov/dpdk": [PF2]})
    return host


def pod_goes(host: HostWithKubelet) -> None:
    host.entries.clear()
    for path in (f"var/log/pods/ns_app_{HOLDER}", f"var/lib/kubelet/pods/{HOLDER}"):
        host.real(path).rmdir()
    host.clock += 60
    host.run(["systemctl", "is-active", "x"], check=False)  # the kubelet notes it


def withheld(host: HostWithKubelet) -> set[str]:
    return host.withdrawn() - {""}


def told(host: HostWithKubelet) -> dict[str, Any]:
    return command.status(host)


@pytest.mark.parametrize("drift_mode", ["report", "restore", "repair"])
def test_the_node_makes_the_change_when_the_last_holder_has_gone(tmp_path: Path, drift_mode: str) -> None:
    host = node(tmp_path)
    run = present(host, [SEVEN, {**DPDK, "num_vfs": 5}], drift=drift_mode, **WAIT)
    assert not run.plan.drain_required and run.facts()["waits_for_free"] == [PF1]
    assert any("pod ns/app, container app" in text and "sriov_wait_for_free" in text for text in run.warnings)
    assert (host.numvfs(PF1), host.numvfs(PF2)) == (4, 5), "what nobody holds does not wait"
    assert withheld(host) == {host.vf_address(PF1, index) for index in range(4)}
    again = present(host, [SEVEN, {**DPDK, "num_vfs": 5}], check=True, drift=drift_mode, **WAIT)
    assert again.plan.pending == [] and again.facts()["waits_for_free"] == [PF1]
    since = len(host.log)
    assert drift(host) == 0 and host.numvfs(PF1) == 4
    assert not [line for line in host.log[since:] if "sriov_numvfs" in line]
    assert PF1 in told(host)["waits_for_free"][0] and "waits" in "\n".join(command.told(told(host)))
    pod_goes(host)
    assert drift(host) == 0
    assert host.numvfs(PF1) == 7 and not host.exists(WITHDRAWN) and told(host)["waits_for_free"] == []
    assert present(host, [SEVEN, {**DPDK, "num_vfs": 5}], check=True, drift=drift_mode, **WAIT).plan.pending == []


def test_the_next_run_makes_it_as_well(tmp_path: Path) -> None:
    host = node(tmp_path)
    present(host, [SEVEN, DPDK], **WAIT)
    pod_goes(host)
    present(host, [SEVEN, DPDK], **WAIT)
    assert host.numvfs(PF1) == 7 and not host.exists(WITHDRAWN)


def test_a_policy_that_goes_back_offers_all_again(tmp_path: Path) -> None:
    host = node(tmp_path)
    present(host, [SEVEN, DPDK], **WAIT)
    run = present(host, [KERNEL, DPDK], **WAIT)
    assert run.facts()["waits_for_free"] == [] and withheld(host) == set() and host.numvfs(PF1) == 4


def test_one_vf_waits_alone(tmp_path: Path) -> None:
    host = node(tmp_path)
    run = present(host, [VFIO, DPDK], **WAIT)
    assert run.facts()["waits_for_free"] == [f"{PF1} vf 1"]
    assert drivers(host, PF1) == ["vfio-pci", "igbvf", "vfio-pci", "vfio-pci"]
    assert withheld(host) == {host.vf_address(PF1, 1)}
    pod_goes(host)
    assert drift(host) == 0
    assert drivers(host, PF1) == ["vfio-pci"] * 4 and withheld(host) == set()


def test_no_pod_gets_a_vf_that_waits(tmp_path: Path) -> None:
    host = node(tmp_path)
    present(host, [SEVEN, DPDK], **WAIT)
    host.when, host.wanted = (lambda number, line: withheld(host) != set()), host.vf_address(PF1, 2)
    drift(host)
    pod_goes(host)
    drift(host)
    assert host.numvfs(PF1) == 7
    assert not host.given, "it was withheld from the moment on in which its change began to wait"


def test_without_the_word_nothing_changes(tmp_path: Path) -> None:
    host = node(tmp_path)
    assert present(host, [SEVEN, DPDK], check=True).plan.drain_required


def test_a_policy_that_is_gone_keeps_its_record_until_then(tmp_path: Path) -> None:
    host = node(tmp_path)
    run = present(host, [DPDK], **WAIT)
    assert run.facts()["waits_for_free"] == [PF1] and host.numvfs(PF1) == 4
    pod_goes(host)
    present(host, [DPDK], **WAIT)
    assert host.numvfs(PF1) == 0 and not host.exists(WITHDRAWN)
    absent(host)
    assert (host.numvfs(PF1), host.numvfs(PF2)) == (0, 0)


def test_a_boot_makes_what_waited(tmp_path: Path) -> None:
    host = node(tmp_path)
    present(host, [SEVEN, DPDK], **WAIT)
    pod_goes(host)
    host.reboot()
    assert boot.main(host) == 0
    assert host.numvfs(PF1) == 7 and not host.exists(WITHDRAWN)


def test_a_kill_while_it_waits_loses_nothing(tmp_path: Path) -> None:
    for number in range(1, 40):
        host = node(tmp_path / str(number))
        try:
            with host.mortal(number):
                present(host, [SEVEN, DPDK], **WAIT)
        except Killed:
            present(host, [SEVEN, DPDK], **WAIT)
        else:
            break
        assert host.numvfs(PF1) == 4 and withheld(host) == {host.vf_address(PF1, index) for index in range(4)}
    assert number > 2
