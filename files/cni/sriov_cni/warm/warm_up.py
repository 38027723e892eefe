# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a worker does before it waits: calls on PCI functions that are not there, from the first line to the last.

A process that was forked copies each page that it writes to, and Python writes to all objects that it looks at: some
hundred page faults, a third of a first call's time. All of it happens on a stage, a folder with a tree like sysfs and a
journal of its own, and in the host's namespace: nothing of the host is changed.
"""

from __future__ import annotations

import os
from _collections_abc import Callable

from ..host.host import NodeHost

Call = Callable[[NodeHost, dict[str, str], int], tuple[int, str]]  # main.answer_call
_PF, _KERNEL, _USERSPACE = "0000:00:00.0", "0000:00:00.1", "0000:00:00.2"
_CONF = '{"cniVersion":"1.0.0","name":"warm-up","type":"sriov","deviceID":"%s","logLevel":"panic"}'
# ADD is refused where the function's interface is the loopback, after all of it was read.
_CALLS = (("ADD", _KERNEL), ("ADD", _USERSPACE), ("DEL", _USERSPACE))


def set_stage(folder: str) -> None:
    """Make the tree, unless it is there: a PF and two VFs, one of which a userspace driver has. Raises OSError."""
    devices, drivers = f"{folder}/sys/bus/pci/devices", f"{folder}/sys/bus/pci/drivers"
    for address, driver in ((_PF, "igb"), (_KERNEL, "igbvf"), (_USERSPACE, "vfio-pci")):
        os.makedirs(f"{devices}/{address}/net/lo" if driver != "vfio-pci" else f"{devices}/{address}", exist_ok=True)
        _link(f"{drivers}/{driver}", f"{devices}/{address}/driver")
    for number, address in enumerate((_KERNEL, _USERSPACE)):
        _link(f"{devices}/{_PF}", f"{devices}/{address}/physfn")
        _link(f"{devices}/{address}", f"{devices}/{_PF}/virtfn{number}")


def _link(target: str, path: str) -> None:
    try:
        os.symlink(target, path)
    except FileExistsError:
        return


def warm_up(folder: str, call: Call, wanted: Callable[[], int]) -> list[int]:
    """The exit codes; ends early where `wanted` says that a request waits. Raises OSError."""
    environment = {"CNI_CONTAINERID": "warm-up", "CNI_IFNAME": "net1", "CNI_NETNS": "/proc/self/ns/net"}
    codes = []
    for command, address in _CALLS:
        if wanted():
            break
        host = NodeHost()
        host.sys_root, host.state = folder, f"{folder}/state"
        stdin = os.memfd_create("warm-up")
        os.write(stdin, (_CONF % address).encode())
        os.lseek(stdin, 0, os.SEEK_SET)
        codes.append(call(host, {**environment, "CNI_COMMAND": command, "CNI_NETNS_OVERRIDE": "1"}, stdin)[0])
        os.close(stdin)
    return codes
