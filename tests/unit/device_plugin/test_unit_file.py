# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The systemd unit: what systemd itself says of it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.bundle.store import substitute
from support.dp_daemon import PLUGIN

TEMPLATE = PLUGIN / "baremetal-sriov-device-plugin.service.in"


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    path = tmp_path / "baremetal-sriov-device-plugin.service"
    path.write_text(filled(OPTIONS="--kubelet-root-dir=/srv/k8s/kubelet --metrics-port=9810", WRITABLE="-/srv/k8s"))
    return path


def filled(**variables: str) -> str:
    """The unit as the role ships it."""
    python = shutil.which("python3") or "/usr/bin/python3"
    return substitute(TEMPLATE.read_text(), {"PYTHON": python, "KUBELET_UNIT": "kubelet.service", **variables})


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("no systemd-analyze on this machine, so the unit is not judged")
    return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60, check=False)


def test_systemd_takes_every_line(unit: Path) -> None:
    """verify also says that a file of ours, or man, is not installed here; what it says of our lines counts."""
    done = analyze("verify", "--man=no", str(unit))
    assert unit.name + ":" not in done.stderr


def test_the_sandbox_is_at_most_3(unit: Path) -> None:
    done = analyze("security", "--offline=true", "--threshold=30", str(unit))
    assert done.returncode == 0, done.stdout[-200:]
