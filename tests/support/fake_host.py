# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host of most tests: PFs and VFs with the programs that look at them and set them up, memory, GRUB and systemd."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Callable

from ansible_collections.baremetal.sriov.plugins.module_utils.host.host import Completed
from support.fake_boot import Grub
from support.fake_memory import Memory
from support.fake_pci import DEVICES, FakePf, Net, Pci
from support.fake_systemd import Systemd


def set_link(net: Net | None, pf: FakePf | None, words: Sequence[str]) -> int:
    """`ip link set dev NET WORDS`: the exit status."""
    if net is None:
        return 1
    if words[0] in ("up", "down"):
        net.up = words[0] == "up"
    elif words[0] == "mtu":
        net.mtu = int(words[1])
    elif words[0] == "vf":
        settings = pf.settings.get(int(words[1])) if pf else None
        if settings is None:
            return 1
        if "vlan" in words:  # one setting for the kernel
            settings.update(qos=0, vlan_proto="802.1q")
        for key, value in zip(words[2::2], words[3::2]):
            plain = int(value) if value.isdecimal() else value
            name = {"state": "link_state", "proto": "vlan_proto"}.get(key, key)
            settings[name] = {"on": True, "off": False}.get(value, plain)
    return 0


def address_json(text: str) -> dict[str, Any]:
    """One address of `ip -j addr show`; "ADDRESS%SCOPE" has another scope than the global one."""
    local, _rest, scope = text.partition("%")
    return {"local": local, "prefixlen": 64 if ":" in local else 24, "scope": scope or "global"}


def link_json(net: Net, pf: FakePf | None) -> dict[str, Any]:
    """One object of `ip -j -d link show`."""
    kind = {"info_kind": net.kind, "info_data": net.details}
    more = {
        "master": net.master,
        "link": net.lower,
        "permaddr": net.permanent,
        "altnames": net.altnames,
        "linkinfo": {key: value for key, value in kind.items() if value},
        "vfinfo_list": [_vf_json(index, settings) for index, settings in sorted(pf.settings.items())] if pf else [],
    }
    item = {"ifname": net.name, "address": net.mac, "mtu": net.mtu, "flags": ["BROADCAST", *(["UP"] if net.up else [])]}
    return {**item, **{key: value for key, value in more.items() if value}}


def _vf_json(index: int, settings: dict[str, Any]) -> dict[str, Any]:
    vlan = {key: settings[key] for key in ("vlan", "qos") if settings[key]}
    if vlan and settings["vlan_proto"] != "802.1q":  # iproute2 names the usual one not at all
        vlan["protocol"] = settings["vlan_proto"]
    return {
        "vf": index,
        "address": settings["mac"],
        "spoofchk": settings["spoofchk"],
        "trust": settings["trust"],
        "link_state": settings["link_state"],
        "query_rss_en": settings["query_rss"],
        "vlan_list": [vlan],
        "rate": {"max_tx": settings["max_tx_rate"], "min_tx": settings["min_tx_rate"]},
    }


