# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sriov_node
short_description: Bring a node's SR-IOV configuration to a specification
version_added: 0.1.0
description:
  - Configures a whole node in one call, with kernel arguments, kernel modules, VFs, their settings and drivers, and
    the device plugin's configuration.
  - Everything is checked before anything is changed. What the host needs, or what pods and VMs hold, is never taken
    away. For PFs and VFs alike that is an address, a route, an SSH connection, an interface on it (VLAN, macvlan and
    the like), a bridge or bond that it is a port of, and an open device; what can't be told counts as in use.
  - What was before the first change of each object is recorded on the node, and O(state=absent) restores it.
  - A host that had policies and has none in O(spec) is refused, unless O(spec) says C(policies_may_be_empty); the
    inventory that was not found looks the same. O(state=absent) needs no such word.
  - What a policy no longer names is given back as well. A PF belongs to the module that changed it first, so one that a
    play set with M(baremetal.sriov.sriov_vfs) or M(baremetal.sriov.sriov_driver) is left alone, until a policy names
    it. With O(state=absent) the record of such a PF stays on the node until it is as it was, and a warning names it.
  - PFs are remembered by PCI address, with their identifiers and MAC address. Another NIC in the same place is named in
    a warning, and gets nothing back that was recorded of the first; the boot service does not set it up before this
    module has run.
author: the baremetal.sriov authors (@baremetal-sriov)
options:
  spec:
    description:
      - What the node should be, as the filter P(baremetal.sriov.node_spec#filter) makes it from the policies.
      - Required with O(state=present), not used with O(state=absent).
    type: dict
  state:
    description: Whether the node is configured, or restored to what it was before the first run.
    type: str
    choices: [present, absent]
    default: present
  reboot_ok:
    description:
      - With O(state=absent), whether the node may be rebooted. A PF that the host needs, and that can be given back
        just by a reset, is given back by that reboot then; without it that is refused.
      - With O(state=present) it is O(spec) that says so.
    type: bool
    default: false
  drained:
    description:
      - With O(state=absent), the word that the node was drained and is cordoned, for VFs that another device plugin
        than ours offers. With O(state=present) it is O(spec) that says so.
    type: bool
    default: false
  needs_systemd:
    description:
      - Whether a host that systemd does not run on is refused, as the roles will install services there.
    type: bool
    default: false
  cni_bin_dir:
    description:
      - The folder where the CNI plugin of the role P(baremetal.sriov.cni#role) will be installed. A plugin of somebody
        else with its name is refused, unless O(spec) says C(adopt). V(auto) is the folder of the container runtime's
        configuration; empty, nothing is looked for.
    type: str
    default: ""
  bundles:
    description:
      - In check mode, what the roles ship besides, so that RV(plan) has the steps of all parts. Made by the action of
        M(baremetal.sriov.sriov_plan); without check mode nothing looks at it.
    type: list
    elements: dict
  libraries_for:
    description:
      - The Python whose libraries are among O(bundles), made as O(bundles) is. Where the node has another one, the
        result is only RV(python), and that they are missing.
    type: dict
  approved:
    description:
      - Without check mode, the steps that may be done, as RV(plan.steps) of an earlier run has them. Others are refused
        at the last moment before the first write. Steps of other parts are passed over.
    type: list
    elements: dict
requirements:
  - Python 3.9 or newer and iproute2 on the node
notes:
  - RV(reboot_required) comes from the running kernel against what is configured, and not from a change. A reboot
    is never done by this module.
  - Steps that need a reboot first are done after it by the boot service of the role, or by the next run.
seealso:
  - module: baremetal.sriov.sriov_vfs
  - module: baremetal.sriov.sriov_driver
  - plugin: baremetal.sriov.node_spec
    plugin_type: filter
extends_documentation_fragment:
  - baremetal.sriov.attributes
"""

EXAMPLES = r"""
- name: Show what would change
  baremetal.sriov.sriov_node:
    spec: "{{ sriov_policies | baremetal.sriov.node_spec }}"
  check_mode: true
  register: plan

- name: Configure the node
  baremetal.sriov.sriov_node:
    spec: "{{ sriov_policies | baremetal.sriov.node_spec(group_names=group_names) }}"

- name: Restore the original state of the node
  baremetal.sriov.sriov_node:
    state: absent
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
waits_for_free:
  description: The PFs and VFs whose change waits until no pod and no VM has them.
  returned: success
  type: list
  elements: str
expected_after_reboot:
  description: The steps that are left to the boot service after a reboot.
  returned: success
  type: list
  elements: dict
skipped_policies:
  description: The policies whose node_selector is not for this node, and the part of it that does not hold.
  returned: success
  type: dict
  sample: {dpdk: "node_selector.labels wants zone: 'a'; the host has no zone"}
resources:
  description: The full resource names, and how many VFs of each the node offers when all steps are done.
  returned: success
  type: dict
  sample: {baremetal.sriov/kernel: 4}
managed:
  description: The PCI addresses of the VFs and functions that are there at the end and that policies are about.
  returned: success
  type: list
  elements: str
  sample: ["0000:01:10.0", "0000:01:10.2"]
pfs:
  description: The PFs and their VFs at the end, without what is unknown or empty.
  returned: success
  type: list
  elements: dict
iommu:
  description: What the kernel has of the IOMMU; empty where nothing asks for one.
  returned: success
  type: dict
node_changed:
  description: Whether steps of the node itself are due.
  returned: with O(bundles)
  type: bool
bundles:
  description: Whether each bundle would change.
  returned: with O(bundles)
  type: dict
  sample: {device-plugin: {part: device_plugin, changed: false}}
python:
  description: The interpreter that runs the services, as M(baremetal.sriov.sriov_bundle) tells it.
  returned: with O(bundles), when O(state=present)
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
    module = AnsibleModule(
        argument_spec={
            "spec": {"type": "dict"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "reboot_ok": {"type": "bool", "default": False},
            "drained": {"type": "bool", "default": False},
            "needs_systemd": {"type": "bool", "default": False},
            "cni_bin_dir": {"type": "str", "default": ""},
            "bundles": {"type": "list", "elements": "dict"},
            "libraries_for": {"type": "dict"},
            "approved": {"type": "list", "elements": "dict"},
        },
        required_if=[("state", "present", ["spec"])],
        supports_check_mode=True,
    )
    import_cache.use()  # before the imports: see there
    from ..module_utils.entry.node_module import run_module
    from ..module_utils.entry.results import fail
    from ..module_utils.model.errors import InvalidSpecError
    from ..module_utils.model.goal import Goal, NodeOptions
    from ..module_utils.node.concerns import WHOLE
    from ..module_utils.policy.node_spec import parse_spec
    from ..module_utils.policy.resolve import resolve

    if module.params["state"] == "absent":
        words = NodeOptions(reboot_ok=module.params["reboot_ok"], drained=module.params["drained"])
        run_module(module, lambda state: Goal(absent=True, options=words), WHOLE)
    try:
        spec = parse_spec(module.params["spec"])
    except InvalidSpecError as error:
        fail(module, error)
    concerns: tuple[Any, ...] = WHOLE
    if module.params["needs_systemd"] or module.params["cni_bin_dir"]:
        from ..module_utils.node.installation import asked

        concerns = (asked(module.params["needs_systemd"], module.params["cni_bin_dir"]), *WHOLE)
    run_module(module, lambda state: resolve(spec, state), concerns)


if __name__ == "__main__":
    main()
