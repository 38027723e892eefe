# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a network of the inventory may not have the CNI plugin start: itself.

# source: CNI specification 1.1.0, section 4 (the plugin named by `type` is looked for in CNI_PATH); libcni,
# pkg/invoke/find.go (a name with a path separator is "invalid plugin name").
"""

from __future__ import annotations

# Change of a network, and the field that the refusal names.
INVENTORY = {
    "the name": ({"ipam": {"type": "sriov"}}, "ipam"),
    "JSON text": ({"ipam": '{"type": "sriov"}'}, "ipam"),
    "path": ({"ipam": {"type": "../sriov"}}, "ipam"),
    "dot": ({"ipam": {"type": "."}}, "ipam"),
    "line feed": ({"ipam": {"type": "sriov\n"}}, "ipam"),
    "no text": ({"ipam": {"type": ["sriov"]}}, "ipam"),
    "in a meta plugin": ({"meta_plugins": [{"type": "macvlan", "ipam": {"type": "sriov"}}]}, "meta_plugins"),
}
