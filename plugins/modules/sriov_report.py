# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation of an action plugin: it runs on the controller, in plugins/action/sriov_report.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: sriov_report
short_description: Show the plans of all hosts, and write them to files
version_added: 0.2.0
author:
  - The baremetal.sriov authors (@baremetal-sriov)
description:
  - For a task that runs once. Puts together what M(baremetal.sriov.sriov_plan) has kept of each host, and shows it, the
    verdict first; hosts of which the same is said are told together.
  - Where hosts belong to a cluster, the API server is asked with at most three questions what would change there, which
    is network attachments that would be added, changed or removed, and labels of nodes; and with at most four more
    for DRA drivers that offer what the device plugin would. With Multus or the injector each of their objects is one
    more, and one for the namespaces of networks that would be applied elsewhere than in C(default).
  - What networks do otherwise than they may be read is shown, too.
  - JSON, Markdown and the text say the same.
options:
  answers:
    description: The registered results of M(baremetal.sriov.sriov_plan), by host.
    type: dict
    required: true
  bios:
    description: The results of M(baremetal.sriov.sriov_bios) for the hosts that have a BMC, by host.
    type: dict
    default: {}
  state:
    description: Whether the plans are those of the roles, or those of the teardown.
    type: str
    choices: [present, absent]
    default: present
  show:
    description: Whether the plans are shown; warnings always are.
    type: bool
    default: true
  output:
    description: A file on the controller for the plans as JSON. A relative path begins where the run was started.
    type: str
  markdown:
    description: A file on the controller for the plans as Markdown; a path as O(output).
    type: str
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
- name: Show the plan
  baremetal.sriov.sriov_report:
    answers: "{{ dict(ansible_play_hosts_all | zip(ansible_play_hosts_all | map('extract', hostvars, 'asked'))) }}"
    output: plan.json
  delegate_to: localhost
  run_once: true
"""

RETURN = r"""
verdict:
  description: The worst verdict of all hosts and clusters.
  returned: always
  type: str
counts:
  description: How many hosts have each verdict.
  returned: always
  type: dict
clusters:
  description: The verdict of the cluster of each host that belongs to one, with what the cluster has against that host.
  returned: always
  type: dict
roles:
  description: The roles that would change something in the cluster of each host that belongs to one.
  returned: always
  type: dict
refused:
  description: Of such hosts those that the cluster has something against, with why.
  returned: always
  type: dict
refused_clusters:
  description: The clusters that the roles would refuse to change, or that could not be asked, with why.
  returned: always
  type: dict
bmcs:
  description: The hosts that have a BMC, whose plan for the BIOS is told by the role P(baremetal.sriov.bios#role).
  returned: always
  type: list
  elements: str
turns:
  description: Whether a host would be drained or rebooted, or given back after a run that did not end.
  returned: always
  type: bool
"""
