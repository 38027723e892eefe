# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module sriov_bios: BIOS settings over Redfish, for many machines in one call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: sriov_bios
short_description: Bring the BIOS settings that SR-IOV needs to what they shall be, over Redfish
version_added: 0.2.0
author: The baremetal.sriov authors (@baremetal-sriov)
description:
  - Looks at the current settings of each BIOS, at those that are staged, and at jobs that wait, and stages in one
    request what is missing. What is staged takes effect with the next reset of the host, so a second run changes
    nothing, and still returns RV(reboot_required).
  - Wishes are neutral words, or attributes by the vendor's own names. A word is resolved by O(bmcs[].names), by the
    vendor's table, by its text in the BMC's attribute registry, and then by O(bmcs[].on_missing). All is compared with
    that registry before anything is sent.
  - What was set before the first change is kept in O(record), and given back with O(state=absent), or where it is no
    longer wished for. What somebody else has set since is left as it is.
  - The host is never reset, unless O(reset) asks for it, and nothing is sent with an apply time that resets by
    itself.
  - Runs where the BMCs can be reached, mostly on the controller, and asks them at the same time. Each has one session
    at most, which is closed at the end. A login that is refused ends the work at that BMC; three BMCs that refuse the
    same user with the same password end the run, so that nobody is locked out.
options:
  bmcs:
    description: The BMCs, and what the BIOS of each shall be.
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
      settings:
        description: >-
          Neutral words, each true or false: C(cpu_virtualization), C(iommu), C(sriov), C(above_4g), C(x2apic),
          C(interrupt_remapping), C(acs).
        type: dict
        default: {}
      attributes:
        description: Attributes of the BIOS by the vendor's own names, with values as its registry has them.
        type: dict
        default: {}
      names:
        description: >-
          What a word is called on this machine, where no table knows it or knows better: word to C(attribute), and
          C(on) and C(off) where the values are unusual ones.
        type: dict
        default: {}
      on_missing:
        description: What to do where a machine has no attribute for a word.
        type: str
        default: fail
        choices: [fail, warn, ignore]
  state:
    description: V(absent) gives back all that this module has changed, whatever is wished for.
    type: str
    default: present
    choices: [present, absent]
  reset:
    description: Whether a host whose settings wait for it is reset, once, and waited for. V(graceful) asks the
      operating system, V(force) nobody. A host that is off is switched on.
    type: str
    default: never
    choices: [never, graceful, force]
  reset_timeout:
    description: Seconds until the settings have to be in effect after the reset.
    type: int
    default: 1800
  record:
    description: The folder that keeps how each BIOS was before the first change. Keep it where it lasts.
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
  - module: baremetal.sriov.sriov_power
  - module: baremetal.sriov.sriov_preflight_info
"""

EXAMPLES = r"""
- name: Switch on what SR-IOV needs, and leave the reset to others
  baremetal.sriov.sriov_bios:
    bmcs:
      - name: node1
        address: 192.0.2.11
        username: admin
        password: "{{ vault_bmc_password }}"
        ca_path: /etc/ssl/bmc-ca.pem
        settings:
          cpu_virtualization: true
          iommu: true
          sriov: true
  delegate_to: localhost
"""

RETURN = r"""
answers:
  description: One for each BMC, by its name.
  returned: always
  type: dict
  contains:
    failed:
      description: Whether this BMC could not be brought there; C(msg) says why, and C(reason) is V(mistakes),
        V(refused), V(login), V(stopped) or V(failed).
      type: bool
    changed:
      description: Whether anything was staged or reset, or would be in check mode.
      type: bool
    reboot_required:
      description: Whether settings wait for a reset. It comes from what is in effect, not from what was changed.
      type: bool
    plan:
      description: The steps, as those of M(baremetal.sriov.sriov_node).
      type: dict
    settings:
      description: By attribute, its C(current), C(pending) and C(desired) value.
      type: dict
    words:
      description: By word, the attributes that it means on this machine, with their current values.
      type: dict
    waiting:
      description: What takes effect with a reset.
      type: dict
    missing:
      description: Words that this machine has no attribute for.
      type: list
      elements: str
    vendor:
      description: Whose table was used.
      type: str
    power:
      description: The host's power state before.
      type: str
    task:
      description: The task or job that the BMC made.
      type: str
reboot_required:
  description: Whether a host's settings wait for a reset.
  returned: always
  type: bool
mistakes:
  description: What is wrong with the options, when that is why the module failed.
  returned: on failure
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.bmc import bios_module


def main() -> None:
    """Run the module."""
    bios_module.main(AnsibleModule(argument_spec=bios_module.SPEC, supports_check_mode=True))


if __name__ == "__main__":
    main()
