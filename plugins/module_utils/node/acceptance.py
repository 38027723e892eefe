# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the how-tos for SR-IOV check by hand on a node, from the IOMMU to the files that Multus reads. Writes nothing.

Each check says what was expected and found, and what to do where they differ.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any, Callable

from ..bundle import cni_dirs
from ..host.host import Host
from ..kernel.iommu import IommuState
from ..model.errors import HostError
from ..model.frozen import dataclass
from ..model.goal import DEFAULT_DRIVER, NO_DRIVER, Goal, PfGoal
from ..model.state import NodeState, Pf, Vf
from ..policy.validation import ranges
from ..shared import pci
from ..shared.driver_kinds import is_vfio
from ..shared.places import DEVICE_INFO, DEVICE_PLUGIN_UNIT, device_info_name
from ..usage import kubelet
from ..usage.socket_owners import KUBELET, LEGACY, sockets
from .installation import AUTO, CNI_NAME

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
POD_RESOURCES = "pod-resources/kubelet.sock"
CNI_VERSIONS = ("0.3.1", "0.4.0", "1.0.0", "1.1.0")
# Plugins that call others for a pod's further networks.
_META = ("multus", "multus-shim", "danm")
_CONFIGURATIONS = (".conf", ".conflist", ".json")  # libcni, ConfFiles
_SECONDS = 30.0
_AGAIN = "Run baremetal.sriov.site."


@dataclass(frozen=True)
class NodeCheck:
    """One row. target: the object; expected and found: in words; remedy: what to do, "" where it passed."""

    check: str
    target: str
    outcome: str
    expected: str
    found: str
    remedy: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For results and JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Wishes:
    """What of a node's surroundings counts. cni: our CNI plugin; networks: pods get further networks; the folders are
    the runtime's where they are AUTO.
    """

    cni: bool = True
    networks: bool = True
    cni_bin_dir: str = AUTO
    cni_conf_dir: str = AUTO


def checks(host: Host, goal: Goal, state: NodeState, iommu: IommuState | None, wishes: Wishes) -> list[NodeCheck]:
    """All rows, in the order of what leans on what. What can't be looked at is a row that failed."""
    parts: tuple[tuple[str, Callable[[], Iterator[NodeCheck]]], ...] = (
        ("iommu", partial(_iommu, goal, iommu)),
        ("vfs", partial(_pfs, host, goal, state)),
        ("cni", partial(_cni, host, wishes)),
        ("kubelet", partial(_kubelet, host, goal)),
    )
    found: list[NodeCheck] = []
    for name, part in parts:
        try:
            found += part()
        except HostError as error:
            found.append(NodeCheck(name, "the host", FAILED, "an answer", str(error), "See the message."))
    return found


def _row(check: str, target: str, holds: bool, expected: str, found: str, remedy: str) -> NodeCheck:
    return NodeCheck(check, target, PASSED if holds else FAILED, expected, found, "" if holds else remedy)


def _iommu(goal: Goal, iommu: IommuState | None) -> Iterator[NodeCheck]:
    for_vfio = any(is_vfio(settings.driver) for pf in goal.pfs for settings in pf.settings)
    if for_vfio and iommu is not None and not goal.options.no_iommu:
        yield _row(
            "iommu",
            "kernel",
            iommu.groups > 0,
            "IOMMU groups",
            f"{iommu.groups} groups",
            f"{_AGAIN} Where it asks for nothing, switch VT-d or AMD-Vi on in the BIOS (plan --tags preflight).",
        )


def _pfs(host: Host, goal: Goal, state: NodeState) -> Iterator[NodeCheck]:
    for wanted in goal.pfs:
        pf = state.pf(wanted.address)
        if wanted.restore_original:
            continue
        if pf is None:
            yield NodeCheck("num_vfs", wanted.address, FAILED, "a PF", "none", "See that the NIC is there (lspci).")
            continue
        yield from _pf(host, wanted, pf, goal.options.no_iommu)


