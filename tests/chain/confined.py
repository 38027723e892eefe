# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a security module is asked: what runs as what, once site has been run and a pod has VFs."""

from __future__ import annotations

from dataclasses import dataclass

import chain
import denials
import standalone
from denials import Denial
from pod import Attachment, Pod

from sriovlab.guest import Lab

SERVICES = ("baremetal-sriov-device-plugin.service", "baremetal-sriov-cni.service")
NETWORKS = (Attachment("kernel-net"), Attachment("dpdk-net", "net2"))


@dataclass(frozen=True)
class Seen:
    """A node through site and with a pod that has VFs: where its journal began, and what runs as what."""

    cursor: str
    services: dict[str, str]
    pod: str


def seen(lab: Lab, attribute: str) -> Seen:
    """Have site run, and a pod with a kernel VF and a vfio VF for as long as it takes to look at it and its devices."""
    cursor = denials.mark(lab)
    standalone.site()
    chain.wait_offered(lab, standalone.WANTED)
    services = {name: label(lab, chain.unit(lab, name, "MainPID")["MainPID"], attribute) for name in SERVICES}
    pod = Pod(lab, "confined", {"kernel": 1, "dpdk": 1}, networks=NETWORKS)
    try:
        pod.create()
        assert pod.attached()["ips"]
        group = next(name for name in pod.execute(["ls", "/dev/vfio"]).split() if name != "vfio")
        assert pod.execute(["sh", "-c", f"exec 3<>/dev/vfio/{group} && echo opened"]).strip() == "opened"
        pids = lab.run(["ctr", "-n", "k8s.io", "tasks", "ls"]).stdout.splitlines()
        (pid,) = [words[1] for words in map(str.split, pids) if words and words[0] == pod.container()]
        found = label(lab, pid, attribute)
    finally:
        pod.delete()
    return Seen(cursor, services, found)


def label(lab: Lab, pid: str, attribute: str) -> str:
    """What the security module says of a process."""
    return lab.run(["cat", f"/proc/{pid}/attr/{attribute}"]).stdout.rstrip("\0\n ")


def refused(lab: Lab, cursor: str) -> list[Denial]:
    """What was refused since, without repetitions."""
    return sorted(set(denials.since(lab, cursor)), key=str)
