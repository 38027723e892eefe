# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refusals name the pods that the kubelet gave VFs to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import HostError, RefusedError
from ansible_collections.baremetal.sriov.plugins.module_utils.usage import kubelet
from support.fake_kubelet import GROUPS, NOTE, UID, allocate
from support.node_runs import DPDK, KERNEL, PF1, PF2, make_host, present


@pytest.mark.parametrize("group", GROUPS)
def test_a_pod_that_runs_is_named(tmp_path: Path, group: str) -> None:
    """Also where nothing else tells that the VF is held: it was given, and is not moved yet."""
    host = make_host(tmp_path)
    present(host, [KERNEL])
    allocate(host, host.vf_address(PF1, 1))
    (tmp_path / "sys/fs/cgroup" / group).mkdir(parents=True)
    (tmp_path / f"var/log/pods/default_web-0_{UID}").mkdir(parents=True)
    with pytest.raises(RefusedError, match=r"VF 1 \(0000:01:10\.2\) by pod default/web-0, container app\."):
        present(host, [{**KERNEL, "num_vfs": 2}])
    assert host.numvfs(PF1) == 4
    assert present(host, [KERNEL, {**DPDK, "num_vfs": 2}]).plan.steps, "the other PF is free"


def test_a_pod_whose_name_is_not_known_is_named_by_its_uid(tmp_path: Path) -> None:
    """With the other sign that it holds the VF."""
    host = make_host(tmp_path)
    present(host, [KERNEL])
    vf = host.vf_address(PF1, 0)
    allocate(host, vf, note=f"var/snap/microk8s/common/{NOTE}")
    (tmp_path / "sys/fs/cgroup" / GROUPS[0]).mkdir(parents=True)
    host.move_away(vf)
    held = present(host, [{**KERNEL, "num_vfs": 2}], check=True).plan.held
    assert f"by pod with the UID {UID}, container app, another network namespace" in str(held[0])


def test_a_pod_that_has_ended_holds_nothing(tmp_path: Path) -> None:
    """An externally drained node passes, though the kubelet's note is older than the drain."""
    host = make_host(tmp_path)
    present(host, [KERNEL])
    allocate(host, host.vf_address(PF1, 1))
    (tmp_path / "sys/fs/cgroup/kubepods.slice").mkdir(parents=True)
    present(host, [{**KERNEL, "num_vfs": 2}])
    assert host.numvfs(PF1) == 2


@pytest.mark.parametrize(("populated", "held"), [("1", True), ("0", False)])
def test_an_empty_control_group_is_left_of_a_pod_that_has_ended(tmp_path: Path, populated: str, held: bool) -> None:
    """The kubelet takes it away some time after the API has forgotten the pod."""
    host = make_host(tmp_path)
    present(host, [KERNEL])
    allocate(host, host.vf_address(PF1, 1))
    host.put(f"/sys/fs/cgroup/{GROUPS[0]}/cgroup.events", f"populated {populated}\nfrozen 0\n")
    assert bool(present(host, [{**KERNEL, "num_vfs": 2}], check=True).plan.held) == held


def test_the_form_before_kubernetes_1_20(tmp_path: Path) -> None:
    """One list."""
    host = make_host(tmp_path)
    entry = {"PodUID": UID, "ContainerName": "c", "DeviceIDs": ["a", "b"]}
    host.put(NOTE, json.dumps({"Data": {"PodDeviceEntries": [entry], "RegisteredDevices": {}}, "Checksum": 2}))
    (tmp_path / "sys/fs/cgroup" / GROUPS[3]).mkdir(parents=True)
    assert sorted(kubelet.allocations(host)) == ["a", "b"]


@pytest.mark.parametrize("value", [{"Data": {"PodDeviceEntries": None, "RegisteredDevices": None}}])
def test_a_kubelet_that_gave_nothing(tmp_path: Path, value: Any) -> None:
    """As it writes it at its start."""
    host = make_host(tmp_path)
    host.put(NOTE, json.dumps(value))
    assert kubelet.allocations(host) == {}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"Data": {"PodDeviceEntries": [{"PodUID": "x"}]}}', '{"Data": 1}'])
def test_what_can_not_be_read_stops_every_change(tmp_path: Path, text: str) -> None:
    """Nothing is taken from pods unseen."""
    host = make_host(tmp_path)
    host.put(NOTE, text)
    with pytest.raises(HostError, match="kubelet's note"):
        present(host, [KERNEL])
    assert host.numvfs(PF1) == 0 and host.numvfs(PF2) == 0
