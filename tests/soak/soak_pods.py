# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pods that hold VFs live through restarts of the kubelet, and a fifth as many reboots; resumed where it was stopped.

Three pods have VFs of ours; a fourth has what upstream's Go plugin offers beside us under a name of its own, while the
kubelet restarts. A pod that a kubelet does not admit (UnexpectedAdmissionError) is judged by time stamps: what lies on
us ends the loop, what no plugin can help is counted, and the pod is made again.
"""

from __future__ import annotations

import contextlib
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import admissions
import chain
import rebooting
from loop import main
from pod import Extras, Pod
from standalone import ROOT, WANTED

from devtool.collection import OUTPUT
from sriovlab import peers
from sriovlab.guest import Lab
from sriovlab.progress import LabError

STATE = OUTPUT / "soak-pods.json"
REBOOTS_IN = 5  # restarts for each reboot
SECONDS, SETTLES = 300.0, 3.0
REASON = "UnexpectedAdmissionError"
BESIDE, GO_UNIT, GO_FOLDER = "example.com/beside", "soak-sriovdp.service", "/var/tmp/soak-pods"
GO_CONFIG = {"resourceList": [{"resourcePrefix": "example.com", "resourceName": "beside",
                               "selectors": {"pciAddresses": ["0000:00:02.0"]}}]}  # fmt: skip


class Progress:
    """What is done of a loop, in a file: another run with the same numbers at the same commit goes on there."""

    def __init__(self, count: int, rng: random.Random) -> None:
        argv = ["git", "-C", str(ROOT), "rev-parse", "HEAD"]
        commit = subprocess.run(argv, capture_output=True, text=True, check=False).stdout.strip()
        self.key = [commit, count, rng.random()]
        self.done = {"restarts": 0, "reboots": 0, "refused": 0, "others": 0}
        self.windows: list[float] = []
        with contextlib.suppress(OSError, ValueError, KeyError):
            found = json.loads(STATE.read_text())
            if found["key"] == self.key:
                self.done.update(found["done"])
                self.windows = found["windows"]

    def save(self) -> None:
        STATE.parent.mkdir(parents=True, exist_ok=True)
        STATE.write_text(json.dumps({"key": self.key, "done": self.done, "windows": self.windows}))


@contextlib.contextmanager
def go_plugin(lab: Lab) -> Iterator[Pod]:
    """Upstream's plugin as a service, and a pod that has what it offers."""
    program = peers.built(peers.DEVICE_PLUGIN).program("sriovdp")
    lab.run(["mkdir", "-p", GO_FOLDER])
    lab.put(program.read_bytes(), f"{GO_FOLDER}/sriovdp", 0o755)
    lab.put(json.dumps(GO_CONFIG).encode(), f"{GO_FOLDER}/config.json")
    lab.run(["systemctl", "stop", GO_UNIT], check=False)
    lab.run(["systemd-run", f"--unit={GO_UNIT}", "--collect", "--property=Restart=always", f"{GO_FOLDER}/sriovdp",
             f"-config-file={GO_FOLDER}/config.json", "-logtostderr"])  # fmt: skip
    pod = Pod(lab, "soak-beside", {}, Extras(resources={BESIDE: "1"}))
    try:
        lab.wait_for("the Go plugin's device", lambda: lab.allocatable().get(BESIDE) == "1", SECONDS)
        pod.delete()
        yield pod.create()
    finally:
        pod.delete()
        lab.run(["systemctl", "stop", GO_UNIT], check=False)
        lab.run(["rm", "-rf", GO_FOLDER])


def status(pod: Pod) -> dict[str, Any]:
    found: dict[str, Any] = pod.lab.api("GET", f"/api/v1/namespaces/default/pods/{pod.name}")["status"]
    return found


