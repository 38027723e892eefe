# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which node of the lab this is: told by the emulator's number, written where the node's services look.

All nodes boot the same image, which is node1's. Runs before the network and the services, and writes below /etc only
what differs. The one argument is the root folder.
"""

from __future__ import annotations

import os
import sys

NUMBER = "sys/firmware/qemu_fw_cfg/by_name/opt/lab/node/raw"
NUMBERS = (1, 2, 3)
POD_NETWORKS = ("etc/cni/net.d/10-bridge.conflist", "etc/cni/net.d/00-multus.conf")
SERVICES = "10.96.0.0/16"
NETWORK = """\
[Match]
MACAddress=52:54:00:5a:02:0{number}

[Network]
Address=10.99.0.{number}/24
LinkLocalAddressing=no
IPv6AcceptRA=no

# kube-proxy translates the destination, but a host without a default route sends nothing there.
[Route]
Destination={services}
Scope=link
"""
ROUTE = """
[Route]
Gateway=10.99.0.{number}
Destination={pods}
"""


def read(path: str) -> str:
    """A file's text; "" where there is none."""
    try:
        with open(path) as stream:
            return stream.read()
    except FileNotFoundError:
        return ""


def write(path: str, text: str, mode: int = 0o644) -> None:
    """Write a file as a whole, if it differs."""
    if read(path) == text and os.path.exists(path):
        return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    temporary = f"{path}.lab"
    with open(temporary, "w") as stream:
        stream.write(text)
    os.chmod(temporary, mode)
    os.rename(temporary, path)


def pods(number: int) -> str:
    """The pod network of a node."""
    return f"10.244.{number - 1}.0/24"


def network(number: int) -> str:
    """systemd-networkd's file for the cluster's network."""
    routes = [ROUTE.format(number=other, pods=pods(other)) for other in NUMBERS if other != number]
    return NETWORK.format(number=number, services=SERVICES) + "".join(routes)


def become(root: str, number: int) -> None:
    """Write all that makes node `number`."""
    name = f"node{number}"
    with open(f"{root}/proc/sys/kernel/hostname", "w") as stream:
        stream.write(name)
    write(f"{root}/etc/hostname", f"{name}\n")
    write(f"{root}/etc/kubernetes/kubelet.conf", read(f"{root}/etc/kubernetes/nodes/{name}.conf"), 0o600)
    for path in POD_NETWORKS:
        config = read(f"{root}/{path}")
        for other in NUMBERS:
            config = config.replace(f'"{pods(other)}"', f'"{pods(number)}"')
        write(f"{root}/{path}", config)
    write(f"{root}/run/systemd/network/20-cluster.network", network(number))
    if number == 1:
        write(f"{root}/run/lab/control-plane", "")
    write(f"{root}/run/lab/node.env", f"NODE={name}\nNODE_IP=10.99.0.{number}\n")


def main(root: str) -> int:
    """The exit status: 1 where there is no number."""
    found = read(f"{root}/{NUMBER}").strip()
    if found not in map(str, NUMBERS):
        told = f"'{found}'" if found else "nothing"
        print(f"{root}/{NUMBER} (QEMU's -fw_cfg name=opt/lab/node): opt/lab/node: expected 1, 2 or 3, found {told}; "
              "start the node with tests/lab/lab.py", file=sys.stderr)  # fmt: skip
        return 1
    become(root, int(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1].rstrip("/")))
