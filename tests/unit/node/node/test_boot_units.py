# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The units at boot and at hot-plug: their order, what each does, and that none of them holds up what comes after."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.node import boot, pause
from ansible_collections.baremetal.sriov.plugins.module_utils.policy.rendered_files import (
    FIRST_BOOT_PATH,
    HOTPLUG_PATH,
    HOTPLUG_UNIT,
)
from support.checkout import ROOT
from support.node_runs import DPDK, KERNEL, PF1, PF2, absent, drivers, make_host, present, somebody_makes

FILES = ROOT / "files" / "node"
EARLY, NODE, HOTPLUG = "baremetal-sriov-vfs.service", "baremetal-sriov-node.service", HOTPLUG_UNIT.format(pf="")
FIRST = "baremetal-sriov-first-boot.service"
VALUES = {"PYTHON": "/usr/bin/python3", "KUBELET_UNIT": "kubelet.service k3s.service"}
ATTRIBUTES = {**KERNEL, "vfs": [{"indices": [0], "vlan": 100}]}
# Where cloud-init brings the network up, it does so before the basic system is there.
OTHERS = {
    "kubelet.service": "[Unit]\nWants=network-online.target\nAfter=network-online.target\n",
    "network-before-sysinit.service": (
        "[Unit]\nDefaultDependencies=no\nAfter=network-pre.target\nWants=network-pre.target\n"
        "Before=network.target sysinit.target\nRequiredBy=sysinit.target\n"
    ),
    "sysinit.target.d/network.conf": "[Unit]\nRequires=network-before-sysinit.service\n",
}


def text(name: str) -> str:
    """A unit as it is installed."""
    found = (FILES / name).read_text()
    for key, value in VALUES.items():
        found = found.replace(f"@{key}@", value)
    return found


def settings(name: str, key: str) -> list[str]:
    """All words of a setting."""
    return " ".join(re.findall(rf"^{key}=(.*)$", text(name), re.M)).split()


def test_the_vfs_come_before_the_network_and_the_rest_before_the_kubelet() -> None:
    assert {"network-pre.target", "shutdown.target"} <= set(settings(EARLY, "Before"))
    assert settings(EARLY, "Wants") == ["network-pre.target"]
    assert EARLY in settings(NODE, "After")
    assert {"kubelet.service", "k3s.service", "baremetal-sriov-device-plugin.service"} <= set(settings(NODE, "Before"))
    assert {EARLY, NODE} <= set(settings(HOTPLUG, "After"))


def test_what_an_image_left_is_done_with_the_network_and_before_the_kubelet() -> None:
    """The specification is what it waits for; the pause holds it as well."""
    assert "network-online.target" in settings(FIRST, "After") and settings(FIRST, "Wants") == ["network-online.target"]
    assert {"kubelet.service", "k3s.service", "baremetal-sriov-device-plugin.service"} <= set(settings(FIRST, "Before"))
    assert FIRST_BOOT_PATH in settings(FIRST, "ConditionPathExists")
    assert f"!{pause.PATH}" in settings(FIRST, "ConditionPathExists")
    assert settings(FIRST, "ExecStart")[-1] == boot.FIRST


@pytest.mark.parametrize("name", [EARLY, NODE, HOTPLUG, FIRST])
def test_no_failure_of_ours_is_anybody_elses(name: str) -> None:
    """Order alone: nothing of ours is required by a unit, or can wait for ever."""
    ties = "Requires|Requisite|BindsTo|PartOf|RequiredBy|UpheldBy|OnFailure|FailureAction"
    assert re.findall(rf"^({ties})=", text(name), re.M) == []
    assert settings(name, "TimeoutStartSec") and settings(name, "TimeoutStartSec") != ["infinity"]


