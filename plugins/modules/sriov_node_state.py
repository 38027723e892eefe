# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sriov_node_state
short_description: Tell what PFs and VFs a node has, and whether pods can get them
version_added: 0.2.0
description:
  - Shows what the SR-IOV network operator shows in a SriovNetworkNodeState, with its fields in snake_case. Those are
    PFs and VFs with their settings, and whether the node is as O(spec) says.
  - Checks what the how-tos check by hand, from the IOMMU to the files by which Multus and KubeVirt learn a VF's
    address.
  - Changes nothing.
author: the baremetal.sriov authors (@baremetal-sriov)
options:
  spec:
    description:
      - What the node should be, as the filter P(baremetal.sriov.node_spec#filter) makes it from the policies.
    type: dict
    required: true
  cni:
    description:
      - Whether the CNI plugin of the role P(baremetal.sriov.cni#role) should be there.
    type: bool
    default: true
  networks:
    description:
      - Whether pods should get further networks, by Multus or DANM.
    type: bool
    default: true
  cni_bin_dir:
    description:
      - The folder of CNI plugins. V(auto) is that of the container runtime's configuration.
    type: str
    default: auto
  cni_conf_dir:
    description:
      - The folder of CNI configurations. V(auto) is that of the container runtime's configuration.
    type: str
    default: auto
requirements:
  - Python 3.9 or newer and iproute2 on the node
attributes:
  check_mode:
    description: Can run in check mode.
    support: full
  diff_mode:
    description: Has nothing to show.
    support: none
  platform:
    description: Target operating systems.
    platforms: linux
    support: full
seealso:
  - module: baremetal.sriov.sriov_node
  - plugin: baremetal.sriov.node_spec
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Look at the node
  baremetal.sriov.sriov_node_state:
    spec: "{{ sriov_policies | baremetal.sriov.node_spec(group_names=group_names) }}"
  register: looked

- name: Show the VFs that pods have
  ansible.builtin.debug:
    msg: "{{ looked.state.interfaces | map(attribute='vfs') | flatten | selectattr('assigned', 'defined') }}"
"""

RETURN = r"""
state:
  description: What the node is. Fields that are unknown are left out.
  returned: success
  type: dict
  contains:
    interfaces:
      description: The PFs, each with its C(vfs).
      type: list
      elements: dict
    system:
      description: C(rdma_mode), V(shared) or V(exclusive), where the kernel has RDMA.
      type: dict
    sync_status:
      description: V(Succeeded) where nothing is due, V(InProgress) where steps are, V(Failed) for a refused plan.
      type: str
    last_sync_error:
      description: Why the plan is refused.
      type: str
    conditions:
      description: C(Configured), C(RebootRequired) and C(DrainRequired), in the form of Kubernetes' conditions.
      type: list
      elements: dict
  sample:
    sync_status: Succeeded
    last_sync_error: ""
    conditions: [{type: Configured, status: "True", reason: Succeeded, message: ""}]
    interfaces:
      - name: enp1s0
        pci_address: "0000:01:00.0"
        num_vfs: 1
        vfs:
          - vf_id: 0
            pci_address: "0000:01:10.0"
            driver: vfio-pci
            assigned: pod default/vm, container compute
checks:
  description: What was looked at. An outcome is V(passed), V(failed) or V(skipped).
  returned: success
  type: list
  elements: dict
  sample:
    - check: pf_link
      target: "0000:01:00.0 (enp1s0)"
      outcome: passed
      expected: up, with 4 VFs in ip link
      found: up, 4 VFs
      remedy: ""
resources:
  description: The full resource names, and how many VFs of each the node is to offer.
  returned: success
  type: dict
  sample: {baremetal.sriov/kernel: 4}
mistakes:
  description: What is wrong with the specification, when that is why the module failed.
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
            "spec": {"type": "dict", "required": True},
            "cni": {"type": "bool", "default": True},
            "networks": {"type": "bool", "default": True},
            "cni_bin_dir": {"type": "str", "default": "auto"},
            "cni_conf_dir": {"type": "str", "default": "auto"},
        },
        supports_check_mode=True,
    )
    import_cache.use()  # before the imports: see there
    from ..module_utils.entry.node_state import run_node_state

    run_node_state(module)


if __name__ == "__main__":
    main()
