# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""After teardown nothing of ours is left, and what was there before is as it was."""

from __future__ import annotations

import chain

from sriovlab.guest import Lab


def test_no_vfs(lab: Lab) -> None:
    assert chain.num_vfs(lab) == {"enp1s0": 0, "enp2s0": 0}


def test_no_huge_pages(lab: Lab) -> None:
    assert chain.huge_pages(lab) == 0


def test_mtu_of_the_pfs_is_as_it_was(lab: Lab) -> None:
    assert [lab.read(f"/sys/class/net/{pf}/mtu").strip() for pf in chain.PFS] == ["1500", "1500"]


def test_every_file_is_as_it_was(lab: Lab) -> None:
    assert chain.difference(chain.noted("pristine"), chain.snapshot(lab)) == []


def test_foreign_kernel_arguments_are_there_and_ours_are_not(lab: Lab) -> None:
    for line in lab.read("/etc/default/grub").splitlines():
        if line.startswith(("GRUB_CMDLINE_LINUX=", "GRUB_CMDLINE_LINUX_DEFAULT=")):
            assert "intel_iommu=off" in line
    words = [
        word for word in lab.read("/proc/cmdline").split() if word.startswith(("intel_iommu=", "iommu="))
    ]
    assert words == ["intel_iommu=off", "intel_iommu=off"]


def test_no_unit_of_ours(lab: Lab) -> None:
    done = lab.run(
        ["systemctl", "list-unit-files", "--no-legend", "--no-pager", "baremetal-sriov*"], check=False
    )
    assert done.stdout.split() == []


def test_nothing_of_ours_is_installed(lab: Lab) -> None:
    names = (
        "/usr/lib/baremetal-sriov",
        "/etc/baremetal-sriov",
        "/var/lib/baremetal-sriov",
        "/opt/cni/bin/sriov",
        "/etc/pcidp",
        "/var/lib/cni/sriov",
        "/run/baremetal-sriov",
        "/var/run/k8s.cni.cncf.io",
    )
    assert lab.snapshot_files(names) == {}


def test_network_attachments_and_labels_are_gone(lab: Lab) -> None:
    assert lab.api("GET", "/apis/k8s.cni.cncf.io/v1/network-attachment-definitions") is None
    metadata = lab.api("GET", "/api/v1/nodes/node1")["metadata"]
    assert [key for key in metadata["labels"] if key.startswith("baremetal.sriov/")] == []
    assert [key for key in metadata.get("annotations", {}) if key.startswith("baremetal.sriov/")] == []


def test_node_offers_nothing(lab: Lab) -> None:
    chain.wait_offered(lab, {})


def test_a_cordon_of_somebody_else_outlives_our_reboot(lab: Lab) -> None:
    assert lab.api("GET", "/api/v1/nodes/node1")["spec"].get("unschedulable") is True


def test_boots_were_asked_for(lab: Lab) -> None:
    """One for the kernel arguments, one by the tests, one to get rid of the arguments."""
    assert chain.boots(lab) == chain.noted("boots")["count"] + 3