def _pf(host: Host, wanted: PfGoal, pf: Pf, no_iommu: bool) -> Iterator[NodeCheck]:
    enough = pf.num_vfs >= wanted.num_vfs if wanted.externally_managed else pf.num_vfs == wanted.num_vfs
    expected = f"{wanted.num_vfs} VFs{'' if pf.is_guest_vf else f' of at most {pf.total_vfs}'}"
    yield _row("num_vfs", pf.label, enough, expected, f"{pf.num_vfs} VFs", _AGAIN)
    by_index = {vf.index: vf for vf in pf.vfs}
    drivers: dict[str, list[int]] = {}
    for index, settings in wanted.vfs:
        if settings.driver not in (None, NO_DRIVER):
            drivers.setdefault(str(settings.driver), []).append(index)
    for driver, indices in sorted(drivers.items()):
        yield _drivers(pf, driver, {index: by_index.get(index) for index in indices})
        if is_vfio(driver):
            yield from _groups(host, pf, [by_index[index] for index in indices if index in by_index], no_iommu)
    if pf.is_nic and not pf.is_guest_vf and wanted.num_vfs and wanted.up is not False:
        yield _link(pf)


def _drivers(pf: Pf, driver: str, vfs: Mapping[int, Vf | None]) -> NodeCheck:
    wrong: dict[str, list[int]] = {}
    for index, vf in vfs.items():
        now = vf.driver if vf is not None else None
        right = now is not None and not is_vfio(now) if driver == DEFAULT_DRIVER else now == driver
        if not right:
            wrong.setdefault(now or ("none" if vf is not None else "no VF"), []).append(index)
    expected = "the kernel's own driver" if driver == DEFAULT_DRIVER else driver
    found = "; ".join(f"{name}: VF {ranges(indices)}" for name, indices in sorted(wrong.items()))
    return _row("vf_driver", f"{pf.label} vf {ranges(vfs)}", not wrong, expected, found or expected, _AGAIN)


def _groups(host: Host, pf: Pf, vfs: Sequence[Vf], no_iommu: bool) -> Iterator[NodeCheck]:
    wrong = []
    for vf in vfs:
        group = vf.iommu_group
        if group is None:
            wrong.append(f"VF {vf.index}: no IOMMU group")
            continue
        members = pci.iommu_group_members(host.root, group)
        others = [one for one in members if one != vf.address and not is_vfio(pci.driver(host.root, one))]
        # Bridges on the way are of the group, and of no driver that vfio minds (Linux drivers/vfio/group.c).
        others = [one for one in others if not pci.class_id(host.root, one).startswith("0604")]
        without = pci.is_noiommu_group(host.root, vf.address)
        node = f"/dev/vfio/{'noiommu-' if without else ''}{group}"
        if others:
            wrong.append(f"VF {vf.index}: {', '.join(others)} in its group {group}")
        elif not host.exists(node):
            wrong.append(f"VF {vf.index}: no {node}")
        elif without and not no_iommu:
            wrong.append(f"VF {vf.index}: group {group} without an IOMMU")
    if vfs:
        target = f"{pf.label} vf {ranges([vf.index for vf in vfs])}"
        remedy = "See docs of the NIC's slot (ACS), and that vfio-pci is loaded: lsmod; ls /dev/vfio."
        yield _row(
            "iommu_group",
            target,
            not wrong,
            "a group of its own, with its file below /dev/vfio",
            "; ".join(wrong) or "so",
            remedy,
        )


def _link(pf: Pf) -> NodeCheck:
    told = sum(vf.attributes.mac is not None for vf in pf.vfs)
    up = {True: "up", False: "down", None: "unknown"}[pf.up]
    # Drivers that tell of no VF at all are no fault: what ip has no words for, nobody can set.
    holds = pf.up is True and told in (0, pf.num_vfs)
    return _row(
        "pf_link",
        pf.label,
        holds,
        f"up, with {pf.num_vfs} VFs in ip link",
        f"{up}, {told} VFs",
        f"{_AGAIN} A PF that is down gives its VFs no link: ip link set {pf.name or pf.address} up.",
    )


def _cni(host: Host, wishes: Wishes) -> Iterator[NodeCheck]:
    auto = wishes.cni_bin_dir in ("", AUTO)
    folder = cni_dirs.bin_dir(host) if auto else wishes.cni_bin_dir.rstrip("/")
    if wishes.cni:
        yield _cni_plugin(host, f"{folder}/{CNI_NAME}")
    if wishes.networks:
        auto = wishes.cni_conf_dir in ("", AUTO)
        yield _meta_plugin(host, cni_dirs.conf_dir(host) if auto else wishes.cni_conf_dir.rstrip("/"), folder)


