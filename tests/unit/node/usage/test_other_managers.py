# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody else's hand on the VFs is seen and named."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.node_runs import KERNEL, absent, make_host, present, somebody_makes

RULE = 'ACTION=="add", SUBSYSTEM=="net", ENV{ID_NET_DRIVER}=="igb", ATTR{device/sriov_numvfs}="4"\n'
PLACES = [
    ("etc/udev/rules.d/70-vfs.rules", RULE, "sriov_numvfs"),
    ("etc/systemd/system/vfs.service", "[Service]\nExecStart=/bin/sh -c 'echo 4 > .../sriov_numvfs'\n", "sriov_numvfs"),
    ("etc/netplan/50.yaml", "network:\n  ethernets:\n    e: {virtual-function-count: 4}\n", "virtual-function-count"),
    ("etc/NetworkManager/system-connections/a.nmconnection", "[connection]\nid=a\n\n[sriov]\ntotal-vfs=4\n", "[sriov]"),
    ("etc/systemd/network/10-a.link", "[Link]\nSR-IOVVirtualFunctions=4\n", "SR-IOVVirtualFunctions"),
    ("etc/modprobe.d/igb.conf", "options igb max_vfs=4\n", "max_vfs="),
    ("etc/rc.local", "#!/bin/sh\necho 4 > /sys/class/net/e/device/sriov_numvfs\n", "sriov_numvfs"),
]


@pytest.mark.parametrize(("path", "text", "sign"), PLACES)
def test_a_setting_of_others(tmp_path: Path, path: str, text: str, sign: str) -> None:
    """Named with its file, in a check and in a run; it stops nothing, and is left as it is."""
    host = make_host(tmp_path)
    host.put(path, text)
    for check in (True, False):
        (warning,) = present(host, [KERNEL], check=check).plan.warnings
        assert warning.startswith(f"/{path} (") and f" has {sign}:" in warning
    assert present(host, [KERNEL]).plan.warnings, "also where nothing is to be done"
    assert host.get(path) == text
    assert not absent(host).plan.warnings


@pytest.mark.parametrize(("path", "text", "sign"), PLACES[:6])
def test_comments_and_other_files_say_nothing(tmp_path: Path, path: str, text: str, sign: str) -> None:
    """A line that is switched off, and a file that its program does not read."""
    host = make_host(tmp_path)
    host.put(path, "".join(f"# {line}\n" for line in text.splitlines()))
    host.put(path + ".bak", text)
    assert not present(host, [KERNEL]).plan.warnings


def test_the_command_line_the_operator_and_other_device_plugins(tmp_path: Path) -> None:
    """By what they leave on the node."""
    host = make_host(tmp_path)
    host.put("proc/cmdline", "quiet igb.max_vfs=2 intel_iommu=on iommu=pt\n")
    host.put("etc/sriov-operator/pci/0000:01:00.0", "{}")
    for pod in ("sriov-network-config-daemon-x7", "kube-sriov-device-plugin-amd64-b", "web"):
        (tmp_path / f"var/log/pods/kube-system_{pod}_0f6c51a5").mkdir(parents=True)
    found = present(host, [KERNEL], check=True).plan.warnings
    assert [text.split(":")[0].partition(" holds")[0].partition(" is on")[0] for text in found] == [
        "the kernel's command line has igb.max_vfs=2",
        "/etc/sriov-operator/pci",
        "the pod kube-system/kube-sriov-device-plugin-amd64-b",
        "the pod kube-system/sriov-network-config-daemon-x7",
    ]


def test_where_others_are_meant_to_make_the_vfs(tmp_path: Path) -> None:
    """Nobody is warned of them."""
    host = make_host(tmp_path)
    host.put("etc/udev/rules.d/70-vfs.rules", RULE)
    somebody_makes(host, 4)
    assert not present(host, [{**KERNEL, "externally_managed": True}]).plan.warnings


def test_a_file_that_can_not_be_read_stops_nothing(tmp_path: Path) -> None:
    """It is not ours."""
    host = make_host(tmp_path)
    host.put("etc/modprobe.d/huge.conf", "x" * (2 << 20))
    (tmp_path / "etc/modprobe.d/folder.conf").mkdir()
    assert not present(host, [KERNEL]).plan.warnings


def test_another_device_plugin_with_the_same_resource(tmp_path: Path) -> None:
    """By its socket, until our own plugin, whose socket has the same name, is there."""
    host = make_host(tmp_path)
    path = "var/lib/kubelet/device-plugins/baremetal.sriov_kernel.sock"
    host.put(path, "")
    host.put("var/lib/kubelet/device-plugins/baremetal.sriov_other.sock", "")
    (warning,) = present(host, [KERNEL], check=True).plan.warnings
    assert warning.startswith(f"/{path} is there") and "offers baremetal.sriov/kernel" in warning
    host.put("etc/systemd/system/baremetal-sriov-device-plugin.service", "[Service]\n")
    assert not present(host, [KERNEL], check=True).plan.warnings
