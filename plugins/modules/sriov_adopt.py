# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation of an action plugin: it runs on the controller, in plugins/action/sriov_adopt.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: sriov_adopt
short_description: Plan and do in the cluster what taking a node over from other plugins needs
version_added: 0.2.0
author:
  - The baremetal.sriov authors (@baremetal-sriov)
description:
  - The steps of the playbook adopt that are the controller's. It reads C(sriov_adopt_from) and the ways to the cluster
    from the variables of the host.
  - Nothing in the cluster is touched but what C(sriov_adopt_from) names, and the label C(baremetal.sriov/adopted) of
    the node.
options:
  step:
    description:
      - V(plan) tells the order of the steps, and what is in their way. It changes nothing.
      - V(leave) takes the replicas of the Deployments and keeps the DaemonSets from the node.
      - V(come_back) lets the DaemonSets come to the node again; with the last node they are as they were.
      - V(finish_back) gives the Deployments their replicas again once no node is ours.
    type: str
    required: true
    choices: [plan, leave, come_back, finish_back]
  back:
    description: For V(plan), whether the node is given back.
    type: bool
    default: false
  look:
    description: For V(plan), what M(baremetal.sriov.sriov_handover) tells of the node.
    type: dict
    default: {}
  planned:
    description:
      - For V(plan), the C(resources) that the policies offer on the node, and the VFs (C(managed)) that they are about.
    type: dict
    default: {}
attributes:
  action:
    description: Runs on the controller.
    support: full
  check_mode:
    description: Nothing is changed.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
  platform:
    description: Runs on the controller.
    platforms: posix
    support: full
seealso:
  - module: baremetal.sriov.sriov_handover
"""

EXAMPLES = r"""
- name: Keep what runs in the cluster from the node
  baremetal.sriov.sriov_adopt:
    step: leave
"""

RETURN = r"""
lines:
  description: The order of the steps, for people.
  returned: for plan
  type: list
  elements: str
problems:
  description: What is in their way. Nothing was changed.
  returned: for plan
  type: list
  elements: str
units:
  description: The units that C(sriov_adopt_from) names.
  returned: for plan
  type: list
  elements: str
"""
