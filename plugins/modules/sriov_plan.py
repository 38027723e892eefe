# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation of an action plugin: it runs on the controller, in plugins/action/sriov_plan.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: sriov_plan
short_description: Compute what the roles would do to a host, all parts in one call
version_added: 0.2.0
author:
  - The baremetal.sriov authors (@baremetal-sriov)
description:
  - Works out from the variables of the roles what they would configure and ship, and asks the host by one call of
    M(baremetal.sriov.sriov_node) in check mode. Changes nothing, whether in check mode or not.
  - The steps are made by the code that carries them out. Those of a bundle are told in short, as
    M(baremetal.sriov.sriov_bundle) tells them.
  - What any of the roles would refuse is refused, all reasons at once.
  - The libraries of the device plugin depend on the host's Python. Those that were asked for last are sent along; a
    host with another Python is called a second time. They are fetched as M(baremetal.sriov.sriov_wheels) does.
options:
  state:
    description: Whether the plan is that of the roles, or that of the teardown.
    type: str
    choices: [present, absent]
    default: present
  parts:
    description:
      - The parts of the plan. One that is switched off, as by C(sriov_cni), is left out. Without any, the plan is that
        of M(baremetal.sriov.sriov_node) alone.
    type: list
    elements: str
    choices: [node, device_plugin, cni]
    default: [node, device_plugin, cni]
  check_variables:
    description:
      - Whether the variables are checked first, as M(baremetal.sriov.sriov_variables) does, and the options of the
        device plugin by its own parser.
    type: bool
    default: false
  keep:
    description:
      - Whether mistakes, refusals, and a host that can't be reached, are in RV(answer) and the task succeeds.
    type: bool
    default: false
attributes:
  action:
    description: Works out on the controller what is asked for.
    support: full
  check_mode:
    description: Changes nothing, so it does the same in check mode.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
  platform:
    description: Linux, as M(baremetal.sriov.sriov_node).
    platforms: linux
    support: full
"""

EXAMPLES = r"""
- name: See whether there is anything to do
  baremetal.sriov.sriov_plan:
  register: plan
  changed_when: false
"""

RETURN = r"""
plan:
  description: As RV(baremetal.sriov.sriov_node#module:plan), for all parts.
  returned: without O(keep)
  type: dict
node_changed:
  description: Whether steps of the node itself are due, without those of the bundles.
  returned: without O(keep)
  type: bool
libraries_later:
  description:
    - The later Pythons that no libraries are to be had for, as RV(baremetal.sriov.sriov_wheels#module:missing).
  returned: when O(parts) has the device plugin
  type: list
  elements: dict
cluster:
  description:
    - Where the host's cluster is, without any secret, and what is wanted of its Node, for
      M(baremetal.sriov.sriov_report), which asks there; null for a host without a cluster.
  returned: where there is a plan, and O(parts) has any
  type: dict
answer:
  description:
    - What is returned otherwise; C(failed) and C(msg) where there are mistakes or refusals, C(unreachable) where the
      host can't be reached, C(drain_allowed) where C(site) would drain it.
  returned: with O(keep)
  type: dict
"""
