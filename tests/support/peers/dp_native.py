# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The device plugins beside each other here: the Go one in namespaces of its own, where a made-up sysfs is at /sys."""

from __future__ import annotations

import os
from pathlib import Path

from sriovlab import peers
from support.dp_daemon import PROGRAM
from support.dp_host import FakeHost
from support.peers.dp_table import PF1, PF2

UPLINK = "0000:00:02.0"
IDENTITY = ("vendor", "device", "class")
SHORT = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # sockets have short addresses
# Each mount is for the plugin alone. It knows interfaces by netlink too, so its network has those that sysfs has;
# without a pci.ids it would ask the network for one.
ENTER = """
set -e
mount --make-rprivate /
mount -t tmpfs none /var/lib
mkdir -p /var/lib/kubelet /var/run/k8s.cni.cncf.io
mount --bind {kubelet} /var/lib/kubelet
mount --bind {devinfo} /var/run/k8s.cni.cncf.io
mkdir -p {devinfo}/.cache
printf '8086  Intel\\n\\t10ca  VF\\nC 02  Network\\n\\t00  Ethernet\\n' > {devinfo}/.cache/pci.ids
export HOME={devinfo}
"""
HERE = """
mount --bind {root}/sys /sys
for name in {names}; do echo "link add name $name up type veth peer name x$name"; done | ip -batch -
"""
GO = 'exec "$0" -logtostderr -v=2 -config-file={config} "$@"'
OURS = ("-config-file={config}", "-kubelet-root-dir={kubelet}", "-devinfo-dir={devinfo}/devinfo/dp",
        "-state-dir={devinfo}/state")  # fmt: skip


def node(folder: Path) -> FakeHost:
    """The chain's node, as the table of configurations says it."""
    made = FakeHost(folder)
    made.add(UPLINK, name="uplink", driver="virtio-pci", ids="1af4:1000", numa=-1)
    made.addresses(("uplink", "2001:db8::7"))
    made.add(PF1, name="enp1s0", totalvfs=7)
    made.add(PF2, name="enp2s0", totalvfs=7, numa=1)
    made.add_vfs(PF1, 4)
    made.add_vfs(PF2, 7, driver="vfio-pci", group=10)
    return made


def complete(made: FakeHost) -> None:
    """What the Go plugin reads: the module alias, in place of vendor, device and class. And links that are up."""
    for address in (made.root / "sys/bus/pci/devices").iterdir():
        vendor, device, kind = ((address / name).read_text().strip()[2:].upper() for name in IDENTITY)
        alias = f"pci:v0000{vendor}d0000{device}sv00008086sd00000000bc{kind[:2]}sc{kind[2:4]}i00\n"
        (address / "modalias").write_text(alias)
    for interface in (made.root / "sys/class/net").iterdir():
        made.link(interface.name)


def go(program: str, enter: str, *options: str) -> list[str]:
    """The Go plugin's argv, in a mount namespace (by `options` in others too), after these lines of shell."""
    return ["unshare", "--mount", *options, "sh", "-c", ENTER + enter + GO, program]


def sides(made: FakeHost) -> dict[str, list[str]]:
    """The plan's two sides, on a made host; programs in its folder bin are found by both."""
    complete(made)
    names = " ".join(sorted(path.name for path in (made.root / "sys/class/net").iterdir()))
    program = str(peers.built(peers.DEVICE_PLUGIN).program("sriovdp"))
    enter = HERE.replace("{root}", str(made.root)).replace("{names}", names)
    path = f"PATH={made.root}/bin:{os.environ['PATH']}"
    ours = ["env", path, *PROGRAM, *OURS, "--root", str(made.root)]
    return {"theirs": ["env", path, *go(program, enter, "--net")], "ours": ours}
