# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the rounds came to: each measure against its limit, with what to do where it is not met."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..acceptance.rows import CLUSTER, SKIPPED, CheckRow, row
from ..pod_requests import networks_of
from . import measures
from .workloads import TESTPMD, TRAFFIC, entries

_EVENTS = 3  # of a pod, that are told


@dataclass(frozen=True)
class Limits:
    """min_share: of the link's speed, in percent; max_latency: in percent of the default network's, between two nodes.
    0 is no limit.
    """

    min_share: int = 50
    max_latency: int = 100


def rows(found: Sequence[Mapping[str, Any]], limits: Limits) -> list[CheckRow]:
    """found: for each round `round`, `pods` as they were at its end, `events`, `log` and `quota`'s status."""
    return [one for item in found for one in _of_round(item, limits)]


def _of_round(item: Mapping[str, Any], limits: Limits) -> Iterator[CheckRow]:
    about = item["round"]
    name, pods = str(about["name"]), {pod["metadata"]["name"]: pod for pod in item.get("pods") or ()}
    wanted = [pod["metadata"]["name"] for pod in about["pods"]] + (["client"] if about["kind"] == TRAFFIC else [])
    ended = {"server": ("Running",), "client": ("Succeeded",)}
    states = {one: str((pods.get(one, {}).get("status") or {}).get("phase", "none")) for one in wanted}
    late = [one for one, phase in states.items() if phase not in ended.get(one, ("Running", "Succeeded", "Failed"))]
    yield row(
        CLUSTER,
        "starts",
        name,
        not late,
        ", ".join(wanted),
        ", ".join(f"{one} {phase}" for one, phase in states.items()) + _told(item.get("events") or (), late),
        "Run baremetal.sriov.verify; kubectl describe tells of pods that do not start.",
    )
    if late:
        return
    for pod in pods.values():
        yield _status(name, pod)
    yield from _quota(name, about, item.get("quota") or {})
    if about["kind"] == TRAFFIC:
        yield from _traffic(name, str(item.get("log") or ""), pods, limits)
    elif about["kind"] == TESTPMD:
        yield _testpmd(name, measures.testpmd(str(item.get("log") or "")))


def _told(events: Sequence[Mapping[str, Any]], late: Sequence[str]) -> str:
    """The last warnings about pods that do not start."""
    about = [
        str(event.get("message", "")).strip()
        for event in events
        if event.get("type") == "Warning" and (event.get("involvedObject") or {}).get("name") in late
    ]
    return "".join(f"; {message}" for message in list(dict.fromkeys(about))[-_EVENTS:])


def _status(name: str, pod: Mapping[str, Any]) -> CheckRow:
    told = entries(pod)
    wanted = ["/".join(one) for one in networks_of(pod)]
    have = []
    for entry in told:
        info = entry.get("device-info") or {}
        if isinstance(info, Mapping) and (info.get(str(info.get("type"))) or {}).get("pci-address"):
            have.append(str(entry.get("name")))
    lacks = [network for network in dict.fromkeys(wanted) if have.count(network) < wanted.count(network)]
    return row(
        CLUSTER,
        "network_status",
        f"{name}: {pod['metadata']['name']}",
        not lacks,
        f"{', '.join(wanted)} with a pci-address",
        f"none of {', '.join(lacks)}" if lacks else "so",
        "See the rows device_info and registered of baremetal.sriov.verify.",
    )


def _quota(name: str, about: Mapping[str, Any], status: Mapping[str, Any]) -> Iterator[CheckRow]:
    used = status.get("used")
    if not isinstance(used, Mapping):
        return
    wanted = {f"requests.{resource}": str(count) for resource, count in about["resources"].items()}
    told = {key: str(used.get(key, "0")) for key in wanted}
    yield row(
        CLUSTER,
        "quota",
        name,
        told == wanted,
        ", ".join(f"{key} {value}" for key, value in wanted.items()),
        ", ".join(f"{key} {value}" for key, value in told.items()),
        "See that kube-controller-manager runs with its resourcequota controller.",
    )


def _traffic(name: str, log: str, pods: Mapping[str, Any], limits: Limits) -> Iterator[CheckRow]:
    told = measures.cases(log)
    (pings, flow), (pings_default, flow_default) = told["vf"], told["default"]
    arrived = pings is not None and pings.sent == pings.received > 0
    found = "no answer" if pings is None else f"{pings.received} of {pings.sent}"
    yield row(
        CLUSTER,
        "ping",
        name,
        arrived,
        "each packet comes back",
        found,
        "See that the switch carries the network's VLAN between the ports of both PFs, and spoof checks.",
    )
    nodes = {(pod.get("spec") or {}).get("nodeName") for pod in pods.values()}
    yield _throughput(name, flow, told["speed"], limits)
    if pings is None or pings.average is None or pings_default is None or pings_default.average is None:
        return
    percent = 100 * pings.average / pings_default.average if pings_default.average else 0.0
    words = f"{pings.average:.3f} ms, the default network {pings_default.average:.3f} ms"
    if len(nodes) < 2 or not limits.max_latency:
        yield CheckRow(CLUSTER, "latency", name, SKIPPED, "two nodes, and a limit", words)
    else:
        yield row(
            CLUSTER,
            "latency",
            name,
            percent <= limits.max_latency,
            f"at most {limits.max_latency} % of the default network's",
            words,
            "Look at the CPU's power states and interrupt moderation (ethtool -c).",
        )
    if not flow.error and not flow_default.error:
        yield CheckRow(
            CLUSTER,
            "cpu",
            name,
            SKIPPED,
            "no limit",
            f"{_per_gigabit(flow)}, the default network {_per_gigabit(flow_default)}",
        )


def _per_gigabit(flow: measures.Throughput) -> str:
    return f"{flow.cpu / (flow.bits / 1e9):.1f} % of CPUs for each Gbit/s" if flow.bits else "nothing sent"


def _throughput(name: str, flow: measures.Throughput, speed: int | None, limits: Limits) -> CheckRow:
    if flow.error:
        return row(CLUSTER, "throughput", name, False, "a result of iperf3", flow.error, "See the row ping.")
    gigabits = f"{flow.bits / 1e9:.2f} Gbit/s"
    if speed is None or not limits.min_share:
        return CheckRow(CLUSTER, "throughput", name, SKIPPED, "a link that tells its speed, and a limit", gigabits)
    share = flow.bits / (speed * 1e4)
    expected = f"at least {limits.min_share} % of {speed} Mbit/s"
    return row(
        CLUSTER,
        "throughput",
        name,
        share >= limits.min_share,
        expected,
        f"{gigabits}, {share:.0f} %",
        "Look at max_tx_rate of the network, the PF's PCIe link (lspci -vv), MTU, and the CPUs of both pods.",
    )


def _testpmd(name: str, told: measures.Testpmd) -> CheckRow:
    wrong = [told.complaint] if told.complaint else []
    wrong += [f"{len(told.ports)} ports"] if len(told.ports) != 1 else []
    wrong += ["its link is down"] if told.down else []
    wrong += ["it did not run"] if not told.ran else []
    return row(
        CLUSTER,
        "testpmd",
        name,
        not wrong,
        "one port that runs",
        "; ".join(wrong) or ", ".join(told.ports),
        "See that the VF is bound to vfio-pci, that the node has huge pages, and /dev/vfio in the pod.",
    )
