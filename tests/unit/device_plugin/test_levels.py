# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The installed layout on the oldest, the last for Python 3.9, and the newest level of wheels: it serves."""

from __future__ import annotations

import os
import platform
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from device_plugin.dp_daemon import PLUGIN, Daemon
from device_plugin.dp_kubelet import FakeKubelet

from devtool.cache import cache_folder, locked, published
from devtool.pythons import find_python

LEVELS = {
    "3.11": (
        "grpcio==1.51.1",
        "protobuf==4.21.12",
    ),  # Debian 12's; its protobuf 3.21.12 has this number on PyPI
    "3.9": ("grpcio==1.80.1", "protobuf==6.33.6"),
    "3.12": ("grpcio==1.85.1", "protobuf==7.36.2"),
}
GLIBC = ("2_17", "2_24", "2_26", "2_27", "2_28")


def wheels(version: str) -> Path:
    """The level's wheels, fetched for that Python whatever this one is, and unpacked."""
    packages = LEVELS[version]
    folder = cache_folder() / "wheels" / "-".join([version, *packages, platform.machine()])
    with locked("device-plugin-wheels"):
        if not folder.exists():
            with published(folder) as fresh:
                command = [
                    sys.executable,
                    "-m",
                    "pip",
                    "install",
                    "--quiet",
                    "--target",
                    str(fresh),
                    "--no-compile",
                ]
                command += ["--only-binary", ":all:", "--implementation", "cp", "--python-version", version]
                command += [f"--platform=manylinux_{v}_{platform.machine()}" for v in GLIBC]
                command += [f"--platform=manylinux2014_{platform.machine()}"]
                subprocess.run([*command, *packages], check=True, timeout=240)
    return folder


@pytest.mark.levels
@pytest.mark.parametrize("version", LEVELS)
def test_serves_on_each_level(version: str, daemon: Daemon, short_path: Path) -> None:
    python = find_python(version)
    if python is None:
        pytest.skip(f"no Python {version} on this machine, so {' '.join(LEVELS[version])} is not tried")
    installed = short_path / "device-plugin"
    shutil.copytree(PLUGIN, installed)
    os.symlink(wheels(version), installed / "site")
    daemon.host.add("0000:01:00.0", name="enp1s0", totalvfs=7)
    vfs = daemon.host.add_vfs("0000:01:00.0", 2, driver="vfio-pci")
    for group, address in enumerate(vfs):
        daemon.host.group(address, group)
    daemon.configure({"resourceName": "vf", "selectors": {"drivers": ["vfio-pci"]}})
    kubelet = FakeKubelet(daemon.kubelet_root)
    kubelet.start()
    program = [str(python), "-I", str(installed / "run.py")]
    daemon.start(program=program)
    try:
        with kubelet.plugin(kubelet.registered(30).endpoint) as plugin:
            assert plugin.watch().next_ids() == vfs
            (granted,) = plugin.allocate([vfs[1]])
            assert [d.host_path for d in granted.devices] == ["/dev/vfio/vfio", "/dev/vfio/1"]
            assert granted.envs["PCIDEVICE_INTEL_COM_VF"] == vfs[1]
        kubelet.stop()
        kubelet.start()
        assert kubelet.registered().resource_name == "intel.com/vf"
        daemon.signal(signal.SIGKILL)
        daemon.start(program=program)  # over the stale socket
        assert kubelet.registered(30).resource_name == "intel.com/vf"
    finally:
        kubelet.stop()
    loaded = Path(f"/proc/{daemon.pid}/maps").read_text()
    assert str(wheels(version)) in loaded, "the level's own wheels serve, not those of this Python"
    assert daemon.stop() == 0
    assert not list(kubelet.folder.glob("intel.com*")), "the socket is left behind"
    assert "Traceback" not in daemon.logged() and "ERROR" not in daemon.logged()
