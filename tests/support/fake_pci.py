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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.baremetal.sriov.plugins.module_utils.shared.driver_kinds import is_vfio
from support.fake_base import FakeBase

DEVICES, DRIVERS, GROUPS = "sys/bus/pci/devices", "sys/bus/pci/drivers", "sys/kernel/iommu_groups"
NVME = "0x010802"


@dataclass
class Net:
    """One interface of the host."""

    name: str
    mac: str
    mtu: int = 1500
    up: bool = False
    master: str = ""
    lower: str = ""
    kind: str = ""
    addresses: list[str] = field(default_factory=list)
    altnames: list[str] = field(default_factory=list)
    permanent: str = ""
    details: dict[str, Any] = field(default_factory=dict)


@dataclass
class FakePf:
    """One PF: its name, the driver that its VFs get, each VF's settings as the PF keeps them, its eswitch mode."""

    address: str
    name: str
    total: int
    vf_driver: str
    settings: dict[int, dict[str, Any]] = field(default_factory=dict)
    eswitch: str | None = None
    network: bool = True
    tc_offload: str = "off"


@dataclass
class Pci(FakeBase):
    """PFs and VFs, and what the kernel does at a write to their attributes."""

    mode_before_vfs = frozenset({"ice"})  # drivers of PFs that take another eswitch mode without VFs alone

    iommu: bool = True
    pfs: dict[str, FakePf] = field(default_factory=dict)  # by address
    lone: dict[str, FakePf] = field(default_factory=dict)  # passthrough VFs, by address
    nets: dict[str, Net] = field(default_factory=dict)  # by name
    probing: dict[str, int] = field(default_factory=dict)  # by address: how often an unbind is refused still
    probing_time: int = 0  # the same for a function that is bound from now on

    def __post_init__(self) -> None:
        super().__post_init__()
        self._driver_dir("igbvf")
        self.fill({
            "sys/bus/pci/drivers_probe": "",
            "proc/cpuinfo": "vendor_id\t: GenuineIntel\n",
            "proc/cmdline": "BOOT_IMAGE=/vmlinuz root=/dev/vda1 ro quiet intel_iommu=on iommu=pt\n",
            f"{GROUPS}/0/": "" if self.iommu else None,
        })  # fmt: skip

    # building -------------------------------------------------------------------------------------

    def add_pf(
        self,
        address: str,
        name: str,
        total: int = 7,
        *,
        mac: str = "",
        driver: str = "igb",
        vendor: str = "0x8086",
    ) -> None:
        """An Intel 82576 PF, or one of another vendor; with another driver it has an eswitch; as nvme it is no NIC."""
        network = driver != "nvme"
        eswitch = None if driver in ("igb", "nvme") else "legacy"
        self.pfs[address] = FakePf(address, name, total, "igbvf" if network else driver, {}, eswitch, network)
        self._driver_dir(driver)
        self._function(address, vendor, "0x10c9", "0x020000" if network else NVME)
        self._attributes(address, sriov_totalvfs=total, sriov_numvfs=0, sriov_drivers_autoprobe=1)
        self._bind(address, driver)
        if network:
            self.add_net(Net(name, mac or f"52:54:00:00:00:{len(self.pfs):02x}"), address)

    def add_net(self, net: Net, address: str = "") -> None:
        self.nets[net.name] = net
        self.put(f"sys/class/net/{net.name}/addr_assign_type", "0\n")
        if address:
            self.fill({f"{DEVICES}/{address}/net/{net.name}/": ""})

    def add_lone_vf(self, address: str, name: str) -> None:
        """A passthrough VF of a virtual machine: a NIC, and no PF to be seen."""
        self.lone[address] = FakePf(address, name, 1, "igbvf", {0: {"mac": f"52:54:00:01:00:{len(self.lone):02x}"}})
        self._function(address, "0x8086", "0x10ca")
        self._bind(address, "igbvf")

    def _function(self, address: str, vendor: str, device: str, kind: str = "0x020000") -> None:
        self._attributes(address, vendor=vendor, device=device, modalias=f"pci:{device}", driver_override="(null)",
                         **{"class": kind})  # fmt: skip

    def _attributes(self, address: str, **values: object) -> None:
        self.fill({f"{DEVICES}/{address}/{name}": f"{value}\n" for name, value in values.items()})

    def _attribute(self, address: str, name: str) -> str:
        return self.get(f"{DEVICES}/{address}/{name}").strip()

    def _driver_dir(self, name: str) -> None:
        self.fill({f"{DRIVERS}/{name}/{attribute}": "" for attribute in ("bind", "unbind")})

    # what the kernel is ---------------------------------------------------------------------------

    def vf_address(self, pf: str, index: int) -> str:
        return f"{pf[:-5]}:{16 + index // 4:02x}.{index % 4 * 2}"

    def driver(self, address: str) -> str | None:
        return os.path.basename(self.read_link(f"/{DEVICES}/{address}/driver") or "") or None

    def numvfs(self, pf: str) -> int:
        return int(self._attribute(pf, "sriov_numvfs"))

    def override(self, address: str) -> str:
        return self._attribute(address, "driver_override").replace("(null)", "")

    def _pf_of(self, vf: str) -> tuple[FakePf, int] | None:
        found = {self.vf_address(pf.address, i): (pf, i) for pf in self.pfs.values() for i in range(pf.total)}
        return (self.lone[vf], 0) if vf in self.lone else found.get(vf)

    def _set_numvfs(self, address: str, text: str) -> int:
        pf, count, now = self.pfs[address], int(text), self.numvfs(address)
        net = self.nets.get(pf.name)  # none here: it is in another network namespace
        without_modes = pf.eswitch == "switchdev" and self.driver(address) not in self.mode_before_vfs
        answers = {
            0: count == now,
            errno.EBUSY: count and now,
            errno.ERANGE: count > pf.total,
            errno.EOPNOTSUPP: count and without_modes,
            errno.EIO: count and net and not net.up,  # "PF still in reset state. Is the PF interface up?"
        }
        for code, is_so in answers.items():
            if is_so:
                return code
        for index in range(now):
            vf = self.vf_address(address, index)
            self._unbind(vf)
            self.real(f"{DEVICES}/{address}/virtfn{index}").unlink()
            shutil.rmtree(self.real(f"{DEVICES}/{vf}"))
            pf.settings.pop(index)
        for index in range(count):
            self._create_vf(pf, index)
        self._attributes(address, sriov_numvfs=count)
        return 0

    def _create_vf(self, pf: FakePf, index: int) -> None:
        vf = self.vf_address(pf.address, index)
        self._function(vf, self._attribute(pf.address, "vendor"), "0x10ca", self._attribute(pf.address, "class"))
        group = str(len([*self.real(GROUPS).glob("*")]))
        self.fill({
            f"{DEVICES}/{vf}/physfn": Path("..", pf.address),
            f"{DEVICES}/{pf.address}/virtfn{index}": Path("..", vf),
            f"{DEVICES}/{vf}/iommu_group": Path("../../../../kernel/iommu_groups", group) if self.iommu else None,
            f"{GROUPS}/{group}/devices/": "" if self.iommu else None,
        })  # fmt: skip
        pf.settings[index] = {
            "mac": f"02:00:{pf.address[5:7]}:00:00:{index:02x}",
            "vlan": 0,
            "qos": 0,
            "spoofchk": True,
            "trust": False,
            "min_tx_rate": 0,
            "max_tx_rate": 0,
            "link_state": "auto",
            "vlan_proto": "802.1q",
            "query_rss": False,
        }
        self._probe(vf)

    def _wanted(self, address: str) -> str:
        """The driver for a function without one: the override, or its own, and none for a VF with autoprobe off."""
        found = self._pf_of(address)
        if self.driver(address) is not None or found is None:
            return ""
        pf = found[0]
        off = pf.address in self.pfs and self._attribute(pf.address, "sriov_drivers_autoprobe") == "0"
        return self.override(address) or ("" if off else pf.vf_driver)

    def _probe(self, address: str) -> None:
        """The kernel looks for a driver."""
        wanted = self._wanted(address)
        if wanted and self.real(f"{DRIVERS}/{wanted}").is_dir() and not self._refused(address, wanted):
            self._bind(address, wanted)

    def _refused(self, address: str, driver: str) -> int:
        """The errno of the driver's probe: vfio takes nothing without an IOMMU group (drivers/vfio/group.c)."""
        live = self.read_text("/sys/module/vfio/parameters/enable_unsafe_noiommu_mode") or ""
        options = self.read_text("/etc/modprobe.d/baremetal-sriov.conf") or ""  # of a module that is loaded for it
        unsafe = live.strip() in ("1", "Y") or (not live and "enable_unsafe_noiommu_mode=1" in options)
        without = is_vfio(driver) and not unsafe and not self.exists(f"/{DEVICES}/{address}/iommu_group")
        return errno.EINVAL if without else 0

    def _bind(self, address: str, driver: str) -> None:
        self.fill({
            f"{DEVICES}/{address}/driver": Path("../../drivers", driver),
            f"{DRIVERS}/{driver}/{address}": Path("../../devices", address),
        })  # fmt: skip
        found = self._pf_of(address)
        if found is not None and found[0].network and (driver == found[0].vf_driver or driver.endswith("-net")):
            self._made_interface(address, driver)

    def _made_interface(self, address: str, driver: str) -> None:
        """The driver registers a VF's interface."""
        found = self._pf_of(address)
        assert found is not None, driver
        pf, index = found
        name = pf.name if address in self.lone else f"{pf.name}v{index}"
        self.add_net(Net(name, pf.settings[index]["mac"]), address)
        self.probing[address] = self.probing_time

    def _unbind(self, address: str) -> None:
        driver = self.driver(address)
        if driver is not None:
            self.real(f"{DEVICES}/{address}/driver").unlink()
            self.real(f"{DRIVERS}/{driver}/{address}").unlink()
            self.move_away(address)
            if address not in self.pfs:
                shutil.rmtree(self.real(f"{DEVICES}/{address}/net"), ignore_errors=True)

    def move_away(self, address: str) -> None:
        """No interface of a function is here any more, as where a CNI plugin put it into a network namespace: its
        folder stays, and is empty (Linux drivers/base/core.c, class_dir_child_ns_type).
        """
        for folder in list(self.real(f"{DEVICES}/{address}").glob("net/*")):
            self.nets.pop(folder.name, None)
            shutil.rmtree(self.real(f"sys/class/net/{folder.name}"))
            folder.rmdir()

    def reboot(self) -> None:
        """VFs, overrides and link states are gone; the command line says whether there is an IOMMU."""
        self.change("reboot")
        super().reboot()
        words = [word for word in self.get("proc/cmdline").split() if word.startswith("intel_iommu=")]
        self.iommu = words[-1:] == ["intel_iommu=on"]
        self.fill({f"{GROUPS}/0/": "" if self.iommu else None})
        for pf in self.pfs.values():
            self._set_numvfs(pf.address, "0")
            self._attributes(pf.address, sriov_drivers_autoprobe=1)
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
        if driver != (self.driver(address) if what == "unbind" else self._wanted(address)):
            return errno.ENODEV
        if what == "bind" and self._refused(address, driver):
            return self._refused(address, driver)
        if what == "bind":
            self._bind(address, driver)
        elif self.probing.get(address, 0) > 0:
            self.probing[address] -= 1
            return errno.EACCES
        else:
            self._unbind(address)
        return 0