def survived(pod: Pod, progress: Progress, resource: str) -> None:
    """Wait until the pod runs; one that was not admitted is judged and made again. Raises LabError where it is ours."""

    def settled() -> bool:
        found = status(pod)
        states = [one.get("state", {}) for one in found.get("containerStatuses") or []]
        return found.get("phase") == "Failed" or (bool(states) and all("running" in state for state in states))

    pod.lab.wait_for(f"pod {pod.name} to run or to fail", settled, SECONDS, every=1.0)
    found = status(pod)
    if found.get("phase") != "Failed":
        return
    if found.get("reason") != REASON:
        raise LabError(f"pod {pod.name} failed: {found.get('reason')}: {found.get('message')}")
    if not resource:
        progress.done["others"] += 1
    else:
        told = pod.lab.run(["python3", "-I", "-c", admissions.ASK]).stdout
        problem = admissions.fault(admissions.times(told, resource))
        if problem:
            raise LabError(f"pod {pod.name}: {found.get('message')}: {problem}")
        progress.done["refused"] += 1
    pod.delete()
    pod.create()


def kubelet(lab: Lab) -> float:
    """When the socket of the kubelet that runs now was made."""
    return admissions.times(lab.run(["python3", "-I", "-c", admissions.ASK]).stdout, "").kubelet


def registered(lab: Lab, before: float = 0.0) -> list[admissions.Times]:
    """The times of all pools, once a kubelet has taken them; before: when the socket of the one that went was made."""
    found: list[admissions.Times] = []

    def all_there() -> bool:
        told = lab.run(["python3", "-I", "-c", admissions.ASK]).stdout
        found[:] = [admissions.times(told, f"{chain.PREFIX}/{pool}") for pool in WANTED]
        return all(one.registered and one.kubelet > before for one in found)

    lab.wait_for("the kubelet to take all pools", all_there, SECONDS, every=1.0)
    return found


def looked_at(lab: Lab, pods: list[Pod], progress: Progress, kind: str, before: float) -> None:
    """After one disturbance: all pods, all devices, each once, and how long the kubelet went without us.

    before: as for registered.
    """
    found = registered(lab, before)
    time.sleep(SETTLES)  # a kubelet that refuses a pod says so soon, and nothing says that it will not
    for pod in pods:
        survived(pod, progress, "".join(f"{chain.PREFIX}/{pool}" for pool in pod.pools))
    chain.wait_offered(lab, WANTED, SECONDS)
    held = [device for pod in pods for pool in pod.pools for device in pod.devices(pool)]
    if len(held) != len(set(held)) or len(held) != len(rebooting.PODS):
        raise LabError(f"the pods hold {held}")
    progress.windows += [one.window for one in found]
    progress.done[kind] += 1
    progress.save()
    print(f"{kind} {progress.done[kind]}: {admissions.summary(progress.windows[-len(WANTED):])}", flush=True)


def survive(lab: Lab, count: int, rng: random.Random) -> None:
    """`count` restarts of the kubelet and a fifth as many reboots. Raises LabError for what lies on us."""
    progress = Progress(count, rng)
    reboots = -(-count // REBOOTS_IN)
    rebooting.define(lab)
    pods = rebooting.pods(lab)
    for pod in pods:
        if lab.api("GET", f"/api/v1/namespaces/default/pods/{pod.name}") is None:  # a loop that goes on has them
            pod.create()
    try:
        if progress.done["restarts"] < count:
            with go_plugin(lab) as beside:
                while progress.done["restarts"] < count:
                    before = kubelet(lab)
                    lab.run(["systemctl", "restart", "kubelet.service"], timeout=SECONDS)
                    looked_at(lab, [*pods, beside], progress, "restarts", before)
        while progress.done["reboots"] < reboots:
            before = kubelet(lab)
            lab.reboot_and_wait()
            looked_at(lab, pods, progress, "reboots", before)
    finally:
        if progress.done["reboots"] >= reboots:
            STATE.unlink(missing_ok=True)
        for pod in pods:
            pod.delete()
    done = progress.done
    print(f"{count} restarts, {reboots} reboots: 0 pods lost by us, {done['refused']} in the kubelet's own window, "
          f"{done['others']} of the Go plugin; {admissions.summary(progress.windows)}", flush=True)  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(__doc__, survive, 100))
