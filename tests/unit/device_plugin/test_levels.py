# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The installed layout on the oldest, the last for Python 3.9, and the newest level of wheels: it serves."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from devtool.deps import interpreter_path
from support.dp_daemon import PLUGIN, SHARED, Daemon, leaves, serves
from support.dp_wheels import LEVELS, wheels


@pytest.mark.levels
@pytest.mark.parametrize("version", LEVELS)
def test_serves_on_each_level(version: str, daemon: Daemon, short_path: Path) -> None:
    python = shutil.which(f"python{version}", path=interpreter_path())
    if python is None:
        pytest.skip(f"no Python {version} on this machine, so {' '.join(LEVELS[version])} is not tried")
    installed = short_path / "device-plugin"
    shutil.copytree(PLUGIN, installed)
    shutil.copytree(SHARED, installed / "shared")
    (installed / "site").mkdir()
    os.symlink(wheels(version, LEVELS[version]), installed / "site" / f"cp{version.replace('.', '')}")
    serves(daemon, [python, "-I", str(installed / "run.py")])
    loaded = Path(f"/proc/{daemon.process.pid}/maps").read_text()
    assert str(wheels(version, LEVELS[version])) in loaded, "the level's own wheels serve, not those of this Python"
    leaves(daemon)
