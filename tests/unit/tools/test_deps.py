# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is installed, and where it is found again."""

from __future__ import annotations

from pathlib import Path

import pytest

from devtool import deps
from devtool.console import ToolError


def test_environments_are_found_by_their_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAREMETAL_SRIOV_CACHE", str(tmp_path / "cache"))
    first, ours = deps.dev_venv(), deps.own_venvs()
    assert first.is_relative_to(tmp_path / "cache") and deps.dev_venv() == first
    for name in ("unit", "dev", "py39"):
        file = deps.ROOT / f"requirements-{name}.txt"
        (tmp_path / file.name).write_text(file.read_text())
    monkeypatch.setattr(deps, "ROOT", tmp_path)
    assert (deps.dev_venv(), deps.own_venvs()) == (first, ours)
    (tmp_path / "requirements-dev.txt").write_text("other")
    assert deps.dev_venv() != first and deps.own_venvs() == ours
    (tmp_path / "requirements-unit.txt").write_text("other")
    assert deps.own_venvs() != ours


def test_what_is_installed_is_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deps, "own_venvs", lambda: tmp_path)
    assert "requirements-py39.txt" in deps.to_install("unit-py39") and str(tmp_path) in deps.to_install("unit-py39")
    (tmp_path / "unit-py39.complete").touch()
    assert deps.to_install("unit-py39") == deps.to_install("ruff") == ""


def test_what_is_missing_is_named_with_its_package() -> None:
    deps.needed("sh", cat="coreutils")
    with pytest.raises(ToolError, match=r"apt-get install --no-install-recommends made-of nowhere-to-be-found$"):
        deps.needed("sh", "nowhere-to-be-found", **{"not-there-either": "made-of"})
