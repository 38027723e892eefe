# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on the node: calls a CNI plugin again with what libcni has kept of an ADD, as `cnitool` would.

Usage: cached_call.py CHECK|DEL SANDBOX INTERFACE [FORMER]. containerd 1.x calls no CHECK, and no test can make a
runtime call a DEL once more. FORMER: an earlier sandbox, for which the call is made instead; its network namespace
is gone. Prints what the plugins print; its exit status is that of the first plugin that fails.
"""

from __future__ import annotations

import base64
import glob
import json
import os
import subprocess
import sys
from typing import Any

FOLDER = "/var/lib/cni/multus/results"  # Multus has its own
CNI_PATH = "/opt/cni/bin"
SECONDS = 120.0


def configs(cached: dict[str, Any], command: str) -> list[dict[str, Any]]:
    """The configuration of each plugin of the network, in the order of the calls."""
    config = json.loads(base64.b64decode(cached["config"]))
    found = []
    for plugin in config.get("plugins") or [config]:
        capable = {name for name, wanted in plugin.get("capabilities", {}).items() if wanted}
        given = {key: value for key, value in (cached.get("capabilityArgs") or {}).items() if key in capable}
        made = {**plugin, "cniVersion": config["cniVersion"], "name": cached["networkName"]}
        made.update({"runtimeConfig": given} if given else {}, prevResult=cached["result"])
        found.append(made)
    return found[::-1] if command == "DEL" else found


def main(command: str, sandbox: str, interface: str, former: str = "") -> int:
    """Call the plugins; returns the exit status."""
    (path,) = glob.glob(f"{FOLDER}/*-{sandbox}-{interface}")
    with open(path) as file:
        cached = json.load(file)
    args = ";".join("=".join(pair) for pair in cached.get("cniArgs") or [])
    environment = {"CNI_COMMAND": command, "CNI_CONTAINERID": former or sandbox, "CNI_IFNAME": interface,
                   "CNI_NETNS": "" if former else cached.get("netns", ""), "CNI_PATH": CNI_PATH, "CNI_ARGS": args,
                   "PATH": os.environ["PATH"]}  # fmt: skip
    for config in configs(cached, command):
        plugin = [f"{CNI_PATH}/{config['type']}"]
        done = subprocess.run(plugin, input=json.dumps(config).encode(), env=environment, timeout=SECONDS, check=False)
        if done.returncode:
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
