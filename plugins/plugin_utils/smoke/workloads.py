# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The workloads as rounds, one after the other, so that a small pool is enough; each as objects of Kubernetes.

No pod is privileged. Its output is its log, so that nobody needs the right to run commands in pods.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...module_utils.model.errors import InvalidSpecError, Mistake
from ...module_utils.shared.driver_kinds import is_userspace
from ..networks import name_of, parsed, resource_of
from ..owned_objects import OWNER, OWNER_LABEL
from ..pod_requests import NETWORKS_ANNOTATION, with_requests

LABEL = "baremetal.sriov/smoke"
NAMESPACE = "baremetal-sriov-smoke"
TRAFFIC, PRESENCE, TESTPMD = "traffic", "presence", "testpmd"
# What begins a part of a client's log.
PARTS = SPEED, PING, IPERF, PING_DEFAULT, IPERF_DEFAULT = (
    "@speed", "@ping", "@iperf3", "@ping-default", "@iperf3-default",
)  # fmt: skip
STREAMS = 4
_PINGS = 20
_PORT = 5201  # of iperf3
_NO_PAIRS = ("", "static")  # IPAM plugins that give two pods no address, or the same
# Size of a huge page -> what the testpmd pod takes of them.
PAGES: Mapping[str, str] = {"2Mi": "256Mi", "1Gi": "1Gi"}
_CPUS = "2"
# Each lcore may run on all CPUs of the container, whichever the kubelet gave it. It only receives: nothing is sent.
# Some shells drop variables with a hyphen in their names, which pools may have.
_TESTPMD = """cpus=$(sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' /proc/self/status)
vf=$(tr '\\0' '\\n' < /proc/$$/environ | sed -n 's/^PCIDEVICE_[^=]*=\\([0-9a-f]*:[^,]*\\).*/\\1/p')
exec timeout {seconds} dpdk-testpmd --lcores "0@($cpus),1@($cpus)" -a "$vf" -- \\
  --forward-mode=rxonly --auto-start --stats-period=1 --total-num-mbufs=4096"""
_CLIENT = """echo {speed}; cat /sys/class/net/{interface}/speed
echo {ping}; ping -c {pings} -i 0.2 -I {interface} {address}
echo {iperf}; iperf3 --client {address} --json --time {seconds} --parallel {streams}
echo {ping_default}; ping -c {pings} -i 0.2 {default}
echo {iperf_default}; iperf3 --client {default} --json --time {seconds} --parallel {streams}
true"""


@dataclass(frozen=True)
class Smoke:
    """What somebody wants of it. nodes: their names, () for any; page_size: of PAGES; resource_prefix: of the pools."""

    image: str = ""
    dpdk_image: str = ""
    namespace: str = NAMESPACE
    nodes: tuple[str, ...] = ()
    seconds: int = 5
    page_size: str = "2Mi"
    pull_secrets: tuple[str, ...] = ()
    resource_prefix: str = OWNER


def rounds(networks: Any, policies: Iterable[Any], wanted: Smoke) -> dict[str, Any]:
    """namespace and quota (objects), rounds, and notes: what is left out, in sentences. Raises InvalidSpecError."""
    found: list[dict[str, Any]] = []
    notes: list[str] = []
    listed = parsed(networks)
    drivers = _drivers(policies)
    plain = []
    for values in listed:
        name = "/".join(name_of(values))
        if not values.get("resource_name"):
            continue
        if not is_userspace(drivers.get(str(values["resource_name"]), "")):
            plain.append(values)
            kind = PRESENCE if values.get("ipam", {}).get("type", "") in _NO_PAIRS else TRAFFIC
            if kind == PRESENCE:
                notes.append(
                    f"network {name}: its ipam gives two pods no addresses of their own, so no traffic is sent"
                )
            found.append(_round(f"network {name}", kind, [_server(values, wanted)], listed, wanted))
        elif wanted.dpdk_image:
            found.append(_round(f"network {name}", TESTPMD, [_testpmd(values, wanted)], listed, wanted))
        else:
            notes.append(f"network {name}: sriov_smoke_dpdk_image names no image with dpdk-testpmd, so it is left out")
    if plain:
        two = [plain[0], plain[min(1, len(plain) - 1)]]
        found.append(_round("two networks in one pod", PRESENCE, [_pod("two-networks", two, wanted)], listed, wanted))
    needed: Counter[str] = Counter()
    for one in found:
        for resource, count in one["resources"].items():
            needed[resource] = max(needed[resource], count)
    return {"namespace": _namespace(wanted), "quota": _quota(needed, wanted), "rounds": found, "notes": notes}


def client(name: str, pods: Iterable[Mapping[str, Any]], networks: Any, wanted: Smoke) -> list[dict[str, Any]]:
    """The pod that measures towards the server of a round, [] where the server has no address.

    name: of the network, NAMESPACE/NAME.
    """
    server = next((pod for pod in pods if pod["metadata"]["name"] == "server"), {})
    address = next((ip for entry in entries(server) if entry.get("name") == name for ip in entry.get("ips") or ()), "")
    default = str((server.get("status") or {}).get("podIP") or "")
    values = next((one for one in parsed(networks) if "/".join(name_of(one)) == name), None)
    if not address or not default or values is None:
        return []
    words = {
        "speed": SPEED, "ping": PING, "iperf": IPERF, "ping_default": PING_DEFAULT, "iperf_default": IPERF_DEFAULT,
        "interface": "net1", "address": address, "default": default, "pings": _PINGS, "seconds": wanted.seconds,
        "streams": STREAMS,
    }  # fmt: skip
    pod = _pod("client", [values], wanted, ["sh", "-c", _CLIENT.format(**words)])
    # On another node than the server, where there is one.
    term = {"labelSelector": {"matchLabels": {f"{LABEL}-pod": "server"}}, "topologyKey": "kubernetes.io/hostname"}
    spread = [{"weight": 100, "podAffinityTerm": term}]
    pod["spec"]["affinity"] = {
        **pod["spec"].get("affinity", {}),
        "podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": spread},
    }
    return [_requesting(pod, parsed(networks), wanted)]


