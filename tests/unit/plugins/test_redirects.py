# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of earlier releases: each leads to what has it now, and says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from support.playbook_runs import ROOT, Controller

ROUTING: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())["plugin_routing"]
# Modules of release 0.1.1 that are no longer there under that name.
RENAMED = {"sriov_preflight": "sriov_preflight_info"}


def test_each_renamed_module_is_redirected() -> None:
    assert ROUTING.keys() == {"modules"}
    found = {old: told["redirect"].rpartition(".")[2] for old, told in ROUTING["modules"].items()}
    assert found == RENAMED


@pytest.mark.parametrize("old", RENAMED)
def test_the_old_name_runs_the_module_and_warns(tmp_path: Path, old: str) -> None:
    controller = Controller(tmp_path)
    controller.put("old.yml", f"- hosts: sriov_nodes\n  gather_facts: false\n  tasks: [{{baremetal.sriov.{old}: }}]\n")
    run = controller.run("old.yml")
    assert RENAMED[old] in run.calls
    assert f"baremetal.sriov.{old} has been deprecated" in run.output
    assert f"Use baremetal.sriov.{RENAMED[old]}" in " ".join(run.output.split())
