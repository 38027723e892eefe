# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sriov_vfs
short_description: Create and set up the VFs of some PFs
version_added: 0.1.0
description:
  - Brings the named PFs to a number of VFs, with the settings of each VF. Other PFs are left alone.
  - A narrow view of M(baremetal.sriov.sriov_node), with the same plan, order and refusals.
  - A PF that this module changed first belongs to it, and M(baremetal.sriov.sriov_node) does not give it back, unless a
    policy names the PF meanwhile. O(pfs[].num_vfs=0) removes its VFs.
  - VFs do not outlive a reboot, and no boot service re-creates those of this module.
author: the baremetal.sriov authors (@baremetal-sriov)
options:
  pfs:
    description: The PFs.
    type: list
    elements: dict
    required: true
    suboptions:
      pf:
        description: The PF by PCI address, interface name or alternative name.
        type: str
        required: true
      num_vfs:
        description: How many VFs it has. V(0) removes them.
        type: int
        required: true
      mtu:
        description: MTU in bytes. The PF's is only raised, the VFs' are set.
        type: int
      allow_in_use:
        description:
          - Whether first VFs, their removal, and a new MTU are accepted on a PF that is in use, or may be, since that
            can't be told. Another number of VFs is not. What counts as in use is what counts for C(allow_in_use) of
            P(baremetal.sriov.node_spec#filter).
        type: bool
        default: false
      vfs:
        description: Settings of single VFs.
        type: list
        elements: dict
        default: []
        suboptions:
          indices:
            description: Which VFs, for example V(0-3,5).
            type: str
            required: true
          driver:
            description:
              - The VFs' driver. V(default) is the kernel's own choice, V(none) unbinds.
            type: str
          mac:
            description: The VF's MAC address. Needs a single index.
            type: str
          vlan:
            description: The VLAN that the PF tags the VF's traffic with. V(0) is none.
            type: int
          qos:
            description: The VLAN priority.
            type: int
          spoofchk:
            description: Whether frames with a foreign source MAC address are dropped.
            type: bool
          trust:
            description: Whether the VF may change its MAC address and enter promiscuous mode.
            type: bool
          min_tx_rate:
            description: The guaranteed rate in Mbit/s.
            type: int
          max_tx_rate:
            description: The highest rate in Mbit/s. V(0) is no limit.
            type: int
          vlan_proto:
            description: The protocol of the VLAN's tag, V(802.1q) or V(802.1ad).
            type: str
          link_state:
            description: The link that the VF sees, V(auto) (as the PF's), V(enable) or V(disable).
            type: str
          msix_count:
            description:
              - How many interrupt vectors the VF has; V(0) is the NIC's own number. The VF's driver is bound again.
              - Needs a driver of the PF that shares them out (mlx5, Linux 5.13); it does not tell them afterwards.
            type: int
requirements:
  - Python 3.9 or newer and iproute2 on the node
seealso:
  - module: baremetal.sriov.sriov_node
  - module: baremetal.sriov.sriov_driver
extends_documentation_fragment:
  - baremetal.sriov.attributes
"""

EXAMPLES = r"""
- name: Four VFs, the first in VLAN 100
  baremetal.sriov.sriov_vfs:
    pfs:
      - pf: enp1s0
        num_vfs: 4
        vfs:
          - indices: "0"
            mac: 02:00:00:00:00:01
            vlan: 100
          - indices: 1-3
            trust: true
"""

RETURN = r"""
plan:
  description: What was done, or would be.
  returned: success
  type: dict
  contains:
    steps:
      description: The steps in their order.
      type: list
      elements: dict
      contains:
        kind:
          description: What sort of object the step changes.
          type: str
        target:
          description: The object, for example a PF by its PCI address, C(0000:01:00.0 vf 3), or a path.
          type: str
        action:
          description: What is done.
          type: str
        reason:
          description: Why.
          type: str
        before:
          description: The value before.
          type: raw
        after:
          description: The value after.
          type: raw
        stage:
          description: V(now), or V(after_reboot) for what the boot service does after a reboot that is due.
          type: str
        needs:
          description: Which of V(reboot) and V(drain) the step needs.
          type: list
          elements: str
    warnings:
      description: What should be known about the plan.
      type: list
      elements: str
    reboot_required:
      description: As RV(reboot_required).
      type: bool
    drain_required:
      description: As RV(drain_required).
      type: bool
reboot_required:
  description: Whether the running kernel differs from what is configured.
  returned: success
  type: bool
drain_required:
  description: Whether the plan takes VFs away from pods or VMs. Without check mode such a plan is refused.
  returned: success
  type: bool
refused:
  description: Why the plan can't be applied; in check mode, VFs that are held.
  returned: success, or failure by refusal
  type: list
  elements: str
expected_after_reboot:
  description: The steps that are left to the boot service after a reboot.
  returned: success
  type: list
  elements: dict
pfs:
  description: The PFs and their VFs at the end, without what is unknown or empty.
  returned: success
  type: list
  elements: dict
iommu:
  description: What the kernel has of the IOMMU; empty where nothing asks for one.
  returned: success
  type: dict
mistakes:
  description: Every mistake in the specification.
  returned: failure by a wrong specification
  type: list
  elements: dict
  contains:
    path:
      description: The path of the field.
      type: str
    problem:
      description: What is wrong with it.
      type: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import import_cache


def main() -> None:
    """Run as a module."""
    import_cache.use()  # before the imports: see there
    from ..module_utils.entry.node_module import given, run_module
    from ..module_utils.node.concerns import RUNTIME
    from ..module_utils.pf.vf_attributes import ATTRIBUTES
    from ..module_utils.policy.narrow import vfs_goal

    vf: dict[str, Any] = {row.name: {"type": row.kind.__name__} for row in ATTRIBUTES}
    vf |= {"indices": {"type": "str", "required": True}, "driver": {"type": "str"}}
    pf = {
        "pf": {"type": "str", "required": True},
        "num_vfs": {"type": "int", "required": True},
        "mtu": {"type": "int"},
        "allow_in_use": {"type": "bool", "default": False},
        "vfs": {"type": "list", "elements": "dict", "default": [], "options": vf},
    }
    module = AnsibleModule(
        argument_spec={"pfs": {"type": "list", "elements": "dict", "required": True, "options": pf}},
        supports_check_mode=True,
    )
    pfs = given(module.params["pfs"])
    run_module(module, lambda state: vfs_goal(pfs, state), RUNTIME)


if __name__ == "__main__":
    main()
