# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host in a temporary folder that reacts as a kernel does: VFs appear, drivers move, an `ip` of its own
answers.

What it does is what Linux does (drivers/pci/iov.c, pci-driver.c, pci-sysfs.c): EBUSY for a count over a
count, ERANGE above totalvfs, no probing of VFs while autoprobe is off and no override is set, EACCES
while a VF is being probed.
"""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from support.fake_base import FakeBase
from support.fake_net import FakePf, Net

DEVICES = "sys/bus/pci/devices"
NVME = "0x010802"
DRIVERS = "sys/bus/pci/drivers"


class Pci(FakeBase):
    """PFs and VFs, and what the kernel does at a write to their attributes."""

    mode_before_vfs = frozenset({"ice"})  # drivers of PFs that take another eswitch mode without VFs alone

    def __init__(self, root: Path, iommu: bool = True) -> None:
        super().__init__(root)
        self.iommu = iommu
        self.pfs: dict[str, FakePf] = {}  # by address
        self.lone: dict[str, FakePf] = {}  # passthrough VFs, by address
        self.nets: dict[str, Net] = {}  # by name
        self.probing: dict[str, int] = {}  # by address: how often an unbind is refused still
        self.probing_time = 0  # the same for a function that is bound from now on
        self.next_group = 1
        for driver in ("igb", "igbvf"):
            self._driver_dir(driver)
        self.put("sys/bus/pci/drivers_probe", "")
        self.put("proc/cpuinfo", "vendor_id\t: GenuineIntel\n")
        self.put("proc/cmdline", "BOOT_IMAGE=/vmlinuz root=/dev/vda1 ro quiet intel_iommu=on iommu=pt\n")
        if iommu:
            (root / "sys/kernel/iommu_groups/0").mkdir(parents=True)

    # building -------------------------------------------------------------------------------------

    def add_pf(
        self,
        address: str,
        name: str,
        total: int = 7,
        *,
        up: bool = False,
        mac: str = "",
        driver: str = "igb",
        vendor: str = "0x8086",
    ) -> FakePf:
        """An Intel 82576 PF, or one of another vendor; with another driver it has an eswitch; as nvme it is no NIC."""
        network = driver != "nvme"
        pf = FakePf(address, name, total, "igbvf" if network else driver, vendor=vendor, network=network)
        pf.eswitch = None if driver in ("igb", "nvme") else "legacy"
        self._driver_dir(driver)
        self._function(address, vendor, "0x10c9", "0x020000" if network else NVME)
        self._attributes(address, sriov_totalvfs=total, sriov_numvfs=0, sriov_drivers_autoprobe=1)
        self._bind(address, driver)
        if network:
            self.add_net(Net(name, mac or f"52:54:00:00:00:{len(self.pfs) + 1:02x}", up=up), address)
        self.pfs[address] = pf
        return pf

    def add_net(self, net: Net, address: str = "") -> None:
        self.nets[net.name] = net
        self.put(f"sys/class/net/{net.name}/addr_assign_type", "0\n")
        if address:
            (self.base / f"{DEVICES}/{address}/net/{net.name}").mkdir(parents=True, exist_ok=True)

    def add_lone_vf(self, address: str, name: str) -> None:
        """A passthrough VF of a virtual machine: a NIC, and no PF to be seen."""
        pf = FakePf(address, name, 1, "igbvf")
        pf.settings[0] = {"mac": f"52:54:00:01:00:{len(self.lone):02x}"}
        self.lone[address] = pf
        self._function(address, "0x8086", "0x10ca")
        self._bind(address, "igbvf")

    def _function(self, address: str, vendor: str, device: str, kind: str = "0x020000") -> None:
        self._attributes(address, vendor=vendor, device=device, driver_override="(null)", modalias=f"pci:{device}")
        self._attributes(address, **{"class": kind})

    def _attributes(self, address: str, **values: object) -> None:
        for name, value in values.items():
            self.put(f"{DEVICES}/{address}/{name}", f"{value}\n")

    def _attribute(self, address: str, name: str) -> str:
        return self.get(f"{DEVICES}/{address}/{name}").strip()

    def _driver_dir(self, name: str) -> None:
        for attribute in ("bind", "unbind"):
            self.put(f"{DRIVERS}/{name}/{attribute}", "")

    # what the kernel is ---------------------------------------------------------------------------

    def vf_address(self, pf: str, index: int) -> str:
        bus = pf.split(":")[1]
        return f"0000:{bus}:{16 + index * 2 // 8:02x}.{index * 2 % 8}"

    def driver(self, address: str) -> str | None:
        link = self.base / f"{DEVICES}/{address}/driver"
        return os.path.basename(os.readlink(link)) if link.is_symlink() else None

    def numvfs(self, pf: str) -> int:
        return int(self._attribute(pf, "sriov_numvfs"))

    def override(self, address: str) -> str:
        text = self._attribute(address, "driver_override")
        return "" if text == "(null)" else text

    def _pf_of(self, vf: str) -> tuple[FakePf, int] | None:
        found = {self.vf_address(pf.address, i): (pf, i) for pf in self.pfs.values() for i in range(pf.total)}
        return (self.lone[vf], 0) if vf in self.lone else found.get(vf)

    def _set_numvfs(self, address: str, text: str) -> int:
        pf, count, now = self.pfs[address], int(text), self.numvfs(address)
        if count == now:
            return 0
        if count and now:
            return errno.EBUSY
        if count > pf.total:
            return errno.ERANGE
        if count and pf.eswitch == "switchdev" and self.driver(address) not in self.mode_before_vfs:
            return errno.EOPNOTSUPP
        net = self.nets.get(pf.name)  # none here: it is in another network namespace
        if count and pf.network and net is not None and not net.up:
            return errno.EIO  # "PF still in reset state. Is the PF interface up?"
        for index in range(now):
            self._remove_vf(pf, index)
        for index in range(count):
            self._create_vf(pf, index)
        self._attributes(address, sriov_numvfs=count)
        return 0

    def _create_vf(self, pf: FakePf, index: int) -> None:
        vf = self.vf_address(pf.address, index)
        self._function(vf, pf.vendor, "0x10ca", "0x020000" if pf.network else NVME)
        self.symlink(f"{DEVICES}/{vf}/physfn", f"../{pf.address}")
        self.symlink(f"{DEVICES}/{pf.address}/virtfn{index}", f"../{vf}")
        if self.iommu:
            (self.base / f"sys/kernel/iommu_groups/{self.next_group}/devices").mkdir(parents=True)
            self.symlink(f"{DEVICES}/{vf}/iommu_group", f"../../../../kernel/iommu_groups/{self.next_group}")
            self.next_group += 1
        pf.settings[index] = {
            "mac": f"02:00:{pf.address[5:7]}:00:00:{index:02x}",
            "vlan": 0,
            "qos": 0,
            "spoofchk": True,
            "trust": False,
            "min_tx_rate": 0,
            "max_tx_rate": 0,
            "link_state": "auto",
        }
        self._probe(vf)

    def _remove_vf(self, pf: FakePf, index: int) -> None:
        vf = self.vf_address(pf.address, index)
        self._unbind(vf)
        base = self.base / DEVICES
        (base / pf.address / f"virtfn{index}").unlink()
        shutil.rmtree(base / vf)
        pf.settings.pop(index)

    def _probe(self, address: str) -> None:
        """The kernel looks for a driver: the override, or its own, and not at all for a VF with autoprobe
        off.
        """
        found = self._pf_of(address)
        if self.driver(address) is not None or found is None:
            return
        override = self.override(address)
        if not override and self._probes_nothing(found[0]):
            return
        wanted = override or found[0].vf_driver
        if (self.base / DRIVERS / wanted).is_dir():
            self._bind(address, wanted)

    def _probes_nothing(self, pf: FakePf) -> bool:
        return pf.address in self.pfs and self._attribute(pf.address, "sriov_drivers_autoprobe") == "0"

    def _bind(self, address: str, driver: str) -> None:
        os.symlink(f"../../drivers/{driver}", self.base / f"{DEVICES}/{address}/driver")
        os.symlink(f"../../devices/{address}", self.base / f"{DRIVERS}/{driver}/{address}")
        found = self._pf_of(address)
        if found is not None and found[0].network and (driver == found[0].vf_driver or driver.endswith("-net")):
            pf, index = found
            name = pf.name if address in self.lone else f"{pf.name}v{index}"
            self.add_net(Net(name, pf.settings[index]["mac"]), address)
            self.probing[address] = self.probing_time

    def _unbind(self, address: str) -> None:
        driver = self.driver(address)
        if driver is None:
            return
        (self.base / f"{DEVICES}/{address}/driver").unlink()
        (self.base / f"{DRIVERS}/{driver}/{address}").unlink()
        folder = self.base / f"{DEVICES}/{address}/net"
        for name in os.listdir(folder) if folder.is_dir() else ():
            self.nets.pop(name, None)
            shutil.rmtree(self.base / f"sys/class/net/{name}")
            (folder / name).rmdir()

    def move_away(self, vf: str) -> None:
        """Put a VF's interface into another network namespace, as a CNI plugin does."""
        folder = self.base / f"{DEVICES}/{vf}/net"
        for name in os.listdir(folder):
            self.nets.pop(name)
            (folder / name).rmdir()

    def reboot(self) -> None:
        """VFs, overrides, link states and /run are gone; other files stay; the running command line is what GRUB
        would give.
        """
        self.change("reboot")
        super().reboot()
        for pf in self.pfs.values():
            for index in range(self.numvfs(pf.address)):
                self._remove_vf(pf, index)
            self._attributes(pf.address, sriov_numvfs=0, sriov_drivers_autoprobe=1)
            pf.eswitch = pf.eswitch and "legacy"
            if pf.network:
                net = self.nets[pf.name]
                net.up, net.mtu = False, 1500
        for address in self.lone:
            self._unbind(address)
            self._attributes(address, driver_override="(null)")
            self._probe(address)

    def act(self, argv: tuple[str, ...]) -> int:
        status = super().act(argv)
        if argv[0] == "modprobe" and argv[-1] in (self.available or ()):
            self._driver_dir(argv[-1])
        return status

    def react(self, path: str, value: str) -> int:
        parts = path.strip("/").split("/")
        name = parts[-1]
        if name == "drivers_probe":
            self._probe(value)
            return 0
        if name in ("unbind", "bind"):
            driver = self.driver(parts[4]) if parts[3] == "devices" else parts[4]
            return self._bind_or_unbind(name, str(driver), value)
        if name == "sriov_numvfs":
            return self._set_numvfs(parts[4], value)
        return super().react(path, (value or "(null)") if name == "driver_override" else value)

    def _bind_or_unbind(self, what: str, driver: str, address: str) -> int:
        if what == "unbind":
            if self.driver(address) != driver:
                return errno.ENODEV
            if self.probing.get(address, 0) > 0:
                self.probing[address] -= 1
                return errno.EACCES
            self._unbind(address)
            return 0
        found = self._pf_of(address)
        override = self.override(address)
        fits = override == driver if override else found is not None and found[0].vf_driver == driver
        if self.driver(address) is not None or not fits or found is None:
            return errno.ENODEV
        if not override and self._probes_nothing(found[0]):
            return errno.ENODEV
        self._bind(address, driver)
        return 0
