# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody else's hand on the VFs is seen and named."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.fake_offers import OURS, THEIRS, HostWithKubelet
from support.node_runs import KERNEL, PF1, absent, make_host, present, somebody_makes

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


DPDK_SOCKET = "/var/lib/kubelet/plugins_registry/baremetal.sriov_kernel.sock"


@pytest.mark.parametrize(("owner", "words"), [
    pytest.param(THEIRS, "process 700 (sriovdp) of the pod with the UID 11111111-2222-3333-4444-555555555555",
                 id="finding-node-36-theirs"),
    pytest.param(OURS, "", id="finding-node-36-ours"),
    pytest.param(0, "", id="finding-node-36-not-to-be-seen"),
])  # fmt: skip
def test_who_listens_at_our_socket_is_named(tmp_path: Path, owner: int, words: str) -> None:
    """Also when our own plugin is installed, in each run and in verify."""
    host = HostWithKubelet(tmp_path)
    host.add_pf(PF1, "enp1s0")
    host.add_grub('GRUB_CMDLINE_LINUX_DEFAULT="quiet"\n')
    present(host, [KERNEL])
    host.put("etc/systemd/system/baremetal-sriov-device-plugin.service", "[Service]\n")
    host.serve({}, owner)
    host.put(DPDK_SOCKET, "")
    host.listeners[DPDK_SOCKET] = owner
    for check in (True, False):
        found = present(host, [KERNEL], check=check).plan.warnings
        assert [words in text and DPDK_SOCKET in text for text in found] == ([True] if words else [])


@pytest.mark.parametrize(("unit", "named"), [
    pytest.param("sriov-device-plugin.service", True, id="finding-node-36-unit"),
    pytest.param("kube-sriovdp.service", True, id="finding-node-36-another-unit"),
    pytest.param("baremetal-sriov-device-plugin.service", False, id="finding-node-36-our-unit"),
    pytest.param("sriov-config.service", False, id="finding-node-36-no-plugin"),
])  # fmt: skip
def test_a_unit_that_runs_another_device_plugin(tmp_path: Path, unit: str, named: bool) -> None:
    """Whoever has the socket at this moment."""
    host = make_host(tmp_path)
    host.fill({f"sys/fs/cgroup/system.slice/{unit}/": ""})
    assert [unit in text for text in present(host, [KERNEL], check=True).plan.warnings] == ([True] if named else [])


@pytest.mark.parametrize("pod", [pytest.param(name, id=f"finding-node-36-pod-{name}") for name in (
    "kube-sriov-device-plugin-amd64-x", "sriov-network-device-plugin-7", "sriovdp-x7")])  # fmt: skip
def test_a_pod_that_runs_another_device_plugin(tmp_path: Path, pod: str) -> None:
    host = make_host(tmp_path)
    host.put("etc/systemd/system/baremetal-sriov-device-plugin.service", "[Service]\n")
    host.fill({f"var/log/pods/kube-system_{pod}_0f6c51a5/": ""})
    (warning,) = present(host, [KERNEL], check=True).plan.warnings
    assert f"the pod kube-system/{pod} is on this node, another SR-IOV device plugin" in warning