@dataclass
class FakeHost(Pci, Memory, Grub, Systemd):
    """Its own are ip, ethtool, devlink, dmesg and udevadm."""

    available: set[str] = field(default_factory=lambda: {"vfio-pci"})
    routes: list[dict[str, Any]] = field(default_factory=list)  # objects of `ip -j route`
    kernel_log: str = ""

    def show(self, argv: tuple[str, ...]) -> str | Completed | None:
        shows: dict[tuple[str, ...], Callable[[tuple[str, ...]], str | Completed]] = {
            ("ip", "-j"): lambda argv: json.dumps(self._ip_json([*argv[2:]])),
            ("dmesg",): lambda argv: self.kernel_log,
            ("ethtool", "-k"): self._features,
            ("ethtool", "-P"): lambda argv: "Permanent address: not set\n",
            ("devlink", "-j"): self._devlink_show,
        }
        return shows[argv[:2]](argv) if argv[:2] in shows else super().show(argv)

    def act(self, argv: tuple[str, ...]) -> int:
        if argv[0] == "udevadm":
            return 0
        if argv[:4] == ("ip", "link", "set", "dev"):
            return set_link(self.nets.get(argv[4]), self._pf_named(argv[4]), argv[5:])
        if argv[:2] == ("ethtool", "-K"):
            pf = self._pf_named(argv[2])
            return 1 if pf is None else setattr(pf, "tc_offload", argv[4]) or 0
        if argv[:4] == ("devlink", "dev", "eswitch", "set"):
            return self._set_eswitch(self.pfs[argv[4].partition("/")[2]], argv[6])
        return super().act(argv)

    def _features(self, argv: tuple[str, ...]) -> Completed:
        pf = self._pf_named(argv[2])
        text = f"Features for {argv[2]}:\nrx-checksumming: on\nhw-tc-offload: {pf.tc_offload}\n" if pf else ""
        return Completed(argv, 0 if pf else 1, text, "")

    def _devlink_show(self, argv: tuple[str, ...]) -> Completed:
        pf = {**self.lone, **self.pfs}[argv[-1].partition("/")[2]]
        if pf.eswitch is None:
            return Completed(argv, 1, "", "kernel answers: Operation not supported")
        return Completed(argv, 0, json.dumps({"dev": {argv[-1]: {"mode": pf.eswitch}}}), "")

    def _set_eswitch(self, pf: FakePf, mode: str) -> int:
        """Some refuse while there are VFs; mlx5_core wants VFs for switchdev, and none of them bound."""
        vfs = [self.vf_address(pf.address, index) for index in range(self.numvfs(pf.address))]
        driver = self.driver(pf.address)
        fits = not vfs if driver in self.mode_before_vfs else vfs or driver != "mlx5_core" or mode != "switchdev"
        if not fits or any(self.driver(vf) for vf in vfs):
            return 1
        pf.eswitch = mode
        return 0

    def _ip_json(self, words: list[str]) -> list[dict[str, Any]]:
        if "route" in words:
            with_colon = words[0] == "-6"
            return [item for item in self.routes if (":" in f"{item['dst']} {item.get('gateway')}") == with_colon]
        nets = [net for net in self.nets.values() if "dev" not in words or net.name == words[-1]]
        if "addr" in words:
            return [{"ifname": n.name, "addr_info": [address_json(a) for a in n.addresses]} for n in nets]
        return [self._link_json(net, self._pf_named(net.name)) for net in nets]

    def _link_json(self, net: Net, pf: FakePf | None) -> dict[str, Any]:
        return link_json(net, pf)

    def _pf_named(self, name: str) -> FakePf | None:
        return next((pf for pf in self.pfs.values() if pf.name == name), None)


@dataclass
class HostWithUdev(FakeHost):
    """A fake host on which udev renames new interfaces at the worst of all moments.

    A driver makes an interface as ethN, and udev gives it its name later: here once its old name is in somebody's
    hands. A command that names a new interface finds it renamed; one that lists all is told the old name.
    """

    new: dict[str, tuple[str, str]] = field(default_factory=dict)  # by the kernel's name: the address, and udev's name
    renames: int = 0

    def add_net(self, net: Net, address: str = "") -> None:
        if self._pf_of(address):
            self.new[f"eth{len(self.new)}"] = (address, net.name)
            net.name = [*self.new][-1]
        super().add_net(net, address)

    def _settle(self) -> None:
        for kernels, (address, name) in self.new.items():
            if kernels in self.nets:  # not unbound since
                self.nets[name] = net = self.nets.pop(kernels)
                net.name = name
                for folder in ("sys/class/net", f"{DEVICES}/{address}/net"):
                    self.real(f"{folder}/{kernels}").rename(self.real(f"{folder}/{name}"))
                self.renames += 1
        self.new.clear()

    def run(self, argv: Any, **options: Any) -> Completed:
        if argv[0] == "ip" and self.new.keys() & set(argv):
            self._settle()
        done = super().run(argv, **options)
        if argv[0] == "ip":
            self._settle()
        return done
