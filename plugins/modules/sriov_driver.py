# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sriov_driver
short_description: Bind VFs to drivers
version_added: 0.1.0
description:
  - Gives the named VFs their drivers with C(driver_override). Other functions are left alone.
  - A narrow view of M(baremetal.sriov.sriov_node), with the same plan, order and refusals.
  - A PF whose VFs this module changed first belongs to it, and M(baremetal.sriov.sriov_node) does not give it back,
    unless a policy names the PF meanwhile. The driver V(default) gives a VF back to the kernel.
author: the baremetal.sriov authors (@baremetal-sriov)
options:
  functions:
    description: The VFs.
    type: list
    elements: dict
    required: true
    suboptions:
      address:
        description: The VF's PCI address.
        type: str
        required: true
      driver:
        description: The driver. V(default) is the kernel's own choice, V(none) unbinds.
        type: str
        required: true
requirements:
  - Python 3.9 or newer and iproute2 on the node
seealso:
  - module: baremetal.sriov.sriov_node
  - module: baremetal.sriov.sriov_vfs
extends_documentation_fragment:
  - baremetal.sriov.attributes
"""

EXAMPLES = r"""
- name: One VF for DPDK, one back to the kernel
  baremetal.sriov.sriov_driver:
    functions:
      - address: "0000:01:10.0"
        driver: vfio-pci
      - address: "0000:01:10.2"
        driver: default
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

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import import_cache


def main() -> None:
    """Run as a module."""
    function = {"address": {"type": "str", "required": True}, "driver": {"type": "str", "required": True}}
    module = AnsibleModule(
        argument_spec={"functions": {"type": "list", "elements": "dict", "required": True, "options": function}},
        supports_check_mode=True,
    )
    import_cache.use()  # before the imports: see there
    from ..module_utils.entry.node_module import run_module
    from ..module_utils.node.concerns import RUNTIME
    from ..module_utils.policy.narrow import driver_goal

    functions = module.params["functions"]
    run_module(module, lambda state: driver_goal(functions), RUNTIME)


if __name__ == "__main__":
    main()
