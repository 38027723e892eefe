# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node should be (Goal): frozen data, and its JSON forms.

A Goal names PFs by PCI address and VFs by index; `resolve` makes it from policies, `record` from the
remembered original, and the boot service reads it from the file that an earlier run left on the node.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from .errors import Problem
from .frozen import dataclass

FORMAT = 1
RESTORED = "given_back"  # name of PfGoal.restore_original in JSON, since release 0.1.0

DEFAULT_DRIVER = "default"  # the kernel's own choice
NO_DRIVER = "none"
# Where kubelets keep their files: of most distributions, MicroK8s, k0s.
KUBELET_FOLDERS = ("/var/lib/kubelet", "/var/snap/microk8s/common/var/lib/kubelet", "/var/lib/k0s/kubelet")

NODE_OWNER = "sriov_node"  # the module that owns what no other module named itself for
VFS_OWNER, DRIVER_OWNER = "sriov_vfs", "sriov_driver"

NO_MAC = "00:00:00:00:00:00"  # as an admin MAC address: the VF chooses its own

# What the drift timer does: nothing, tell what is not as it was left, make again what is wholly missing, or all.
DRIFT_MODES = DRIFT_OFF, DRIFT_REPORT, DRIFT_RESTORE, DRIFT_REPAIR = "off", "report", "restore", "repair"

# When huge pages are set aside: as the plan finds best, by the kernel as it starts, or by the running kernel.
AT_AUTO, AT_BOOT, AT_RUNTIME = "auto", "boot", "runtime"


@dataclass(frozen=True)
class VfAttributes:
    """The settings of a VF that are made through its PF (see `pf.vf_attributes`). None: unknown, or left as it is."""

    mac: str | None = None  # lower case
    vlan: int | None = None  # 0..4094; 0 is untagged
    qos: int | None = None  # 0..7
    spoofchk: bool | None = None
    trust: bool | None = None
    min_tx_rate: int | None = None  # Mbit/s
    max_tx_rate: int | None = None  # Mbit/s; 0 is no limit
    vlan_proto: str | None = None  # 802.1q or 802.1ad; None without a VLAN
    link_state: str | None = None  # auto (as the PF's), enable or disable
    msix_count: int | None = None  # interrupt vectors; 0 is the device's own number


@dataclass(frozen=True)
class VfSettings:
    """What one VF should have; None leaves the setting as it is."""

    attributes: VfAttributes = VfAttributes()
    mtu: int | None = None  # bytes
    driver: str | None = None  # DEFAULT_DRIVER, NO_DRIVER, or a driver's name


@dataclass(frozen=True)
class PfGoal:
    """What one PF should be."""

    address: str
    num_vfs: int
    mtu: int | None = None  # bytes; it is raised to at least this
    vfs: tuple[tuple[int, VfSettings], ...] = ()  # by index
    policies: tuple[str, ...] = ()
    allow_in_use: bool = False  # the user accepts first VFs and a new MTU on a PF that is in use
    eswitch_mode: str | None = None  # None leaves it
    externally_managed: bool = False  # somebody else makes the VFs, at least this many; the count is never written
    autoprobe: bool | None = None  # None leaves the choice to the plan
    tc_offload: bool | None = None  # None means on in switchdev mode
    up: bool | None = None  # None leaves the choice to the plan
    exact: bool = False  # the MTU is set to what is named
    restore_original: bool = False  # this is the remembered original of a PF that nothing names any more

    @property
    def settings(self) -> list[VfSettings]:
        """The settings without their indices."""
        return [settings for index, settings in self.vfs]

    @property
    def not_offered(self) -> set[int]:
        """The VFs that no policy names: each names a resource."""
        return set(range(self.num_vfs)) - {index for index, _settings in self.vfs}


@dataclass(frozen=True)
class FirmwareGoal:
    """What the firmware of one NIC should have: for its PFs, which are the functions of one device."""

    address: str  # of the first PF that a policy asks it for
    num_vfs: int  # at least, of each PF
    link_types: tuple[tuple[str, str], ...] = ()  # name of the setting (see `mstconfig`) -> ETH or IB
    needs: tuple[tuple[str, int], ...] = ()  # PF address -> the VFs that it is to have

    @property
    def device(self) -> str:
        """The NIC's PCI address without the function."""
        return self.address.rpartition(".")[0]


