# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An update of k3s does not lose the CNI plugin: it is put where the new version looks.

source: k3s, pkg/agent/templates and pkg/data: the folder of a version is named by the hash of what is in it, `current`
leads to it, and since 1.30 data/cni stays.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from support.checkout import ROOT

CNI = ROOT / "files" / "cni"
VARS = yaml.safe_load((ROOT / "roles" / "cni" / "vars" / "main.yml").read_text())
SHELLS = ("dash", "bash")
LINK, STAYS = "current/bin", "cni"


class K3s:
    """A node's folder of k3s, and the script."""

    def __init__(self, base: Path, looked_at: str) -> None:
        self.base, self.data = base, base / "k3s" / "data"
        self.client = base / "client"
        self.client.write_text("#!/bin/sh\nexit 0\n")
        self.script = base / "keep.sh"
        text = (CNI / "keep.sh").read_text().replace("/var/lib/rancher/k3s/data", str(self.data))
        text = text.replace("/usr/lib/baremetal-sriov/cni/client", str(self.client))
        self.script.write_text(text.replace("@CNI_BIN_DIR@", looked_at.format(data=self.data)))
        self.version("5e" * 32)

    def version(self, name: str) -> None:
        """As k3s installs one: `current` is replaced by a rename."""
        (self.data / name / "bin").mkdir(parents=True)
        os.symlink(name, self.data / "new")
        os.rename(self.data / "new", self.data / "current")

    def run(self, shell: str, *arguments: str) -> str:
        argv = [shell, str(self.script), *arguments]
        done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60)
        assert done.stderr == ""
        return done.stdout

    def plugin(self, folder: str) -> Path:
        return self.data / folder / "sriov"


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_an_update_gets_the_plugin_and_the_teardown_takes_it_away(tmp_path: Path, shell: str) -> None:
    node = K3s(tmp_path, "{data}/current/bin")
    shutil.copy(node.client, node.plugin(LINK))
    assert node.run(shell) == ""
    node.version("7a" * 32)
    assert not node.plugin(LINK).exists()
    assert str(node.plugin(LINK)) in node.run(shell)
    assert node.plugin(LINK).read_text() == node.client.read_text() and os.access(node.plugin(LINK), os.X_OK)
    (node.data / STAYS).mkdir()  # 1.30 and later look there
    assert str(node.plugin(STAYS)) in node.run(shell)
    assert node.run(shell) == ""
    assert sorted(os.listdir(node.data / LINK)) == ["sriov"]
    node.plugin(STAYS).write_text("somebody's")
    node.run(shell, "remove")
    assert not node.plugin(LINK).exists() and node.plugin(STAYS).read_text() == "somebody's"


@pytest.mark.parametrize("folder", ["/opt/cni/bin", "/var/snap/microk8s/current/opt/cni/bin", "/srv/k3s/data/cni"])
def test_elsewhere_it_does_nothing(tmp_path: Path, shell: str, folder: str) -> None:
    node = K3s(tmp_path, folder)
    assert node.run(shell) == "" and not node.plugin(LINK).exists()


def test_what_is_there_is_left(tmp_path: Path, shell: str) -> None:
    node = K3s(tmp_path, "{data}/cni")
    os.symlink("nowhere", node.plugin(LINK))
    assert node.run(shell) == "" and node.plugin(LINK).is_symlink()


def test_the_role_ships_it_and_its_unit_waits_for_the_folder_of_versions() -> None:
    shipped = {entry["dest"].replace("{{ cni_folder }}", VARS["cni_folder"]).replace(
        "{{ cni_keep_name }}", VARS["cni_keep_name"]): entry for entry in VARS["cni_keep"]}  # fmt: skip
    assert "cni_keep" in VARS["cni_bundle"] and "cni_keep_units" in VARS["cni_units"]
    service = (CNI / f"{VARS['cni_keep_name']}.service").read_text()
    (start,) = [line for line in service.splitlines() if line.startswith("ExecStart=")]
    assert shipped[start.split()[-1]]["template"] is True
    script = (CNI / "keep.sh").read_text()
    assert f"client={VARS['cni_folder']}/client" in script and f"{VARS['cni_folder']}/client" in shipped
    path = (CNI / f"{VARS['cni_keep_name']}.path").read_text()
    assert "PathChanged=/var/lib/rancher/k3s/data\n" in path and "data=/var/lib/rancher/k3s/data\n" in script
