# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sriov_image
short_description: Prepare a node's SR-IOV configuration in an image's root folder
version_added: 0.2.0
description:
  - Writes below O(target_root) what can be prepared before any machine runs the image, which is what the roles ship,
    units that start at boot, kernel modules and their options, kernel arguments where the boot loader takes them from a
    file, and the specification from which the first boot does the rest.
  - Nothing outside of the image is read or changed, and no command is run, so that the image may be of another
    distribution and for another processor. Links are followed within the image. What the machine that builds it has in
    C(/proc), C(/sys), C(/dev) and C(/run) is not looked at, also where it is mounted in the image.
  - The unit C(baremetal-sriov-first-boot.service) of the image brings the node to its specification, with at most one
    reboot, and that only where the specification allows it. Whether one was done is noted on the disk before it.
  - What was there before is recorded in the image, and goes along. O(state=absent), or a teardown on the node, gives it
    back.
author: the baremetal.sriov authors (@baremetal-sriov)
options:
  target_root:
    description:
      - The absolute path of the folder that the image's root file system is mounted at, or of an empty one.
      - V(/) with a connection that leads into a chroot. The root of a running machine is refused.
    type: path
    required: true
  state:
    description: Whether the image is prepared, or what was prepared is taken away.
    type: str
    choices: [present, absent]
    default: present
  cpu:
    description:
      - Whose IOMMU the machines have that will run the image. The kernel arguments for it are left for the first boot
        where it is V(unknown), which costs that boot a reboot.
    type: str
    choices: [unknown, intel, amd, arm64]
    default: unknown
  python:
    description:
      - The Python of the image, for the libraries of the device plugin, where its files do not tell. The keys are
        C(version), C(machine) and C(libc), as RV(python) has them.
    type: dict
  pack:
    description:
      - The path of an archive of O(target_root), beside the image and not in it. The same files make the same archive.
    type: path
  parts:
    description: The parts that are prepared. One that is switched off, as by C(sriov_cni), is left out.
    type: list
    elements: str
    choices: [node, device_plugin, cni]
    default: [node, device_plugin, cni]
  spec:
    description: What a node should be. Made by the action plugin.
    type: dict
  bundles:
    description: What the roles ship. Made by the action plugin.
    type: list
    elements: dict
  archive:
    description: Where the contents are that the image lacks. Made by the action plugin.
    type: path
  gather_only:
    description: Whether only RV(python) is wanted. Made by the action plugin.
    type: bool
    default: false
attributes:
  action:
    description: Works out on the controller what is asked for, from the variables of the roles.
    support: full
  check_mode:
    description: Tells what would be written.
    support: full
  diff_mode:
    description: Shows what would be, or was, written.
    support: full
  platform:
    description: Linux on the machine that builds the image.
    platforms: linux
    support: full
requirements:
  - Python 3.9 or newer on the machine that builds the image, and root's rights
seealso:
  - module: baremetal.sriov.sriov_node
"""

EXAMPLES = r"""
- name: Prepare an image that is mounted on the controller
  baremetal.sriov.sriov_image:
    target_root: /mnt/image
    cpu: intel
  delegate_to: localhost
  register: image

- name: Show what is left for the first boot
  ansible.builtin.debug:
    msg: "{{ image.left }}"
"""

RETURN = r"""
plan:
  description: What was done, or would be, as RV(baremetal.sriov.sriov_node#module:plan).
  returned: success
  type: dict
left:
  description: What an image can't have, and the first boot does.
  returned: success
  type: list
  elements: str
  sample: ["VFs, their settings and drivers, and what the device plugin offers: dpdk"]
archive:
  description: The path and the checksum (C(sha256)) of O(pack); in check mode of what the image has now.
  returned: with O(pack)
  type: dict
python:
  description: The Python that was found in the image; none where its files do not tell.
  returned: success
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import import_cache


def main() -> None:
    """Run as a module."""
    module = AnsibleModule(
        argument_spec={
            "target_root": {"type": "path", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "cpu": {"type": "str", "choices": ["unknown", "intel", "amd", "arm64"], "default": "unknown"},
            "python": {"type": "dict"},
            "pack": {"type": "path"},
            "parts": {
                "type": "list",
                "elements": "str",
                "choices": ["node", "device_plugin", "cni"],
                "default": ["node", "device_plugin", "cni"],
            },
            "spec": {"type": "dict"},
            "bundles": {"type": "list", "elements": "dict"},
            "archive": {"type": "path"},
            "gather_only": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    import_cache.use()  # before the imports: see there
    from ..module_utils.entry.image_module import run

    run(module)


if __name__ == "__main__":
    main()
