# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What sets VFs beside us is switched off where the user says so, and is there again, to the byte, after a teardown."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.node.take_over import DROP_IN_TEXT
from ansible_collections.baremetal.sriov.plugins.module_utils.usage.vf_lines import MARK, is_vf_command
from support.fake_base import killed_at_every_write
from support.fake_host import FakeHost
from support.node_runs import KERNEL, absent, actions, make_host, present, snapshot

NUMBER = "/sys/class/net/enp1s0/device/sriov_numvfs"
# Each as the program's own documentation, or the usual guides, write it: path, text, the lines that are switched off.
WHOLE: list[tuple[str, str, list[int]]] = [
    ("etc/udev/rules.d/70-vfs.rules",  # udev(7), Red Hat's guide to SR-IOV
     '# VFs\nACTION=="add", SUBSYSTEM=="net", ENV{ID_NET_DRIVER}=="igb", ATTR{device/sriov_numvfs}="4"\n', [2]),
    ("etc/udev/rules.d/71-vfs.rules",
     f'ACTION=="add", KERNEL=="enp1s0", RUN+="/bin/sh -c \'echo 4 > {NUMBER}\'"\nKERNEL=="x", NAME="y"\n', [1]),
    ("etc/systemd/system/net.service.d/vf.conf",
     f"[Service]\nExecStartPost=/bin/sh -c 'echo 4 > {NUMBER}'\nRestart=no\n", [2]),
    ("etc/netplan/50.yaml",  # netplan's YAML reference
     "network:\n  ethernets:\n    enp1s0:\n      dhcp4: true\n      virtual-function-count: 4\n", [5]),
    ("etc/netplan/51.yaml",
     "network:\n  ethernets:\n    enp1s0:\n      embedded-switch-mode: legacy\n      virtual-function-count: 4\n"
     "      dhcp4: true\n    enp2s0: {}\n", [4, 5]),
    ("etc/NetworkManager/system-connections/a.nmconnection",  # nm-settings-keyfile(5)
     "[connection]\nid=a\n\n[sriov]\nautoprobe-drivers=1\ntotal-vfs=4\nvf.0=mac=00:11:22:33:44:55\n\n[ipv4]\n"
     "method=auto\n", [4, 5, 6, 7]),
    ("etc/NetworkManager/dispatcher.d/20-vfs",
     f'#!/bin/sh\nif [ "$2" = pre-up ]; then\n  echo 4 > {NUMBER}\nfi\n', [3]),
    ("etc/systemd/network/10-a.link",  # systemd.link(5)
     "[Match]\nDriver=igb\n\n[Link]\nMTUBytes=9000\nSR-IOVVirtualFunctions=4\n\n[SR-IOV]\nVirtualFunction=0\nTrust=yes\n",
     [6, 8, 9, 10]),
    ("etc/systemd/network/10-a.network",  # systemd.network(5)
     "[Match]\nName=enp1s0\n\n[SR-IOV]\nVirtualFunction=0\nVLANId=5\n\n[Network]\nDHCP=yes\n", [4, 5, 6]),
    ("etc/NetworkManager/conf.d/vfs.conf", "[device-vfs]\nmatch-device=driver:igb\nsriov-num-vfs=4\nmanaged=1\n", [3]),
    ("etc/cron.d/vlans", "@reboot root ip link set dev enp1s0 vf 1 vlan 5\n", [1]),
    ("etc/modprobe.d/igb.conf", "options igb max_vfs=4\noptions ixgbe allow_unsupported_sfp=1\n", [1]),
    ("etc/modprobe.d/mlx4.conf", "options mlx4_core num_vfs=4 probe_vf=4\n", [1]),
    ("etc/sysfs.conf", "# VFs\nclass/net/enp1s0/device/sriov_numvfs = 4\nkernel/mm/x = 1\n", [2]),  # sysfsutils
    ("etc/sysfs.d/vfs.conf", "class/net/enp1s0/device/sriov_numvfs = 4", [1]),  # without an end of the line
    ("etc/tmpfiles.d/vfs.conf", f"w {NUMBER} - - - - 4\nd /run/x\n", [1]),  # tmpfiles.d(5)
    ("etc/tuned/ours/tuned.conf", f"[main]\nsummary=x\n\n[sysfs]\n{NUMBER}=4\n", [5]),  # TuneD's sysfs plug-in
    ("etc/network/interfaces",  # interfaces(5), Debian's wiki on SR-IOV
     f"auto enp1s0\niface enp1s0 inet dhcp\n  pre-up echo 4 > {NUMBER}\n  post-up ip link set enp1s0 mtu 9000\n", [3]),
    ("etc/network/interfaces.d/pf", f"iface enp1s0 inet dhcp\n  post-up echo 0 > {NUMBER}\n", [2]),
    ("etc/network/if-up.d/vfs", f"#!/bin/sh -e\necho 4 > {NUMBER}\n", [2]),
    ("etc/crontab", f"17 * * * * root run-parts /etc/cron.hourly\n@reboot root echo 4 > {NUMBER}\n", [2]),
    ("etc/cron.d/vfs", f"@reboot root sleep 10; echo 4 > {NUMBER}\n", [1]),
    ("var/spool/cron/crontabs/root", f"*/5 * * * * echo 4 > {NUMBER}\n", [1]),
    ("etc/sysconfig/network-scripts/ifcfg-enp1s0",
     "DEVICE=enp1s0\nSRIOV_TOTAL_VFS=4\nONBOOT=yes\n", [2]),  # NetworkManager's ifcfg-rh
    ("etc/sysconfig/network-scripts/ifup-local", f"#!/bin/bash\necho '4' | sudo tee {NUMBER}\n", [2]),
    ("etc/rc.local", f"#!/bin/sh -e\nmodprobe igb\necho 0 > {NUMBER}\necho 4 > {NUMBER}\nexit 0\n", [3, 4]),
    ("usr/local/sbin/vfs.sh",
     "#!/usr/bin/env bash\nfor pf in a b; do\n  echo 4 > /sys/class/net/$pf/device/sriov_numvfs\ndone\n", [3]),
    ("etc/libvirt/hooks/qemu", f"#!/bin/sh\necho 4 > {NUMBER} 2>/dev/null || true\n", [2]),
]  # fmt: skip
# What does more, or is not understood: named, and never touched.
MIXED: list[tuple[str, str]] = [
    ("etc/udev/rules.d/70.rules", 'KERNEL=="enp1s0", NAME="lan", ATTR{device/sriov_numvfs}="4"\n'),
    ("etc/udev/rules.d/71.rules", 'KERNEL=="enp1s0", \\\n  ATTR{device/sriov_numvfs}="4"\n'),
    ("etc/systemd/system/a.service", f"[Service]\nExecStart=/bin/x\nExecStartPost=/bin/sh -c 'echo 4 > {NUMBER}'\n"),
    ("etc/systemd/system/b.service", f"[Service]\nExecStart=/bin/sh -c 'echo 4 > {NUMBER}; systemctl start x'\n"),
    ("etc/netplan/50.yaml", "network:\n  ethernets:\n    e: {virtual-function-count: 4}\n"),
    ("etc/netplan/51.yaml", "network:\n  ethernets:\n    e:\n      virtual-function-count: 4\n"),
    ("etc/netplan/52.yaml", "network:\n  ethernets:\n    e: {}\n    vf0:\n      link: e\n      dhcp4: true\n"),
    ("etc/netplan/53.yaml",
     "network:\n  ethernets:\n    e:\n      mtu: 9000\n      virtual-function-count: 4\n    vf0:\n      link: e\n"),
    ("etc/nmstate/pf.yml", "interfaces:\n- name: e\n  ethernet:\n    sr-iov:\n      total-vfs: 4\n"),
    ("etc/modprobe.d/igb.conf", "options igb max_vfs=4 QueuePairs=0\n"),
    ("etc/modprobe.d/ixgbe.conf", f"install ixgbe modprobe -i ixgbe; echo 4 > {NUMBER}\n"),
    ("etc/network/interfaces", f"iface enp1s0 inet dhcp\n  pre-up echo 4 > {NUMBER} && ifup br0\n"),
    ("etc/rc.local", f"#!/bin/sh\n[ -e /x ] && echo 4 > {NUMBER}\n"),
    ("etc/rc.d/rc.local", f"#!/bin/sh\necho 4 > {NUMBER}\necho 4 > {NUMBER} && reboot\n"),
    ("usr/local/bin/a.sh", f"#!/bin/sh\ncat > /etc/rc.local <<END\necho 4 > {NUMBER}\nEND\n"),
    ("usr/local/bin/b.sh", f"#!/bin/sh\nssh host '\necho 4 > {NUMBER}\n'\n"),
    ("usr/local/bin/c.py", f"#!/usr/bin/python3\nopen('{NUMBER}', 'w').write('4')\n"),
    ("etc/init.d/vfs", "#!/bin/sh\nnumbers() {\n  cat /sys/class/net/$1/device/sriov_numvfs\n}\n"),
    ("etc/cloud/cloud.cfg.d/90.cfg", f"bootcmd:\n  - echo 4 > {NUMBER}\n"),
    ("etc/driverctl.d/pci-0000:01:10.0", "vfio-pci\n"),
    ("etc/os-net-config/sriov_config.yaml", "- device_type: pf\n  name: enp1s0\n  numvfs: 4\n"),
]  # fmt: skip
UNIT = "etc/systemd/system/vfs.service"
UNIT_TEXT = f"[Unit]\nAfter=network.target\n[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo 4 > {NUMBER}'\n"


