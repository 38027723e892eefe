# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation of an action plugin: it runs on the controller, in plugins/action/sriov_checks.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: sriov_checks
short_description: Show what nodes and their clusters were checked for, and write it to files
version_added: 0.2.0
author:
  - The baremetal.sriov authors (@baremetal-sriov)
description:
  - For a task that runs once. Puts together what M(baremetal.sriov.sriov_node_state) has told of each host with what
    the API servers of their clusters tell, and shows what did not pass, each with what to do.
  - Of a cluster that is whether nodes are Ready and offer their VFs, and where there are networks their definitions,
    Multus, what running pods have got of their networks, and what KubeVirt and its virtual machines need.
  - What somebody else has to mend, such as a pod that does not request its VF, is told as V(warned), and no failure.
options:
  looked:
    description: The registered results of M(baremetal.sriov.sriov_node_state), by host.
    type: dict
    required: true
  output:
    description:
      - A file on the controller for all checks and states as JSON. A relative path begins where the run was started.
    type: str
  junit:
    description: A file on the controller for the checks as JUnit XML; a path as O(output).
    type: str
  namespace:
    description: The namespace of RV(config_maps).
    type: str
    default: kube-system
attributes:
  action:
    description: Runs on the controller alone.
    support: full
  check_mode:
    description: Writes the user's own files also in check mode, and changes nothing else.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
  platform:
    description: Runs on the controller.
    platforms: posix
    support: full
"""

EXAMPLES = r"""
- name: Show what was checked
  baremetal.sriov.sriov_checks:
    looked: "{{ dict(ansible_play_hosts_all | zip(ansible_play_hosts_all | map('extract', hostvars, 'looked'))) }}"
    junit: verify.xml
  delegate_to: localhost
  run_once: true
"""

RETURN = r"""
checks:
  description: Every check, with its host or V(cluster), and its outcome.
  returned: success
  type: list
  elements: dict
failures:
  description: By host, a sentence for each check of it, or of its cluster, that failed.
  returned: success
  type: dict
config_maps:
  description: For each host that is a node of a cluster, an object with its state.
  returned: success
  type: list
  elements: dict
"""
