# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for what drivers and udev make of new functions: drivers, network interfaces and their names. Many functions
are waited for side by side, under one limit.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..host.host import Host
from ..model.errors import HostError
from ..model.state import NO_INTERFACE
from ..shared import pci
from . import drivers
from .drivers import wait_until
from .read import missing

NETDEV_SECONDS = 10.0
UDEV = "/run/udev"


def wait_for_all(host: Host, addresses: Sequence[str], seconds: float) -> dict[str, str]:
    """Until each new VF has the kernel's driver, which udev may have to load, and its interface. What does not come is
    asked for once more. Returns what is missing of whom, in words.
    """

    def without() -> list[str]:
        return [address for address in addresses if pci.driver(host.root, address) is None]

    sick = {}
    if addresses and not wait_until(host, lambda: not without(), min(seconds, drivers.BIND_SECONDS)):
        for address in without():
            try:
                drivers.probe_default(host, address)
            except HostError as error:
                sick[address] = f"no driver ({error.problem.found})"
        sick = {address: sick.get(address, "no driver") for address in without()}
    bound = [address for address in addresses if address not in sick]
    if not have_come(host, bound, NETDEV_SECONDS):
        for address in _without_interface(host, bound):
            try:
                drivers.rebind(host, address)
            except HostError as error:
                sick[address] = f"no network interface, and its driver could not be bound again ({error.problem.found})"
        have_come(host, [address for address in bound if address not in sick], NETDEV_SECONDS)
        still = _without_interface(host, bound)
        sick = {**dict.fromkeys(still, "no network interface"), **sick}
    return sick


def interface_comes(host: Host, address: str) -> bool:
    """Until a VF has its interface; one more binding helps some NICs. False: none came."""
    if have_come(host, [address], NETDEV_SECONDS):
        return True
    drivers.rebind(host, address)
    return have_come(host, [address], NETDEV_SECONDS)


def have_come(host: Host, addresses: Sequence[str], seconds: float) -> bool:
    """True as soon as each has an interface, or needs none."""
    return wait_until(host, lambda: not _without_interface(host, addresses), seconds)


def udev_is_done(host: Host, name: str | None) -> bool:
    """True where udev has said its word on an interface, its name included, or there is no udev.

    systemd src/libsystemd/sd-device: the database's entry has a line I: as soon as udev has been through, and
    ID_RENAMING while the interface has still to get its name.
    """
    if name is None:
        return False
    if not host.exists(f"{UDEV}/control"):
        return True
    number = pci.read_int(host.path(f"/sys/class/net/{name}/ifindex"))
    lines = (host.read_text(f"{UDEV}/data/n{number}") or "").splitlines()
    return any(line.startswith("I:") for line in lines) and "E:ID_RENAMING=1" not in lines


def _without_interface(host: Host, addresses: Sequence[str]) -> list[str]:
    return [address for address in addresses if missing(host, address) == NO_INTERFACE]