@dataclass(frozen=True)
class FunctionGoal:
    """One PCI function and the driver that it should have."""

    address: str
    driver: str


@dataclass(frozen=True)
class FileGoal:
    """A file that we write: its text, and whether a file that is not ours may be replaced."""

    path: str
    text: str
    adopt: bool = False


@dataclass(frozen=True)
class ModuleGoal:
    """A kernel module (`-` and `_` alike), its options, and whether it is loaded."""

    name: str
    options: tuple[tuple[str, str], ...] = ()
    load: bool = True  # now, and at each boot
    blacklist: bool = False  # not loaded because a device asks for it
    before: tuple[str, ...] = ()  # modules that are loaded before it (softdep)
    after: tuple[str, ...] = ()  # modules that are loaded after it (softdep)

    @property
    def key(self) -> str:
        """The name as sysfs writes it."""
        return self.name.replace("-", "_")


@dataclass(frozen=True)
class HugePages:
    """Huge pages of one size (such as "1G"): a count for the host, or counts by NUMA node. at: AT_AUTO, ..."""

    size: str
    count: int = 0
    nodes: tuple[tuple[int, int], ...] = ()
    at: str = AT_AUTO

    @property
    def bytes(self) -> int:
        """The size of one page."""
        return int(self.size[:-1]) << {"K": 10, "M": 20, "G": 30}[self.size[-1].upper()]

    @property
    def total(self) -> int:
        """How many pages in all."""
        return sum(count for _node, count in self.nodes) if self.nodes else self.count


@dataclass(frozen=True)
class NodeOptions:
    """The options of a node; each has one name: sriov_NAME in the inventory, NAME in the filter node_spec, in what that
    makes for the module sriov_node, and here.
    """

    policies_may_be_empty: bool = False  # the user's word that a host which had policies may be left without any
    reboot_ok: bool = False  # the user's word that the node may be rebooted
    drained: bool = False  # the user's word that the node was drained and takes no new pods
    wait_for_free: bool = False  # what takes VFs from others waits until nobody has them
    resource_prefix: str = "baremetal.sriov"  # of the resources in Kubernetes
    kernel_arguments: tuple[str, ...] = ()
    kernel_arguments_unsafe: bool = False  # the user's word that the node may not boot as before
    boot_loader: str = "auto"
    hugepages: tuple[HugePages, ...] = ()
    hugepages_floor: int = 1024  # MiB that they leave
    iommu: bool | None = None  # None: where a policy needs it
    kernel_modules: tuple[ModuleGoal, ...] = ()
    allow_unsafe_interrupts: bool = False
    no_iommu: bool = False
    vfs_unmanaged: bool = True  # NetworkManager and systemd-networkd leave VFs of pools alone
    drift: str = DRIFT_RESTORE  # of DRIFT_MODES
    kubelet_root_dir: str = KUBELET_FOLDERS[0]
    device_plugin: bool = True  # is ours
    adopt: bool = False  # files of others may be replaced
    take_over: tuple[str, ...] = ()  # files of others in which what sets VFs is switched off

    @property
    def kubelet_root_dirs(self) -> tuple[str, ...]:
        """Where the kubelet may keep its files: where the user says, or in the usual places."""
        usual = self.kubelet_root_dir == KUBELET_FOLDERS[0]
        return KUBELET_FOLDERS if usual else (self.kubelet_root_dir,)


@dataclass(frozen=True)
class Goal:
    """What the whole node should be."""

    pfs: tuple[PfGoal, ...] = ()
    functions: tuple[FunctionGoal, ...] = ()
    files: tuple[FileGoal, ...] = ()
    options: NodeOptions = NodeOptions()
    firmware: tuple[FirmwareGoal, ...] = ()  # where a policy asks for it
    iommu: bool = False  # the options or the policies need it
    modules: tuple[ModuleGoal, ...] = ()  # those of the options, and what the policies need
    whole: bool = True  # False for a narrow view, which leaves alone what it does not name (PFs, files, ...)
    owner: str = NODE_OWNER  # the module that asks; what it changes is its own to give back
    absent: bool = False
    warnings: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()  # what does not fit this host, as the selectors were resolved
    skipped: tuple[tuple[str, str], ...] = ()  # policies that are not for this host, and why
    resources: tuple[tuple[str, int], ...] = ()  # full names, and how many VFs the node offers when all is done


