# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on the node: each disturbance of the device plugin once, in a drawn order; each must end as it began.

    service_restarts.py show       prints the devices that the kubelet knows, and what pods hold, by its checkpoint
    service_restarts.py < ROUND    disturbs; ROUND is a JSON object: `known` and `held` as printed, `seed`, and `link`
                                   and `vfs`, each the PCI address of a PF and the resource that its VFs are

The kubelet writes its checkpoint anew for each list that it gets, and, after a restart of either side, with nothing in
a resource that has not registered again: so a newer one with all devices is the proof. Of two lists at the same time
the older may be written last (seen with 1.20); then what the kubelet tells the API server decides. Ends with status 1
and the difference where neither comes.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

CHECKPOINT = "/var/lib/kubelet/device-plugins/kubelet_internal_checkpoint"
KUBELET, PLUGIN = "kubelet.service", "baremetal-sriov-device-plugin.service"
SECONDS = 300.0  # for one disturbance, on a slow node
PAUSE = 0.1
PKI, SERVER = "/etc/kubernetes/pki", ("127.0.0.1", 6443)
REPORTED = 25.0  # seconds; the kubelet tells the API server every 10 s
PREFIX = "baremetal.sriov/"
AGAIN = "config.json: read again"
Known = dict[str, list[str]]


class Wrong(Exception):
    """A device is lost or doubled, or a service did not come back as it should."""


def checkpoint() -> tuple[int, Known, list[Any]]:
    """When the kubelet wrote its checkpoint (ns), the devices of each resource that has some, and who holds which."""
    with open(CHECKPOINT) as stream:
        written = os.fstat(stream.fileno()).st_mtime_ns
        data = json.load(stream)["Data"]
    known = {name: sorted(ids) for name, ids in (data["RegisteredDevices"] or {}).items() if ids}
    held = []
    for entry in data["PodDeviceEntries"] or []:
        lists = entry["DeviceIDs"]  # by NUMA node since Kubernetes 1.20
        ids = [item for ids in lists.values() for item in ids] if isinstance(lists, dict) else lists
        held.append([entry["PodUID"], entry["ContainerName"], entry["ResourceName"], sorted(ids)])
    return written, known, sorted(held)


def offered() -> dict[str, int]:
    """The resources that are left in the node's allocatable, as the API server knows it; raises OSError."""
    context = ssl.create_default_context(cafile=f"{PKI}/ca.crt")
    context.load_cert_chain(f"{PKI}/admin.crt", f"{PKI}/admin.key")
    connection = http.client.HTTPSConnection(*SERVER, timeout=30, context=context)
    connection.request("GET", f"/api/v1/nodes/{os.uname().nodename}")
    allocatable = json.load(connection.getresponse())["status"]["allocatable"]
    connection.close()
    return {name: int(count) for name, count in allocatable.items() if name.startswith(PREFIX) and int(count)}


def lost(before: Known, after: Known) -> list[str]:
    """The devices that are in no resource any more."""
    found = {device for ids in after.values() for device in ids}
    return sorted({device for ids in before.values() for device in ids} - found)


def doubled(known: Known) -> list[str]:
    """The devices that are there twice, in one resource or in two."""
    found = [device for ids in known.values() for device in ids]
    return sorted({device for device in found if found.count(device) > 1})


def shown(unit: str) -> tuple[str, str, str]:
    """Main process, state and status text of a unit."""
    argv = ["systemctl", "show", unit, "--property=MainPID,SubState,StatusText"]
    lines = subprocess.run(argv, check=True, capture_output=True, text=True).stdout.splitlines()
    found = dict(line.split("=", 1) for line in lines)
    return found["MainPID"], found["SubState"], found["StatusText"]


