# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that lives: NICs of the zoo, a kubelet that gives VFs to pods at any call, a host's own network, firmware.

It notes each change of what somebody holds then, which no run may make.
"""

from __future__ import annotations

import json
import random
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.baremetal.sriov.plugins.module_utils.kernel.bootloaders import grub_d
from support.fake_mstconfig import MstHost
from support.fake_offers import OURS, HostWithKubelet
from support.fake_pci import GROUPS, Net
from support.fake_zoo import ZooHost
from support.node_runs import PF1, PF2, PLUGIN

CONFIG, PODS = "etc/pcidp/config.json", "var/lib/kubelet/pods"
BOND = "bond0"
LINE = 'GRUB_CMDLINE_LINUX_DEFAULT="quiet{}"\n'
IOMMU = " intel_iommu=on iommu=pt"


@dataclass
class Pod:
    """Who has a VF: since which call, and its interface while it is elsewhere."""

    uid: str
    since: int
    net: Net | None = None
    runs: bool = False


@dataclass
class LifeHost(ZooHost, HostWithKubelet, MstHost):
    """Two PFs of one driver; see `born`."""

    rng: random.Random = field(default_factory=random.Random)
    pods: dict[str, Pod] = field(default_factory=dict)  # by the VF's address
    uses: set[str] = field(default_factory=set)  # what the host's network is configured for: PFs
    vf_use: str = ""  # a VF that has an address of the host's
    allowed: set[str] = field(default_factory=set)  # PFs in use whose first VFs and MTU the user has a word for
    left: set[str] = field(default_factory=set)  # PFs that no policy names, whose VFs may go for good
    touched: list[str] = field(default_factory=list)

    # pods -----------------------------------------------------------------------------------------

    def _offered(self) -> dict[str, list[str]]:
        """What our device plugin makes of its configuration; another one offers the same VFs always."""
        if OURS not in self.listeners.values():
            return super()._offered()
        held, found = self.withdrawn(), {}
        config = json.loads(self.get(CONFIG)) if self.exists(f"/{CONFIG}") else {"resourceList": []}
        for resource in config["resourceList"]:
            devices = [vf for selector in resource["selectors"] for vf in self._selected(selector) if vf not in held]
            found[f"baremetal.sriov/{resource['resourceName']}"] = devices
        return found

    def _selected(self, selector: dict[str, Any]) -> list[str]:
        found = []
        for root in selector.get("rootDevices", ()):
            pf, _mark, indices = root.partition("#")
            for index in _indices(indices) if indices else range(self.numvfs(pf)):
                vf = self.vf_address(pf, index)
                if index < self.numvfs(pf) and self.driver(vf) in (selector.get("drivers") or [self.driver(vf)]):
                    found.append(vf)
        return found

    def kubelet_starts(self, pid: int = OURS) -> None:
        """It knows what is offered, and serves."""
        self.pools = {"baremetal.sriov/kernel": [PF1], "baremetal.sriov/dpdk": [PF2]}
        self.serve(self.pools, pid)
        self.calls = 0

    def pod_comes(self, number: int) -> None:
        """One asks before the call with this number from now on."""
        first = self.calls + number
        self.wanted, self.given, self.given_at = "any", 0, float("inf")
        self.when = lambda call, what: call >= first  # type: ignore[method-assign, assignment]

    def _ask(self) -> None:
        free = [(resource, vf) for resource, vfs in self._as_of(self.plugin_seconds).items() for vf in vfs
                if vf not in self.pods and vf != self.vf_use and vf not in self.withdrawn()
                and self.exists(f"/sys/bus/pci/devices/{vf}")]  # fmt: skip
        self.wanted = ""
        if free:
            resource, vf = self.rng.choice(free)
            self.new_pod = f"{self.rng.getrandbits(32):08x}-6d8b-4a5e-9b7c-2f0c9a1d3e4f"
            self.given, self.given_at = self.calls, self.clock
            self.pods[vf] = Pod(self.new_pod, self.calls)
            self.entries.append({"PodUID": self.new_pod, "ContainerName": "app", "ResourceName": resource,
                                 "DeviceIDs": {"-1": [vf]}})  # fmt: skip

    def pods_run(self) -> None:
        """Those that were begun have a control group, and their interface."""
        for vf, pod in self.pods.items():
            self.fill({f"{PODS}/{pod.uid}/": "", f"var/log/pods/default_web_{pod.uid}/app/": "",
                       f"sys/fs/cgroup/kubepods.slice/kubepods-pod{pod.uid.replace('-', '_')}.slice/": ""})  # fmt: skip
            names = [path.name for path in self.real(f"sys/bus/pci/devices/{vf}/net").glob("*")]
            if names and not pod.runs:
                pod.net = self.nets[names[0]]
                self.move_away(vf)
            pod.runs = True

    def pods_end(self, clean: bool = True) -> None:
        """All of them: what they had is as it was. clean: the kubelet has noted it."""
        for vf, pod in self.pods.items():
            if pod.net is not None and self.exists(f"/sys/bus/pci/devices/{vf}/driver"):
                self.add_net(pod.net, vf)
            self._forget(pod, clean)
        self.entries = [] if clean else self.entries
        self.pods, self.given_at = {}, float("inf")

    def _forget(self, pod: Pod, clean: bool) -> None:
        group = self.real(f"sys/fs/cgroup/kubepods.slice/kubepods-pod{pod.uid.replace('-', '_')}.slice")
        folders = [group, *([self.real(f"{PODS}/{pod.uid}"), self.real(f"var/log/pods/default_web_{pod.uid}")]
                            if clean else [])]  # fmt: skip
        for folder in folders:
            for inner in sorted(folder.glob("**/*"), reverse=True):
                inner.rmdir()
            if folder.is_dir():
                folder.rmdir()

    # the host's own network -----------------------------------------------------------------------

    def network_up(self) -> None:
        """What the host's configuration says of its PFs."""
        ports = [self.pfs[pf].name for pf in sorted(self.uses)]
        if len(ports) > 1 and BOND not in self.nets:
            self.add_net(Net(BOND, "52:54:00:00:00:01", up=True, kind="bond", details={"mode": "802.3ad"},
                             addresses=["192.0.2.2"]))  # fmt: skip
        for name in ports:
            net = self.nets[name]
            net.up = True
            if len(ports) > 1:
                net.master = BOND
            else:
                net.addresses = ["192.0.2.2"]
        self.routes = [{"dst": "default", "gateway": "192.0.2.1", "dev": BOND if len(ports) > 1 else ports[0]}] \
            if ports else []  # fmt: skip

    def network_down(self) -> None:
        if BOND in self.nets:
            self.nets.pop(BOND)
            for path in sorted(self.real(f"sys/class/net/{BOND}").glob("**/*"), reverse=True):
                path.unlink()
            self.real(f"sys/class/net/{BOND}").rmdir()
        for net in self.nets.values():
            net.master, net.addresses = "", []
        self.routes, self.vf_use = [], ""

    # what nobody may change -----------------------------------------------------------------------

    def change(self, what: str) -> int:
        for vf, pod in self.pods.items():
            if self.calls > pod.since and any(part in what for part in self._about(vf)):
                self.touched.append(f"{what} ({vf} is a pod's)")
        if self.vf_use and any(part in what for part in self._about(self.vf_use)[:-1]):
            self.touched.append(f"{what} ({self.vf_use} is the host's)")
        for pf in self.uses if self.routes else ():
            name = self.pfs[pf].name
            parts = [f"set pci/{pf} mode", f"dev {name} down"]
            parts += [] if pf in self.left else [f"{pf}/sriov_numvfs=0"]
            parts += [] if pf in self.allowed | self.left else [f"{pf}/sriov_numvfs=", f"dev {name} mtu"]
            if any(part in what for part in parts):
                self.touched.append(f"{what} ({pf} is the host's)")
        return super().change(what)

    def _about(self, vf: str) -> list[str]:
        pf, index = next((pf, i) for pf in self.pfs for i in range(8) if self.vf_address(pf, i) == vf)
        name = self.pfs[pf].name
        return [f"{pf}/sriov_numvfs=", f"/{vf}/", f"={vf}", f"set pci/{pf} mode", f"dev {name} mtu",
                f"dev {name}v{index} ", f"dev {name} vf {index} "]  # fmt: skip

    def reboot(self, power: bool = False) -> None:
        """Also a power cut: pods, host uses and what was to come are gone."""
        self.pods_end(clean=self.rng.random() < 0.5)
        self.network_down()
        self.coming, self.busy = [], {}
        shutil.rmtree(self.real(GROUPS), ignore_errors=True)
        if not self.get(grub_d.MENU):  # by a power cut in update-grub: a person makes it again, from a rescue system
            self.make_menu()
        super().reboot()
        for device, card in self.cards.items() if power else ():
            card.running = dict(card.after)
            self.started(device)


def _indices(text: str) -> list[int]:
    found: list[int] = []
    for part in text.split(","):
        first, _dash, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def born(root: Path, rng: random.Random, driver: str) -> LifeHost:
    """Two PFs of a driver; perhaps without the arguments for an IOMMU, perhaps with VFs that somebody made."""
    arguments = IOMMU if rng.random() < 0.7 else ""
    host = LifeHost(root, rng=rng, iommu=bool(arguments))
    total = rng.randint(4, 7)
    for address, name in ((PF1, "enp1s0"), (PF2, "enp2s0")):
        host.add_nic(driver, address, name, total)
    host.add_grub(LINE.format(arguments))
    host.put("proc/cmdline", f"BOOT_IMAGE=/vmlinuz root=/dev/vda1 ro quiet{arguments}\n")
    host.put("proc/sys/kernel/random/boot_id", "the-first\n")
    host.available.add("uio_pci_generic")
    host.active.add(PLUGIN)
    return host
