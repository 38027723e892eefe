# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module sriov_wheels: the device plugin's libraries, unpacked on the controller for the node's Python."""

from __future__ import annotations

DOCUMENTATION = r"""
module: sriov_wheels
short_description: Fetch Python wheels for another machine's Python and unpack them
version_added: 0.1.0
author: The baremetal.sriov authors (@baremetal-sriov)
description:
  - Runs on the controller. Downloads the wheels that fit the Python of a node with C(pip download), or takes
    them from a folder, and unpacks them into a cache. Nothing of them is executed.
  - One folder of the cache belongs to one set of requirements and one kind of Python; once it is complete
    nothing is downloaded again. Two runs at the same time do not disturb each other.
options:
  requirements:
    description: The requirements file.
    type: path
    required: true
  python:
    description: The node's Python, as M(baremetal.sriov.sriov_bundle) returns it.
    type: dict
    required: true
    suboptions:
      version:
        description: Version, of which the first two numbers count.
        type: str
        required: true
      machine:
        description: Machine, as C(uname -m) gives it.
        type: str
        required: true
      libc:
        description: Name and version of the C library, as in V(glibc 2.36) or V(musl 1.2).
        type: str
        required: true
  following:
    description:
      - For how many Pythons after the node's own wheels are provided as well, so that a node whose distribution is
        upgraded has them already. None of them has to be there.
    type: int
    default: 0
  cache:
    description: The cache folder of the controller.
    type: path
    required: true
  wheels:
    description: A folder of wheels to take instead of downloading, for controllers without a package index.
    type: path
requirements:
  - pip on the controller
attributes:
  check_mode:
    description: The cache is filled in check mode as well, because what would be shipped depends on it.
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
- name: Provide the libraries for the node's Python
  baremetal.sriov.sriov_wheels:
    requirements: requirements-node.txt
    python:
      version: "3.11"
      machine: x86_64
      libc: glibc 2.36
    following: 2
    cache: ~/.cache/baremetal-sriov
  delegate_to: localhost
"""

RETURN = r"""
site:
  description: The folder that holds the unpacked wheels.
  returned: always
  type: str
  sample: /home/user/.cache/baremetal-sriov/wheels/0f2c6d5a9be13c77/site
abi:
  description: The name that the node's Python knows its folder by.
  returned: always
  type: str
  sample: cp311
others:
  description: The same for each of the following Pythons that wheels are there for.
  returned: always
  type: list
  elements: dict
  sample: [{abi: cp312, site: /home/user/.cache/baremetal-sriov/wheels/5b7c3e1f9a2d4c60/site, wheels: []}]
missing:
  description: The following Pythons that no wheels are to be had for, and why. That is asked again after a day.
  returned: always
  type: list
  elements: dict
  sample: [{abi: cp313, reason: no wheel fits}]
wheels:
  description: File names of the wheels.
  returned: always
  type: list
  elements: str
  sample: ["grpcio-1.85.1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"]
"""

import sys

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.baremetal.sriov.plugins.module_utils.entry.wheels import WheelsRequest, provided
from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import SriovError


def main() -> None:
    """Read the options, fill the cache, and tell where the folder is."""
    python = {
        "version": {"type": "str", "required": True},
        "machine": {"type": "str", "required": True},
        "libc": {"type": "str", "required": True},
    }
    module = AnsibleModule(
        argument_spec={
            "requirements": {"type": "path", "required": True},
            "python": {"type": "dict", "required": True, "options": python},
            "following": {"type": "int", "default": 0},
            "cache": {"type": "path", "required": True},
            "wheels": {"type": "path"},
        },
        supports_check_mode=True,
    )
    options = module.params
    request = WheelsRequest(
        options["requirements"],
        options["python"]["version"],
        options["python"]["machine"],
        options["python"]["libc"],
        options["wheels"],
    )
    try:
        found = provided(request, options["following"], options["cache"], sys.executable)
    except SriovError as error:
        module.fail_json(msg=str(error))
    # The cache is the controller's own business: the node has not changed.
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
