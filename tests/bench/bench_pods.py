# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a VF costs a pod's start on the emulated node, beyond a second network of bridge through the same Multus.

pod.vf_excess_ratio: ours beside the chain of the Go peers, its device plugin with sriov-cni and with host-device, of
which the quicker counts; 30 rounds, in each of which all four kinds of pods start, in a drawn order. From containerd's
log: the begin of the sandbox to its end, before which Multus has written network-status.
pod.vf_running_ms: from the request of a pod of ours to Running, as the API tells.
`--native` leaves both out.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import chain
import pod_excess
import standalone
from figures import figure, main
from pod import Attachment, Extras, Pod, define_network, forget_network

from sriovlab import peers
from sriovlab.guest import Lab

ROUNDS = 30
PEER = "peer.example.org"  # the resource prefix of the Go device plugin
UNIT, FOLDER = "bench-sriovdp", "/var/tmp/bench-pods"
PF, VFS = "enp2s0", 4  # the Go chain's, which are nobody's policy
BRIDGE, OURS, SRIOV, HOST_DEVICE = "bench-bridge", "bench-ours", "bench-sriov", "bench-host-device"
# Network -> the configuration of its plugin, and the resource of its VF, "" for none.
NETWORKS: dict[str, tuple[dict[str, Any], str]] = {
    BRIDGE: ({"type": "bridge", "bridge": "bench0", "ipam": {}}, ""),
    OURS: ({"type": "sriov", "vlan": 0, "ipam": {}}, f"{chain.PREFIX}/kernel"),
    SRIOV: ({"type": "go-sriov", "vlan": 0, "cniVersion": "0.3.1"}, f"{PEER}/vfs"),
    HOST_DEVICE: ({"type": "host-device"}, f"{PEER}/vfs"),
}
KERNEL = {"name": "kernel", "resource_name": "kernel", "nic_selector": {"pf_names": ["enp1s0"]}, "num_vfs": 4}


def sandbox_seconds(log: str, name: str) -> float:
    """Of the first sandbox of a pod. log: containerd's, as `journalctl -o json` prints it. Raises ValueError."""
    began = None
    for line in log.splitlines():
        try:
            entry = json.loads(line)
            message, at = str(entry["MESSAGE"]), int(entry["__REALTIME_TIMESTAMP"])
        except (ValueError, KeyError, TypeError):
            continue
        if "RunPodSandbox for" not in message or f"Name:{name}," not in message:
            continue
        if "returns sandbox id" not in message:
            began = at
        elif began is not None:
            return (at - began) / 1e6
    raise ValueError(f"expected the begin and the end of a sandbox of {name} in containerd's log, found none")


@contextmanager
def go_chain(lab: Lab) -> Iterator[None]:
    """The Go device plugin with VFs of a PF that no policy names, and the Go sriov-cni beside our plugin."""
    lab.run(["mkdir", "-p", FOLDER])
    for group, program, path in (
        (peers.DEVICE_PLUGIN, "sriovdp", f"{FOLDER}/sriovdp"),
        (peers.SRIOV_CNI, "sriov", "/opt/cni/bin/go-sriov"),
    ):
        lab.put(peers.built(group).program(program).read_bytes(), path, 0o755)
    selectors = {"pfNames": [PF]}
    config = {"resourceList": [{"resourceName": "vfs", "resourcePrefix": PEER, "selectors": selectors}]}
    lab.put(json.dumps(config).encode(), f"{FOLDER}/config.json")
    number = f"/sys/class/net/{PF}/device/sriov_numvfs"
    lab.run(["sh", "-c", f"ip link set {PF} up; echo {VFS} > {number}"])
    lab.run(["systemd-run", f"--unit={UNIT}", f"{FOLDER}/sriovdp", "-logtostderr",
             f"-config-file={FOLDER}/config.json"])  # fmt: skip
    try:
        lab.wait_for("the Go device plugin's VFs", lambda: lab.allocatable().get(f"{PEER}/vfs") == str(VFS), 120.0)
        yield
    finally:
        lab.run(["systemctl", "stop", f"{UNIT}.service"], check=False)
        lab.run(["sh", "-c", f"echo 0 > {number}"], check=False)
        lab.run(["rm", "-rf", FOLDER, "/opt/cni/bin/go-sriov"], check=False)


@contextmanager
def networks(lab: Lab) -> Iterator[None]:
    """The definitions; that of bridge has no resource."""
    made = []
    try:
        for name, (config, resource) in NETWORKS.items():
            define_network(lab, name, "", config, resource)
            made.append(name)
        yield
    finally:
        for name in made:
            forget_network(lab, name)


def started(lab: Lab, network: str, number: int) -> tuple[float, float]:
    """Milliseconds of a pod's sandbox, and from the request to Running."""
    resource = NETWORKS[network][1]
    extras = Extras({resource: "1"} if resource else {})
    pod = Pod(lab, f"{network}-{number}", {}, extras, [Attachment(network)])
    since = lab.run(["date", "+%s"]).stdout.strip()
    began = time.monotonic()
    try:
        pod.create()
        running = 1000 * (time.monotonic() - began)
        pod.attached()
        log = lab.run(["journalctl", "--unit=containerd.service", "--output=json", f"--since=@{since}"]).stdout
        return 1000 * sandbox_seconds(log, pod.name), running
    finally:
        pod.delete()


def pods() -> list[dict[str, Any]]:
    """On a node whose other PF has no policy."""
    lab = standalone.start(pristine=True)
    run = chain.playbook("site", {"sriov_policies": [KERNEL], "sriov_networks": []})
    if run.status != 0:
        raise RuntimeError(f"baremetal.sriov.site failed:\n{run.output}")
    chain.wait_offered(lab, {"kernel": KERNEL["num_vfs"]})
    sandboxes: dict[str, list[float]] = {name: [] for name in NETWORKS}
    running: list[float] = []
    rng = random.Random(1)
    with go_chain(lab), networks(lab):
        for number in range(ROUNDS + 1):
            for network in rng.sample(list(NETWORKS), len(NETWORKS)):
                sandbox, until = started(lab, network, number)
                if not number:  # the first warms up
                    continue
                sandboxes[network].append(sandbox)
                if network == OURS:
                    running.append(until)
    return figures_of(sandboxes, running)


def figures_of(sandboxes: dict[str, list[float]], running: list[float]) -> list[dict[str, Any]]:
    """Both figures, from the milliseconds of each kind of pods, round by round."""
    excess = {name: [own - least for own, least in zip(taken, sandboxes[BRIDGE])]
              for name, taken in sandboxes.items()}  # fmt: skip
    peer = min((SRIOV, HOST_DEVICE), key=lambda name: statistics.median(excess[name]))
    rounds = list(zip(excess[OURS], excess[peer]))
    found = pod_excess.verdict(rounds)
    own, other = pod_excess.interval(rounds, pod_excess.ours), pod_excess.interval(rounds, pod_excess.theirs)
    for name, one in (("ours", own), (peer, other)):
        print(f"{name}: {one.middle:.1f} ms above bridge, from {one.low:.1f} to {one.high:.1f}")
    print(f"pod.vf_excess_ratio: {found.value:.1f} by {found.why}")
    compared = f"{peer}: {found.why}"
    return [
        figure("pod.vf_excess_ratio", "ms", excess[OURS], compared, value=found.value, limit=found.limit),
        figure("pod.vf_running_ms", "ms", running),
    ]


def nothing() -> list[dict[str, Any]]:
    """Both need the emulated node."""
    return []


if __name__ == "__main__":
    sys.exit(main(__doc__, nothing, pods))
