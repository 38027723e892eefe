# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sriov_bundle
short_description: Ship a set of files with their systemd units, in one remote call
version_added: 0.1.0
description:
  - Ships files and folders from the controller, installs them in one go, and has the units that run from
    them enabled, started, and restarted when their files changed.
  - Only a manifest of checksums is sent first. Where nothing differs, this is the one remote call; else the
    contents that differ follow in one compressed archive.
  - What was shipped is recorded on the node under the bundle's name, so that files which are no longer asked
    for are removed, and that O(state=absent) takes away exactly what was shipped.
  - A file that is in the way and was not shipped by this bundle is refused, unless O(adopt) is set.
author:
  - The baremetal.sriov authors (@baremetal-sriov)
options:
  name:
    description: The bundle's name; lower-case letters, digits and dashes.
    type: str
    required: true
  state:
    description: Whether the bundle is on the node.
    type: str
    choices: [present, absent]
    default: present
  files:
    description: What to ship. Used when O(state=present).
    type: list
    elements: dict
    default: []
    suboptions:
      src:
        description:
          - A file or folder on the controller, looked for as M(ansible.builtin.copy) does.
          - What begins with C(@COLLECTION@/) is looked for below this collection's own folder.
          - Links to files are shipped as the files that they lead to. Compiled Python files are left out.
        type: str
      member:
        description:
          - The name of one file in O(files[].src), which is a folder, or a tar archive, plain or compressed with gzip,
            xz or bzip2. The file may be in any folder of the archive, which is not unpacked on the controller's disk.
        type: str
      content:
        description: The text of a file, instead of O(files[].src).
        type: str
      dest:
        description: The absolute path on the node, of a folder if O(files[].src) is one, else of the file.
        type: str
        required: true
      mode:
        description:
          - The files' mode as octal digits, quoted.
          - By default V(0755) for files that their owner may execute, V(0644) for the others.
        type: str
      exclude:
        description: Patterns of names, or of paths below O(files[].src), that are left out.
        type: list
        elements: str
        default: []
      template:
        description: Whether C(@NAME@) in O(files[].src) is replaced too; in O(files[].content) it always is.
        type: bool
        default: false
      compile:
        description: Whether Python files are compiled on the node by the chosen interpreter.
        type: bool
        default: false
      version:
        description:
          - The name of a variable that gets the version of all files with this name here, 12 digits made from their
            paths, modes and contents. Each O(files[].dest) has C(@NAME@) as the name of a folder, and other files name
            it in their text, so that a program has all of one version, from its start to its end.
          - These files are installed, and compiled, before the others. Those of the version before stay until the next
            version is shipped, for programs that run.
        type: str
      if_missing:
        description: Whether a file that is there already, and is not of this bundle, is left as it is.
        type: bool
        default: false
  units:
    description: The systemd units that run from the files.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The unit's full name.
        type: str
        required: true
      enabled:
        description: Whether it starts at boot; left as it is when not given.
        type: bool
      started:
        description: Whether it runs; left as it is when not given.
        type: bool
      restart_on:
        description:
          - Paths of files or folders on the node whose change restarts the unit, if O(units[].started=true).
          - By default each file of the bundle.
        type: list
        elements: path
  variables:
    description:
      - What replaces C(@NAME@) in templates and in O(files[].dest). C(RELEASE) is this collection's version, C(PYTHON)
        the path of the chosen interpreter, C(CNI_BIN_DIR) the folder where the node's container runtime looks for CNI
        plugins, and each O(files[].version) the version of its files.
    type: dict
    default: {}
  python:
    description:
      - The interpreter that runs the services; it must belong to root, and be 3.9 or newer.
      - V(auto) takes C(/usr/bin/python3), or else the newest C(/usr/bin/python3.N).
    type: str
    default: auto
  adopt:
    description:
      - Whether files that are in the way are replaced. They are put back when the bundle is removed.
    type: bool
    default: false
  gather_only:
    description: Whether only RV(python) is wanted; nothing else is looked at.
    type: bool
    default: false
  approved:
    description:
      - The steps that may be done, as M(baremetal.sriov.sriov_plan) tells them. Others are refused at the last moment
        before the first write. Steps of other bundles are passed over.
    type: list
    elements: dict
  manifest:
    description: Made by the action plugin from O(files).
    type: dict
  archive:
    description: Made by the action plugin where contents are missing on the node.
    type: path
