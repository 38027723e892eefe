# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host as sysfs and procfs show it, in a folder; its methods change it as the kernel would."""

from __future__ import annotations

import ipaddress
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from support.fake_tree import Tree

PCI, NET, GROUPS = "sys/bus/pci/devices", "sys/class/net", "sys/kernel/iommu_groups"
ANY = "0" * 32  # an IPv6 address as /proc/net/ipv6_route has it
NODE = Path("/dev/null")  # what stands for a device node: a link, since not everyone may make one


class FakeHost(Tree):
    """Functions are added by address; PFs get their VFs by `add_vfs`."""

    def __init__(self, root: Path) -> None:
        self.base = self.root = root
        self.lay("", {
            f"{PCI}/": "", f"{NET}/": "", "dev/": "",
            "proc/net/route": "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
                              "eth9\t0002000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0",
            "proc/net/ipv6_route": f"{ANY} 00 {ANY} 00 {ANY} ffffffff 1 0 00200200       lo",
        })  # fmt: skip
        self.addresses()

    def lay(self, folder: str, entries: Mapping[str, str | int | Path | None]) -> None:
        """Fill a folder; what is neither a link nor a folder is a line."""
        for name, what in entries.items():
            self.fill({f"{folder}/{name}": what if what is None or isinstance(what, Path) else f"{what}\n"})

    def pci(self, address: str) -> Path:
        return self.root / PCI / address

    def add(
        self, address: str, *, name: str = "", driver: str = "igb", ids: str = "8086:10c9", numa: int = 0,
        klass: str = "0x020000", totalvfs: int | None = None, phys_port_name: str | None = None,
        group: int | None = None,
    ) -> None:  # fmt: skip
        vendor, device = ids.split(":")
        self.lay(f"{PCI}/{address}", {
            "vendor": f"0x{vendor}", "device": f"0x{device}", "class": klass, "numa_node": numa,
            "sriov_totalvfs": totalvfs, "sriov_numvfs": None if totalvfs is None else 0,
        })  # fmt: skip
        self.bind(address, driver, group)
        if name:
            self.netdev(address, name, phys_port_name)

    def netdev(self, device: str, name: str, phys_port_name: str | None = None) -> None:
        """An interface of a function or of a device below it."""
        self.lay("", {f"{PCI}/{device}/net/{name}/": "", f"{NET}/{name}/phys_port_name": phys_port_name})
        self.interface(name)

    def interface(self, name: str, *lower: str) -> None:
        """An interface that may stand on others."""
        self.lay(f"{NET}/{name}", {"type": 1})
        for below in lower:
            self.lay(NET, {f"{name}/lower_{below}": Path("..", below), f"{below}/upper_{name}": Path("..", name)})

    def link(self, name: str, state: str = "up", admin_up: bool = True) -> None:
        """The operational state of an interface, and whether it is switched on."""
        self.lay(f"{NET}/{name}", {"operstate": state, "flags": "0x1003" if admin_up else "0x1002"})

    def netdev_to_pod(self, address: str) -> None:
        """The interface goes to another network namespace: the folders here no longer show it."""
        for entry in self.pci(address).glob("net/*"):
            shutil.rmtree(self.root / NET / entry.name)
            entry.rmdir()

    def bind(self, address: str, driver: str, group: int | None = None, noiommu: bool = False) -> None:
        (self.pci(address) / "driver").unlink(missing_ok=True)
        self.lay(f"{PCI}/{address}", {"driver": Path("../../../../bus/pci/drivers", driver) if driver else None})
        if group is not None:
            self.group(address, group, noiommu)

    def group(self, address: str, group: int | None, noiommu: bool = False) -> None:
        """The IOMMU group that it is in from now on, with the nodes that vfio-pci brings or would bring for it."""
        link = self.pci(address) / "iommu_group"
        if link.is_symlink():
            (link.resolve() / "devices" / address).unlink()
            link.unlink()
        if group is not None:
            up = Path("../../../../..")
            self.lay("", {
                f"{PCI}/{address}/iommu_group": up / GROUPS / str(group),
                f"{GROUPS}/{group}/devices/{address}": up / PCI / address,
                f"{GROUPS}/{group}/name": "vfio-noiommu" if noiommu else None,
                "dev/vfio/vfio": NODE, f"dev/vfio/{'noiommu-' if noiommu else ''}{group}": NODE,
            })  # fmt: skip

    def node(self, path: str) -> None:
        """A character device below /dev."""
        self.lay("", {path: NODE})

    def add_vfs(
        self, pf: str, count: int, driver: str = "igbvf", ids: str = "8086:10ca", group: int | None = None
    ) -> list[str]:
        """VFs at 10.0, 10.2, ... of the PF's bus, as igb has them; their interfaces are PFv0, PFv1, ...

        group: the first one's IOMMU group; each has one of its own.
        """
        names = [path.name for path in self.pci(pf).glob("net/*") if driver not in ("", "vfio-pci")]
        numa = int(self.get(f"{PCI}/{pf}/numa_node"))
        vfs = [f"{pf.rpartition(':')[0]}:{16 + index // 4:02x}.{index % 4 * 2}" for index in range(count)]
        for index, address in enumerate(vfs):
            self.add(
                address, name=f"{names[0]}v{index}" if names else "", driver=driver, ids=ids, numa=numa,
                group=None if group is None else group + index,
            )  # fmt: skip
            self.lay(PCI, {f"{address}/physfn": Path("..", pf), f"{pf}/virtfn{index}": Path("..", address)})
        self.lay(f"{PCI}/{pf}", {"sriov_numvfs": count})
        return vfs

    def rdma(self, address: str, name: str, number: int) -> None:
        """An RDMA device of a function, with the device nodes of that number."""
        self.lay(f"{PCI}/{address}/infiniband/{name}", {"ports/1/pkeys/0": "0xffff"})
        for kind, group in (("issm", "mad"), ("umad", "mad"), ("uverbs", "verbs")):
            node = f"{kind}{number}"
            self.lay("", {f"sys/class/infiniband_{group}/{node}/ibdev": name, f"dev/infiniband/{node}": NODE})
        self.node("/dev/infiniband/rdma_cm")

    def uio(self, address: str, name: str) -> None:
        """A UIO device of a function."""
        self.lay("", {f"{PCI}/{address}/uio/{name}/": "", f"dev/{name}": NODE})

    def subfunction(self, address: str, number: int, sfnum: int | None, name: str = "") -> str:
        """An auxiliary device mlx5_core.sf.NUMBER of a function."""
        device = f"mlx5_core.sf.{number}"
        self.lay(f"{PCI}/{address}/{device}", {"sfnum": sfnum})
        if name:
            self.netdev(f"{address}/{device}", name)
        return device

    def vdpa(self, address: str, name: str, driver: str, node: str = "") -> None:
        """A vDPA device on a function."""
        device = f"{PCI}/{address}/{name}"
        self.lay("", {
            f"{device}/driver": Path("../../../../bus/vdpa/drivers", driver),
            f"sys/bus/vdpa/devices/{name}": Path("../../../..", device),
            **({f"{device}/{node}/": "", f"dev/{node}": NODE} if node else {}),
        })  # fmt: skip

    def remove(self, address: str) -> None:
        """The function leaves the bus."""
        self.netdev_to_pod(address)
        for link in self.root.glob(f"{PCI}/*/virtfn*"):
            if os.path.basename(os.readlink(link)) == address:
                link.unlink()
        shutil.rmtree(self.pci(address))

    def addresses(self, *found: tuple[str, str]) -> None:
        """IPv6 addresses of interfaces, such as ("eth0", "2001:db8::7"), and the loopback's; no others are left."""
        lines = [
            f"{address.packed.hex()} 05 40 {'20' if address.is_link_local else '00'} 80 {name:>8}\n"
            for name, address in ((name, ipaddress.IPv6Address(text)) for name, text in found)
        ]
        self.put("proc/net/if_inet6", f"{'0' * 31}1 01 80 10 80       lo\n" + "".join(lines))
