# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sriov_preflight_info
short_description: Tell what the running system knows of the BIOS and of the NICs' firmware
version_added: 0.1.0
description:
  - Looks at the CPU, the IOMMU, interrupt remapping, Secure Boot, kernel lockdown and each PF, and names the setting of
    the BIOS to look for where something is missing.
  - Reads SRIOV_EN and NUM_OF_VFS of Mellanox NICs where C(mstconfig) is installed, and tells the command that changes
    them. The firmware is never written.
  - Changes nothing. Release 0.1.1 knew it as C(sriov_preflight); that name still works, with a warning.
author: the baremetal.sriov authors (@baremetal-sriov)
options:
  spec:
    description:
      - What the node should be, as the filter P(baremetal.sriov.node_spec#filter) makes it from the policies. With it
        each PF is compared with the VFs that are asked for.
    type: dict
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
"""

EXAMPLES = r"""
- name: Look at what the BIOS gives
  baremetal.sriov.sriov_preflight_info:
  register: preflight
"""

RETURN = r"""
checks:
  description: What was looked at. A verdict is V(ok), V(look) or V(unknown).
  returned: success
  type: list
  elements: dict
  sample:
    - item: IOMMU in the firmware
      verdict: look
      found: no table that announces one
      setting: Intel VT for Directed I/O (VT-d)
table:
  description: The same as lines for people.
  returned: success
  type: list
  elements: str
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
    module = AnsibleModule(argument_spec={"spec": {"type": "dict"}}, supports_check_mode=True)
    import_cache.use()  # before the imports: see there
    from ..module_utils.entry.results import fail
    from ..module_utils.host.host import Host
    from ..module_utils.model.errors import SriovError
    from ..module_utils.node import preflight
    from ..module_utils.policy.node_spec import parse_spec

    try:
        spec = None if module.params["spec"] is None else parse_spec(module.params["spec"])
        rows = preflight.checks(Host(), spec)
    except SriovError as error:
        fail(module, error)
        return
    module.exit_json(changed=False, checks=[row.as_dict() for row in rows], table=preflight.table(rows))


if __name__ == "__main__":
    main()
