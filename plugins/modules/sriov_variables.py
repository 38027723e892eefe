# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation of an action plugin: it runs on the controller, in plugins/action/sriov_variables.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: sriov_variables
short_description: Check the variables of the roles
version_added: 0.1.1
author:
  - The baremetal.sriov authors (@baremetal-sriov)
description:
  - Looks at all C(sriov_*) variables, as they are and not as a role's argument spec converts them, and names every
    mistake of a host at once, each with its path, what is expected, what was found, and what to write. That is their
    types and ranges, what is in lists and mappings, files on the controller that they name, and networks that ask for a
    pool of no policy.
  - A name that differs from a variable of this collection by at most two letters is refused, unless
    C(sriov_ignore_variables) names it. Of other unknown names that begin with C(sriov_) one warning tells.
  - A text is taken for a number or a yes where its meaning is clear, as V("4"), V("true") and V("no").
  - Words in C(sriov_kernel_arguments) after which the node does not come back as it was are refused, unless
    C(sriov_kernel_arguments_unsafe) is true.
  - Each playbook begins with it, and each role depends on it, so it is seldom called by hand.
  - Runs on the controller, and makes no call to the host. A variable that is not set is passed over.
options:
  manifests:
    description:
      - Whether the files that C(sriov_manifests) names are read as well, and their mistakes told with the others.
        Without it, policies and networks are not looked at where C(sriov_manifests) names files, and unknown names are
        not told.
    type: bool
    default: false
  fail:
    description:
      - Whether the task fails where there are mistakes. Without it they are in the result alone.
    type: bool
    default: true
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
- name: Check the variables of the roles
  baremetal.sriov.sriov_variables:
    manifests: true
"""

RETURN = r"""
msg:
  description: Every mistake, each with its path, what was expected, what was found, and what to do.
  returned: where there are mistakes
  type: str
mistakes:
  description: The same, one by one.
  returned: always
  type: list
  elements: dict
  contains:
    path:
      description: The variable, and where in it.
      type: str
    problem:
      description: What was expected, what was found, and what to do.
      type: str
"""