NUMBER = "/sys/class/net/enp1s0/device/sriov_numvfs"
# As the programs' own documentation writes them.
MORE: list[tuple[str, str, str, int]] = [
    ("etc/sysfs.conf", "# VFs\nclass/net/enp1s0/device/sriov_numvfs = 4\n", "sriov_numvfs", 2),
    ("etc/sysfs.d/vfs.conf", "class/net/enp1s0/device/sriov_numvfs = 4\n", "sriov_numvfs", 1),
    ("etc/network/interfaces",
     f"auto enp1s0\niface enp1s0 inet manual\n  pre-up echo 4 > {NUMBER}\n", "sriov_numvfs", 3),
    ("etc/network/interfaces.d/pf", f"iface enp1s0 inet dhcp\n  post-up echo 0 > {NUMBER}\n", "sriov_numvfs", 2),
    ("etc/network/if-up.d/vfs", f"#!/bin/sh\necho 4 > {NUMBER}\n", "sriov_numvfs", 2),
    ("etc/tmpfiles.d/vfs.conf", f"w {NUMBER} - - - - 4\n", "sriov_numvfs", 1),
    ("etc/systemd/system/net.service.d/vf.conf",
     f"[Service]\nExecStartPost=sh -c 'echo 4 > {NUMBER}'\n", "sriov_numvfs", 2),
    ("run/systemd/system/vfs.service", f"[Service]\nExecStart=sh -c 'echo 4 > {NUMBER}'\n", "sriov_numvfs", 2),
    ("etc/crontab", f"@reboot root echo 4 > {NUMBER}\n", "sriov_numvfs", 1),
    ("etc/cron.d/vfs", f"@reboot root echo 4 > {NUMBER}\n", "sriov_numvfs", 1),
    ("var/spool/cron/crontabs/root", f"@reboot echo 4 > {NUMBER}\n", "sriov_numvfs", 1),
    ("var/spool/cron/root", f"@reboot echo 4 > {NUMBER}\n", "sriov_numvfs", 1),
    ("etc/sysconfig/network-scripts/ifcfg-enp1s0", "DEVICE=enp1s0\nSRIOV_TOTAL_VFS=4\n", "SRIOV_TOTAL_VFS=", 2),
    ("etc/sysconfig/network-scripts/ifup-local", f"#!/bin/sh\necho 4 > {NUMBER}\n", "sriov_numvfs", 2),
    ("etc/sysconfig/network/ifcfg-eth0", f"PRE_UP_SCRIPT='echo 4 > {NUMBER}'\n", "sriov_numvfs", 1),
    ("etc/netplan/60.yaml",
     "network:\n  ethernets:\n    enp1s0: {}\n    vf0:\n      link: enp1s0\n", "link: enp1s0", 5),
    ("etc/netplan/62.yaml",
     "network:\n  ethernets:\n    enp1s0: {}\n    vf0: {dhcp4: true, link: enp1s0}\n", "link: enp1s0", 4),
    ("etc/netplan/61.yaml", "network:\n  version: 2\n  ethernets:\n    e:\n      embedded-switch-mode: switchdev\n",
     "embedded-switch-mode", 5),
    ("etc/driverctl.d/pci-0000:01:10.0", "vfio-pci\n", "vfio-pci", 1),
    ("etc/os-net-config/sriov_config.yaml", "- device_type: pf\n  name: enp1s0\n  numvfs: 4\n", "numvfs", 3),
    ("etc/NetworkManager/dispatcher.d/20-vfs", f"#!/bin/sh\necho 4 > {NUMBER}\n", "sriov_numvfs", 2),
    ("etc/NetworkManager/dispatcher.d/pre-up.d/20-vfs", f"#!/bin/sh\necho 4 > {NUMBER}\n", "sriov_numvfs", 2),
    ("etc/networkd-dispatcher/routable.d/vfs", f"#!/bin/sh\necho 4 > {NUMBER}\n", "sriov_numvfs", 2),
    ("etc/systemd/network/10-a.network", "[Match]\nName=enp1s0\n\n[SR-IOV]\nVirtualFunction=0\n", "[SR-IOV]", 4),
    ("etc/modprobe.d/mlx4.conf", "options mlx4_core num_vfs=4\n", "num_vfs=", 1),
    ("etc/modprobe.d/ixgbe.conf", f"install ixgbe modprobe -i ixgbe; echo 4 > {NUMBER}\n", "sriov_numvfs", 1),
    ("etc/rc.d/rc.local", f"#!/bin/sh\necho 4 > {NUMBER}\n", "sriov_numvfs", 2),
    ("etc/init.d/vfs", f"#!/bin/sh\necho 4 > {NUMBER}\n", "sriov_numvfs", 2),
    ("etc/cloud/cloud.cfg.d/90.cfg", f"bootcmd:\n  - echo 4 > {NUMBER}\n", "sriov_numvfs", 2),
    ("var/lib/cloud/scripts/per-boot/vfs.sh", f"#!/bin/sh\necho 4 > {NUMBER}\n", "sriov_numvfs", 2),
    ("etc/libvirt/hooks/qemu", f"#!/bin/sh\necho 4 > {NUMBER}\n", "sriov_numvfs", 2),
    # NetworkManager.conf(5), section device; systemd.unit(5), search path; systemd.link(5), drop-ins.
    ("etc/NetworkManager/conf.d/vfs.conf", "[device-vfs]\nmanaged=1\nsriov-num-vfs=4\n", "sriov-num-vfs", 3),
    ("etc/NetworkManager/NetworkManager.conf", "[main]\n[device]\nsriov-num-vfs=4\n", "sriov-num-vfs", 3),
    ("etc/systemd/system.control/net.service.d/vf.conf",
     f"[Service]\nExecStartPost=sh -c 'echo 4 > {NUMBER}'\n", "sriov_numvfs", 2),
    ("etc/systemd/network/10-a.link.d/vfs.conf", "[Link]\nSR-IOVVirtualFunctions=4\n", "SR-IOVVirtualFunctions", 2),
    ("etc/systemd/network/10-a.network.d/vf.conf", "[SR-IOV]\nVirtualFunction=0\n", "[SR-IOV]", 1),
    ("usr/local/lib/udev/rules.d/70.rules", RULE, "sriov_numvfs", 1),
    # What packages and images bring, where its name says what it is for.
    ("usr/lib/systemd/system/sriov.service", f"[Service]\nExecStart=sh -c 'echo 4 > {NUMBER}'\n", "sriov_numvfs", 2),
    ("lib/udev/rules.d/70-vf.rules", RULE, "sriov_numvfs", 1),
    ("usr/lib/modprobe.d/igb.conf", "options igb max_vfs=4\n", "max_vfs=", 1),
    ("etc/modprobe.conf", "options igb max_vfs=4\n", "max_vfs=", 1),
    ("etc/anacrontab", f"1 5 vfs echo 4 > {NUMBER}\n", "sriov_numvfs", 1),
    ("etc/tuned/ours/script.sh", f"#!/bin/sh\necho 4 > {NUMBER}\n", "sriov_numvfs", 2),
    ("etc/sysconfig/network/if-up.d/vfs", f"#!/bin/sh\necho 4 > {NUMBER}\n", "sriov_numvfs", 2),
    ("etc/wicked/scripts/vfs", f"#!/bin/sh\necho 4 > {NUMBER}\n", "sriov_numvfs", 2),
    ("etc/cloud/cloud.cfg", f"bootcmd:\n  - echo 4 > {NUMBER}\n", "sriov_numvfs", 2),
    ("etc/dpdk/interfaces", "# <bus> <id> <driver>\npci\t0000:01:10.0\tvfio-pci\n", "pci\t0000:01:10.0", 2),
    # VFs' settings alone.
    ("etc/init.d/vf-macs", "#!/bin/sh\nip link set enp1s0 vf 0 mac 02:00:00:00:00:01\n", "ip link set enp1s0 vf 0", 2),
    ("etc/cron.d/vlans", "@reboot root /sbin/ip link set dev enp1s0 vf 1 vlan 5\n", "ip link set dev enp1s0 vf 1", 1),
    ("etc/network/interfaces.d/vlans", "iface enp1s0 inet dhcp\n  up ip link set $IFACE vf 0 spoofchk off\n",
     "ip link set $IFACE vf 0", 2),
    ("usr/local/sbin/vfs.sh", f"#!/bin/sh\necho 0 > {NUMBER}\necho 4 > {NUMBER}\n", "sriov_numvfs", 2),
]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "text", "sign", "line"), [pytest.param(*row, id=f"finding-node-35-{row[0]}") for row in MORE]
)
def test_the_usual_places(tmp_path: Path, path: str, text: str, sign: str, line: int) -> None:
    """Each is named with its file and line, and nothing in it is changed."""
    host = make_host(tmp_path)
    host.put(path, text)
    (warning,) = present(host, [KERNEL], check=True).plan.warnings
    assert warning.startswith(f"/{path} (") and f"line {line}) has {sign}:" in warning
    present(host, [KERNEL])
    assert host.get(path) == text


