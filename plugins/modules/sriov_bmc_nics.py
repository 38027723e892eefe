# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module sriov_bmc_nics: how many VFs NICs may have, set through their BMC, for many machines in one call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: sriov_bmc_nics
short_description: Set how many VFs NICs may have, over Redfish
version_added: 0.2.0
author: The baremetal.sriov authors (@baremetal-sriov)
description:
  - Sets C(VirtualFunctionAllocation) of network functions, where the BMC has it, before there is an operating system.
    It takes effect with the next reset of the host, so a second run changes nothing, and still returns
    RV(reboot_required). Nothing is reset.
  - A count that a NIC does not give is rounded up to the next one that it does, and a warning says so; one above what
    it has is refused, before anything is sent.
  - What was set before the first change is kept in O(record), and given back with O(state=absent).
  - How BMCs are asked, and what ends the run, is as with M(baremetal.sriov.sriov_bios).
options:
  bmcs:
    description: The BMCs, and what the NICs of each shall have.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: What it is called in RV(answers) and in O(record), mostly the host's name in the inventory. The
          address is the default.
        type: str
      address:
        description: Its address or name, with V(https://) and a port where these are not the usual ones.
        type: str
        required: true
      username:
        description: The user.
        type: str
        required: true
      password:
        description: The password. It is in no result and no message.
        type: str
        required: true
      validate_certs:
        description: Whether the BMC's certificate has to be trusted. Without it, and without O(bmcs[].fingerprint),
          whoever answers at that address gets the password. V(http://) needs V(false).
        type: bool
        default: true
      ca_path:
        description: A PEM file with the CA of the BMC's certificate. The system's own CAs are the default.
        type: path
      fingerprint:
        description: The SHA-256 of the BMC's certificate, in the place of a CA.
        type: str
      login:
        description: How to log in. V(auto) opens a session where the BMC has any, and names the user with each request
          where it has none, or none is free.
        type: str
        default: auto
        choices: [auto, session, basic]
      system_id:
        description: Which system is meant, where the BMC has several.
        type: str
      timeout:
        description: Seconds until a request has to be answered.
        type: int
        default: 30
      vfs:
        description: How many VFs a function may have, by its MAC address, its Id, or its path.
        type: dict
        default: {}
  state:
    description: V(absent) gives back all that this module has changed, whatever is wished for.
    type: str
    default: present
    choices: [present, absent]
  record:
    description: The folder that keeps how each NIC was before the first change. Keep it where it lasts.
    type: path
    default: ~/.local/state/baremetal-sriov/bios
  parallel:
    description: How many BMCs are asked at the same time.
    type: int
    default: 100
  fail:
    description: Whether the task fails where a BMC did. Without it, RV(answers) tells.
    type: bool
    default: true
attributes:
  check_mode:
    description: Can run in check mode and tell what would change, with the code that changes it.
    support: full
  diff_mode:
    description: Shows before and after of each setting.
    support: full
  platform:
    description: Runs where the BMCs can be reached.
    platforms: posix
    support: full
seealso:
  - module: baremetal.sriov.sriov_bios
"""

EXAMPLES = r"""
- name: Let a NIC have sixteen VFs
  baremetal.sriov.sriov_bmc_nics:
    bmcs:
      - name: node1
        address: 192.0.2.11
        username: admin
        password: "{{ vault_bmc_password }}"
        ca_path: /etc/ssl/bmc-ca.pem
        vfs:
          "00:00:5e:00:53:01": 16
  delegate_to: localhost
"""

RETURN = r"""
answers:
  description: One for each BMC, by its name.
  returned: always
  type: dict
  contains:
    failed:
      description: Whether it could not be done; C(msg) says why, and C(reason) is V(mistakes), V(login), V(stopped) or
        V(failed).
      type: bool
    changed:
      description: Whether anything was staged, or would be in check mode.
      type: bool
    reboot_required:
      description: Whether VFs wait for a reset. It comes from what is in effect, not from what was changed.
      type: bool
    functions:
      description: By the Id of each function, its C(current), C(pending) and C(desired) VFs, C(macs), the C(group) that
        they are given by, and the C(most).
      type: dict
    plan:
      description: The steps, as those of M(baremetal.sriov.sriov_node).
      type: dict
reboot_required:
  description: Whether a host's VFs wait for a reset.
  returned: always
  type: bool
mistakes:
  description: What is wrong with the options, when that is why the module failed.
  returned: on failure
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.bmc import nics_module


def main() -> None:
    """Run the module."""
    nics_module.main(AnsibleModule(argument_spec=nics_module.SPEC, supports_check_mode=True))


if __name__ == "__main__":
    main()
