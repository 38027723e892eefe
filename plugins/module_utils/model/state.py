# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node is (NodeState): its PFs and VFs as they were read, and our own record. Frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from ..shared.driver_kinds import is_userspace
from ..shared.pci_classes import is_network
from .frozen import dataclass
from .goal import PfGoal, VfAttributes

# Why a function has no interface here: it is in another network namespace, or its driver made none.
# Or it needs none: those of InfiniBand are made by ib_ipoib, which may not be loaded.
AWAY, NO_INTERFACE, NOT_NEEDED = "away", "no_interface", "not_needed"
TEAM = "team"  # a kind of interfaces, and the mode of one as a bond


@dataclass(frozen=True)
class Vf:
    """One VF as it is. None: unknown, or not there. The last four are filled by `usage`, in words."""

    index: int
    address: str
    driver: str | None = None
    override: str | None = None  # driver_override
    netdev: str | None = None  # its interface
    missing: str | None = None  # AWAY, NO_INTERFACE or NOT_NEEDED, where it has none
    netdev_mac: str | None = None
    iommu_group: str | None = None
    network_class: bool = True
    mtu: int | None = None  # of its interface, bytes
    attributes: VfAttributes = VfAttributes()
    unreported: Mapping[str, Any] = field(default_factory=dict)  # attributes that we set, and that nobody tells
    holders: tuple[str, ...] = ()  # the pods and programs that have it and set it up
    iommu_group_conflicts: tuple[str, ...] = ()  # functions in its IOMMU group that are no VFs of its PF and the host's
    host_uses: tuple[str, ...] = ()  # what the host's own network does with its interface
    offered_by: str = ""  # another device plugin than ours that offers it to pods

    @property
    def in_use(self) -> tuple[str, ...]:
        """Everybody who would lose it."""
        return (*self.holders, *self.host_uses)

    @property
    def in_other_netns(self) -> bool:
        """A network VF with its kernel driver but without an interface here, which it should have: it is in another
        network namespace, or nobody can tell.
        """
        kernels = self.network_class and self.driver is not None and not is_userspace(self.driver)
        return kernels and self.netdev is None and self.missing in (None, AWAY)


@dataclass(frozen=True)
class Pf:
    """One function that is no VF, as it is."""

    address: str
    vendor: str = ""
    device: str = ""
    class_id: str = "020000"
    rdma: bool = False  # it has an RDMA device
    driver: str | None = None
    name: str | None = None  # of its interface
    altnames: tuple[str, ...] = ()
    mac: str | None = None
    permanent_mac: str | None = None
    total_vfs: int = -1  # -1 without SR-IOV
    total_msix: int | None = None  # interrupt vectors for VFs, where the driver shares them out
    is_guest_vf: bool = False  # a passthrough VF, as far as can be told: it stands for its PF, and is that PF's one VF
    num_vfs: int = 0
    autoprobe: bool | None = None
    eswitch_mode: str | None = None  # None also where nobody asked for it (see `devlink`)
    tc_offload: bool | None = None  # likewise
    missing: str | None = None  # AWAY, NO_INTERFACE or NOT_NEEDED, where it has no interface
    mtu: int | None = None  # bytes
    bond: str = ""  # whose port it is, or a team
    bond_mode: str = ""
    bond_mtu: int | None = None
    up: bool | None = None
    iommu_group: str | None = None
    vfs: tuple[Vf, ...] = ()
    uses: tuple[str, ...] = ()  # what it carries (see `usage`)
    unknown: str | None = None  # AWAY or NO_INTERFACE where that can't be told

    @property
    def in_use(self) -> bool:
        """The host, a pod or a program needs it, or nobody can tell."""
        return bool(self.uses or self.unknown)

    @property
    def is_nic(self) -> bool:
        """False for what else has SR-IOV: NVMe, accelerators (PCI Code and ID Assignment, base class)."""
        return is_network(self.class_id)

    @property
    def label(self) -> str:
        """The PF for people: its address, and its name where it has one."""
        return f"{self.address} ({self.name})" if self.name else self.address


@dataclass(frozen=True)
class Record:
    """What our programs remember on the node: original.json and the journal. See `record.record`."""

    pfs: dict[str, PfGoal] = field(default_factory=dict)  # PF address -> the goal that brings its original back
    files: dict[str, Any] = field(default_factory=dict)  # path -> the file (`host.FileState`); None: there was none
    objects: dict[str, Any] = field(default_factory=dict)  # key of a step -> what was before, of all other kinds
    owners: dict[str, str] = field(default_factory=dict)  # PF address -> the module that changed it
    # PF address -> vendor, device and MAC address at that time. Records of older versions have neither of the two.
    identities: dict[str, Mapping[str, str]] = field(default_factory=dict)
    interrupted: tuple[str, ...] = ()  # keys of the steps that an earlier run did not finish
    exists: bool = False


@dataclass(frozen=True)
class NodeState:
    """The host as it is, as far as PFs, VFs and our own record matter."""

    pfs: tuple[Pf, ...] = ()
    record: Record = field(default_factory=Record)
    file_states: Mapping[str, Any] = field(default_factory=dict)  # path -> the file now, to be brought back exactly
    file_texts: Mapping[str, str | None] = field(default_factory=dict)  # path -> its text now, through a link
    missing_folders: frozenset[str] = frozenset()  # those of these files that are not there
    plugin_active: bool = False
    kubelet_dirs: tuple[str, ...] = ()  # where a kubelet may have its files, of those who asked who uses VFs
    ended_pods: tuple[str, ...] = ()  # likewise: the pods that the kubelet still names, and that left no trace
    lockdown: str = ""  # the kernel's; "" where there is none

    def pf(self, address: str) -> Pf | None:
        """The PF with this address, None where there is none."""
        return next((pf for pf in self.pfs if pf.address == address), None)
