# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples fit together: variables are right, and each workload requests what its networks need."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from ansible_collections.baremetal.sriov.plugins.filter.filters import pod_spec
from ansible_collections.baremetal.sriov.plugins.plugin_utils import input_check
from devtool.collection import ROOT

FOLDER = ROOT / "examples"
VARIABLES = yaml.safe_load((FOLDER / "group_vars.yml").read_text())
MANIFESTS = sorted(path for path in FOLDER.rglob("*.yml") if path.parent != FOLDER)


def objects(path: Any) -> list[dict[str, Any]]:
    return [item for item in yaml.safe_load_all(path.read_text()) if item]


def test_the_variables_are_right() -> None:
    assert [str(mistake) for mistake in input_check.mistakes(VARIABLES)] == []


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_a_workload_requests_what_its_networks_need(path: Any) -> None:
    given = objects(path)
    assert given
    assert pod_spec(given, VARIABLES["sriov_networks"]) == given


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_no_example_is_privileged(path: Any) -> None:
    assert "privileged" not in [line.split(":")[0].strip() for line in path.read_text().splitlines()]