def named(*paths: str) -> dict[str, list[str]]:
    return {"take_over": [f"/{path}" for path in paths]}


def without_marks(text: str) -> str:
    return re.sub(rf"(?m)^(: )?{re.escape(MARK)}", "", text)


@pytest.mark.parametrize(
    ("path", "text", "lines"), [pytest.param(*row, id=f"finding-node-35-off-{row[0]}") for row in WHOLE]
)
def test_what_sets_vfs_and_no_more_is_switched_off(tmp_path: Path, path: str, text: str, lines: list[int]) -> None:
    """And nothing else of the file changes; a second run is idle and content; a teardown gives it back to the byte."""
    host = make_host(tmp_path)
    host.put(path, text)
    os.chmod(host.real(path), 0o640)
    before = snapshot(host)
    (warning,) = present(host, [KERNEL], check=True).plan.warnings
    assert f"name it in sriov_take_over (/{path})" in warning
    planned = present(host, [KERNEL], check=True, **named(path))
    (step,) = [step for step in planned.plan.steps if step.kind == "taken_over"]
    assert (step.target, [int(number) for number in step.before]) == (f"/{path}", lines)
    assert host.get(path) == text and not planned.plan.warnings
    present(host, [KERNEL], **named(path))
    now = host.get(path)
    changed = [number for number, (a, b) in enumerate(zip(text.split("\n"), now.split("\n")), 1) if a != b]
    assert changed == lines and without_marks(now) == text
    assert host.file_mode(f"/{path}") == 0o640
    again = present(host, [KERNEL], **named(path)).plan
    assert not again.steps and not again.warnings
    absent(host)
    assert snapshot(host) == before and host.get(path) == text and host.file_mode(f"/{path}") == 0o640


