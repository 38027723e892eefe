# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sriov_handover
short_description: Take a node over from another device plugin, or give it back
version_added: 0.2.0
description:
  - The playbook adopt is made of these steps. The kubelet has a device plugin for each resource at every moment, and
    never two that take the socket from each other.
  - With O(state=present) ours starts and waits at O(step=prepare), and registers at O(step=finish) in the moment when
    the other one has left. With O(state=absent) ours is held still at O(step=prepare), and ended at O(step=finish) as
    soon as the other one serves.
  - A pod that keeps the other device plugin is ended, or made, between the two steps by whoever may do that in the
    cluster.
author: the baremetal.sriov authors (@baremetal-sriov)
options:
  state:
    description: Whose the device plugin is at the end, ours (V(present)) or the other one (V(absent)).
    type: str
    default: present
    choices: [present, absent]
  step:
    description: What is done. V(look) changes nothing.
    type: str
    required: true
    choices: [look, prepare, finish]
  resources:
    description: Full names of the resources that the policies offer on this node.
    type: list
    elements: str
    default: []
  units:
    description: Units of systemd that run the other device plugin. They are switched off, or on, at V(finish).
    type: list
    elements: str
    default: []
  seconds:
    description: How long the other device plugin may take to leave, or to come.
    type: int
    default: 120
  kubelet_root_dir:
    description: The kubelet's folder.
    type: str
    default: /var/lib/kubelet
requirements:
  - Python 3.9 or newer on the node, and systemd
attributes:
  check_mode:
    description: Looks, and changes nothing.
    support: full
  diff_mode:
    description: Has nothing to show.
    support: none
  platform:
    description: Target operating systems.
    platforms: linux
    support: full
seealso:
  - module: baremetal.sriov.sriov_adopt
"""

EXAMPLES = r"""
- name: See who offers what, and who holds it
  baremetal.sriov.sriov_handover:
    step: look
    resources: [intel.com/fast]
  register: adopt_look
"""

RETURN = r"""
servers:
  description: Who listens for which resource, with its C(unit) or its C(pod), and whether it is C(ours).
  returned: success
  type: list
  elements: dict
held:
  description: For each resource the devices that pods hold under its name, each with the pod.
  returned: success
  type: dict
active:
  description: Whether our device plugin runs.
  returned: success
  type: bool
units:
  description: Which of O(units) run, or would at boot.
  returned: success
  type: dict
begun:
  description: Whether a change is under way.
  returned: success
  type: bool
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import import_cache


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "default": "present", "choices": ["present", "absent"]},
            "step": {"type": "str", "required": True, "choices": ["look", "prepare", "finish"]},
            "resources": {"type": "list", "elements": "str", "default": []},
            "units": {"type": "list", "elements": "str", "default": []},
            "seconds": {"type": "int", "default": 120},
            "kubelet_root_dir": {"type": "str", "default": "/var/lib/kubelet"},
        },
        supports_check_mode=True,
    )
    import_cache.use()  # before the imports: see there
    from ..module_utils.entry.handover_module import run

    run(module)


if __name__ == "__main__":
    main()
