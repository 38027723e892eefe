# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be named as `ipam.type`, and what each command answers where it is this plugin itself.

# source: CNI specification 1.1.0, section 4 (delegation: the plugin named by `type` is looked for in CNI_PATH) and its
# table of error codes (7: invalid network configuration); libcni, pkg/invoke/find.go (a name with a path separator is
# "invalid plugin name"). That a plugin must not delegate to itself is in no text: it follows from the endless calls.
"""

from __future__ import annotations

SELF = "this plugin itself"
NAME = "the name of an IPAM plugin, a file in CNI_PATH and no path"

# ipam.type: words of the refusal, all with code 7.
REFUSED_NAMES = {
    "the name": ("sriov", SELF),
    "parent folder": ("../sriov", NAME),
    "this folder": ("./sriov", NAME),
    "absolute": ("/opt/cni/bin/sriov", NAME),
    "another plugin by path": ("bin/host-local", NAME),
    "trailing slash": ("sriov/", NAME),
    "dot": (".", NAME),
    "two dots": ("..", NAME),
    "line feed": ("host-local\nsriov", NAME),
    "null": ("sriov\0", NAME),
    "escape": ("host-local\x1b[2J", NAME),
    "too long": ("h" * 256, NAME),
}
# No file of ours, whatever they are called: judged by what is found, not by a likeness of the name.
ACCEPTED_NAMES = ("host-local", "sriov-ipam", "SRIOV", "my.ipam_2", "..sriov")

# How a file on CNI_PATH that is called otherwise is ours; code 7, and nothing is started.
SAME_FILE = (
    "symbolic link", "symbolic link to a link", "hard link", "copy", "copy of the client", "folder that is a link",
    "link beside a folder of that name",
)  # fmt: skip
# Other programs that start ours: the call within is refused, so each of them is started once.
WRAPPERS = {
    "shell": '#!/bin/sh\necho "$CNI_COMMAND" >> {calls}\nexec {program}\n',
    "shell, renamed configuration": "#!/bin/sh\necho \"$CNI_COMMAND\" >> {calls}\nsed s/wrap/other/ | {program}\n",
    "python": "#!{python} -IS\nimport os\nopen('{calls}', 'a').write(os.environ['CNI_COMMAND'] + '\\n')\n"
              "os.execv('{program}', ['{program}'])\n",
    "another command": '#!/bin/sh\necho "$CNI_COMMAND" >> {calls}\nexport CNI_COMMAND=STATUS\nexec {program}\n',
}  # fmt: skip

# Command: code where ipam.type is ours, 0 for success. DEL lets the pod go; GC and STATUS do their own part, then tell.
CODES = {"ADD": 7, "CHECK": 7, "DEL": 0, "GC": 7, "STATUS": 50}
