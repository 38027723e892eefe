# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a write to a PF or VF failed: what its errno means, and what the kernel's log says of the function."""

from __future__ import annotations

import errno
from collections.abc import Sequence

from ..host.host import Host
from ..kernel import cmdline
from ..model.errors import HostError
from ..shared import pci
from .drivers import Target, errno_of

LOG_LINES = 2000
SAID_LINES, SAID_LENGTH = 3, 300
REASONS = {
    errno.EBUSY: "The VFs are in use, or the PF is busy with a reset or another change; see who holds them, and dmesg.",
    errno.EAGAIN: "The PF is still being set up by its driver or firmware; see dmesg, and run this again.",
    errno.ERANGE: "The PF can't have as many; lower num_vfs.",
    errno.ENOSPC: "The NIC has no interrupt vectors (MSI-X) or queues left for as many; lower num_vfs, or give fewer "
    "to the PF and to its RDMA (devlink dev param, ethtool -L).",
    errno.ENOENT: "The PF's driver can't create VFs (it has no sriov_configure), or none is bound; bind one that can.",
    errno.EIO: "The PF did not answer its driver: is its link up, and its firmware well? See dmesg.",
    errno.EPERM: "The NIC's firmware or driver does not allow it: SR-IOV may be off there (mlx: SRIOV_EN). See dmesg.",
    errno.EACCES: "The NIC's firmware or driver does not allow it: SR-IOV may be off there (mlx: SRIOV_EN). See dmesg.",
    errno.EOPNOTSUPP: "The PF's driver creates no VFs in its present mode (eswitch, XDP, DCB, ...); see dmesg.",
    errno.EINVAL: "The PF's driver does not take that number: some want a lower one, or one that fits their queues.",
    errno.ENODEV: "The PF is gone, or its driver has given it up; see dmesg.",
    errno.ETIMEDOUT: "The NIC's firmware did not answer in time; see dmesg, and update it.",
}


def of_count(host: Host, address: str, error: HostError) -> str:
    """What to do where a PF did not take a number of VFs."""
    if error.problem.remedy:
        return error.problem.remedy
    code = errno_of(error)
    return _no_room(host, address) if code == errno.ENOMEM else REASONS.get(code, "See the kernel's log (dmesg).")


def said(host: Host, target: Target) -> str:
    """The last lines of the kernel's log about a PF or VF, as a sentence; "" where there is none."""
    vf = pci.virtfns(host.root, target.address).get(-1 if target.index is None else target.index)
    addresses = [target.address, *([vf] if vf else [])]
    names = [name for address in addresses for name in (address, *pci.net_names(host.root, address))]
    lines = [line for line in _log(host) if any(f" {name}:" in f" {line}" for name in names)]
    told = " | ".join(line.strip()[:SAID_LENGTH] for line in lines[-SAID_LINES:])
    return f" The kernel's log says of it: {told}" if told else ""


def _log(host: Host) -> Sequence[str]:
    try:
        return host.run(["dmesg"], check=False).stdout.splitlines()[-LOG_LINES:]
    except HostError:
        return ()


def _no_room(host: Host, address: str) -> str:
    """ENOMEM has two causes, and the kernel's log tells which (drivers/pci/iov.c): bus numbers, or address space, of
    which there is none either where the firmware has SR-IOV switched off.
    """
    buses = any(address in line and "out of range of" in line for line in _log(host))
    argument = "pci=assign-busses" if buses else "pci=realloc"
    what = "no bus numbers left for them" if buses else "no address space for them"
    running = cmdline.split(host.read_text("/proc/cmdline") or "")
    firmware = "switch on decoding above 4G, and SR-IOV, in the firmware (BIOS)"
    other = "put the NIC into another slot" if buses else firmware
    if cmdline.satisfied(running, argument):
        return f"There is {what}, although the kernel was started with {argument}: {other}, or lower num_vfs."
    return f"There is {what}: add {argument} to sriov_kernel_arguments, which needs a reboot, or {other}."