def _cni_plugin(host: Host, path: str) -> NodeCheck:
    expected = f"a CNI plugin that speaks {', '.join(CNI_VERSIONS)}"
    if not host.exists(path):
        return NodeCheck("cni_plugin", path, FAILED, expected, "no such file", _AGAIN)
    asked = json.dumps({"cniVersion": "1.0.0"})
    try:
        said = host.run([path], stdin=asked, seconds=_SECONDS, variables={"CNI_COMMAND": "VERSION"}).stdout
        versions = [str(one) for one in json.loads(said).get("supportedVersions", ())]
    except HostError as error:
        return NodeCheck("cni_plugin", path, FAILED, expected, str(error), _AGAIN)
    except (ValueError, AttributeError, TypeError):
        return NodeCheck("cni_plugin", path, FAILED, expected, "an answer that is none", _AGAIN)
    return _row("cni_plugin", path, set(CNI_VERSIONS) <= set(versions), expected, ", ".join(versions) or "none", _AGAIN)


def _meta_plugin(host: Host, folder: str, bin_dir: str) -> NodeCheck:
    """The runtime takes the first configuration by its name, and that has to be the one that reads a pod's networks."""
    expected = "a first configuration that calls Multus, or DANM"
    names = [name for name in host.list_dir(folder) if name.endswith(_CONFIGURATIONS)]
    remedy = "Install Multus (sriov_multus: thin), or see its pod's log on this node."
    if not names:
        return NodeCheck("meta_plugin", folder, FAILED, expected, "no configuration", remedy)
    path = f"{folder}/{names[0]}"
    try:
        read = json.loads(host.read_text(path) or "")
        plugins = read.get("plugins") or [read]
        kind = str(plugins[0].get("type"))
    except (ValueError, AttributeError, TypeError, IndexError, KeyError):
        return NodeCheck("meta_plugin", path, FAILED, expected, "a file that is no CNI configuration", remedy)
    if kind not in _META:
        return NodeCheck("meta_plugin", path, FAILED, expected, f"type {kind}", remedy)
    there = host.exists(f"{bin_dir}/{kind}")
    return _row(
        "meta_plugin",
        path,
        there,
        f"type {kind}, with {bin_dir}/{kind}",
        f"type {kind}" if there else f"no {bin_dir}/{kind}",
        remedy,
    )


def _kubelet(host: Host, goal: Goal) -> Iterator[NodeCheck]:
    if not goal.resources or not goal.options.device_plugin:
        return
    folders = goal.options.kubelet_root_dirs
    folder = next((one for one in folders if host.exists(f"{one}/{LEGACY}/{KUBELET}")), "")
    sought = folder or folders[0]
    yield _row(
        "kubelet",
        f"{sought}/{LEGACY}/{KUBELET}",
        bool(folder),
        "the kubelet's socket for device plugins",
        "so" if folder else "none",
        "Start the kubelet; with another --root-dir set sriov_kubelet_root_dir.",
    )
    if not folder:
        return
    there = host.exists(f"{folder}/{POD_RESOURCES}")
    yield _row(
        "pod_resources",
        f"{folder}/{POD_RESOURCES}",
        there,
        "the socket by which Multus learns a pod's devices",
        "so" if there else "none",
        "Use a kubelet from 1.20 on, with its feature KubeletPodResources.",
    )
    noted = kubelet.registered(host, folder)
    log = f"See journalctl -u {DEVICE_PLUGIN_UNIT}."
    for resource, count in goal.resources:
        ids = noted.get(resource, ())
        served = bool(sockets(host, folder, resource))
        yield _row(
            "registered",
            resource,
            served and len(ids) == count,
            f"{count} healthy devices, with a socket",
            f"{len(ids)} devices{'' if served else ', no socket'}",
            log,
        )
        if ids:
            yield _device_info(host, resource, ids, log)


def _device_info(host: Host, resource: str, ids: Sequence[str], log: str) -> NodeCheck:
    wrong = [told for told in (_info_problem(host, resource, device) for device in ids) if told]
    expected = f"a file for each of {len(ids)} devices in {DEVICE_INFO}"
    more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
    return _row(
        "device_info",
        resource,
        not wrong,
        expected,
        "; ".join(wrong[:5]) + more or "so",
        f"Multus and KubeVirt learn a VF's address from it. {log}",
    )


def _info_problem(host: Host, resource: str, device: str) -> str:
    """What is wrong with one file of the Device Information Specification 1.1.0; "" where nothing is."""
    text = host.read_text(f"{DEVICE_INFO}/{device_info_name(resource, device)}")
    if text is None:
        return f"{device}: no file"
    try:
        told = json.loads(text)
        kind = told["type"]
        address = told[kind].get("pci-address")
        version = told["version"]
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"{device}: a file of another form"
    if address is not None and address != device:
        return f"{device}: the address {address}"
    return "" if version and (kind != "pci" or address) else f"{device}: without version or address"
