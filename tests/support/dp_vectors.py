# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names for tests that hold a behaviour of the SR-IOV network device plugin: its vectors are numbered 1 to 95."""

from __future__ import annotations

import pytest


def vectors(*numbers: int, differs: bool = False) -> pytest.MarkDecorator:
    """Put the vectors into the test's id; `differs` where ours answers differently on purpose."""
    return finding("-".join(f"dp-vector-{number:02}" for number in numbers) + ("-differs" if differs else ""))


def finding(name: str) -> pytest.MarkDecorator:
    """Put the finding that a test holds into its id."""
    return pytest.mark.parametrize((), [pytest.param(id=name)])
