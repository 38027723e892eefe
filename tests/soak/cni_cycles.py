# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on the node: cycles of CNI ADD, CHECK and DEL on drawn VFs of one PF, each in a network namespace of its own.

Usage: cni_cycles.py PF COUNT SEED. Ends with status 1 and the difference where a VF does not come back as it was, or
where a journal, a lock or an address is left.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from typing import Any

SRIOV = "/opt/cni/bin/sriov"
STATE = "/var/lib/cni/sriov"
LEASES = "/var/lib/cni/networks/soak"


def ip(*argv: str) -> Any:
    """The JSON that iproute2 prints, None where it prints nothing."""
    done = subprocess.run(["ip", "-j", "-d", *argv], check=True, capture_output=True, text=True, timeout=60)
    return json.loads(done.stdout) if done.stdout.strip() else None


def cni(command: str, netns: str, config: dict[str, Any]) -> dict[str, Any]:
    """One call of the plugin as a runtime makes it. Raises RuntimeError with its error."""
    environment = {"CNI_COMMAND": command, "CNI_CONTAINERID": netns, "CNI_IFNAME": "net1", "CNI_PATH": "/opt/cni/bin",
                   "CNI_NETNS": f"/run/netns/{netns}", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    done = subprocess.run([SRIOV], input=json.dumps(config), capture_output=True, text=True, timeout=120,
                          env=environment, check=False)
    if done.returncode:
        raise RuntimeError(f"{command} with {config}: {done.stdout} {done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout) if done.stdout.strip() else {}
    return found


def state(pf: str, index: int, address: str) -> dict[str, Any]:
    """What the PF says of the VF, and the VF's own name, MAC address, MTU and alternative names."""
    vf = next(entry for entry in ip("link", "show", "dev", pf)[0]["vfinfo_list"] if entry["vf"] == index)
    name = os.listdir(f"/sys/bus/pci/devices/{address}/net")[0]
    link = ip("link", "show", "dev", name)[0]
    return {"vf": vf, "name": name, **{key: link.get(key) for key in ("address", "mtu", "altnames", "promiscuity")}}


def left_over() -> list[str]:
    """Journals and leases that are still there."""
    files = os.listdir(f"{STATE}/journal")
    leases = os.listdir(LEASES) if os.path.isdir(LEASES) else []
    return files + [lease for lease in leases if lease[0].isdigit()]


def settings(rng: random.Random) -> dict[str, Any]:
    """Drawn settings of the attachment."""
    drawn: dict[str, Any] = {"vlan": rng.randrange(4095), "spoofchk": rng.choice(["on", "off"]),
                             "trust": rng.choice(["on", "off"]),
                             "mac": ":".join(["02", *(f"{rng.randrange(256):02x}" for _turn in range(5))])}
    return {key: value for key, value in drawn.items() if rng.random() < 0.7}


def cycle(pf: str, index: int, rng: random.Random) -> str:
    """One ADD, CHECK and DEL; returns what was done. Raises RuntimeError."""
    address = os.path.basename(os.readlink(f"/sys/class/net/{pf}/device/virtfn{index}"))
    before = state(pf, index, address)
    drawn = settings(rng)
    config = {"cniVersion": "1.0.0", "name": "soak", "type": "sriov", "deviceID": address,
              "ipam": {"type": "host-local", "subnet": "198.51.100.0/24"}, **drawn}
    netns = f"soak-{rng.randrange(2**32):08x}"
    subprocess.run(["ip", "netns", "add", netns], check=True, timeout=60)
    try:
        result = cni("ADD", netns, config)
        mac = result["interfaces"][0]["mac"]
        if "mac" in drawn and mac != drawn["mac"]:
            raise RuntimeError(f"VF {index}: asked for {drawn['mac']}, the result says {mac}")
        cni("CHECK", netns, {**config, "prevResult": result})
        if rng.random() < 0.2:
            subprocess.run(["ip", "netns", "del", netns], check=True, timeout=60)
        cni("DEL", netns, config)
    finally:
        subprocess.run(["ip", "netns", "del", netns], check=False, timeout=60, capture_output=True)
    after = state(pf, index, address)
    if after != before:
        raise RuntimeError(f"VF {index} after {drawn}: was {before}, is {after}")
    if left_over():
        raise RuntimeError(f"left over: {left_over()}")
    return f"VF {index} {drawn}"


def run(pf: str, count: int, seed: int) -> None:
    """All cycles."""
    rng = random.Random(seed)
    vfs = sum(entry.startswith("virtfn") for entry in os.listdir(f"/sys/class/net/{pf}/device"))
    for number in range(1, count + 1):
        started = time.monotonic()
        what = cycle(pf, rng.randrange(vfs), rng)
        print(f"{number}/{count}: {what} in {time.monotonic() - started:.1f} s", flush=True)


if __name__ == "__main__":
    run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