@pytest.mark.parametrize(("path", "text"), [pytest.param(*row, id=f"finding-node-35-mixed-{row[0]}") for row in MIXED])
def test_what_does_more_is_named_and_never_touched(tmp_path: Path, path: str, text: str) -> None:
    host = make_host(tmp_path)
    host.put(path, text)
    (plain,) = present(host, [KERNEL], check=True).plan.warnings
    assert "sriov_take_over" not in plain
    outcome = present(host, [KERNEL], **named(path))
    (warning,) = outcome.plan.warnings
    assert warning.startswith(f"/{path} (") and "it is left as it is" in warning
    assert host.get(path) == text and not [step for step in outcome.plan.steps if step.kind == "taken_over"]
    absent(host)
    assert host.get(path) == text


@pytest.mark.parametrize("path", [pytest.param(path, id=f"finding-node-35-unit-{path}") for path in (
    UNIT, "run/systemd/system/vfs.service", "usr/local/lib/systemd/system/vfs@.service")])  # fmt: skip
def test_a_unit_that_does_nothing_else_is_not_started_any_more(tmp_path: Path, path: str) -> None:
    """By a drop-in of ours: the unit itself stays as it is, and is not stopped, which might take its VFs."""
    host = make_host(tmp_path)
    host.put(path, UNIT_TEXT)
    before = snapshot(host)
    present(host, [KERNEL], **named(path))
    drop_in = f"etc/systemd/system/{Path(path).name}.d/baremetal-sriov.conf"
    assert host.get(path) == UNIT_TEXT and host.get(drop_in) == DROP_IN_TEXT
    assert "ConditionPathExists=!/etc/baremetal-sriov/node.json\n" in DROP_IN_TEXT
    assert host.verbs == ["daemon-reload"]
    again = present(host, [KERNEL], **named(path)).plan
    assert not again.steps and not again.warnings
    absent(host)
    assert snapshot(host) == before and not host.exists(f"/{drop_in}") and not host.exists(f"/{Path(drop_in).parent}")


def test_one_that_is_not_named_any_more_works_again(tmp_path: Path) -> None:
    host = make_host(tmp_path)
    for path in ("etc/sysfs.conf", "etc/sysfs.d/b.conf"):
        host.put(path, f"{NUMBER[5:]} = 4\n")
    present(host, [KERNEL], **named("etc/sysfs.conf", "etc/sysfs.d/b.conf"))
    done = present(host, [KERNEL], **named("etc/sysfs.d/b.conf"))
    assert [text for text in actions(done) if "again" in text] == ["/etc/sysfs.conf: let it set VFs again"]
    assert (MARK in host.get("etc/sysfs.conf"), MARK in host.get("etc/sysfs.d/b.conf")) == (False, True)
    assert "taken_over /etc/sysfs.conf" not in json.loads(host.get("var/lib/baremetal-sriov/original.json"))["objects"]


