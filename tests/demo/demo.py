# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo: a bare emulated server, Kubernetes on it, `baremetal.sriov.site`, and a pod that gets VFs.

Ends with a table of what was done and where to look. The node stays on.
"""

from __future__ import annotations

import sys
import time

import chain
import pod
import standalone

from sriovlab.guest import Lab

LAB = "python3 tests/lab/lab.py"
NETWORK = "kernel-net"


def headline(text: str) -> float:
    """Say what comes; returns the time."""
    print(f"\n== {text}", flush=True)
    return time.monotonic()


def shown(name: str) -> None:
    """Run a playbook with its output on the terminal. Raises RuntimeError where it fails."""
    if chain.run_playbook(f"{chain.PREFIX}.{name}", show=True).status != 0:
        raise RuntimeError(f"{chain.PREFIX}.{name} failed; its output is above")


def start_pod(lab: Lab) -> list[tuple[str, str]]:
    """A pod with one kernel VF, which Multus attaches to a network, and one vfio VF; rows for the table."""
    demo = pod.Pod(lab, "demo", {"kernel": 1, "dpdk": 1}, networks=[pod.Attachment(NETWORK)]).create()
    entry = demo.attached()
    kernel, dpdk = entry["device-info"]["pci"]["pci-address"], demo.devices("dpdk")[0]
    groups = demo.execute(["ls", "/dev/vfio"]).split()
    return [
        ("pod", "demo is running, admitted by the kubelet with two VFs"),
        ("its kernel VF", f"{kernel} is net1 in the pod, {entry['mac']}, {', '.join(entry['ips'])}"),
        ("its vfio VF", f"{dpdk}, /dev/vfio in the pod holds {' '.join(groups)}"),
    ]


def rows(lab: Lab) -> list[tuple[str, str]]:
    """What site has done, as the node shows it now."""
    arguments = [token for token in lab.read("/proc/cmdline").split() if "iommu" in token]
    bound = {pf: sorted({vf["driver"] for vf in chain.vfs(lab, pf)}) for pf in chain.PFS}
    return [
        ("kernel arguments", " ".join(arguments) + " (the last one wins; the first are somebody else's)"),
        *((pf, f"{count} VFs, driver {', '.join(bound[pf])}") for pf, count in chain.num_vfs(lab).items()),
        ("the node offers", ", ".join(f"{chain.PREFIX}/{pool}: {n}" for pool, n in sorted(chain.offered(lab).items()))),
    ]


def main() -> int:
    """The whole demo."""
    started = headline("An emulated server with two SR-IOV NICs boots, and Kubernetes starts on it")
    lab = standalone.start(pristine=True)
    headline("What would change: ansible-playbook baremetal.sriov.plan")
    shown("plan")
    headline("Do it, with one reboot: ansible-playbook baremetal.sriov.site")
    shown("site")
    headline("A pod asks for a kernel VF and a vfio VF")
    chain.wait_offered(lab, standalone.WANTED)
    table = rows(lab) + start_pod(lab)
    table += [
        ("look at the node", f"{LAB} ssh"),
        ("at its services", f"{LAB} ssh -- journalctl -u baremetal-sriov-node -u baremetal-sriov-device-plugin"),
        ("at the cluster", f"KUBECONFIG={lab.kube()} kubectl get pods,net-attach-def -A"),
        ("power it off", f"{LAB} down"),
    ]
    headline(f"Done in {time.monotonic() - started:.0f} s")
    for name, text in table:
        print(f"  {name:17} {text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
