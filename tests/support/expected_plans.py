# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Expected values: the whole plan as text, for what a host is and what its policies ask for.

Sources: the order is the kernel's. A PF refuses a count over a count (Documentation/PCI/pci-iov-howto.rst), some create
VFs only while their link is up, ice changes its eswitch mode without VFs alone, and mlx5_core wants VFs without drivers
for switchdev (Documentation/networking/devlink/); a driver that is bound starts with its own MTU. udev's rules come
before the first VF, our other files after the last step that could fail, and the record is forgotten last. What a boot
would undo waits for it, where one is needed.

A line is a step: when, what it needs in brackets, its object, what is done, and why in parentheses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

PF1, PF2 = "0000:01:00.0", "0000:02:00.0"
KERNEL = {"name": "kernel", "resource_name": "kernel", "nic_selector": {"pf_names": ["enp1s0"]}, "num_vfs": 2}
DPDK = {"name": "dpdk", "resource_name": "dpdk", "nic_selector": {"root_devices": [PF2]}, "num_vfs": 2,
        "device_type": "vfio-pci"}  # fmt: skip
SWITCHDEV = {**KERNEL, "eswitch_mode": "switchdev"}
TAGGED = {**KERNEL, "vfs": [{"indices": 0, "vlan": 9}]}
SET_UP = {**KERNEL, "mtu": 2000, "vfs": [{"indices": 0, "mac": "02:00:00:00:aa:01", "vlan": 9, "trust": True}]}
LOWER_HALF = {**KERNEL, "nic_selector": {"pf_names": ["enp1s0#0-1"]}, "num_vfs": 3}
UPPER_HALF = {**DPDK, "name": "half", "nic_selector": {"pf_names": ["enp1s0#2"]}, "num_vfs": 3}

MODULES = "/etc/modules-load.d/baremetal-sriov.conf"
HOTPLUG = "/etc/udev/rules.d/86-baremetal-sriov-hotplug.rules"
ALONE = "/etc/udev/rules.d/86-baremetal-sriov.rules"
REPRESENTORS = "/etc/udev/rules.d/79-baremetal-sriov-representors.rules"
NODE, CONFIG = "/etc/baremetal-sriov/node.json", "/etc/pcidp/config.json"
FOR_POLICIES, NOT_NEEDED, GIVEN_BACK = "derived from the policies", "no policy needs it any more", "it is given back"
BACK = "no policy names it any more: back to what it was before our first change"
USERSPACE = "all VFs go to userspace drivers, so the kernel's own need not probe them"
SET_UP_FIRST = "VFs are set up before the kernel's own driver probes them, and others not at all"
NO_DRIVER_ELSE = "the kernel binds no driver to a VF of this PF otherwise"
LOAD_VFIO = (f"now {MODULES}: write vfio-pci (the file is missing)", "now vfio-pci: load it (it is not loaded)")
NEW_FILES = (f"now {NODE}: write it ({FOR_POLICIES})", f"now {CONFIG}: write it ({FOR_POLICIES})")
NEW_RULES = (f"now {HOTPLUG}: write it ({FOR_POLICIES})", f"now {ALONE}: write it ({FOR_POLICIES})")
FIRST_VFS = (
    *NEW_RULES,
    f"now {PF1}: bring the PF up (its VFs need it (policy kernel))",
    f"now {PF1}: create 2 VFs (policy kernel)",
    *NEW_FILES,
)


@dataclass(frozen=True)
class Row:
    """One host and one call."""

    name: str
    policies: list[dict[str, Any]] | None  # None: teardown
    plan: tuple[str, ...]
    before: list[dict[str, Any]] | None = None  # policies that were applied before
    then: str = ""  # what became of the host since: a function of the test
    driver: str = "igb"  # of its PFs


