# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbered behaviours of the programs in Go, and findings: names for the tests that hold them.

The device plugin's (dp) are numbered 1 to 95, the CNI plugin's (cni) 1 to 88.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest


def finding(name: str) -> pytest.MarkDecorator:
    """Put the finding that a test holds into its id."""
    return pytest.mark.parametrize((), [pytest.param(id=name)])


def vectors(program: str, *numbers: int, differs: bool = False) -> pytest.MarkDecorator:
    """The same for a program's vectors; `differs` where ours answers differently on purpose."""
    return finding("-".join(f"{program}-vector-{number:02}" for number in numbers) + ("-differs" if differs else ""))


def without_test(folder: Path, prefix: str, count: int, *more: Path) -> list[int]:
    """The numbers from 1 to `count` that no test below `folder` or `more` has in its id, as in `PREFIX-07`."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", folder, *more],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]
    return sorted({*range(1, count + 1)} - {int(number) for number in re.findall(rf"{prefix}-(\d\d)", done.stdout)})