@pytest.mark.parametrize("what", [pytest.param("merged", id="finding-node-35-one-file-by-two-names")])
def test_a_file_with_two_names_is_named_once(tmp_path: Path, what: str) -> None:
    """/lib leads to /usr/lib."""
    host = make_host(tmp_path)
    host.put("usr/lib/udev/rules.d/70-vfs.rules", RULE)
    host.symlink("lib", "usr/lib")
    (warning,) = present(host, [KERNEL], check=True).plan.warnings
    assert warning.startswith("/usr/lib/udev/rules.d/70-vfs.rules (a udev rule, line 1)"), what


INNOCENT = [
    ("etc/netplan/60.yaml",
     "network:\n  ethernets:\n    enp1s0: {}\n  vlans:\n    v5:\n      id: 5\n      link: enp1s0\n"),
    ("etc/netplan/60.yaml.bak", "network:\n  ethernets:\n    v:\n      link: enp1s0\n"),
    ("etc/network/interfaces", "auto enp1s0\n# pre-up echo 4 > .../sriov_numvfs\n"),
    ("etc/cron.d/vfs", f"#@reboot root echo 4 > {NUMBER}\n"),
    ("etc/rc.local", "#!/bin/sh\nip link set enp1s0 up\nip link set enp1s0 vrf vf0\n"),
    ("etc/dpdk/interfaces", "# pci 0000:04:00.0 vfio-pci\n"),
    ("usr/lib/systemd/system/ovirt.service", f"[Service]\nExecStart=/bin/sh -c 'cat {NUMBER}'\n"),
    ("etc/network/interfaces.d/pf.bak", f"post-up echo 4 > {NUMBER}\n"),
    ("usr/local/bin/kubectl", "\x7fELF" + "x" * (70 << 10) + " sriov_numvfs"),
    ("etc/sysconfig/network-scripts/ifcfg-enp1s0.bak", "SRIOV_TOTAL_VFS=4\n"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "text"), [pytest.param(*row, id=f"finding-node-35-no-{row[0]}") for row in INNOCENT])
def test_what_sets_no_vfs(tmp_path: Path, path: str, text: str) -> None:
    host = make_host(tmp_path)
    host.put(path, text)
    assert not present(host, [KERNEL], check=True).plan.warnings
