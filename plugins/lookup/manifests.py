# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lookup manifests: the SR-IOV network operator's resources from files on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
name: manifests
short_description: Read policies and networks from the SR-IOV network operator's manifests
version_added: 0.1.0
author: the baremetal.sriov authors (@baremetal-sriov)
description:
  - Reads C(SriovNetworkNodePolicy), C(SriovNetwork) and C(SriovNetworkPoolConfig) of C(sriovnetwork.openshift.io) from
    YAML or JSON files on the controller, and gives them as policies, networks and pools of nodes of this collection.
    Lists as C(kubectl get -o yaml) prints them are read as well.
  - Other kinds are named in a warning and do no harm. Every mistake in all files is reported at once, with the file,
    the line or the object, and the field as the file spells it.
  - A file without an object, a folder without a manifest, and manifests of other kinds alone are mistakes as well.
  - A policy's C(nodeSelector) becomes C(node_selector.labels).
options:
  _terms:
    description:
      - Files, or folders whose files end in C(.yml), C(.yaml) or C(.json). Relative paths are searched as those of
        other lookups are, next to the playbook.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Use what the operator was told
  ansible.builtin.set_fact:
    sriov_policies: "{{ found.policies }}"
    sriov_networks: "{{ found.networks }}"
  vars:
    found: "{{ lookup('baremetal.sriov.manifests', 'operator/') }}"
"""

RETURN = r"""
_raw:
  description: One mapping with what was found.
  type: list
  elements: dict
  contains:
    policies:
      description: Policies, with the fields of P(baremetal.sriov.node_spec#filter).
      type: list
      elements: dict
    networks:
      description: Networks, with the fields of P(baremetal.sriov.network_attachments#filter).
      type: list
      elements: dict
    policy_places:
      description: The file, kind and name of each policy.
      type: list
      elements: str
    network_places:
      description: The file, kind and name of each network.
      type: list
      elements: str
    pools:
      description: Pools of nodes, for the limit of those that may be unavailable at a time.
      type: list
      elements: dict
    notes:
      description: What is in the files and is not used.
      type: list
      elements: str
"""

from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible.utils.display import Display

from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import InvalidSpecError
from ansible_collections.baremetal.sriov.plugins.plugin_utils import manifests


def _flat(terms: Any) -> list[Any]:
    """The terms, each of which may be a list of terms."""
    return [inner for term in terms for inner in (term if isinstance(term, (list, tuple)) else [term])]


class LookupModule(LookupBase):
    """What Ansible loads."""

    def run(self, terms: Any, variables: Any = None, **kwargs: Any) -> list[dict[str, Any]]:
        """Document above."""
        self.set_options(var_options=variables, direct=kwargs)
        named = [str(term) for term in _flat(terms)]
        paths = (self.find_file_in_search_path(variables, "files", name, ignore_missing=True) for name in named)
        try:
            found = manifests.read(path or name for path, name in zip(paths, named))
        except InvalidSpecError as error:
            raise AnsibleLookupError(str(error)) from error
        for note in found.notes:
            Display().warning(note)
        return [dict(vars(found))]
