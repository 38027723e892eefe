# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls CNI plugins as a runtime does, and looks at pod and VF after each: here, or on the emulated node.

Needs the standard library and iproute2. Reads a plan: {"folder": where leases go, "cni_path": "..", "netns": how
namespaces' names begin, "clean": [folders
whose files of these containers go], "vfs": {KIND: {"name", "address", "pf", "index", "again"}}, "sides": {NAME:
{PEER: {"program", "config"}}}, "scenarios": [asdict(Scenario)]}. KIND is the scenario's `needs`; "again" is a line of
shell that makes the VF anew, "" for a real one. Prints {NAME: {scenario: [observation of each call]}}.
"""

from __future__ import annotations

import glob
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any, Callable

SECONDS = 120.0
HOME = 10.0  # seconds that the kernel may take to give an interface back
WORDS = ("container", "netns", "ifname", "vf", "device", "leases")
NO_MAC = "00:00:00:00:00:00"
AT_PF = "at the PF: "
HELD = ("address", "vlan_list", "spoofchk", "trust", "rate", "link_state")


def ip(*words: str) -> Any:
    """What `ip -j` prints; an empty list where it fails."""
    done = subprocess.run(["ip", "-j", *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    return json.loads(done.stdout or b"[]") if done.returncode == 0 else []


def filled(value: Any, words: dict[str, str]) -> Any:
    """With each {word} replaced; of a mapping, what is None is left out."""
    if isinstance(value, str):
        for name in WORDS:
            value = value.replace("{" + name + "}", words[name])
        return value
    if isinstance(value, dict):
        return {key: filled(item, words) for key, item in value.items() if item is not None}
    return [filled(item, words) for item in value] if isinstance(value, list) else value


class Vf:
    """One VF, or the veth in its place."""

    def __init__(self, found: dict[str, Any]) -> None:
        self.name, self.address, self.pf = found["name"], found["address"], found["pf"]
        self.index, self.anew = found["index"], found["again"]
        self.make()
        if not self.anew:
            ip("link", "set", "dev", self.name, "down")  # so that every node begins alike
        self.before = self.state()

    def make(self) -> None:
        """Anew, where it is none of the kernel's own."""
        if self.anew:
            subprocess.run(["sh", "-c", self.anew], check=True)

    def here(self) -> str:
        """The name of its interface on the host, "" where it has none."""
        if self.anew:
            names = [link["ifname"] for link in ip("link", "show")
                     if link.get("address") == self.before_mac() or link["ifname"] == self.name]  # fmt: skip
        else:
            names = [os.path.basename(path) for path in glob.glob(f"/sys/bus/pci/devices/{self.address}/net/*")]
        return names[0] if names else ""

    def before_mac(self) -> str:
        """The address that it is known by where there is no sysfs for it."""
        return str(self.anew.partition("address ")[2].partition(" ")[0])

    def state(self) -> dict[str, Any]:
        """Of the interface on the host, and of what the PF holds for it."""
        if not self.anew:
            subprocess.run(["udevadm", "settle", "--timeout=10"], check=False)  # udev looks at what comes to the host
        name = self.here()
        (link,) = ip("-d", "link", "show", "dev", name) or [{}]
        found = {"name": name, "mac": link.get("address", ""), "mtu": link.get("mtu", 0),
                 "up": "UP" in link.get("flags", []), "alias": link.get("ifalias", ""),
                 "altnames": sorted(link.get("altnames", []))}  # fmt: skip
        for entry in (ip("-d", "link", "show", "dev", self.pf) or [{}])[0].get("vfinfo_list", []) if self.pf else []:
            if entry["vf"] == self.index:
                found.update({f"{AT_PF}{key}": entry.get(key) for key in HELD})
        return found

    def restore(self) -> list[str]:
        """As it was at first, whatever a scenario left; what could not be undone."""
        self.make()
        for words in self.ways_back():
            ip(*words)
        return [f"{key}: {value!r}, was {self.before.get(key)!r}" for key, value in self.state().items()
                if value != self.before.get(key)]  # fmt: skip

    def ways_back(self) -> Iterator[list[str]]:
        """Commands of `ip`, for what differs alone. The PF's come first.

        A MAC that is set at the PF stays the VF's only one (igb): none is set there, and the VF tells its PF its own.
        """
        now, wanted = self.state(), self.before
        differs = [key for key in wanted if now.get(key) != wanted[key]]
        at_pf = ["link", "set", "dev", self.pf, "vf", str(self.index)]
        for key in differs:
            held = key.startswith(AT_PF) and key[len(AT_PF):]
            if held == "address":
                yield [*at_pf, "mac", NO_MAC]
            elif held == "vlan_list":
                yield [*at_pf, "vlan", str((wanted[key] or [{}])[0].get("vlan") or 0)]
            elif held in ("spoofchk", "trust"):
                yield [*at_pf, held, "on" if wanted[key] else "off"]
            elif held == "rate":
                yield [*at_pf, "max_tx_rate", "0"]
        name, own, by_vf = now["name"], wanted["name"], f"{AT_PF}address" in differs
        if not name or not (by_vf or any(not key.startswith(AT_PF) for key in differs)):
            return
        yield ["link", "set", "dev", name, "down"]
        for other in now["altnames"]:
            yield ["link", "property", "del", "dev", name, "altname", other]
        if name != own:
            yield ["link", "set", "dev", name, "name", own]
        yield ["link", "set", "dev", own, "alias", wanted["alias"]]
        if now["mtu"] != wanted["mtu"]:
            yield ["link", "set", "dev", own, "mtu", str(wanted["mtu"])]
        if by_vf or now["mac"] != wanted["mac"]:
            yield ["link", "set", "dev", own, "address", wanted["mac"]]
        for other in wanted["altnames"]:
            yield ["link", "property", "add", "dev", own, "altname", other]
        if wanted["up"]:
            yield ["link", "set", "dev", own, "up"]


