# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Some sequences over the zoo of PF drivers; tests/soak/soak_cni_zoo.py has the many."""

from __future__ import annotations

import os

import pytest

from support import cni_zoo
from support.needs import missing


@pytest.mark.parametrize("count", [pytest.param(10, id="finding-cni-03-sequences")])
def test_some_sequences(tmp_path, count):
    if os.geteuid() != 0:
        missing("root: the tests make network namespaces")
    assert cni_zoo.sequences(tmp_path, count, seed=1) == dict.fromkeys(cni_zoo.ZOO, count // len(cni_zoo.ZOO))
