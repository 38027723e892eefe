# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation of an action plugin: it runs on the controller, in plugins/action/sriov_roll.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: sriov_roll
short_description: Do one step of a change that rolls over many nodes
version_added: 0.2.0
author:
  - The baremetal.sriov authors (@baremetal-sriov)
description:
  - The steps that the playbooks plan and site are made of where nodes have to be drained or rebooted. It reads the
    variables of all hosts of the play, C(sriov_max_unavailable) and others of
    P(baremetal.sriov.variables#role), so it has few options of its own.
  - It talks to the API server with the client of kubernetes.core, from the controller. Without a way to a cluster there
    are batches alone.
options:
  step:
    description:
      - V(plan) puts the hosts that need a drain or a reboot into batches, over all pools at once.
      - V(begin) looks whether the user may do in the cluster all that the run needs, and takes the Lease that keeps
        other runs out.
      - V(reach) looks whether a host answers. One that does not is no failure.
      - V(gate) lets the hosts of a batch start where no host has failed, the window is open, and their pools have room,
        and cordons them.
      - V(drain) evicts the pods that hold VFs, or all pods where the node reboots, and waits until they are gone.
      - V(give_back) uncordons a node that this collection cordoned.
      - V(fail) writes to a node that stays cordoned why it does.
      - V(end) sums the run up, and V(release) gives the Lease back.
    type: str
    required: true
    choices: [plan, begin, reach, gate, drain, give_back, fail, end, release]
  hosts:
    description:
      - For V(plan), the hosts of the inventory whose nodes count for the pools, with or without C(--limit).
    type: list
    elements: str
    default: []
  planned:
    description:
      - For V(gate), what V(plan) gave.
    type: dict
    default: {}
  foretell:
    description:
      - Whether V(plan) tells which pods and VMs a drain would take, and which budgets would keep it waiting.
    type: bool
    default: false
  networks:
    description:
      - For V(begin), whether the run brings networks to the cluster.
    type: bool
    default: true
  words:
    description:
      - For V(fail), why.
    type: str
    default: ""
attributes:
  action:
    description: Runs on the controller; V(reach) asks the host.
    support: full
  check_mode:
    description: Nothing is cordoned, evicted or held.
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
- name: Plan which nodes change together
  baremetal.sriov.sriov_roll:
    step: plan
    hosts: "{{ groups['sriov_nodes'] }}"
  run_once: true
  register: roll_planned
"""

RETURN = r"""
batches:
  description: The batches in their order, each with its C(number), its C(hosts) and the C(limits) of the pools.
  returned: for plan
  type: list
  elements: dict
order:
  description: The hosts in the order of their turns.
  returned: for plan
  type: list
  elements: str
sizes:
  description: How many hosts each batch has.
  returned: for plan
  type: list
  elements: int
pools:
  description: The names of the nodes of each pool.
  returned: for plan
  type: dict
pool_of:
  description: The pool of each host that has a turn.
  returned: for plan
  type: dict
turns:
  description: What each host's turn is for.
  returned: for plan
  type: dict
until:
  description: After which second of the epoch no node starts; 0 for no such time.
  returned: for plan
  type: float
lines:
  description: The same for people.
  returned: for plan, begin, end and release
  type: list
  elements: str
away:
  description: Why the host did not answer; empty where it did.
  returned: for reach
  type: str
go:
  description: The hosts that start.
  returned: for gate
  type: list
  elements: str
left_out:
  description: Why each of the others does not.
  returned: for gate
  type: dict
cordoned:
  description: The hosts whose nodes were cordoned.
  returned: for gate
  type: list
  elements: str
pods:
  description: The pods that have gone.
  returned: for drain
  type: list
  elements: str
told:
  description: Whether the node is cordoned, and says why.
  returned: for fail
  type: bool
document:
  description: What came of each node.
  returned: for end
  type: dict
junit:
  description: The same as JUnit XML.
  returned: for end
  type: str
problems:
  description: Why the times of this run could not be kept.
  returned: for end
  type: list
  elements: str
"""
