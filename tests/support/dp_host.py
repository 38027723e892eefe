# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host as sysfs and procfs show it, in a folder; its methods change it as the kernel would."""

from __future__ import annotations

import ipaddress
import os
import shutil
from pathlib import Path

from support.fake_tree import Tree

PCI = "sys/bus/pci/devices"
ROUTE_HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"


class FakeHost(Tree):
    """Functions are added by address; PFs get their VFs by `add_vfs`."""

    def __init__(self, root: Path) -> None:
        self.base = self.root = root
        for folder in ("sys/bus/pci/devices", "sys/class/net", "proc/net", "dev"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        self.routes()
        self.addresses()

    def pci(self, address: str) -> Path:
        return self.root / PCI / address

    def add(
        self, address: str, *, name: str = "", driver: str = "igb", ids: str = "8086:10c9", numa: int = 0,
        klass: str = "0x020000", totalvfs: int | None = None, link: int = 1, phys_port_name: str = "",
    ) -> None:  # fmt: skip
        vendor, device = ids.split(":")
        attributes = {
            "vendor": f"0x{vendor}",
            "device": f"0x{device}",
            "class": klass,
            "numa_node": str(numa),
        }
        if totalvfs is not None:
            attributes.update(sriov_totalvfs=str(totalvfs), sriov_numvfs="0")
        for key, value in attributes.items():
            self.put(f"{PCI}/{address}/{key}", value + "\n")
        if driver:
            self.bind(address, driver)
        if name:
            self.netdev(address, name, link, phys_port_name)

    def netdev(self, address: str, name: str, link: int = 1, phys_port_name: str = "") -> None:
        (self.pci(address) / "net" / name).mkdir(parents=True)
        self.interface(name, link)
        if phys_port_name:
            self.put(f"sys/class/net/{name}/phys_port_name", phys_port_name + "\n")

    def interface(self, name: str, link: int = 1, lower: tuple[str, ...] = (), master: str = "") -> None:
        nets = "sys/class/net"
        self.put(f"{nets}/{name}/type", f"{link}\n")
        for below in lower:
            self.symlink(f"{nets}/{name}/lower_{below}", f"../{below}")
            self.symlink(f"{nets}/{below}/upper_{name}", f"../{name}")
        if master:
            self.symlink(f"{nets}/{name}/master", f"../{master}")

    def link(self, name: str, state: str = "up", admin_up: bool = True) -> None:
        """The operational state of an interface, and whether it is switched on."""
        self.put(f"sys/class/net/{name}/operstate", f"{state}\n")
        self.put(f"sys/class/net/{name}/flags", "0x1003\n" if admin_up else "0x1002\n")

    def netdev_to_pod(self, address: str) -> None:
        """The interface goes to another network namespace: the folders here no longer show it."""
        for entry in (self.pci(address) / "net").iterdir():
            shutil.rmtree(self.root / "sys/class/net" / entry.name)
            entry.rmdir()

    def bind(self, address: str, driver: str, group: int | None = None, noiommu: bool = False) -> None:
        (self.pci(address) / "driver").unlink(missing_ok=True)
        if driver:
            self.symlink(f"{PCI}/{address}/driver", f"../../../../bus/pci/drivers/{driver}")
        if group is not None:
            self.group(address, group, noiommu)
        self._vfio_nodes(address)

    def group(self, address: str, group: int | None, noiommu: bool = False) -> None:
        link = self.pci(address) / "iommu_group"
        if link.is_symlink():
            (link.resolve() / "devices" / address).unlink()
            link.unlink()
            for name in (link.resolve().name, f"noiommu-{link.resolve().name}"):
                (self.root / "dev/vfio" / name).unlink(missing_ok=True)
        if group is None:
            return
        folder = f"sys/kernel/iommu_groups/{group}"
        self.symlink(f"{folder}/devices/{address}", f"../../../../../{PCI}/{address}")
        if noiommu:
            self.put(f"{folder}/name", "vfio-noiommu\n")
        link.symlink_to(f"../../../../../{folder}")
        self._vfio_nodes(address)

    def node(self, path: str) -> None:
        """A character device below /dev; by a link, since not everyone may make one."""
        self.symlink(path, "/dev/null")

    def _vfio_nodes(self, address: str) -> None:
        """What vfio-pci brings: the group's node, and that of the container."""
        driver, group = self.pci(address) / "driver", self.pci(address) / "iommu_group"
        if group.is_symlink() and driver.is_symlink() and os.path.basename(os.readlink(driver)) == "vfio-pci":
            number = os.path.basename(os.readlink(group))
            noiommu = (group / "name").exists()
            self.node("/dev/vfio/vfio")
            self.node(f"/dev/vfio/noiommu-{number}" if noiommu else f"/dev/vfio/{number}")

    def add_vfs(self, pf: str, count: int, driver: str = "igbvf", ids: str = "8086:10ca") -> list[str]:
        """VFs at 10.0, 10.2, ... of the PF's bus, as igb has them; their interfaces are PFv0, PFv1, ..."""
        bus = pf.rsplit(":", 1)[0]
        pf_names = os.listdir(self.pci(pf) / "net") if (self.pci(pf) / "net").is_dir() else []
        numa = int((self.pci(pf) / "numa_node").read_text())
        made = []
        for index in range(count):
            slot, function = divmod(2 * index, 8)
            address = f"{bus}:{0x10 + slot:02x}.{function}"
            name = f"{pf_names[0]}v{index}" if pf_names and driver not in ("", "vfio-pci") else ""
            self.add(address, name=name, driver=driver, ids=ids, numa=numa)
            (self.pci(address) / "physfn").symlink_to(f"../{pf}")
            (self.pci(pf) / f"virtfn{index}").symlink_to(f"../{address}")
            made.append(address)
        (self.pci(pf) / "sriov_numvfs").write_text(f"{count}\n")
        return made

    def rdma(self, address: str, name: str, number: int | None = None, aux: str = "") -> None:
        """An RDMA device with the device nodes of that number, below a function or its auxiliary device."""
        self.put(f"{PCI}/{address}/{aux}/infiniband/{name}/ports/1/pkeys/0", "0xffff\n")
        if number is None:
            return
        for group, kinds in (("mad", ("issm", "umad")), ("verbs", ("uverbs",))):
            for kind in kinds:
                self.put(f"sys/class/infiniband_{group}/{kind}{number}/ibdev", f"{name}\n")
                self.node(f"/dev/infiniband/{kind}{number}")
        self.node("/dev/infiniband/rdma_cm")

    def uio(self, address: str, name: str) -> None:
        """A UIO device of a function."""
        (self.pci(address) / "uio" / name).mkdir(parents=True)
        self.node(f"/dev/{name}")

    def subfunction(self, address: str, number: int, sfnum: int | None, name: str = "") -> str:
        """An auxiliary device mlx5_core.sf.NUMBER of a function."""
        device = f"mlx5_core.sf.{number}"
        folder = self.pci(address) / device
        folder.mkdir()
        if sfnum is not None:
            self.put(f"{PCI}/{address}/{device}/sfnum", f"{sfnum}\n")
        if name:
            (folder / "net" / name).mkdir(parents=True)
            self.interface(name)
        return device

    def vdpa(self, address: str, name: str, driver: str, node: str = "") -> None:
        """A vDPA device on a function."""
        self.symlink(f"{PCI}/{address}/{name}/driver", f"../../../../bus/vdpa/drivers/{driver}")
        if node:
            (self.pci(address) / name / node).mkdir()
            self.node(f"/dev/{node}")
        self.symlink(f"sys/bus/vdpa/devices/{name}", f"../../../../{PCI}/{address}/{name}")

    def remove(self, address: str) -> None:
        """The function leaves the bus."""
        if (self.pci(address) / "net").is_dir():
            self.netdev_to_pod(address)
        parent = self.pci(address) / "physfn"
        if parent.is_symlink():
            for entry in self.pci(os.path.basename(os.readlink(parent))).glob("virtfn*"):
                if os.path.basename(os.readlink(entry)) == address:
                    entry.unlink()
        shutil.rmtree(self.pci(address))

    def routes(self, v4: tuple[str, ...] = (), v6: tuple[str, ...] = ()) -> None:
        """Default routes over these interfaces, among other routes."""
        lines = [f"{n}\t00000000\t0202000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n" for n in v4]
        lines.append("eth9\t0002000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n")
        (self.root / "proc/net/route").write_text(ROUTE_HEAD + "".join(lines))
        zero = "0" * 32
        six = [f"{zero} 00 {zero} 00 {zero} 00000400 1 0 00000003     {n}\n" for n in v6]
        six.append(f"{zero} 00 {zero} 00 {zero} ffffffff 1 0 00200200       lo\n")
        (self.root / "proc/net/ipv6_route").write_text("".join(six))

    def addresses(self, *found: tuple[str, str]) -> None:
        """IPv6 addresses of interfaces, such as ("eth0", "2001:db8::7"), and the loopback's; no others are left."""
        lines = [f"{'0' * 31}1 01 80 10 80       lo\n"]
        for name, address in found:
            scope = "20" if address.startswith("fe80:") else "00"
            lines.append(f"{ipaddress.IPv6Address(address).packed.hex()} 05 40 {scope} 80 {name:>8}\n")
        (self.root / "proc/net/if_inet6").write_text("".join(lines))