def compact(value: Any) -> dict[str, Any]:
    """A flat dataclass as a dict without its None values; a VF's attributes stand among its other fields."""
    found: dict[str, Any] = {}
    for name in value.__dataclass_fields__:
        item = getattr(value, name)
        if isinstance(item, VfAttributes):
            found.update(compact(item))
        elif item is not None:
            found[name] = item
    return found


def pf_goal_as_dict(goal: PfGoal) -> dict[str, Any]:
    """JSON form of a PF's goal."""
    found = compact(goal)
    found[RESTORED] = found.pop("restore_original")
    found["vfs"] = [{"index": index, **compact(settings)} for index, settings in goal.vfs]
    found["policies"] = list(goal.policies)
    return found


def pf_goal_from_dict(value: Mapping[str, Any]) -> PfGoal:
    """The inverse of `pf_goal_as_dict`. Raises KeyError, TypeError or ValueError on other shapes."""
    known = {f.name for f in fields(PfGoal)}
    found = {name: item for name, item in value.items() if name in known}
    found["restore_original"] = bool(value.get(RESTORED, False))
    vfs = []
    for item in value["vfs"]:
        rest = dict(item)
        index, own = int(rest.pop("index")), {name: rest.pop(name, None) for name in ("mtu", "driver")}
        vfs.append((index, VfSettings(VfAttributes(**rest), **own)))
    found.update(vfs=tuple(vfs), policies=tuple(value.get("policies", ())), num_vfs=int(value["num_vfs"]))
    return PfGoal(**found)


def goal_as_dict(goal: Goal) -> dict[str, Any]:
    """JSON form of what the boot service needs of a goal: PFs and functions."""
    return {
        "format": FORMAT,
        "pfs": [pf_goal_as_dict(pf) for pf in goal.pfs if not pf.restore_original],
        "functions": [compact(function) for function in goal.functions],
        **_options_as_dict(goal.options),
    }


def _options_as_dict(options: NodeOptions) -> dict[str, Any]:
    """What the boot service needs of them, where they are not the defaults: memory_floor is in bytes."""
    pages = [{**compact(one), "nodes": list(one.nodes)} for one in options.hugepages if one.at != AT_BOOT]
    found: dict[str, Any] = {"hugepages": pages, "memory_floor": options.hugepages_floor << 20} if pages else {}
    if options.drift != DRIFT_RESTORE:
        found["drift"] = options.drift
    if options.wait_for_free:
        found["wait_for_free"] = True
    if options.kubelet_root_dir != KUBELET_FOLDERS[0]:
        found["kubelet_root_dir"] = options.kubelet_root_dir
    return found


def _pages_from_dict(value: Mapping[str, Any]) -> HugePages:
    nodes = tuple((int(node), int(count)) for node, count in value["nodes"])
    return HugePages(str(value["size"]), int(value["count"]), nodes, str(value["at"]))


def goal_from_dict(value: Mapping[str, Any]) -> Goal:
    """The inverse of `goal_as_dict`. Raises KeyError, TypeError or ValueError on other shapes."""
    if value["format"] != FORMAT:
        raise ValueError(f"format {value['format']!r}, but this code knows format {FORMAT}")
    return Goal(
        pfs=tuple(pf_goal_from_dict(pf) for pf in value["pfs"]),
        functions=tuple(FunctionGoal(str(f["address"]), str(f["driver"])) for f in value["functions"]),
        options=NodeOptions(
            hugepages=tuple(_pages_from_dict(pages) for pages in value.get("hugepages", ())),
            hugepages_floor=int(value.get("memory_floor", 0)) >> 20,
            drift=str(value.get("drift", DRIFT_RESTORE)),
            wait_for_free=bool(value.get("wait_for_free", False)),
            kubelet_root_dir=str(value.get("kubelet_root_dir", KUBELET_FOLDERS[0])),
        ),
        whole=False,
    )
