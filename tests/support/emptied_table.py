# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Expected values: when a host that would be left without any policy is refused.

Source: the design's rule "from some policies to none only by word": teardown (state: absent), or
sriov_policies_may_be_empty. Whether a host had policies is the node's own knowledge: its node.json, the PFs that
sriov_node recorded, or the files that only a host with policies has. An empty list alone is no wish: group_vars that
were not found and a misspelt variable look the same.
"""

from __future__ import annotations

from typing import Any

KERNEL = {"name": "kernel", "resource_name": "kernel", "nic_selector": {"pf_names": ["enp1s0"]}, "num_vfs": 4}
ELSEWHERE = {**KERNEL, "node_selector": {"groups": ["storage"]}}
BY_LABEL = {**KERNEL, "name": "zoned", "node_selector": {"labels": {"zone": "b"}}}
TURNED_AWAY = [{"name": "kernel", "node_selector": {"variables": {"rack": 7}}}]
PAGES = [{"size": "2M", "count": 8}]

# What the host went through (a function of the test), what it is asked for now, words of the refusal.
REFUSED: list[tuple[str, str, dict[str, Any], list[str]]] = [
    ("empty-list", "two_pools", {"policies": []},
     ["no policy at all", "0000:01:00.0 (enp1s0) with 4 VFs", "0000:02:00.0 (enp2s0) with 7 VFs"]),
    ("all-for-other-hosts", "two_pools", {"policies": [ELSEWHERE, BY_LABEL]},
     ["none of 2 for this host", "kernel (node_selector.groups wants one of storage", "zoned (node_selector.labels"]),
    ("turned-away-by-the-hosts-own-list", "one_pool", {"policies": [KERNEL], "overrides": TURNED_AWAY},
     ["none of 1 for this host", "node_selector.variables wants rack: 7"]),
    ("huge-pages-stay", "one_pool", {"policies": [], "hugepages": PAGES}, ["no policy at all"]),
    ("kernel-arguments-stay", "one_pool", {"policies": [], "kernel_arguments": ["isolcpus=2"]}, ["no policy at all"]),
    ("without-device-plugin", "no_device_plugin", {"policies": [], "device_plugin": False}, ["no policy at all"]),
    ("node-json-deleted", "node_json_deleted", {"policies": []}, ["0000:01:00.0 (enp1s0)"]),
    ("record-deleted", "record_deleted", {"policies": []}, ["0000:01:00.0 (enp1s0)"]),
    ("adopted-vfs", "adopted_vfs", {"policies": []}, ["0000:01:00.0 (enp1s0)"]),
    ("adopted-vfs-and-node-json-deleted", "adopted_vfs_and_node_json_deleted", {"policies": []},
     ["/etc/udev/rules.d/86-baremetal-sriov-hotplug.rules"]),
    ("node-json-damaged", "node_json_damaged", {"policies": []}, ["0000:01:00.0 (enp1s0)"]),
    ("externally-managed", "externally_managed", {"policies": []}, ["0000:01:00.0 (enp1s0)"]),
    ("waiting-for-a-reboot", "waiting_for_a_reboot", {"policies": []}, ["0000:02:00.0 (enp2s0)"]),
    ("nic-taken-out", "nic_taken_out", {"policies": []}, ["0000:01:00.0"]),
    ("vfs-lost", "vfs_lost", {"policies": []}, ["0000:01:00.0 (enp1s0)"]),
]  # fmt: skip

# Nothing was there before, or nothing of sriov_node's: allowed, and unchanged the second time.
ALLOWED: list[tuple[str, str, dict[str, Any]]] = [
    ("first-run", "nothing", {"policies": []}),
    ("first-run-of-a-host-that-no-policy-is-for", "nothing", {"policies": [ELSEWHERE]}),
    ("kernel-arguments-alone", "kernel_arguments_alone", {"policies": []}),
    ("huge-pages-alone", "huge_pages_alone", {"policies": []}),
    ("vfs-of-another-module", "vfs_of_another_module", {"policies": []}),
    ("vfs-of-somebody-else", "vfs_of_somebody_else", {"policies": []}),
    ("after-a-teardown", "torn_down", {"policies": []}),
]
