# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sriov_kernel_args
short_description: Have the next boot's kernel started with these arguments
version_added: 0.1.0
description:
  - Appends arguments to the kernel's command line through the host's boot loader, by a file of our own.
  - Arguments of others are never removed; one that contradicts ours is overridden by our later one, and the
    plan names it and where it stands.
  - What the next boot gets is read from the boot menu itself, so a menu that was not made again is noticed.
  - Boot loaders known today are GRUB with C(/etc/default/grub.d), as on Debian and Ubuntu.
author:
  - The baremetal.sriov authors (@baremetal-sriov)
options:
  arguments:
    description:
      - All arguments that we set, each as C(name) or C(name=value).
      - An argument counts as there when its comma list holds at least what is asked, so
        C(intel_iommu=on,sm_on) serves for C(intel_iommu=on).
      - Required with O(state=present); V([]) takes away all that this module once set.
    type: list
    elements: str
  arguments_unsafe:
    description:
      - Whether O(arguments) may hold words after which the node does not come back as it was, since they boot a
        rescue mode, another root or another init, or wait for somebody at the console; C(single), C(s), C(1),
        C(rescue), C(emergency), C(systemd.unit=), C(init=), C(root=), C(rd.break) and others.
      - Any word of one character counts as one of them, as it may be what is left of a text that was taken apart.
    type: bool
    default: false
  boot_loader:
    description:
      - What starts the kernel. V(auto) looks for it, and takes the one that holds our arguments already.
      - V(grub) is GRUB with F(/etc/default/grub.d), V(grub-bls) GRUB with entries in F(/boot/loader/entries),
        V(grub-mkconfig) GRUB with F(/etc/default/grub) alone.
    type: str
    choices: [auto, grub, grub-bls, grub-mkconfig, proxmox-boot-tool, rpm-ostree, systemd-boot]
    default: auto
  state:
    description: V(absent) takes away all that this module once set.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - baremetal.sriov.attributes
notes:
  - It never reboots; RV(reboot_required) tells whether the running kernel lacks what is configured.
  - M(baremetal.sriov.sriov_node) sets the arguments of a whole host; use one of the two on a host.
  - Those that M(baremetal.sriov.sriov_iommu) asked for stay, as its own do when this module runs.
seealso:
  - module: baremetal.sriov.sriov_node
  - module: baremetal.sriov.sriov_iommu
"""

EXAMPLES = r"""
- name: Have huge pages at boot
  baremetal.sriov.sriov_kernel_args:
    arguments:
      - default_hugepagesz=1G
      - hugepagesz=1G
      - hugepages=8
  register: kernel_arguments

- name: Take our arguments away
  baremetal.sriov.sriov_kernel_args:
    state: absent
"""

RETURN = r"""
plan:
  description: The steps, each with its reason.
  returned: success
  type: dict
  sample:
    steps:
      - kind: kernel_arguments
        target: grub
        action: append intel_iommu=on
        reason: >-
          the next boot would lack intel_iommu=on; intel_iommu=off from GRUB_CMDLINE_LINUX in
          /etc/default/grub is overridden by our later token
        before: []
        after: [intel_iommu=on]
        stage: now
        needs: [reboot]
    warnings: []
    reboot_required: true
    drain_required: false
reboot_required:
  description: Whether the running kernel differs from what is configured.
  returned: success
  type: bool
boot_loader:
  description: The boot loader's name, empty where it is none that we know.
  returned: success
  type: str
  sample: grub
running:
  description: The arguments of the running kernel.
  returned: success
  type: list
  elements: str
next_boot:
  description: The boot menu's kernels with the arguments that each gets.
  returned: success
  type: list
  elements: dict
  contains:
    title:
      description: The entry's title.
      type: str
    arguments:
      description: Its arguments.
      type: list
      elements: str
refused:
  description: What stands in the way, when that is why the module failed.
  returned: on failure
  type: list
  elements: str
mistakes:
  description: What is wrong with the arguments, when that is why the module failed.
  returned: on failure
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import import_cache


def main() -> None:
    """Run the module."""
    import_cache.use()  # before the imports: see there
    from ..module_utils.entry import kernel_modules
    from ..module_utils.kernel.bootloaders import table

    module = AnsibleModule(
        argument_spec={
            "arguments": {"type": "list", "elements": "str"},
            "arguments_unsafe": {"type": "bool", "default": False},
            "boot_loader": {"type": "str", "choices": list(table.NAMES), "default": "auto"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        required_if=[("state", "present", ["arguments"])],
        supports_check_mode=True,
    )
    wanted = module.params["arguments"] if module.params["state"] == "present" else []
    if wanted is None:  # a key without a value, which counts as given
        module.fail_json(
            msg="arguments: expected a list of kernel arguments, found nothing (null). Write arguments: [] for none."
        )
    unsafe = module.params["arguments_unsafe"]
    kernel_modules.kernel_arguments(module, tuple(wanted), module.params["boot_loader"], unsafe)


if __name__ == "__main__":
    main()
