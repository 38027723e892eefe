# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names in the files that a release leaves on nodes stay as they are, whatever the code calls them."""

from __future__ import annotations

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.model import goal

# source: /var/lib/baremetal-sriov/original.json as release 0.1.1 writes it
ORIGINAL = {
    "address": "0000:01:00.0", "num_vfs": 0, "externally_managed": False, "exact": True, "given_back": True,
    "policies": [], "vfs": [], "mtu": 1500, "up": False, "autoprobe": True, "allow_in_use": False,
}  # fmt: skip


# source: /etc/baremetal-sriov/node.json as release 0.1.1 writes it
NODE = {
    "format": 1, "functions": [], "hugepages": [{"at": "runtime", "count": 4, "nodes": [], "size": "2M"}],
    "kubelet_root_dir": "/data/kubelet", "memory_floor": 10485760, "pfs": [{
        "address": "0000:01:00.0", "allow_in_use": False, "exact": False, "externally_managed": False,
        "given_back": False, "num_vfs": 2, "policies": ["kernel"], "vfs": [
            {"driver": "default", "index": 0, "max_tx_rate": 50, "qos": 2, "spoofchk": False, "vlan": 100},
            {"driver": "default", "index": 1},
        ],
    }],
}  # fmt: skip


def test_the_boot_services_file_of_an_earlier_release_is_read_and_written_alike() -> None:
    found = goal.goal_from_dict(NODE)
    assert goal.goal_as_dict(found) == NODE
    options = found.options
    assert (options.hugepages_floor, options.kubelet_root_dirs) == (10, ("/data/kubelet",))
    assert found.pfs[0].vfs[0][1].attributes == goal.VfAttributes(vlan=100, qos=2, spoofchk=False, max_tx_rate=50)


def test_what_it_does_not_name_is_as_usual() -> None:
    found = goal.goal_from_dict({"format": 1, "functions": [], "pfs": []}).options
    assert (found.hugepages, found.kubelet_root_dirs) == ((), goal.KUBELET_FOLDERS)


@pytest.mark.parametrize("entry", [{"index": 0, "link_color": "red"}, {"vlan": 3}])
def test_what_is_not_known_of_a_vf_is_not_passed_over(entry: dict[str, object]) -> None:
    with pytest.raises((TypeError, KeyError)):
        goal.pf_goal_from_dict({**ORIGINAL, "vfs": [entry]})


def test_an_original_of_an_earlier_release_is_restored() -> None:
    assert goal.pf_goal_from_dict(ORIGINAL).restore_original


def test_an_original_is_written_with_the_names_of_that_release() -> None:
    written = goal.pf_goal_as_dict(goal.pf_goal_from_dict(ORIGINAL))
    assert written.items() >= ORIGINAL.items()
    assert "restore_original" not in written
