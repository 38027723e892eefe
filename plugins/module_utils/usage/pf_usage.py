# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What would be lost: who uses a PF or a VF, be it the host's own network (see `net_uses`), a pod or a program.

Looked for only where a plan would change something: it walks the processes' open files.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from ..host.host import Host
from ..model.errors import CommandError
from ..model.goal import KUBELET_FOLDERS
from ..model.state import NodeState, Pf, Vf
from ..shared import pci
from ..shared.driver_kinds import is_userspace
from . import iommu_groups, kubelet, net_uses, offers, processes


def read_usage(
    host: Host, state: NodeState, ssh_connection: str, plugin_unit: str, kubelet_dirs: Sequence[str] = KUBELET_FOLDERS
) -> NodeState:
    """The state with each PF's `uses` and `unknown`, each VF's `holders` and `host_uses`, and whether the device
    plugin's unit runs.

    `ssh_connection`: sshd's SSH_CONNECTION, a hint ("" where there is none). `kubelet_dirs`: where a kubelet may have
    its files.

    Raises HostError where the host can't be read: nothing may be changed then.
    """
    running = processes.names(host)
    network, interfaces = net_uses.read(host, state, running, ssh_connection)
    holders = _holders(host, running, kubelet_dirs)

    def with_usage(pf: Pf) -> Pf:
        vfs = (
            replace(
                vf,
                holders=holders(vf),
                host_uses=network.uses(interfaces.vfs[vf.address]) if vf.address in interfaces.vfs else (),
                iommu_group_conflicts=iommu_groups.conflicts(host, vf.address),
            )
            for vf in pf.vfs
        )
        uses = (*net_uses.pf_uses(network, interfaces, pf), *holders(pf))
        return replace(pf, uses=uses, unknown=net_uses.unknown_of(pf, interfaces), vfs=tuple(vfs))

    active = _is_active(host, plugin_unit)
    found = _with_offers(host, tuple(with_usage(pf) for pf in state.pfs), kubelet_dirs)
    ended = kubelet.untraced(host, kubelet_dirs)
    return replace(state, pfs=found, plugin_active=active, kubelet_dirs=tuple(kubelet_dirs), ended_pods=ended)


def _with_offers(host: Host, pfs: tuple[Pf, ...], kubelet_dirs: Sequence[str]) -> tuple[Pf, ...]:
    """The PFs with what other device plugins offer of them, which nobody can have them take back."""
    vfs = [vf.address for pf in pfs for vf in pf.vfs]
    words: dict[str, str] = {}
    for offer in offers.offers(host, kubelet_dirs, vfs):
        if offer.owner:
            words.update(dict.fromkeys(offer.devices, f"{offer.owner} offers it as {offer.resource}"))
    if not words:
        return pfs
    return tuple(
        replace(pf, vfs=tuple(replace(vf, offered_by=words.get(vf.address, "")) for vf in pf.vfs)) for pf in pfs
    )


def users_of(
    host: Host,
    read: Callable[[], Pf | None],
    kubelet_dirs: Sequence[str],
    with_network: bool,
    ended: Collection[str] | None = None,
) -> Pf | None:
    """A PF of which `read` tells, with those who use it and its VFs at this moment; the host's own network is looked
    at where asked for. No command stands between the look at pods and programs and the return. ended: see `kubelet`.

    Raises HostError where the host can't be read.
    """
    pf = read()
    uses: tuple[str, ...] = ()
    host_uses: dict[str, tuple[str, ...]] = {}
    unknown = None
    running = processes.names(host)
    if pf is not None and with_network:
        network, interfaces = net_uses.read(host, NodeState(pfs=(pf,)), running, "")
        uses, unknown = net_uses.pf_uses(network, interfaces, pf), net_uses.unknown_of(pf, interfaces)
        host_uses = {vf: network.uses(name) for vf, name in interfaces.vfs.items()}
        pf = read()
    if pf is None:
        return None
    holders = _holders(host, running, kubelet_dirs, pf, ended)
    vfs = tuple(replace(vf, holders=holders(vf), host_uses=host_uses.get(vf.address, ())) for vf in pf.vfs)
    return replace(pf, uses=(*uses, *holders(pf)), unknown=unknown, vfs=vfs)


def _holders(
    host: Host,
    running: Mapping[int, str],
    kubelet_dirs: Sequence[str],
    only: Pf | None = None,
    ended: Collection[str] | None = None,
) -> Callable[[Pf | Vf], tuple[str, ...]]:
    """What tells the pods and programs that have a PF or VF. only: nobody asks for another PF; most have no device
    file, and then nobody's open files are looked at.
    """
    functions: tuple[Pf | Vf, ...] = (only, *only.vfs) if only is not None else ()
    looked = only is None or any(device_files(host, function) for function in functions)
    opened = processes.open_devices(host, running) if looked else {}
    pods = kubelet.allocations(host, kubelet_dirs, ended)

    def holders(function: Pf | Vf) -> tuple[str, ...]:
        found = list(pods.get(function.address, ()))
        if isinstance(function, Vf) and function.in_other_netns:
            found.append("another network namespace (a pod, or a container)")
        for path in device_files(host, function):
            found += opened.get(path, ())
        return tuple(found)

    return holders


def device_files(host: Host, function: Pf | Vf) -> list[str]:
    """The device files through which programs use a PF or VF: VFIO's group and cdev, UIO, RDMA verbs."""
    base = f"{pci.DEVICES}/{function.address}"
    found = [f"/dev/{name}" for name in host.list_dir(f"{base}/uio")]
    found += [f"/dev/infiniband/{name}" for name in host.list_dir(f"{base}/infiniband_verbs")]
    if is_userspace(function.driver):
        found += [f"/dev/vfio/devices/{name}" for name in host.list_dir(f"{base}/vfio-dev")]
        if function.iommu_group is not None:
            found += [f"/dev/vfio/{function.iommu_group}", f"/dev/vfio/noiommu-{function.iommu_group}"]
    return found


def _is_active(host: Host, unit: str) -> bool:
    """False also where there is no systemd, or it does not answer: then nothing of ours runs under it."""
    try:
        return host.run(["systemctl", "is-active", "--quiet", unit], seconds=10.0, check=False).status == 0
    except CommandError:
        return False
