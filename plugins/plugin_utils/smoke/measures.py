# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading what ping, iperf3 and dpdk-testpmd print. Their output is not ours: what can't be read is no number."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .workloads import PARTS

LIMIT = 4 << 20  # characters of a log that are looked at
# iputils says rtt, busybox round-trip, and the latter has no mdev.
_LOSS = re.compile(r"(\d+) packets transmitted, (\d+) (?:packets )?received")
_TIMES = re.compile(r"(?:rtt|round-trip) min/avg/max(?:/mdev)? = [\d.]+/([\d.]+)/[\d.]+")
_PORT_MAC = re.compile(r"^Port (\d+): ((?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2})\s*$", re.M)
_LINK = re.compile(r"Port \d+ Link (up|down)", re.I)
_STATISTICS = re.compile(r"RX-packets:\s*(\d+)")
_COMPLAINT = re.compile(r"^.*(?:EAL: (?:Error|FATAL|Cannot)|Cause: |panic).*$", re.M)


@dataclass(frozen=True)
class Pings:
    """sent, received: packets; average: ms, None where none came back."""

    sent: int
    received: int
    average: float | None


@dataclass(frozen=True)
class Throughput:
    """bits: received per second; cpu: of sender and receiver together, in percent of a machine's; error: iperf3's."""

    bits: float = 0.0
    cpu: float = 0.0
    error: str = ""


@dataclass(frozen=True)
class Testpmd:
    """What testpmd found: MAC addresses of its ports, whether a link was told down, and its complaint."""

    ports: tuple[str, ...]
    down: bool
    ran: bool
    complaint: str = ""


def parts(log: str) -> dict[str, str]:
    """The parts of a client's log, by their first words."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in log[:LIMIT].splitlines():
        if line.strip() in PARTS:
            name = line.strip()
            found[name] = []
        elif name:
            found[name].append(line)
    return {key: "\n".join(lines) for key, lines in found.items()}


def speed(text: str) -> int | None:
    """Mbit/s of a link; None where the kernel does not tell, as for a link that is down."""
    words = text.split()
    return int(words[0]) if words and words[0].isdecimal() and int(words[0]) > 0 else None


def pings(text: str) -> Pings | None:
    """None where ping did not get that far."""
    counted, times = _LOSS.search(text), _TIMES.search(text)
    if counted is None:
        return None
    return Pings(int(counted[1]), int(counted[2]), float(times[1]) if times else None)


def throughput(text: str) -> Throughput:
    """Of iperf3 --json, which also tells its error so."""
    try:
        told = json.loads(text[text.index("{") :])
        if told.get("error"):
            return Throughput(error=str(told["error"]))
        end = told["end"]
        cpu = end.get("cpu_utilization_percent") or {}
        return Throughput(
            bits=_number(end["sum_received"]["bits_per_second"]),
            cpu=_number(cpu.get("host_total", 0)) + _number(cpu.get("remote_total", 0)),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return Throughput(error=f"no result of iperf3: {_last(text)}")


def testpmd(text: str) -> Testpmd:
    """Of dpdk-testpmd with --stats-period."""
    log = text[:LIMIT]
    links = _LINK.findall(log)
    complaint = _COMPLAINT.search(log)
    return Testpmd(
        ports=tuple(dict.fromkeys(mac.lower() for _port, mac in _PORT_MAC.findall(log))),
        down=bool(links) and links[-1].lower() == "down",
        ran=bool(_STATISTICS.search(log)),
        complaint=complaint[0].strip() if complaint else "",
    )


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
        raise ValueError(value)
    return float(value)


def _last(text: str) -> str:
    lines: list[str] = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip()[:200] if lines else "nothing"


def cases(log: str) -> Mapping[str, Any]:
    """All of a client's log: speed, and pings and throughput by VF and by the default network."""
    found = parts(log)
    at = {name: found.get(name, "") for name in PARTS}
    speed_of, ping, iperf, ping_default, iperf_default = (at[name] for name in PARTS)
    return {
        "speed": speed(speed_of),
        "vf": (pings(ping), throughput(iperf)),
        "default": (pings(ping_default), throughput(iperf_default)),
    }
