# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PFs whose VFs somebody else makes: only the VFs are set up, and the count is never written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import RefusedError
from ansible_collections.baremetal.sriov.plugins.module_utils.node import boot
from support.fake_host import FakeHost
from support.node_runs import KERNEL, PF1, absent, drivers, make_host, present, somebody_makes

EXTERNAL = {**KERNEL, "externally_managed": True}


def counts_written(host: FakeHost) -> list[str]:
    return [line for line in host.log if "sriov_numvfs=" in line]


def test_vfs_are_set_up_and_given_back_and_the_count_stays(tmp_path: Path) -> None:
    """Also where there are more than the policy names, and where their owner adds some later."""
    host = make_host(tmp_path)
    somebody_makes(host, 5)
    policy = {**EXTERNAL, "device_type": "vfio-pci", "nic_selector": {"pf_names": ["enp1s0#0-1"]}, "mtu": 1400}
    present(host, [policy])
    assert drivers(host, PF1) == ["vfio-pci", "vfio-pci", "igbvf", "igbvf", "igbvf"]
    config = json.loads(host.get("etc/pcidp/config.json"))
    assert config["resourceList"][0]["selectors"][0]["rootDevices"] == [f"{PF1}#0-1"]
    assert not present(host, [policy]).plan.steps
    host._set_numvfs(PF1, "0")
    somebody_makes(host, 7)
    present(host, [policy])
    absent(host)
    assert drivers(host, PF1) == ["igbvf"] * 7
    assert not counts_written(host) and host.nets["enp1s0"].mtu == 1500


def test_all_of_its_vfs_are_named_one_by_one(tmp_path: Path) -> None:
    """The device plugin must not offer VFs that appear later and are not the policy's."""
    host = make_host(tmp_path)
    somebody_makes(host, 4)
    present(host, [EXTERNAL])
    config = json.loads(host.get("etc/pcidp/config.json"))
    assert config["resourceList"][0]["selectors"][0]["rootDevices"] == [f"{PF1}#0-3"]


def test_too_few_vfs_or_a_smaller_mtu_are_refused(tmp_path: Path) -> None:
    """Both in one message; their owner is the one to act."""
    host = make_host(tmp_path)
    somebody_makes(host, 3)
    with pytest.raises(RefusedError) as caught:
        present(host, [{**EXTERNAL, "mtu": 9000}])
    text = str(caught.value)
    assert "4 VFs that somebody else made" in text and "an MTU of 9000 or more" in text
    assert not counts_written(host)


def test_two_policies_must_agree_on_who_makes_the_vfs(tmp_path: Path) -> None:
    """One PF has one owner of its count."""
    host = make_host(tmp_path)
    one = {**EXTERNAL, "nic_selector": {"pf_names": ["enp1s0#0-1"]}}
    two = {**KERNEL, "name": "b", "resource_name": "b", "nic_selector": {"pf_names": ["enp1s0#2-3"]}}
    with pytest.raises(RefusedError, match="different externally_managed"):
        present(host, [one, two])


def test_the_boot_service_waits_for_the_owner(tmp_path: Path) -> None:
    """Whose program may run later in the boot."""
    host = make_host(tmp_path)
    somebody_makes(host, 4)
    present(host, [{**EXTERNAL, "device_type": "vfio-pci"}])
    host.reboot()
    waited = []
    sleep = host.sleep

    def owner_comes(seconds: float) -> None:
        sleep(seconds)
        waited.append(seconds)
        if len(waited) == 3:
            somebody_makes(host, 4)

    host.sleep = owner_comes  # type: ignore[method-assign]
    assert boot.main(host) == 0
    assert drivers(host, PF1) == ["vfio-pci"] * 4


def test_the_count_of_vfs_that_were_there_comes_back(tmp_path: Path) -> None:
    """VFs that fitted a policy of ours were not made by us, until a later policy changes their number."""
    host = make_host(tmp_path)
    somebody_makes(host, 4)
    present(host, [{**KERNEL, "device_type": "vfio-pci"}])
    assert not counts_written(host)
    present(host, [{**KERNEL, "num_vfs": 6}])
    assert host.numvfs(PF1) == 6
    absent(host)
    assert drivers(host, PF1) == ["igbvf"] * 4
