# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node is, in the fields of the SR-IOV network operator's SriovNetworkNodeState, in snake_case. Writes nothing.

Whether it is as it should be stands beside it as conditions, whose form is that of Kubernetes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from ..host.host import Host
from ..model.errors import HostError
from ..model.goal import NO_MAC, Goal
from ..model.plan import Plan
from ..model.state import NodeState, Pf, Vf
from ..shared import pci
from ..usage import kubelet

SUCCEEDED, IN_PROGRESS, FAILED = "Succeeded", "InProgress", "Failed"
NETNS_MODE = "/sys/module/ib_core/parameters/netns_mode"
# Linux include/uapi/linux/if_arp.h: ARPHRD_ETHER, ARPHRD_INFINIBAND.
_LINK_TYPES = {"1": "ETH", "32": "IB"}


def node_state(host: Host, state: NodeState, goal: Goal) -> dict[str, Any]:
    """The PFs with their VFs, and the settings of the system."""
    external = {pf.address for pf in goal.pfs if pf.externally_managed}
    pods: Mapping[str, Sequence[str]] = {}
    with contextlib.suppress(HostError):  # told by the checks
        pods = kubelet.allocations(host, goal.options.kubelet_root_dirs)
    pfs = [pf for pf in state.pfs if pf.total_vfs >= 0 or pf.is_guest_vf]
    found: dict[str, Any] = {"interfaces": [_interface(host, pf, pf.address in external, pods) for pf in pfs]}
    shared = (host.read_text(NETNS_MODE) or "").strip()
    if shared in ("Y", "N"):
        found["system"] = {"rdma_mode": "shared" if shared == "Y" else "exclusive"}
    return found


def sync(plan: Plan | None, error: str = "") -> dict[str, Any]:
    """sync_status, last_sync_error and conditions. plan: what is due; None where it was refused with `error`."""
    due = [] if plan is None else [f"{step.target}: {step.action}" for step in plan.steps]
    status = FAILED if plan is None else IN_PROGRESS if due else SUCCEEDED
    message = error or "; ".join(due)
    reboot, drain = plan is not None and plan.reboot_required, plan is not None and plan.drain_required
    return {
        "sync_status": status,
        "last_sync_error": error,
        "conditions": [
            condition("Configured", status == SUCCEEDED, status, message),
            condition("RebootRequired", reboot, "Reboot" if reboot else "NoReboot", ""),
            condition("DrainRequired", drain, "Drain" if drain else "NoDrain", ""),
        ],
    }


def condition(kind: str, holds: bool, reason: str, message: str) -> dict[str, str]:
    """One condition, as Kubernetes has them."""
    return {"type": kind, "status": str(holds), "reason": reason, "message": message}


def _interface(host: Host, pf: Pf, external: bool, pods: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    base = f"/sys/class/net/{pf.name}"
    speed = _text(host, f"{base}/speed") if pf.name else ""
    return _given(
        {
            "name": pf.name,
            "pci_address": pf.address,
            "driver": pf.driver,
            "vendor": pf.vendor,
            "device_id": pf.device,
            "mac": pf.mac,
            "mtu": pf.mtu,
            "num_vfs": pf.num_vfs,
            "total_vfs": max(pf.total_vfs, 0),
            "link_type": _LINK_TYPES.get(_text(host, f"{base}/type")) if pf.name else None,
            "link_speed": f"{speed} Mb/s" if speed.isdecimal() else None,
            "link_admin_state": None if pf.up is None else "up" if pf.up else "down",
            "eswitch_mode": pf.eswitch_mode,
            "externally_managed": external or None,
            "alt_names": list(pf.altnames) or None,
            "vfs": [_vf(host, vf, pods.get(vf.address, ())) for vf in pf.vfs],
        }
    )


def _vf(host: Host, vf: Vf, pods: Sequence[str]) -> dict[str, Any]:
    own = vf.attributes
    mac = own.mac if own.mac not in (None, NO_MAC) else vf.netdev_mac
    return _given(
        {
            "vf_id": vf.index,
            "name": vf.netdev,
            "pci_address": vf.address,
            "driver": vf.driver,
            "vendor": pci.vendor_id(host.root, vf.address),
            "device_id": pci.device_id(host.root, vf.address),
            "mac": mac,
            "mtu": vf.mtu,
            "vlan": own.vlan,
            "vlan_qos": own.qos or None,
            "vlan_proto": own.vlan_proto,
            "spoof_chk": own.spoofchk,
            "trust": own.trust,
            "link_state": own.link_state,
            "min_tx_rate": own.min_tx_rate,
            "max_tx_rate": own.max_tx_rate,
            "assigned": ", ".join(pods) or None,
        }
    )


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _text(host: Host, path: str) -> str:
    """An attribute; "" where the kernel has none, as the speed of an interface that is down."""
    try:
        return (host.read_text(path) or "").strip()
    except HostError:
        return ""
