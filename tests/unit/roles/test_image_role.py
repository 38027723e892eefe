# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook image as a user runs it: an image's root folder on the controller, and nothing else of that."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from support.playbook_runs import Controller

LOCAL = {"ansible_python_interpreter": sys.executable}
POLICY = {"name": "dpdk", "resource_name": "dpdk", "nic_selector": {"pf_names": ["enp2s0"]}, "num_vfs": 7,
          "device_type": "vfio-pci"}  # fmt: skip
UNITS = "etc/systemd/system"
FIRST = "baremetal-sriov-first-boot.service"
WANTS = f"{UNITS}/multi-user.target.wants"


def tree(root: Path) -> dict[str, tuple[int, bytes]]:
    found = {}
    for path in sorted(root.rglob("*")):
        content = os.readlink(path).encode() if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        found[str(path.relative_to(root))] = (path.lstat().st_mode, content)
    return found


def test_prepared_twice_packed_and_taken_away(tmp_path: Path) -> None:
    root, served = tmp_path / "image", tmp_path / "www"
    for name in ("etc/systemd/system", "etc/modprobe.d", "etc/modules-load.d", "usr/lib", "var/lib", "opt"):
        (root / name).mkdir(parents=True)
    served.mkdir()
    before = tree(root)
    controller = Controller(tmp_path)
    hosts: dict[str, dict[str, Any]] = {"node1": {"sriov_target_root": str(root), "sriov_policies": [POLICY]}}
    url = "http://192.0.2.1/sriov.tar.gz"
    packed = {"sriov_target_archive": str(served / "sriov.tar.gz"), "sriov_target_url": url}

    def run(**extra: Any) -> tuple[int, str]:
        done = controller.run("baremetal.sriov.image", hosts=hosts, extra=extra, local=LOCAL)
        assert done.status == 0 and done.calls == (), done.output
        return done.recap["node1"][0], done.output

    changed, told = run(**packed)
    after, beside = tree(root), tree(served)
    assert changed == 3 and f"{UNITS}/{FIRST}" in after  # image and archive, texts, meta-data
    assert after[f"{WANTS}/{FIRST}"][1].decode() == f"/{UNITS}/{FIRST}"
    assert "opt/cni/bin/sriov" in after and "usr/lib/baremetal-sriov/node/boot_entry.py" in after
    assert "left for the first boot: VFs, their settings and drivers, and what the device plugin offers: dpdk" in told
    assert "the device plugin: the image's files do not tell for which Python" in " ".join(told.split())
    assert run(**packed)[0] == 0 and (tree(root), tree(served)) == (after, beside)
    _snippets(served, url)
    assert run(sriov_target_absent=True)[0] == 1 and tree(root) == before


def _snippets(served: Path, url: str) -> None:
    """Each is one that its reader takes, and runs the same script."""
    data = (served / "sriov.tar.gz").read_bytes()
    user = yaml.safe_load((served / "user-data").read_text())
    script = base64.b64decode(user["write_files"][0]["content"]).decode()
    assert (served / "user-data").read_text().startswith("#cloud-config\n")
    assert user["runcmd"] == [["sh", user["write_files"][0]["path"]]]
    assert hashlib.sha256(data).hexdigest() in script and url in script
    assert subprocess.run(["sh", "-n"], input=script, text=True, check=False).returncode == 0
    late = yaml.safe_load((served / "autoinstall.yaml").read_text())["autoinstall"]["late-commands"]
    encoded = base64.b64encode(script.encode()).decode()
    assert url in late[0] and encoded in late[1] and late[2].startswith("curtin in-target --target=/target -- sh ")
    lines = (served / "kickstart.ks").read_text().splitlines()
    assert lines[2].startswith("%post ") and lines[-1] == "%end" and script.rstrip() in "\n".join(lines)
    preseed = (served / "preseed.cfg").read_text()
    assert encoded in preseed and url in preseed and len(preseed.splitlines()) == 3
    if shutil.which("debconf-set-selections"):
        argv = ["debconf-set-selections", "--checkonly", str(served / "preseed.cfg")]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert (served / "meta-data").read_text().startswith("instance-id: baremetal-sriov-")