def entries(pod: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What Multus says of a pod's networks."""
    annotations = (pod.get("metadata") or {}).get("annotations") or {}
    try:
        told = json.loads(annotations.get("k8s.v1.cni.cncf.io/network-status") or "[]")
    except (ValueError, TypeError):
        return []
    return [one for one in told if isinstance(one, dict)] if isinstance(told, list) else []


def _drivers(policies: Iterable[Any]) -> dict[str, str]:
    """Resource -> the driver of its VFs; those of the kernel are ""."""
    found = {}
    for policy in policies:
        if isinstance(policy, Mapping) and policy.get("resource_name"):
            kind = str(policy.get("device_type") or "netdevice")
            found[str(policy["resource_name"])] = "" if kind == "netdevice" else kind
    return found


def _round(
    name: str, kind: str, pods: list[dict[str, Any]], networks: list[dict[str, Any]], wanted: Smoke
) -> dict[str, Any]:
    filled = [_requesting(pod, networks, wanted) for pod in pods]
    used: Counter[str] = Counter()
    for pod in filled:
        limits = pod["spec"]["containers"][0]["resources"]["limits"]
        used.update({key: int(value) for key, value in limits.items() if "/" in key})
    if kind == TRAFFIC:
        used.update(used)  # the client has as many
    return {"name": name, "kind": kind, "pods": filled, "resources": dict(used), "seconds": wanted.seconds}


def _requesting(pod: dict[str, Any], networks: list[dict[str, Any]], wanted: Smoke) -> dict[str, Any]:
    resources = {name_of(values): resource_of(values, wanted.resource_prefix) for values in networks}
    filled: dict[str, Any] = with_requests(pod, resources)
    return filled


def _metadata(name: str, wanted: Smoke) -> dict[str, Any]:
    labels = {OWNER_LABEL: OWNER, LABEL: "true", f"{LABEL}-pod": name}
    return {"name": name, "namespace": wanted.namespace, "labels": labels}


def _pod(
    name: str, networks: Sequence[Mapping[str, Any]], wanted: Smoke, command: Sequence[str] = ("sleep", "3600")
) -> dict[str, Any]:
    """A pod with an interface netN of each network."""
    if not wanted.image:
        problem = "expected an image that has sh, sleep, ping and iperf3, found none. Name one"
        raise InvalidSpecError([Mistake("sriov_smoke_image", problem)])
    container: dict[str, Any] = {
        "name": "main",
        "image": wanted.image,
        "command": list(command),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"], "add": ["NET_RAW"]},  # ping
        },
        "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
    }
    named = ",".join("/".join(name_of(values)) for values in networks)
    metadata = {**_metadata(name, wanted), "annotations": {NETWORKS_ANNOTATION: named}}
    spec: dict[str, Any] = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 1,
        "automountServiceAccountToken": False,
        "containers": [container],
    }
    if wanted.pull_secrets:
        spec["imagePullSecrets"] = [{"name": secret} for secret in wanted.pull_secrets]
    if wanted.nodes:
        # A term has one name, and one term is enough.
        terms = [
            {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]} for node in wanted.nodes
        ]
        spec["affinity"] = {
            "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
        }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _server(values: Mapping[str, Any], wanted: Smoke) -> dict[str, Any]:
    return _pod("server", [values], wanted, ["iperf3", "--server", "--port", str(_PORT)])


def _testpmd(values: Mapping[str, Any], wanted: Smoke) -> dict[str, Any]:
    """With huge pages, CPUs of its own and IPC_LOCK, by which it pins its memory."""
    script = _TESTPMD.format(seconds=wanted.seconds + 5)
    pod = _pod("testpmd", [values], Smoke(**{**vars(wanted), "image": wanted.dpdk_image}), ["sh", "-c", script])
    (container,) = pod["spec"]["containers"]
    container["securityContext"]["capabilities"]["add"] = ["IPC_LOCK"]
    amounts = {"cpu": _CPUS, "memory": "512Mi", f"hugepages-{wanted.page_size}": PAGES[wanted.page_size]}
    container["resources"] = {"requests": dict(amounts), "limits": dict(amounts)}
    container["volumeMounts"] = [{"name": "hugepages", "mountPath": "/dev/hugepages"}]
    pod["spec"]["volumes"] = [{"name": "hugepages", "emptyDir": {"medium": f"HugePages-{wanted.page_size}"}}]
    return pod


def _namespace(wanted: Smoke) -> dict[str, Any]:
    """Pod security lets IPC_LOCK pass on its lowest level alone."""
    labels = {OWNER_LABEL: OWNER, LABEL: "true", "pod-security.kubernetes.io/enforce": "privileged"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": wanted.namespace, "labels": labels}}


def _quota(needed: Mapping[str, int], wanted: Smoke) -> dict[str, Any]:
    """Of extended resources only what begins with requests. counts."""
    hard = {f"requests.{resource}": str(count) for resource, count in sorted(needed.items())}
    return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": _metadata("smoke", wanted), "spec": {"hard": hard}}
