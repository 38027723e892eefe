# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation of an action plugin: it runs on the controller, in plugins/action/sriov_cluster_info.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: sriov_cluster_info
short_description: Read objects of a cluster by their names
version_added: 0.2.0
author:
  - The baremetal.sriov authors (@baremetal-sriov)
description:
  - Reads any number of objects by one task, over one connection to the API server.
options:
  access:
    description: What P(baremetal.sriov.cluster_access#filter) gives.
    type: dict
    required: true
  references:
    description: The objects; one without a name is all of its kind.
    type: list
    elements: dict
    required: true
    suboptions:
      apiVersion:
        description: Group and version.
        type: str
        required: true
      kind:
        description: The kind.
        type: str
        required: true
      metadata:
        description: C(name) and C(namespace).
        type: dict
        default: {}
  wait_timeout:
    description: For so many seconds an API server that gives no answer is asked again, as one on a host that boots.
    type: int
    default: 0
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
- name: Read the DaemonSet of Multus, and all nodes
  baremetal.sriov.sriov_cluster_info:
    access: "{{ '~/.kube/config' | baremetal.sriov.cluster_access }}"
    references:
      - {apiVersion: apps/v1, kind: DaemonSet, metadata: {name: kube-multus-ds, namespace: kube-system}}
      - {apiVersion: v1, kind: Node}
"""

RETURN = r"""
resources:
  description: Those that the cluster has, in the order in which they were asked for.
  returned: success
  type: list
  elements: dict
"""