extends_documentation_fragment:
  - baremetal.sriov.attributes
"""

EXAMPLES = r"""
- name: Ship a service
  baremetal.sriov.sriov_bundle:
    name: example
    files:
      - src: example/
        dest: /usr/lib/baremetal-sriov/example
        compile: true
      - src: example.service
        dest: /etc/systemd/system/example.service
        template: true
    units:
      - name: example.service
        enabled: true
        started: true

- name: Take it away again
  baremetal.sriov.sriov_bundle:
    name: example
    state: absent

- name: Learn which Python runs the services
  baremetal.sriov.sriov_bundle:
    name: example
    gather_only: true
  register: example_python
"""

RETURN = r"""
plan:
  description: The steps, each with its reason.
  returned: unless O(gather_only=true)
  type: dict
  sample:
    steps:
      - kind: file
        target: /etc/systemd/system/example.service
        action: install
        reason: it is missing
        before: null
        after: {mode: "0644", sha256: 0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8}
        stage: now
        needs: []
    warnings: []
    reboot_required: false
    drain_required: false
steps:
  description:
    - The same in short. Our own code is one step, whose C(before) and C(after) have its version and a checksum.
  returned: unless O(gather_only=true)
  type: list
  elements: dict
python:
  description: The interpreter that runs the services.
  returned: when O(state=present)
  type: dict
  sample:
    path: /usr/bin/python3
    version: "3.11"
    full_version: 3.11.2
    abi: cp311
    cache_tag: cpython-311
    machine: x86_64
    libc: glibc 2.36
cni_bin_dir:
  description: The folder where the container runtime looks for CNI plugins.
  returned: when a O(files[].dest) has C(@CNI_BIN_DIR@)
  type: str
  sample: /opt/cni/bin
cni_plugins_missing:
  description: Those of the plugins loopback, host-local, static and host-device that are not in this folder.
  returned: when a O(files[].dest) has C(@CNI_BIN_DIR@)
  type: list
  elements: str
  sample: []
reboot_required:
  description: Always V(false).
  returned: unless O(gather_only=true)
  type: bool
refused:
  description: What stands in the way, when that is why the module failed.
  returned: on failure
  type: list
  elements: str
mistakes:
  description: What is wrong with the options, when that is why the module failed.
  returned: on failure
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import import_cache


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "files": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "src": {"type": "str"},
                    "member": {"type": "str"},
                    "content": {"type": "str"},
                    "dest": {"type": "str", "required": True},
                    "mode": {"type": "str"},
                    "exclude": {"type": "list", "elements": "str", "default": []},
                    "template": {"type": "bool", "default": False},
                    "compile": {"type": "bool", "default": False},
                    "version": {"type": "str"},
                    "if_missing": {"type": "bool", "default": False},
                },
                "mutually_exclusive": [["src", "content"], ["member", "content"]],
                "required_one_of": [["src", "content"]],
            },
            "units": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str", "required": True},
                    "enabled": {"type": "bool"},
                    "started": {"type": "bool"},
                    "restart_on": {"type": "list", "elements": "path"},
                },
            },
            "variables": {"type": "dict", "default": {}},
            "python": {"type": "str", "default": "auto"},
            "adopt": {"type": "bool", "default": False},
            "gather_only": {"type": "bool", "default": False},
            "approved": {"type": "list", "elements": "dict"},
            "manifest": {"type": "dict"},
            "archive": {"type": "path"},
        },
        supports_check_mode=True,
        no_log=True,  # the manifest is long, and of no use in the node's log
    )
    import_cache.use()  # before the imports: see there
    from ..module_utils.entry import bundle_module

    bundle_module.run(module)


if __name__ == "__main__":
    main()
