# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Binding a function to a driver with driver_override, and back to the kernel's own (Linux ABI:
sysfs-bus-pci).
"""

from __future__ import annotations

import errno
import os
from typing import Callable, TypeVar

from ..host.host import Host
from ..kernel import lockdown
from ..model.errors import HostError, SlowError, TakenError
from ..model.frozen import dataclass
from ..model.goal import DEFAULT_DRIVER, NO_DRIVER
from ..shared import pci
from ..shared.driver_kinds import is_userspace, is_vfio
from ..usage import iommu_groups

BIND_SECONDS = 15.0
BUSY_SECONDS = 10.0  # a VF answers EACCES or EBUSY while it is being probed, for a moment after it appears
POLL_SECONDS = 0.1
LEAST_SECONDS = 0.5  # a wait takes, however many were in vain
PROBING = (errno.EACCES, errno.EBUSY, errno.EAGAIN)
# What stands before the kernel's answer: ip (iproute2 lib/libnetlink.c), devlink (devlink/mnlg.c), ethtool
# (netlink/nlsock.c, ethtool.c).
ANSWERS = ("RTNETLINK answers: ", "kernel answers: ", "netlink error: ", "feature settings: ")
ANY: tuple[int, ...] = ()  # as codes of retry: any failure of the host
T = TypeVar("T")
PROBE = "/sys/bus/pci/drivers_probe"
NO_IOMMU = "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"
OWN_GROUP = "an IOMMU group of the VF's own"


@dataclass(frozen=True)
class Target:
    """A PF, or one of its VFs."""

    address: str  # the PF's
    index: int | None = None  # the VF's; None for the PF itself

    def __str__(self) -> str:
        return self.address if self.index is None else f"{self.address} vf {self.index}"


def driver_is_right(wanted: str, driver: str | None, override: str | None) -> bool:
    """True where a function's driver is the wanted one, also after the function is probed again."""
    if wanted == DEFAULT_DRIVER:
        return driver is not None and not is_userspace(driver) and not override
    return driver == (None if wanted == NO_DRIVER else wanted)


def vf_address(host: Host, target: Target) -> str:
    """The PCI address of a step's target now. Raises HostError where the VF is not there."""
    address, index = target.address, target.index
    found = None if index is None else pci.virtfns(host.root, address).get(index)
    if found is None and pci.total_vfs(host.root, address) < 0 and host.exists(f"{pci.DEVICES}/{address}"):
        return address  # it stands for its PF (see `model.Pf`)
    if found is None:
        raise HostError(
            str(target),
            f"the PF to have VF {index}",
            f"{pci.num_vfs(host.root, address)} VFs",
            "Somebody else changed the number of VFs meanwhile; run this again.",
        )
    return found


def nothing() -> None:
    """As a check before a write: none."""


def give(host: Host, address: str, wanted: str, check: Callable[[], None] = nothing) -> None:
    """Give the function its driver; where that fails, put the earlier one back. check: raises a HostError where it may
    not be taken from its driver, and is asked right before that. Raises HostError.
    """
    earlier, override = pci.driver(host.root, address), pci.driver_override(host.root, address)
    if driver_is_right(wanted, earlier, override):
        return
    if is_vfio(wanted):
        need_driver(host, wanted)  # vfio's parameters are there with it
        need_group(host, address)
    try:
        change(host, address, wanted, check)
    except (TakenError, SlowError):
        raise  # nothing was written; or each other write would hang behind the one that does
    except HostError:
        put_back(host, address, earlier, override)
        raise


def need_group(host: Host, address: str) -> None:
    """Raises HostError where vfio would not take a function, or nobody could open it then."""
    conflicts = iommu_groups.conflicts(host, address)
    if conflicts:
        found = f"it shares one with {', '.join(conflicts)}"
        raise HostError(address, OWN_GROUP, found, iommu_groups.remedy(host, address))
    if pci.iommu_group(host.root, address) is None and pci.read_text(host.path(NO_IOMMU)) == "N":
        remedy = "Switch the IOMMU on (iommu: true; in the firmware too), or use device_type netdevice."
        raise HostError(address, OWN_GROUP, "none", remedy)


def change(host: Host, address: str, wanted: str, check: Callable[[], None] = nothing) -> None:
    """Unbind what is bound, then bind what is wanted."""
    base = f"{pci.DEVICES}/{address}"
    name = "" if wanted in (DEFAULT_DRIVER, NO_DRIVER) else wanted
    if name:
        need_driver(host, name)
    override = pci.driver_override(host.root, address) or ""
    if wanted != DEFAULT_DRIVER or override or is_userspace(pci.driver(host.root, address)):
        unbind(host, address, check)
    if override != name:
        host.write_attribute(f"{base}/driver_override", name + "\n")
    if wanted == NO_DRIVER:
        return
    if wanted == DEFAULT_DRIVER:
        probe_default(host, address)
    else:
        retry(host, lambda: host.write_attribute(PROBE, address))
        if pci.driver(host.root, address) is None:
            # It swallows the driver's answer, which this one gives (Linux drivers/base/dd.c, __device_attach_driver).
            retry(host, lambda: host.write_attribute(f"/sys/bus/pci/drivers/{name}/bind", address))
    if not wait_until(
        host,
        lambda: driver_is_right(wanted, pci.driver(host.root, address), pci.driver_override(host.root, address)),
        BIND_SECONDS,
    ):
        raise HostError(
            address,
            "the kernel's own driver bound" if wanted == DEFAULT_DRIVER else f"driver {wanted} bound",
            f"driver {pci.driver(host.root, address) or 'none'} after {BIND_SECONDS:g} s",
            "See the kernel's log (dmesg) for the reason; vfio-pci needs an IOMMU group of the VF's own.",
        )


