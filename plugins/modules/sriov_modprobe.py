# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sriov_modprobe
short_description: Have kernel modules loaded, now and at boot, with their options
version_added: 0.1.0
description:
  - Writes C(/etc/modprobe.d/baremetal-sriov.conf) and C(/etc/modules-load.d/baremetal-sriov.conf), which are
    ours alone, and loads modules that are not loaded.
  - Compares options with the loaded modules' parameters. One that the kernel lets be written is set at once;
    for another RV(reboot_required) is true.
  - The initramfs is made again where it holds a module whose line changes, and only then.
  - Modules that are no longer listed stay loaded until the next boot, since others may use them by now.
author:
  - The baremetal.sriov authors (@baremetal-sriov)
options:
  modules:
    description: All modules that we look after; an empty list takes our files away.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The module's name.
        type: str
        required: true
      options:
        description: Its options.
        type: dict
      load:
        description:
          - Whether it is loaded, now and at each boot.
          - The default is V(true), with O(modules[].blacklist) V(false).
        type: bool
      blacklist:
        description:
          - Whether the module is kept from being loaded because a device asks for it. One that is loaded stays so until
            the next boot.
        type: bool
        default: false
      softdep_pre:
        description: Modules that are loaded before it, if they are there.
        type: list
        elements: str
      softdep_post:
        description: Modules that are loaded after it, if they are there.
        type: list
        elements: str
extends_documentation_fragment:
  - baremetal.sriov.attributes
notes:
  - A module that is built into the kernel takes its options from the kernel's command line alone;
    RV(kernel_arguments) holds them for M(baremetal.sriov.sriov_kernel_args).
seealso:
  - module: baremetal.sriov.sriov_node
  - module: baremetal.sriov.sriov_kernel_args
"""

EXAMPLES = r"""
- name: Have vfio-pci loaded
  baremetal.sriov.sriov_modprobe:
    modules:
      - name: vfio-pci
        options:
          disable_idle_d3: true
"""

RETURN = r"""
plan:
  description: The steps, each with its reason.
  returned: success
  type: dict
  sample:
    steps:
      - kind: module_load
        target: vfio-pci
        action: load it
        reason: it is not loaded
        before: false
        after: true
        stage: now
        needs: []
    warnings: []
    reboot_required: false
    drain_required: false
reboot_required:
  description: Whether a loaded module has another option that only its loading sets.
  returned: success
  type: bool
modules:
  description: The modules as they are after the run.
  returned: success
  type: list
  elements: dict
  sample:
    - {name: vfio-pci, loaded: true, builtin: false}
kernel_arguments:
  description: The options of modules that are built into the kernel, as kernel arguments.
  returned: success
  type: list
  elements: str
  sample: [vfio-pci.disable_idle_d3=1]
refused:
  description: What stands in the way, when that is why the module failed.
  returned: on failure
  type: list
  elements: str
mistakes:
  description: What is wrong with the options, when that is why the module failed.
  returned: on failure
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import import_cache


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "modules": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "options": {"type": "dict"},
                    "load": {"type": "bool"},
                    "blacklist": {"type": "bool", "default": False},
                    "softdep_pre": {"type": "list", "elements": "str"},
                    "softdep_post": {"type": "list", "elements": "str"},
                },
            },
        },
        supports_check_mode=True,
    )
    import_cache.use()  # before the imports: see there
    from ..module_utils.entry import kernel_modules

    kernel_modules.modules(module, module.params["modules"])


if __name__ == "__main__":
    main()
