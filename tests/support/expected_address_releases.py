# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of a pod, and of its address, where the IPAM plugin does not do its DEL.

# source: CNI specification 1.1.0, section 2, DEL ("plugins should generally complete a DEL action without error even if
# some resources are missing") and section 4 (on failure of ADD, the delegate's DEL has to be called); dhcp of
# containernetworking/plugins without its daemon, host-local 1.1.1 asked for CNI 1.1.0; the kubelet's
# runtimeRequestTimeout of 2 minutes.
"""

from __future__ import annotations

# The ways in which an IPAM plugin does not do what it is asked: the text of its program, "" for none; {command} is the
# command that it fails.
_DHCP = '{"code": 999, "msg": "error dialing DHCP daemon", "details": "no such file: /run/cni/dhcp.sock"}'
_OLD = '{"code": 1, "msg": "incompatible CNI versions", "details": "config is 1.1.0, plugin supports 1.0.0"}'
BROKEN = {
    "its error": f"echo '{_DHCP}'\nexit 1\n",
    "another version": f"echo '{_OLD}'\nexit 1\n",
    "missing": "",
    "not executable": "exit 0\n",
    "no program": "\x7fELF but not really",
    "hangs": "sleep 3600\n",
    "ignores SIGTERM and hangs": "trap '' TERM HUP INT\nsleep 3600 &\nwait\nsleep 3600\n",
    "killed": "kill -9 $$\n",
    "garbage": "head -c 300000 /dev/urandom\nexit 3\n",
    "plain words": "echo it broke >&2\nexit 2\n",
    "an error that is none": "echo '{\"code\": \"x\", \"msg\": 5}'\nexit 1\n",
    "other": "echo '[1]'\nexit 1\n",
}
# Also for ADD: ends well, and gives no address.
NO_RESULT = {
    "nothing": "exit 0\n",
    "no JSON": "echo fine\nexit 0\n",
    "no address": "echo '{\"cniVersion\": \"1.0.0\"}'\nexit 0\n",
    "a list": "echo '[]'\nexit 0\n",
}
# After a failed ADD: the pod goes whatever its IPAM plugin says. What was never started, or told in the specification's
# form that it gave nothing, holds nothing; of the others nobody knows, so they are asked again.
HELD_AFTER_FAILED_ADD = {
    "its error": False, "another version": False, "missing": False, "not executable": False, "no program": False,
    "hangs": True, "ignores SIGTERM and hangs": True, "killed": True, "garbage": True, "plain words": True,
    "an error that is none": True, "other": True,
    "nothing": True, "no JSON": True, "no address": True, "a list": True,
}  # fmt: skip

DEL_SECONDS = 10.0  # for the IPAM plugin in DEL; together with what else DEL waits for far below two minutes
PAUSES = [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]  # seconds before each further try
TRIES = 48  # then only `sriov release` tries again
KEPT = 1024  # at most; more are told and not kept

# Configurations that ADD refuses before it looks at them as a network, and its code: the runtime calls DEL with the
# same ones, and the pod goes.
# source: CNI specification 1.1.0, section 2, DEL, as above; libcni, api.go (delNetwork checks no network name,
# addNetwork does); the table of error codes (1: incompatible version, 7: invalid network configuration).
REFUSED_BY_ADD = {
    "version of the future": ({"cniVersion": "2.0.0"}, 1),
    "version with a letter": ({"cniVersion": "v1.0.0"}, 1),
    "version of two numbers": ({"cniVersion": "1.1"}, 1),
    "version as a number": ({"cniVersion": 1.0}, 1),
    "name with a blank": ({"name": "my net"}, 7),
    "name of none": ({"name": ""}, 7),
    "name as a number": ({"name": 5}, 7),
    "name missing": ({"name": None}, 7),
}
