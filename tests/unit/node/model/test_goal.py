# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names in the files that a release leaves on nodes stay as they are, whatever the code calls them."""

from __future__ import annotations

from ansible_collections.baremetal.sriov.plugins.module_utils.model import goal

# source: /var/lib/baremetal-sriov/original.json as release 0.1.1 writes it
ORIGINAL = {
    "address": "0000:01:00.0", "num_vfs": 0, "externally_managed": False, "exact": True, "given_back": True,
    "policies": [], "vfs": [], "mtu": 1500, "up": False, "autoprobe": True, "allow_in_use": False,
}  # fmt: skip


def test_an_original_of_an_earlier_release_is_restored() -> None:
    assert goal.pf_goal_from_dict(ORIGINAL).restore_original


def test_an_original_is_written_with_the_names_of_that_release() -> None:
    written = goal.pf_goal_as_dict(goal.pf_goal_from_dict(ORIGINAL))
    assert written.items() >= ORIGINAL.items()
    assert "restore_original" not in written