class Side:
    """One plugin's turn with a scenario."""

    def __init__(self, plan: dict[str, Any], side: str, scenario: dict[str, Any], vf: Vf) -> None:
        self.plan, self.scenario, self.vf = plan, scenario, vf
        self.plugin = plan["sides"][side][scenario["peer"]]
        self.container, self.netns = f"peers-{side}", f"{plan['netns']}-{side}"
        self.leases = os.path.join(plan["folder"], side)
        self.words = {"container": self.container, "netns": self.netns, "ifname": "net1", "vf": vf.name,
                      "device": vf.address, "leases": self.leases}  # fmt: skip
        self.result: Any = None
        self.failed: list[str] = []

    def run(self) -> tuple[list[dict[str, Any]], list[str]]:
        """What came of each call, and what of the VF could not be brought back."""
        subprocess.run(["rm", "-rf", self.leases], check=True)
        subprocess.run(["ip", "netns", "add", self.netns], check=True)
        # As the kubelet's runtimes make one.
        subprocess.run(["ip", "-n", self.netns, "link", "set", "lo", "up"], check=True)
        found = []
        try:
            for step in self.scenario["steps"]:
                if "call" in step:
                    found.append(self.call(step))
                else:
                    for line in step["do"]:
                        self.act(filled(line, self.words))
                    settled(lambda: not self.vf.name or bool(self.vf.here()) or self.in_pod())
        finally:
            left = self.end()
        return found, self.failed + left

    def act(self, line: str) -> None:
        """What somebody else does; that it failed is told at the end, since it may be the driver's way."""
        done = subprocess.run(["sh", "-c", line], stderr=subprocess.PIPE, text=True, timeout=SECONDS, check=False)
        if done.returncode:
            self.failed.append(f"{line}: {done.stderr.strip()}")

    def in_pod(self) -> bool:
        """Whether the namespace is there: then its interface may be there as well."""
        return os.path.exists(f"/run/netns/{self.netns}")

    def end(self) -> list[str]:
        """Everything away."""
        subprocess.run(["ip", "netns", "del", self.netns], stderr=subprocess.DEVNULL, check=False)
        if self.vf.name and not self.vf.anew:
            settled(lambda: bool(self.vf.here()))
        for folder in self.plan["clean"]:
            for path in glob.glob(f"{folder}/**", recursive=True):
                if os.path.isfile(path) and ("peers-" in path or "another" in path):
                    os.unlink(path)
        return self.vf.restore()

    def config(self, step: dict[str, Any]) -> dict[str, Any]:
        """What the plugin reads."""
        ipam = dict(self.scenario["ipam"])
        if ipam.get("type") == "host-local":
            ipam["dataDir"] = self.leases
        made = {"cniVersion": self.scenario["version"], "name": "peers", **self.plugin["config"],
                **({"ipam": ipam} if ipam else {}), **self.scenario["config"]}  # fmt: skip
        later = step["call"] in ("CHECK", "DEL") and self.scenario["version"] >= "0.4.0"
        if later and self.result is not None:
            made["prevResult"] = self.result
        found: dict[str, Any] = filled({**made, **step.get("config", {})}, self.words)
        return found

    def call(self, step: dict[str, Any]) -> dict[str, Any]:
        """One call: what the plugin said, and how pod, VF and leases are."""
        settings = {"CNI_COMMAND": step["call"], "CNI_CONTAINERID": self.container, "CNI_IFNAME": "net1",
                    "CNI_NETNS": f"/run/netns/{self.netns}", "CNI_PATH": self.plan["cni_path"],
                    "PATH": os.environ["PATH"], **step.get("environment", {})}  # fmt: skip
        given = step["stdin"] if "stdin" in step else json.dumps(self.config(step))
        environment = {key: value for key, value in settings.items() if value}
        done = subprocess.run([self.plugin["program"]], input=given, env=environment, capture_output=True, text=True,
                              timeout=SECONDS, check=False)  # fmt: skip
        found: dict[str, Any] = {"call": step["call"], "status": int(done.returncode != 0), **self.said(done.stdout)}
        if step["call"] == "ADD" and not done.returncode:
            self.result = json.loads(done.stdout)
        if done.returncode:
            found["code"] = found["code"] or None  # a panic tells none
            found["words"] = (done.stdout + done.stderr)[:600]
        found["pod"] = pod(self.netns, settings["CNI_IFNAME"])
        found["vf"] = self.vf.state()
        found["leases"] = sorted(name for name in os.listdir(f"{self.leases}/peers") if name[0].isdigit()) \
            if os.path.isdir(f"{self.leases}/peers") else []  # fmt: skip
        return found

    def said(self, text: str) -> dict[str, Any]:
        """Standard output, without the names that differ from side to side."""
        if not text.strip():
            return {"code": 0, "result": {}}
        try:
            found = json.loads(text.replace(f"/run/netns/{self.netns}", "NETNS").replace(self.vf.address, "DEVICE"))
        except ValueError:
            return {"code": None, "result": {}}
        if "code" in found:
            return {"code": found["code"], "result": {}}
        return {"code": 0, "result": found}


