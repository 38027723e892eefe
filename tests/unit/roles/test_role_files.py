# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The links in the roles' files folders are complete: a file without its link is not shipped."""

from __future__ import annotations

from pathlib import Path

from link_role_files import ROOT, differences, repair


def test_links_are_complete() -> None:
    assert differences(ROOT) == [], "run python3 tests/tools/link_role_files.py"


def test_repair_makes_and_removes_links(tmp_path: Path) -> None:
    source = tmp_path / "files" / "cni" / "sriov_cni"
    source.mkdir(parents=True)
    (source / "main.py").write_text("")
    stray = tmp_path / "roles" / "cni" / "files" / "cni" / "gone.py"
    stray.parent.mkdir(parents=True)
    stray.symlink_to("../nowhere.py")
    assert len(differences(tmp_path)) == 2
    repair(tmp_path)
    assert differences(tmp_path) == []
    assert (stray.parent / "sriov_cni" / "main.py").resolve() == source / "main.py"
