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
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

# Of this run, before anything is left out of it: folders that are in it as a whole, and each test's file and id.
_WHOLE: list[Path] = []
_TESTS: list[tuple[Path, str]] = []


def finding(name: str) -> pytest.MarkDecorator:
    """Put the finding that a test holds into its id."""
    return pytest.mark.parametrize((), [pytest.param(id=name)])


def vectors(program: str, *numbers: int, differs: bool = False) -> pytest.MarkDecorator:
    """The same for a program's vectors; `differs` where ours answers differently on purpose."""
    return finding("-".join(f"{program}-vector-{number:02}" for number in numbers) + ("-differs" if differs else ""))


def collected(config: pytest.Config, items: Iterable[pytest.Item]) -> None:
    """Note what this run has: what it has collected is not collected a second time."""
    _WHOLE[:] = [place for word in config.args if (place := (config.invocation_params.dir / word).resolve()).is_dir()]
    _TESTS[:] = [(item.path, item.nodeid) for item in items]


def _ids_below(folders: Sequence[Path]) -> str:
    """The ids of all tests below the folders, a line each."""
    others = [folder for folder in folders if not any(folder.is_relative_to(whole) for whole in _WHOLE)]
    found = [name for path, name in _TESTS if ({*folders} - {*others}) & {*path.parents}]
    if others:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *others],
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-2000:]
        found.append(done.stdout)
    return "\n".join(found)


def without_test(folder: Path, prefix: str, count: int, *more: Path) -> list[int]:
    """The numbers from 1 to `count` that no test below `folder` or `more` has in its id, as in `PREFIX-07`."""
    found = re.findall(rf"{prefix}-(\d\d)", _ids_below([folder, *more]))
    return sorted({*range(1, count + 1)} - {int(number) for number in found})
