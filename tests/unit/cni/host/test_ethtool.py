# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rings and channels over SIOCETHTOOL, to a driver that answers as the kernel's structures lay it out.

# source: linux/ethtool.h, struct ethtool_ringparam and struct ethtool_channels; linux/sockios.h.
"""

from __future__ import annotations

import ctypes
import errno
import struct

import pytest

from sriov_cni.host import ethtool

NAMES = {7: b"eth7"}


class Rings(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in (
        "cmd", "rx_max_pending", "rx_mini_max_pending", "rx_jumbo_max_pending", "tx_max_pending", "rx_pending",
        "rx_mini_pending", "rx_jumbo_pending", "tx_pending")]  # fmt: skip


class Channels(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in (
        "cmd", "max_rx", "max_tx", "max_other", "max_combined", "rx_count", "tx_count", "other_count",
        "combined_count")]  # fmt: skip


class Driver:
    """One interface; a number above its maximum is refused, and the first `renamed` questions come to an old name."""

    def __init__(self) -> None:
        self.rings = Rings(0, 4096, 0, 0, 4096, 512, 0, 0, 512)
        self.channels = Channels(0, 0, 0, 1, 8, 0, 0, 1, 4)
        self.renamed = 0

    def fileno(self) -> int:
        return 3

    def ioctl(self, _fd: int, request: int, raw: bytes) -> bytes:
        if request == 0x8910:  # SIOCGIFNAME
            return struct.pack("@16si20x", NAMES[struct.unpack_from("@16si", raw)[1]], 7)
        name, address = struct.unpack_from("@16sP", raw)
        if self.renamed:
            self.renamed -= 1
            raise OSError(errno.ENODEV, "No such device")
        assert name.rstrip(b"\0") == b"eth7"
        command = ctypes.c_uint32.from_address(address).value
        kept = {0x10: self.rings, 0x11: self.rings, 0x3C: self.channels, 0x3D: self.channels}.get(command)
        if kept is None:
            raise OSError(errno.EOPNOTSUPP, "Operation not supported")
        given = type(kept).from_address(address)
        if command in (0x10, 0x3C):
            ctypes.memmove(address, ctypes.addressof(kept), ctypes.sizeof(kept))
            given.cmd = command
            return raw
        names = [name for name, _type in kept._fields_]
        if any(getattr(given, name) > getattr(kept, most) for most, name in zip(names[1:5], names[5:])):
            raise OSError(errno.EINVAL, "Invalid argument")
        for name in names[5:]:
            setattr(kept, name, getattr(given, name))
        return raw


@pytest.fixture
def driver(monkeypatch):
    made = Driver()
    monkeypatch.setattr(ethtool.fcntl, "ioctl", made.ioctl)
    return made


@pytest.mark.parametrize("case", ["finding-cni-04-rings"])
def test_rings(driver, case):
    before = ethtool.read(driver, 7, "rings")
    assert before == [512, 0, 0, 512]
    driver.rings.rx_pending = driver.rings.tx_pending = 64
    ethtool.write(driver, 7, "rings", before)
    assert (driver.rings.rx_pending, driver.rings.tx_pending) == (512, 512)


@pytest.mark.parametrize("case", ["finding-cni-04-channels"])
def test_channels(driver, case):
    before = ethtool.read(driver, 7, "channels")
    assert before == [0, 0, 1, 4]
    driver.channels.combined_count = 1
    ethtool.write(driver, 7, "channels", before)
    assert driver.channels.combined_count == 4
    with pytest.raises(OSError, match="Invalid argument"):
        ethtool.write(driver, 7, "channels", [0, 0, 1, 9])


@pytest.mark.parametrize("case", ["finding-cni-04-none"])
def test_a_driver_that_has_none_of_it(driver, case):
    assert ethtool.read(driver, 7, "features") == []


@pytest.mark.parametrize(("renamed", "found"), [(0, 4), (1, 4), (4, 4), (5, 0)])
def test_an_interface_that_is_being_renamed_is_asked_again(driver, renamed, found):
    driver.renamed = renamed
    assert len(ethtool.read(driver, 7, "rings")) == found
