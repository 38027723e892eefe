# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module sriov_power: the next boot and the power of hosts, over Redfish or IPMI, for many machines in one call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: sriov_power
short_description: Set where the next boot starts from, and switch hosts, over Redfish or IPMI
version_added: 0.2.0
author: The baremetal.sriov authors (@baremetal-sriov)
description:
  - Looks at what a BMC tells first, sends only what differs, waits, and reads back.
  - A boot override holds for one boot. It is set before the host is switched or reset.
  - V(reset) and V(cycle) of O(power) are events, and change something each time; they are sent once, whatever follows.
    A host that is off is switched on instead. Nothing is drained.
  - Over IPMI each step is a command of C(ipmitool), which gets the password in its environment, never on its command
    line.
  - Runs where the BMCs can be reached, mostly on the controller, and asks them at the same time.
options:
  bmcs:
    description: The BMCs.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: What it is called in RV(answers), mostly the host's name in the inventory. The address is the
          default.
        type: str
      address:
        description: Its address or name, with a port where it is not the usual one.
        type: str
        required: true
      username:
        description: The user.
        type: str
        required: true
      password:
        description: The password. It is in no result, no message, and on no command line.
        type: str
        required: true
      validate_certs:
        description: Whether the BMC's certificate has to be trusted. Without it, and without O(bmcs[].fingerprint),
          whoever answers at that address gets the password. V(http://) needs V(false). IPMI has no certificates.
        type: bool
        default: true
      ca_path:
        description: A PEM file with the CA of the BMC's certificate. The system's own CAs are the default.
        type: path
      fingerprint:
        description: The SHA-256 of the BMC's certificate, in the place of a CA.
        type: str
      login:
        description: How to log in over Redfish. V(auto) opens a session where the BMC has any.
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
  protocol:
    description: What the BMCs are asked by.
    type: str
    default: redfish
    choices: [redfish, ipmi]
  boot:
    description: Where the next boot starts from, once. V(none) takes an override away; V(http) is not known to IPMI.
    type: str
    choices: [none, pxe, http, disk, cd, bios_setup]
  boot_mode:
    description: The mode of that boot. Without it, it is left to the host.
    type: str
    choices: [uefi, legacy]
  power:
    description: What becomes of the host's power. V(shut_down) asks the operating system, all others nobody.
    type: str
    choices: ["on", "off", shut_down, reset, cycle]
  wait_timeout:
    description: Seconds until the host has to be on, or off.
    type: int
    default: 300
  ipmi_cipher:
    description: The cipher suite of IPMI. V(3) is for BMCs that do not know V(17).
    type: int
    default: 17
  parallel:
    description: How many BMCs are asked at the same time.
    type: int
    default: 100
  fail:
    description: Whether the task fails where a BMC did. Without it, RV(answers) tells.
    type: bool
    default: true
requirements:
  - ipmitool, for IPMI
attributes:
  check_mode:
    description: Can run in check mode and tell what would change, with the code that changes it.
    support: full
  diff_mode:
    description: Shows before and after of each step.
    support: full
  platform:
    description: Runs where the BMCs can be reached.
    platforms: posix
    support: full
seealso:
  - module: baremetal.sriov.sriov_bios
"""

EXAMPLES = r"""
- name: Start from the network, once
  baremetal.sriov.sriov_power:
    bmcs:
      - name: node1
        address: 192.0.2.11
        username: admin
        password: "{{ vault_bmc_password }}"
        ca_path: /etc/ssl/bmc-ca.pem
    boot: pxe
    boot_mode: uefi
    power: reset
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
      description: Whether anything was sent, or would be in check mode.
      type: bool
    power:
      description: V(on) or V(off), read back.
      type: str
    boot:
      description: Where the next boot starts from, read back. Nothing where the BMC does not tell.
      type: str
    boot_mode:
      description: The mode of that boot, where the BMC tells.
      type: str
    before:
      description: The same before.
      type: dict
    plan:
      description: The steps, as those of M(baremetal.sriov.sriov_node).
      type: dict
mistakes:
  description: What is wrong with the options, when that is why the module failed.
  returned: on failure
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.bmc import power_module


def main() -> None:
    """Run the module."""
    power_module.main(AnsibleModule(argument_spec=power_module.SPEC, supports_check_mode=True))


if __name__ == "__main__":
    main()