def test_what_somebody_changed_meanwhile_stays_changed(tmp_path: Path) -> None:
    """Just our marks go."""
    host = make_host(tmp_path)
    host.put("etc/rc.local", f"#!/bin/sh\necho 4 > {NUMBER}\n")
    present(host, [KERNEL], **named("etc/rc.local"))
    host.put("etc/rc.local", host.get("etc/rc.local") + "modprobe zfs\n")
    absent(host)
    assert host.get("etc/rc.local") == f"#!/bin/sh\necho 4 > {NUMBER}\nmodprobe zfs\n"


def test_a_file_that_is_gone_or_never_was_is_no_trouble(tmp_path: Path) -> None:
    host = make_host(tmp_path)
    host.put("etc/rc.local", f"#!/bin/sh\necho 4 > {NUMBER}\n")
    present(host, [KERNEL], **named("etc/rc.local", "etc/not/here"))
    host.real("etc/rc.local").unlink()
    assert not present(host, [KERNEL], **named("etc/rc.local", "etc/not/here")).plan.warnings
    absent(host)
    assert not host.exists("/etc/rc.local")


@pytest.mark.parametrize("kind", ["link", "bytes"])
def test_what_can_not_be_given_back_is_left(tmp_path: Path, kind: str) -> None:
    host = make_host(tmp_path)
    text = f"#!/bin/sh\necho 4 > {NUMBER}\n"
    if kind == "link":
        host.put("root/vfs", text)
        host.real("etc/rc.local").symlink_to(host.real("root/vfs"))
    else:
        host.real("etc").mkdir(exist_ok=True)
        host.real("etc/rc.local").write_bytes(text.encode() + b"# \xff\n")
    warnings = present(host, [KERNEL], **named("etc/rc.local")).plan.warnings
    assert [text for text in warnings if text.startswith("/etc/rc.local (") and "left as it is" in text]
    assert host.real("etc/rc.local").read_bytes().startswith(text.encode())


def test_a_kill_at_any_write_is_made_good(tmp_path: Path) -> None:
    paths = ("etc/rc.local", UNIT)
    before: dict[str, object] = {}

    def make(number: int) -> FakeHost:
        host = make_host(tmp_path / str(number))
        host.fill({"etc/rc.local": f"#!/bin/sh\necho 4 > {NUMBER}\n", UNIT: UNIT_TEXT})
        before.update(snapshot(host))
        return host

    def act(host: FakeHost) -> None:
        present(host, [KERNEL], **named(*paths))
        absent(host)

    for host in killed_at_every_write(make, act, 12):
        present(host, [KERNEL], **named(*paths))
        assert not present(host, [KERNEL], **named(*paths)).plan.steps
        absent(host)
        assert snapshot(host) == before
        shutil.rmtree(host.base)


SHELLS = [row for row in WHOLE if row[1].startswith("#!")]


@pytest.mark.parametrize(("path", "text", "lines"), SHELLS, ids=[row[0] for row in SHELLS])
def test_a_shell_still_understands_its_scripts(tmp_path: Path, path: str, text: str, lines: list[int]) -> None:
    host = make_host(tmp_path)
    host.put(path, text)
    present(host, [KERNEL], **named(path))
    done = subprocess.run(["sh", "-n", str(host.real(path))], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0 and lines, done.stderr


COMMANDS = {
    f"echo 4 > {NUMBER}": True,
    f'echo "4" >{NUMBER}': True,
    f"printf 4 > {NUMBER}": True,
    f"/usr/bin/echo $N > {NUMBER}": True,
    f"sh -c 'echo 0 > {NUMBER}; echo 4 > {NUMBER}'": True,
    f"echo 4 > {NUMBER} && ip link set enp1s0 vf 0 mac 02:00:00:00:00:01": True,
    f"sleep 5 && echo 4 | tee {NUMBER} > /dev/null": True,
    "sleep 5": False,
    f"cat {NUMBER}": False,
    f"echo 4 > {NUMBER} & reboot": False,
    f"echo 4 > {NUMBER}; rm -rf /": False,
    f"echo $(reboot) > {NUMBER}": False,
    f"echo `reboot` > {NUMBER}": False,
    f"echo 4 > {NUMBER} > /etc/passwd": False,
    f"ip link set enp1s0 up; echo 4 > {NUMBER}": False,
}


@pytest.mark.parametrize("text", COMMANDS)
def test_commands(text: str) -> None:
    assert is_vf_command(text) == COMMANDS[text]
