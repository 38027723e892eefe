# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which `log_file` a network of the inventory may have, and what it may not have the CNI plugin start: itself.

# source: Filesystem Hierarchy Standard 3.0, 5.10 (/var/log holds log files); CNI specification 1.1.0, section 4 (the
# plugin named by `type` is looked for in CNI_PATH); libcni, pkg/invoke/find.go (a name with a path separator is
# "invalid plugin name").
"""

from __future__ import annotations

from typing import Any

# Below the nodes' log folder.
FIT = ("/var/log/sriov.log", "/var/log/sriov/cni.log", "/var/log//sriov.log", '/var/log/"quoted" {{ name }}')
UNFIT: dict[str, Any] = {
    "ld.so.preload": "/etc/ld.so.preload", "relative": "sriov.log", "parent": "/var/log/../../etc/cron.d/x",
    "same beginning": "/var/logs/sriov.log", "the folder": "/var/log/", "line feed": "/var/log/a\nb",
    "null": "/var/log/a\0b", "device": "/dev/stderr", "a number": 5, "a list": ["/var/log/x"],
}  # fmt: skip
# With another folder as the nodes' setting.
ELSEWHERE, ELSEWHERE_FIT, ELSEWHERE_UNFIT = "/data/log", "/data/log/sriov.log", "/var/log/sriov.log"
BAD_FOLDERS = ("log", "/", "", "/var/../etc", "/var/log\n", 5, None)

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