@dataclass(frozen=True)
class Round:
    """What the node must be like after each disturbance, and the PFs to disturb, each with its VFs' resource."""

    known: Known
    held: list[Any]
    status: str  # of the device plugin's unit
    link: tuple[str, str]
    vfs: tuple[str, str]

    def without(self, resource: str) -> Known:
        """All devices but those of a resource."""
        return {name: ids for name, ids in self.known.items() if name != resource}

    def wait(self, what: str, test: Callable[[], bool]) -> None:
        """Raises Wrong where the test does not come true."""
        deadline = time.monotonic() + SECONDS
        while not test():
            if time.monotonic() > deadline:
                _written, known, held = checkpoint()
                raise Wrong(
                    f"{what}: not within {SECONDS:.0f} s; lost {lost(self.known, known)}, doubled {doubled(known)}; "
                    f"pods held {self.held}, hold {held}; device plugin {shown(PLUGIN)}, before {self.status!r}"
                )
            time.sleep(PAUSE)

    def hears(self, since: int, wanted: Known) -> None:
        """Wait until the kubelet has written, later than `since` (ns), just these devices and the same holders."""
        counts = {name: len(ids) for name, ids in wanted.items()}

        def heard() -> bool:
            written, known, held = checkpoint()
            if written <= since or doubled(known) or held != self.held:
                return False
            return known == wanted or (known.items() <= wanted.items() and reported(written, known))

        def reported(written: int, known: Known) -> bool:
            if time.time() < written / 1e9 + REPORTED:
                return False
            try:
                if offered() != counts:
                    return False
            except OSError as error:
                print(f"the API server does not answer: {error}")
                return False
            print(f"the checkpoint has {sorted(known)} alone since {REPORTED:.0f} s; the API server has {counts}")
            return True

        self.wait(f"the kubelet to know {counts}", heard)

    def settles(self, pid: str, same: bool = True) -> None:
        """Wait until the device plugin runs, in the same process or in another, and says what it said before."""

        def settled() -> bool:
            now, state, status = shown(PLUGIN)
            return (now == pid) is same and state == "running" and status == self.status

        self.wait("the device plugin to say that all is registered", settled)


def service(verb: list[str], unit: str) -> Callable[[Round], None]:
    """A disturbance after which the kubelet hears of all devices anew."""

    def disturb(this: Round) -> None:
        pids = {name: shown(name)[0] for name in (KUBELET, PLUGIN)}
        since = time.time_ns()
        subprocess.run(["systemctl", *verb, unit], check=True)
        this.hears(since, this.known)
        this.settles(pids[PLUGIN], same=unit != PLUGIN)
        if (shown(KUBELET)[0] == pids[KUBELET]) is (unit == KUBELET):
            raise Wrong(f"the kubelet's process was {pids[KUBELET]} and is {shown(KUBELET)[0]}")

    return disturb


def reload(this: Round) -> None:
    """The configuration is the same, so the kubelet need not hear of it; nor may it lose anything."""
    pid, since = shown(PLUGIN)[0], time.time()
    subprocess.run(["systemctl", "reload", PLUGIN], check=True)
    argv = ["journalctl", "--unit", PLUGIN, f"--since=@{since:.6f}", "--output=cat", "--no-pager"]
    this.wait("the configuration to be read", lambda: AGAIN in subprocess.check_output(argv, text=True))
    this.settles(pid)
    this.hears(0, this.known)


def link(this: Round) -> None:
    """A PF's link goes down, which takes the health from its VFs, and up again."""
    address, resource = this.link
    pid = shown(PLUGIN)[0]
    (name,) = os.listdir(f"/sys/bus/pci/devices/{address}/net")
    for state, wanted in (("down", this.without(resource)), ("up", this.known)):
        since = time.time_ns()
        subprocess.run(["ip", "link", "set", name, state], check=True)
        this.hears(since, wanted)
    this.settles(pid)


def vanish(this: Round) -> None:
    """All VFs of a PF go, and as many come back."""
    address, resource = this.vfs
    pid = shown(PLUGIN)[0]
    for count, wanted in ((0, this.without(resource)), (len(this.known[resource]), this.known)):
        since = time.time_ns()
        with open(f"/sys/bus/pci/devices/{address}/sriov_numvfs", "w") as stream:
            stream.write(str(count))
        this.hears(since, wanted)
    this.settles(pid)


KINDS = {
    "the kubelet restarts": service(["restart"], KUBELET),
    "the device plugin restarts": service(["restart"], PLUGIN),
    "the device plugin is killed": service(["kill", "--signal=KILL"], PLUGIN),
    "the device plugin reloads": reload,
    "links go down and up": link,
    "VFs vanish and appear": vanish,
}


def main() -> int:
    """One round, with a line for each disturbance; or what there is before it."""
    if sys.argv[1:] == ["show"]:
        _written, known, held = checkpoint()
        json.dump({"known": known, "held": held}, sys.stdout)
        return 0
    told = json.load(sys.stdin)
    this = Round(told["known"], told["held"], shown(PLUGIN)[2], told["link"], told["vfs"])
    for what in random.Random(told["seed"]).sample(sorted(KINDS), len(KINDS)):
        started = time.monotonic()
        try:
            KINDS[what](this)
        except Wrong as error:
            sys.stderr.write(f"{what}: {error}\n")
            return 1
        print(f"{what}: all devices known again after {time.monotonic() - started:.1f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