def probe_default(host: Host, address: str) -> None:
    """Let the kernel choose; its module may have to be loaded by the function's alias first."""
    if pci.driver(host.root, address) is None:
        retry(host, lambda: host.write_attribute(PROBE, address))
    if pci.driver(host.root, address) is None:
        alias = pci.read_text(host.path(f"{pci.DEVICES}/{address}/modalias"))
        if alias:
            host.run(["modprobe", "--quiet", "--", alias], check=False)
        if pci.driver(host.root, address) is None:
            retry(host, lambda: host.write_attribute(PROBE, address))


def need_driver(host: Host, name: str) -> None:
    """Load the driver's module where its driver is not there. Raises HostError where it stays away."""
    if not host.exists(f"/sys/bus/pci/drivers/{name}"):
        done = host.run(["modprobe", "--", name], check=False)
        if not host.exists(f"/sys/bus/pci/drivers/{name}"):
            raise HostError(
                f"driver {name}",
                "the PCI driver to exist",
                done.stderr.strip()[-500:] or "no such driver",
                lockdown.module_remedy(host, done.stderr),
            )


def unbind(host: Host, address: str, check: Callable[[], None] = nothing) -> None:
    """Take the driver away; nothing to do where none is bound. check: see `give`."""

    def write() -> None:
        check()
        host.write_attribute(f"{pci.DEVICES}/{address}/driver/unbind", address)

    if pci.driver(host.root, address) is not None:
        retry(host, write)
        if not wait_until(host, lambda: pci.driver(host.root, address) is None, BIND_SECONDS):
            raise HostError(address, "no driver after unbinding", f"driver {pci.driver(host.root, address)}")


def rebind(
    host: Host, address: str, check: Callable[[], None] = nothing, between: Callable[[], None] = nothing
) -> None:
    """Bind the same driver again, so that it reads what was set through the PF. check: see `give`. between: what is
    done while none is bound, as it is where none was. Raises HostError.
    """
    name = pci.driver(host.root, address)
    unbind(host, address, check)
    failed: HostError | None = None
    try:
        between()
    except SlowError:
        raise  # the next write would hang behind it
    except HostError as error:
        failed = error
    if name is not None:
        retry(host, lambda: host.write_attribute(f"/sys/bus/pci/drivers/{name}/bind", address))
    if failed is not None:
        raise failed


def put_back(host: Host, address: str, driver: str | None, override: str | None) -> None:
    """After a failure: the override and the driver that were there. What fails here is not worth a second
    error.
    """
    try:
        if pci.driver(host.root, address) not in (None, driver):
            unbind(host, address)
        host.write_attribute(f"{pci.DEVICES}/{address}/driver_override", (override or "") + "\n")
        if driver is not None and pci.driver(host.root, address) is None:
            host.write_attribute(f"/sys/bus/pci/drivers/{driver}/bind", address)
    except HostError:
        return


def retry(
    host: Host,
    act: Callable[[], T],
    codes: tuple[int, ...] = PROBING,
    seconds: float = BUSY_SECONDS,
    pause: float = POLL_SECONDS,
) -> T:
    """Do it, again for a while where it fails with one of these errnos, by default since the function is being probed.

    codes: what the kernel answered, none of them for any failure of the host. Raises the last HostError.
    """
    start = host.monotonic()
    give_up = start + _patience(host, seconds)
    while True:
        try:
            return act()
        except TakenError:
            raise
        except HostError as error:
            in_time = host.monotonic() < give_up
            if (codes and errno_of(error) not in codes) or not in_time:
                host.patience -= 0.0 if in_time else host.monotonic() - start
                raise
        host.sleep(pause)


def errno_of(error: HostError) -> int:
    """The errno of a write that failed, or that a program tells of (see `ANSWERS`); 0 for another failure."""
    text = error.problem.found
    code = text[text.rfind("(errno ") + 7 : -1] if text.endswith(")") and "(errno " in text else ""
    if code.isdecimal():
        return int(code)
    start = next((mark for mark in ANSWERS if mark in text), "")
    said = text.partition(start)[2].partition("\n")[0].strip() if start else ""
    return next((number for number in errno.errorcode if said and os.strerror(number) == said), 0)


def wait_until(host: Host, done: Callable[[], bool], seconds: float) -> bool:
    """Poll until it is so; False when the time is over."""
    start = host.monotonic()
    give_up = start + _patience(host, seconds)
    while not done():
        if host.monotonic() >= give_up:
            host.patience -= host.monotonic() - start
            return False
        host.sleep(POLL_SECONDS)
    return True


def _patience(host: Host, seconds: float) -> float:
    """The time for one wait: less where much was waited in vain already."""
    return min(seconds, max(host.patience, LEAST_SECONDS))
