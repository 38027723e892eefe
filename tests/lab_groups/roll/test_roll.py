# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change that needs a drain rolls one node at a time, and one that needs none drains nothing."""

from __future__ import annotations

import chain
import rolling
from changing import words

from sriovlab.guest import Lab


def test_a_change_that_needs_a_drain(nodes: list[Lab]) -> None:
    first = nodes[0]
    with rolling.deployment(first):
        before = rolling.uids(first)
        with rolling.minimum_kept(first):
            run = chain.playbook("site", rolling.wanted(6, **rolling.DRAINS))
        assert run.status == 0, run.output
        assert "rolling change: 2 nodes in 2 batches" in words(run)
        assert rolling.counts(nodes) == [6, 6] and rolling.cordoned(first) == []
        first.wait_for("both pods again", lambda: rolling.available(first) == 2, 240, every=2.0)
        assert not rolling.uids(first) & before


def test_one_that_needs_none(nodes: list[Lab]) -> None:
    """Another PF, which nobody uses."""
    first = nodes[0]
    with rolling.deployment(first):
        before = rolling.uids(first)
        more = {"name": "other", "resource_name": "other", "nic_selector": {"pf_names": ["enp2s0"]}, "num_vfs": 2}
        variables = rolling.wanted(6, **rolling.DRAINS)
        run = chain.playbook("site", {**variables, "sriov_policies": [*variables["sriov_policies"], more]})
        assert run.status == 0 and "rolling change" not in words(run), run.output
        assert rolling.uids(first) == before and rolling.cordoned(first) == []
        assert [chain.num_vfs(lab)["enp2s0"] for lab in nodes] == [2, 2]