def pod(netns: str, ifname: str) -> dict[str, Any]:
    """The interface in the pod, and the names of all that are there."""
    links = {link["ifname"]: link for link in ip("-n", netns, "-d", "address", "show")}
    link = links.get(ifname, {})
    addresses = [f"{one['local']}/{one['prefixlen']}" for one in link.get("addr_info", []) if one["scope"] != "link"]
    routes = [
        f"{family} {route['dst']} {route.get('gateway', '')}".strip()
        for family in ("-4", "-6") for route in ip("-n", netns, family, "route", "show", "dev", ifname)
        if route.get("protocol") != "kernel"
    ] if link else []  # fmt: skip
    tentative = any(one.get("tentative") for one in link.get("addr_info", []) if one["scope"] != "link")
    return {"there": bool(link), "up": "UP" in link.get("flags", []), "mac": link.get("address", ""),
            "mtu": link.get("mtu", 0), "alias": link.get("ifalias", ""), "addresses": sorted(addresses),
            "tentative": tentative, "routes": sorted(routes), "interfaces": sorted({*links} - {"lo"})}  # fmt: skip


def settled(condition: Callable[[], bool]) -> None:
    """Wait until something is so, as long as it can be."""
    end = time.monotonic() + HOME
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)


def run(plan: dict[str, Any]) -> dict[str, Any]:
    """All scenarios; in each, one side after the other."""
    vfs = {kind: Vf(found) for kind, found in plan["vfs"].items()}
    found: dict[str, Any] = {**{name: {} for name in plan["sides"]}, "left": {}}
    for scenario in plan["scenarios"]:
        for name in plan["sides"]:
            vf = vfs[scenario["needs"]]
            found[name][scenario["id"]], left = Side(plan, name, scenario, vf).run()
            if left:
                found["left"][f"{name} {scenario['id']}"] = left
    return found


if __name__ == "__main__":
    print(json.dumps(run(json.load(sys.stdin))))
