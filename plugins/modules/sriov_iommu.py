# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sriov_iommu
short_description: Have the IOMMU switched on, and tell what the running kernel has of it
version_added: 0.1.0
description:
  - Sets the kernel arguments that the host's CPU needs, as M(baremetal.sriov.sriov_kernel_args) does. They
    are C(intel_iommu=on iommu=pt) for Intel, C(iommu=pt) for AMD, and none for arm64.
  - Reports the IOMMU's groups, units and interrupt remapping, and warns where there are no groups though
    the kernel was asked for them, with the cause as far as it can be seen.
author:
  - The baremetal.sriov authors (@baremetal-sriov)
options:
  state:
    description: V(absent) takes away the kernel arguments that this module once set.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - baremetal.sriov.attributes
notes:
  - It never reboots; RV(reboot_required) tells whether the running kernel lacks what is configured.
  - Our arguments are one list on a host; those that M(baremetal.sriov.sriov_kernel_args) asked for stay, and what
    both ask for goes when neither does any more.
seealso:
  - module: baremetal.sriov.sriov_node
  - module: baremetal.sriov.sriov_kernel_args
"""

EXAMPLES = r"""
- name: Have the IOMMU switched on
  baremetal.sriov.sriov_iommu:
  register: iommu

- name: Look at the IOMMU without a change
  baremetal.sriov.sriov_iommu:
  check_mode: true
  register: iommu
"""

RETURN = r"""
plan:
  description: The steps, each with its reason; see M(baremetal.sriov.sriov_kernel_args).
  returned: success
  type: dict
reboot_required:
  description: Whether the running kernel differs from what is configured.
  returned: success
  type: bool
arguments:
  description: The arguments that this CPU needs.
  returned: success
  type: list
  elements: str
  sample: [intel_iommu=on, iommu=pt]
vendor:
  description: The CPU's vendor, one of V(intel), V(amd), V(arm64), V(unknown).
  returned: success
  type: str
  sample: intel
groups:
  description: How many IOMMU groups the running kernel has.
  returned: success
  type: int
  sample: 21
units:
  description: The IOMMUs by name.
  returned: success
  type: list
  elements: str
  sample: [dmar0]
interrupt_remapping:
  description: Whether interrupts are remapped; nothing where the host does not tell.
  returned: success
  type: bool
  sample: true
firmware_table:
  description: The ACPI table by which the firmware announces the IOMMU; nothing where there is none.
  returned: success
  type: str
  sample: DMAR
refused:
  description: What stands in the way, when that is why the module failed.
  returned: on failure
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import import_cache


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={"state": {"type": "str", "choices": ["present", "absent"], "default": "present"}},
        supports_check_mode=True,
    )
    import_cache.use()  # before the imports: see there
    from ..module_utils.entry import kernel_modules

    kernel_modules.iommu_arguments(module, module.params["state"] == "present")


if __name__ == "__main__":
    main()
