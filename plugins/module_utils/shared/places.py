# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where one of the three programs leaves a word for another, below the host's root."""

from __future__ import annotations

# One JSON file for each VF that the CNI plugin could not bring back, named by its PCI address: {"format": 1,
# "time": ..., "cause": ...}. The device plugin shows the VF Unhealthy while the file is there.
WITHHELD = "/var/lib/cni/sriov/withheld"
# Below it the roles install what runs on a node: by this name in all that is shipped, and where /usr takes no writes at
# the other place.
LIBRARY = "/usr/lib/baremetal-sriov"
LIBRARY_ELSEWHERE = "/var/lib/baremetal-sriov/code"
LIBRARIES = (LIBRARY, LIBRARY_ELSEWHERE)
# The device plugin as a service.
DEVICE_PLUGIN_UNIT = "baremetal-sriov-device-plugin.service"
# What the device plugin keeps over its restarts; a boot begins anew.
DEVICE_PLUGIN_STATE = "/run/baremetal-sriov/device-plugin"
# In that folder: what the node library takes back before it changes it. {"format": 1, "withdrawn": [...]}
WITHDRAWN = "withdrawn.json"
# While it is there: another device plugin is to leave, and nothing is offered before it has. {"format": 1}
HANDOVER = "handover.json"
# What the node library remembers of what it left undone, for the device plugin's metrics. Of the first: {"format": 1,
# "differences": [...], "stopped": {...}, "errors": [...], "total": repairs, "last": time.time()}; of the second:
# {"format": 1, "boot_id": ..., "arguments": [...]}, which is there while a reboot is due; of the third its form is the
# node library's own, and `after_reboot` in it has the boot_id of the boot that PFs wait in.
DRIFT = "/run/baremetal-sriov/drift.json"
REBOOT_ASKED = "/var/lib/baremetal-sriov/reboot.json"
NODE = "/etc/baremetal-sriov/node.json"
# One file for each VF that the device plugin offers, where Multus looks for it.
DEVICE_INFO = "/var/run/k8s.cni.cncf.io/devinfo/dp"
# Journals of the CNI plugin that could not be used, so that nothing was restored by them.
SET_ASIDE = "/var/lib/cni/sriov/set-aside"
FORMAT = 1  # of these files


def device_info_name(resource: str, device: str) -> str:
    """The name of a device's file there (Device Information Specification 1.1.0 of the Network Plumbing Working Group).
    """
    return f"{resource}-{device}-device.json".replace("/", "-")