ROWS = (
    Row("nothing-is-asked", [], ()),
    Row("first-vfs", [KERNEL], FIRST_VFS),
    Row("first-vfs-beside-a-device-plugin-that-runs", [KERNEL], (
        *FIRST_VFS,
        "now baremetal-sriov-device-plugin.service: reload it (its VFs or its configuration changed)",
    ), then="device_plugin_runs"),
    Row("the-same-again", [KERNEL], (), before=[KERNEL]),
    Row("settings-through-the-pf-and-of-the-interface", [SET_UP], (
        *NEW_RULES,
        f"now {PF1}: bring the PF up (its VFs need it (policy kernel))",
        f"now {PF1}: turn driver autoprobe off ({SET_UP_FIRST})",
        f"now {PF1}: create 2 VFs (policy kernel)",
        f"now {PF1} vf 0: set mac 02:00:00:00:aa:01, vlan 9, trust on, qos 0 (policy kernel)",
        f"now {PF1}: set the PF's MTU to 2000 (policy kernel)",
        f"now {PF1}: turn driver autoprobe on ({NO_DRIVER_ELSE})",
        f"now {PF1} vf 0: bind the kernel's own driver (policy kernel)",
        f"now {PF1} vf 1: bind the kernel's own driver (policy kernel)",
        f"now {PF1} vf 0: set its MTU to 2000 (policy kernel)",
        f"now {PF1} vf 1: set its MTU to 2000 (policy kernel)",
        *NEW_FILES,
    )),
    Row("a-userspace-driver", [DPDK], (
        *LOAD_VFIO,
        *NEW_RULES,
        f"now {PF2}: bring the PF up (its VFs need it (policy dpdk))",
        f"now {PF2}: turn driver autoprobe off ({USERSPACE})",
        f"now {PF2}: create 2 VFs (policy dpdk)",
        f"now {PF2} vf 0: bind vfio-pci (policy dpdk)",
        f"now {PF2} vf 1: bind vfio-pci (policy dpdk)",
        f"now {PF2}: turn driver autoprobe on (as it was before)",
        *NEW_FILES,
    )),
    Row("a-userspace-driver-without-the-iommu", [DPDK], (
        "now [reboot] grub: append intel_iommu=on iommu=pt (the next boot would lack intel_iommu=on iommu=pt)",
        LOAD_VFIO[0],
        LOAD_VFIO[1].replace("now", "after_reboot"),
        *NEW_RULES,
        f"after_reboot {PF2}: bring the PF up (its VFs need it (policy dpdk))",
        f"after_reboot {PF2}: turn driver autoprobe off ({USERSPACE})",
        f"after_reboot {PF2}: create 2 VFs (policy dpdk)",
        f"after_reboot {PF2} vf 0: bind vfio-pci (policy dpdk)",
        f"after_reboot {PF2} vf 1: bind vfio-pci (policy dpdk)",
        f"after_reboot {PF2}: turn driver autoprobe on (as it was before)",
        *NEW_FILES,
        "now [reboot] kernel: reboot (the running kernel was started without intel_iommu=on iommu=pt)",
    ), then="iommu_is_off"),
    Row("two-policies-on-one-pf", [LOWER_HALF, UPPER_HALF], (
        *LOAD_VFIO,
        *NEW_RULES,
        f"now {PF1}: bring the PF up (its VFs need it (policies half, kernel))",
        f"now {PF1}: turn driver autoprobe off ({SET_UP_FIRST})",
        f"now {PF1}: create 3 VFs (policies half, kernel)",
        f"now {PF1}: turn driver autoprobe on ({NO_DRIVER_ELSE})",
        f"now {PF1} vf 0: bind the kernel's own driver (policies half, kernel)",
        f"now {PF1} vf 1: bind the kernel's own driver (policies half, kernel)",
        f"now {PF1} vf 2: bind vfio-pci (policies half, kernel)",
        *NEW_FILES,
    )),
    Row("another-count-goes-through-0", [{**KERNEL, "num_vfs": 4}], (
        f"now {PF1}: remove 2 VFs (policy kernel)",
        f"now {PF1}: create 4 VFs (policy kernel)",
        f"now {NODE}: rewrite it ({FOR_POLICIES})",
    ), before=[KERNEL]),
    Row("another-count-while-a-pod-has-a-vf", [{**KERNEL, "num_vfs": 4}], (
        f"now [drain] {PF1}: remove 2 VFs (policy kernel)",
        f"now {PF1}: create 4 VFs (policy kernel)",
        f"now {NODE}: rewrite it ({FOR_POLICIES})",
    ), before=[KERNEL], then="a_pod_has_vf_0"),
    Row("another-driver", [{**KERNEL, "device_type": "vfio-pci"}], (
        *LOAD_VFIO,
        f"now {PF1} vf 0: bind vfio-pci (policy kernel)",
        f"now {PF1} vf 1: bind vfio-pci (policy kernel)",
        f"now {NODE}: rewrite it ({FOR_POLICIES})",
        f"now {CONFIG}: rewrite it ({FOR_POLICIES})",
    ), before=[KERNEL]),
    Row("another-driver-while-a-pod-has-a-vf", [{**KERNEL, "device_type": "vfio-pci"}], (
        *LOAD_VFIO,
        f"now [drain] {PF1} vf 0: bind vfio-pci (policy kernel)",
        f"now {PF1} vf 1: bind vfio-pci (policy kernel)",
        f"now {NODE}: rewrite it ({FOR_POLICIES})",
        f"now {CONFIG}: rewrite it ({FOR_POLICIES})",
    ), before=[KERNEL], then="a_pod_has_vf_0"),
    Row("a-setting-that-somebody-changed", [TAGGED], (
        f"now {PF1} vf 0: set vlan 9, qos 0 (policy kernel)",
    ), before=[TAGGED], then="vlan_7_on_vf_0"),
    Row("a-setting-that-the-cni-plugin-of-a-pod-changed", [TAGGED], (), before=[TAGGED],
        then="vlan_7_on_vf_0 a_pod_has_vf_0"),
    Row("vfs-of-somebody-else", [{**TAGGED, "externally_managed": True}], (
        *NEW_RULES,
        f"now {PF1} vf 0: set vlan 9, qos 0 (policy kernel)",
        *NEW_FILES,
    ), then="somebody_made_2_vfs"),
    Row("switchdev-with-vfs-first", [SWITCHDEV], (
        *NEW_RULES,
        f"now {REPRESENTORS}: write it ({FOR_POLICIES})",
        f"now {PF1}: bring the PF up (its VFs need it (policy kernel))",
        f"now {PF1}: turn driver autoprobe off (the eswitch mode is set while the VFs have no driver)",
        f"now {PF1}: turn hw-tc-offload on (policy kernel)",
        f"now {PF1}: create 2 VFs (policy kernel)",
        f"now {PF1}: set the eswitch mode to switchdev (policy kernel)",
        f"now {PF1}: turn driver autoprobe on (the kernel binds no driver to a VF of this PF otherwise)",
        f"now {PF1} vf 0: bind the kernel's own driver (policy kernel)",
        f"now {PF1} vf 1: bind the kernel's own driver (policy kernel)",
        *NEW_FILES,
    ), driver="mlx5_core"),
    Row("switchdev-before-vfs", [SWITCHDEV], (
        *NEW_RULES,
        f"now {REPRESENTORS}: write it ({FOR_POLICIES})",
        f"now {PF1}: bring the PF up (its VFs need it (policy kernel))",
        f"now {PF1}: turn hw-tc-offload on (policy kernel)",
        f"now {PF1}: set the eswitch mode to switchdev (policy kernel)",
        f"now {PF1}: create 2 VFs (policy kernel)",
        *NEW_FILES,
    ), driver="ice"),
    Row("switchdev-no-more", [KERNEL], (
        f"now {PF1}: remove 2 VFs (policy kernel)",
        f"now {PF1}: set the eswitch mode to legacy (policy kernel)",
        f"now {PF1}: create 2 VFs (policy kernel)",
        f"now {PF1}: turn hw-tc-offload off (policy kernel)",
        f"now {NODE}: rewrite it ({FOR_POLICIES})",
        f"now {REPRESENTORS}: remove it ({NOT_NEEDED})",
        f"now file {REPRESENTORS}: forget its original state ({GIVEN_BACK})",
    ), before=[SWITCHDEV], driver="mlx5_core"),
    Row("a-policy-that-is-gone", [KERNEL], (
        f"now {MODULES}: remove our file (nothing in it is asked for any more)",
        f"now {HOTPLUG}: rewrite it ({FOR_POLICIES})",
        f"now {ALONE}: rewrite it ({FOR_POLICIES})",
        f"now {PF2}: remove 2 VFs ({BACK})",
        f"now {PF2}: bring the PF down (it was down before our first change)",
        f"now {NODE}: rewrite it ({FOR_POLICIES})",
        f"now {CONFIG}: rewrite it ({FOR_POLICIES})",
        f"now {PF2}: forget its original state ({GIVEN_BACK})",
    ), before=[KERNEL, DPDK]),
    Row("teardown", None, (
        f"now {PF1}: remove 2 VFs ({BACK})",
        f"now {PF1}: bring the PF down (it was down before our first change)",
        f"now {NODE}: remove it ({NOT_NEEDED})",
        f"now {CONFIG}: remove it ({NOT_NEEDED})",
        f"now {HOTPLUG}: remove it ({NOT_NEEDED})",
        f"now {ALONE}: remove it ({NOT_NEEDED})",
        f"now {PF1}: forget its original state ({GIVEN_BACK})",
        *(f"now file {path}: forget its original state ({GIVEN_BACK})" for path in (NODE, CONFIG, HOTPLUG, ALONE)),
        "now /var/lib/baremetal-sriov/original.json: remove the record (everything is given back)",
    ), before=[KERNEL]),
)  # fmt: skip