@pytest.mark.parametrize("name", [EARLY, NODE, HOTPLUG.replace("@", f"@{PF1}"), FIRST])
def test_systemd_takes_every_line_and_finds_no_circle(tmp_path: Path, name: str) -> None:
    """Also where the network comes up before the basic system."""
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("no systemd-analyze on this machine, so the units are not judged")
    for unit in (EARLY, NODE, HOTPLUG, FIRST):
        (tmp_path / unit).write_text(text(unit))
    for path, content in OTHERS.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(content + "[Service]\nExecStart=/bin/true\n" * path.endswith(".service"))
    wants = tmp_path / "multi-user.target.wants"
    wants.mkdir()
    for unit in (EARLY, NODE, FIRST, "kubelet.service"):
        os.symlink(tmp_path / unit, wants / unit)
    argv = [program, "verify", "--man=no", str(tmp_path / name), "multi-user.target"]
    environment = {**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"}
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, env=environment)
    complaints = [line for line in done.stderr.splitlines() if "baremetal-sriov" in line or "cycle" in line]
    ours_is_not_here = ("boot_entry.py", "is not executable")
    assert [line for line in complaints if not any(words in line for words in ours_is_not_here)] == []


def test_early_makes_the_vfs_alone_and_the_rest_comes_later(tmp_path: Path) -> None:
    host = make_host(tmp_path)
    present(host, [ATTRIBUTES, DPDK])
    host.reboot()
    assert boot.main(host, [boot.EARLY]) == 0
    assert (host.numvfs(PF1), host.numvfs(PF2)) == (4, 7)
    assert drivers(host, PF2) == [None] * 7 and drivers(host, PF1) == ["igbvf"] * 4
    assert host.pfs[PF1].settings[0]["vlan"] == 0
    assert host.get(f"sys/bus/pci/devices/{PF2}/sriov_drivers_autoprobe").strip() == "1"
    assert boot.main(host) == 0
    assert drivers(host, PF2) == ["vfio-pci"] * 7 and host.pfs[PF1].settings[0]["vlan"] == 100
    assert not present(host, [ATTRIBUTES, DPDK]).plan.steps


def test_early_waits_for_nobody_elses_vfs(tmp_path: Path) -> None:
    """They may come with the network, which comes after it."""
    host = make_host(tmp_path)
    host._set_numvfs(PF1, "0")
    somebody_makes(host, 4)
    present(host, [{**KERNEL, "externally_managed": True}])
    host.reboot()
    assert boot.main(host, [boot.EARLY]) == 0
    assert host.clock == 0 and host.numvfs(PF1) == 0


def test_a_pf_that_appears_again_gets_what_it_had_and_no_other_is_touched(tmp_path: Path) -> None:
    host = make_host(tmp_path)
    present(host, [ATTRIBUTES, DPDK])
    (line,) = [line for line in host.get(HOTPLUG_PATH).splitlines() if f'KERNEL=="{PF1}"' in line]
    assert f'"{HOTPLUG_UNIT.format(pf=PF1)}"' in line and (FILES / HOTPLUG).exists()
    host.reboot()
    assert boot.main(host, [*settings(HOTPLUG, "ExecStart")[-2:-1], PF1]) == 0
    assert (host.numvfs(PF1), host.numvfs(PF2)) == (4, 0)
    assert host.pfs[PF1].settings[0]["vlan"] == 100
    assert boot.main(host, ["pf", "0000:99:00.0"]) == 0  # no longer ours: an event that came late
    absent(host)
    assert not host.exists(HOTPLUG_PATH)


@pytest.mark.parametrize("arguments", [["late"], ["pf"], ["early", "x"]])
def test_other_arguments_are_refused_in_words(
    tmp_path: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert boot.main(make_host(tmp_path), arguments) == 1
    assert "expected all, early, or pf ADDRESS" in capsys.readouterr().err


@pytest.mark.parametrize("fails", [False, True])
def test_systemctl_status_says_it_in_one_line(tmp_path: Path, fails: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    host = make_host(tmp_path / "root")
    present(host, [KERNEL, DPDK])
    host.reboot()
    if fails:
        host.put(f"sys/bus/pci/devices/{PF1}/sriov_totalvfs", "2\n")  # a new firmware
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("notify")
        systemd.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        assert boot.main(host) == int(fails)
        told = systemd.recv(4096).decode()
    if fails:
        begin = "STATUS=PFs, functions and huge pages: 1/2 NOT configured, the node offers too little: "
        assert told.startswith(begin) and PF1 in told
        assert drivers(host, PF2) == ["vfio-pci"] * 7
    else:
        assert told == "STATUS=PFs, functions and huge pages: 2/2 configured"
