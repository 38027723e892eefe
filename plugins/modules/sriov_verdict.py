# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation of an action plugin: it runs on the controller, in plugins/action/sriov_verdict.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: sriov_verdict
short_description: End a host as its plan says
version_added: 0.2.0
author:
  - The baremetal.sriov authors (@baremetal-sriov)
description:
  - For a play that has kept the plans of all hosts and told them. Fails for a host that refuses or could not be asked,
    and counts one that could not be reached as unreachable, so that the exit status is Ansible's.
options:
  answer:
    description: RV(baremetal.sriov.sriov_plan#module:answer) of the host.
    type: dict
    required: true
  cluster:
    description: The verdict of the host's cluster.
    type: str
    choices: [unchanged, changes, refused, failed, unreachable]
    default: unchanged
  fail_on_changes:
    description: Whether the task fails for a host that would change.
    type: bool
    default: false
attributes:
  action:
    description: Runs on the controller alone.
    support: full
  check_mode:
    description: Changes nothing, so it does the same in check mode.
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
- name: End as the plan says
  baremetal.sriov.sriov_verdict:
    answer: "{{ asked.answer }}"
"""

RETURN = r"""
verdict:
  description: The worse of the host's own verdict and that of its cluster.
  returned: always
  type: str
"""
