# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CNI plugin beside Debian's host-device, which is written in Go and moves an interface, nothing more.

On the emulated node, on the same VF, each in turn, ours with VLAN and MAC on top, by its service (the warm way in):
cni.version_ratio, cni.cold_version_ratio: VERSION, compared with the bare interpreter; the latter without the service.
cni.add_ratio, cni.del_ratio, cni.add_p99_ratio: ADD and DEL with host-local.
cni.cold_add_ratio, cni.cold_del_ratio: the same without the service.
cni.loaded_add_ratio: ADD while two busy processes run beside.
cni.add_excess_ratio, cni.del_excess_ratio: as below, ours without VLAN and MAC.
cni.parallel_seconds: ADD of 14 VFs of two PFs at once, as after a reboot.
cni.service_rss_mib: memory of the service and its spare workers, what they share counted once.
Here, in a namespace with a veth in the VF's place: cni.native_version_ratio, cni.native_add_ratio,
cni.native_del_ratio, cni.native_cold_add_ratio, cni.native_service_rss_mib and cni.rss_mib, the resident size of an ADD
without the service, compared with the bare interpreter. cni.native_add_excess_ratio, cni.native_del_excess_ratio: what
ours takes above cni_floor.c, which does what no plugin can do without, over what host-device takes above it.
cni.native_loaded_add_ratio: beside two busy processes. cni.thick_add_ratio: called as Multus' thick daemon does
(cni_thick.py). cni.at_once_add_p99_ratio, cni.at_once_del_p99_ratio: the 99th percentile of one call where 64 come at
once.
`--native` leaves the emulated node out.
"""

from __future__ import annotations

import bisect
import io
import json
import random
import statistics
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cni_native
import cni_pairs
from figures import Figure, figure, main

from support import cni_code

HERE = Path(__file__).resolve().parent

NODE_ROUNDS, COLD_ROUNDS, EXCESS_ROUNDS, PARALLEL_ROUNDS = 200, 40, 60, 5
NODE = "/var/tmp/bench-cni"  # /run allows no programs
PFS, VFS = ("enp1s0", "enp2s0"), 7
COLD, WARM, UNIT = f"{NODE}/sriov", f"{NODE}/sriov-warm", "bench-cni"
CODE = f"{NODE}/lib/{cni_code.VERSION}"
BARE = "python3 -I -S -c pass"
SIDES = ("ours", "host-device", "floor")
ADD_EXCESS, DEL_EXCESS = 0.6, 1.0  # what we may take above the floor, in parts of what host-device does
THICK, LOADED, AT_ONCE = 0.8, 1.0, 1.0  # the limits of their ratios
DRAWS = 500
HALVINGS = 30  # of the range in which a shift is looked for
NO_RATIO = 99.0  # where host-device is not above the floor


def ratio(name: str, ours: list[float], base: list[float], compared_with: str, percent: int = 50,
          limit: float | None = None) -> dict[str, Any]:
    """Ours over the other's; samples are the ratios of the pairs."""
    pairs = [own / other for own, other in zip(ours, base)]
    value = _percentile(ours, percent) / _percentile(base, percent)
    return figure(name, "ratio", pairs, compared_with, value=value, limit=limit)


def excess(name: str, ours: list[float], peer: list[float], floor: list[float], limit: float) -> dict[str, Any]:
    """Our milliseconds above the floor of the same rounds over host-device's; the upper end of the 90 % interval, by
    drawing rounds anew, is what the limit is for. Samples are the rounds' differences in milliseconds, ours alone.

    Each of the three waits for an RCU grace period, which takes one time or twice that: a median lies on one of both
    by chance, and a difference of medians is chance as well. So what one takes above the other is the median of all
    differences (Hodges and Lehmann).
    """
    rounds, rng = list(zip(ours, peer, floor)), random.Random(1)
    drawn = sorted(_excess(rng.choices(rounds, k=len(rounds))) for _turn in range(DRAWS))
    low, middle, high = drawn[DRAWS // 20], _excess(rounds), drawn[-1 - DRAWS // 20]
    above = ", ".join(f"{who} {1000 * shift(times, floor):.1f} ms" for who, times in (("ours", ours), ("theirs", peer)))
    print(f"{name}: {middle:.2f}, from {low:.2f} to {high:.2f}; above the floor of "
          f"{1000 * statistics.median(floor):.1f} ms: {above}")  # fmt: skip
    own = [1000 * (mine - least) for mine, _other, least in rounds]
    return figure(name, "ratio", own, "host-device above the floor", value=high, limit=limit)


def _excess(rounds: list[tuple[float, float, float]]) -> float:
    ours, peer, floor = zip(*rounds)
    base = shift(peer, floor)
    return min(shift(ours, floor) / base, NO_RATIO) if base > 0 else NO_RATIO


def shift(times: Sequence[float], floor: Sequence[float]) -> float:
    """By how much they are above: the median of all differences, found by halving the range that it lies in."""
    low, high, least = min(times) - max(floor), max(times) - min(floor), sorted(floor)
    for _turn in range(HALVINGS):
        middle = (low + high) / 2
        below = sum(len(least) - bisect.bisect_left(least, one - middle) for one in times)
        low, high = (low, middle) if 2 * below >= len(times) * len(least) else (middle, high)
    return (low + high) / 2


def _percentile(samples: list[float], percent: int) -> float:
    return statistics.quantiles(samples, n=100, method="inclusive")[percent - 1]


def native() -> list[dict[str, Any]]:
    """What can be measured without the emulated node."""
    argv = [sys.executable, str(HERE / "cni_native.py"), str(cni_native.ROUNDS)]
    found = json.loads(subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout)
    with tempfile.TemporaryDirectory(prefix="bench-cni-") as folder:
        launcher = cni_code.install(Path(folder), cni_native.INTERPRETER)
        with cni_native.Service(launcher) as service:
            argvs = version_argvs(str(service.program))
            version = cni_pairs.commands(cni_native.ROUNDS, argvs, {"CNI_COMMAND": "VERSION"})
    show_phases("natively", found["phases"])
    ours, cold, peer, floor = (found["alone"][side] for side in ("ours", "cold", "host-device", "floor"))
    many, others = (found["at once"][side] for side in ("ours", "host-device"))
    beside = f"host-device, {cni_native.AT_ONCE} at once"
    return [ratio("cni.native_version_ratio", version["ours"], version["bare"], BARE),
            excess("cni.native_add_excess_ratio", ours["ADD"], peer["ADD"], floor["ADD"], ADD_EXCESS),
            excess("cni.native_del_excess_ratio", ours["DEL"], peer["DEL"], floor["DEL"], DEL_EXCESS),
            ratio("cni.native_add_ratio", ours["ADD"], peer["ADD"], "host-device ADD"),
            ratio("cni.native_del_ratio", ours["DEL"], peer["DEL"], "host-device DEL"),
            against(found["loaded"], "cni.native_loaded_add_ratio", "host-device ADD, beside busy processes"),
            against(found["thick"], "cni.thick_add_ratio", "host-device ADD, as the thick daemon calls it", THICK),
            ratio("cni.at_once_add_p99_ratio", many["each ADD"], others["each ADD"], beside, 99, AT_ONCE),
            ratio("cni.at_once_del_p99_ratio", many["each DEL"], others["each DEL"], beside, 99, AT_ONCE),
            ratio("cni.native_cold_add_ratio", cold["ADD"], peer["ADD"], "host-device ADD, without the service"),
            figure("cni.native_service_rss_mib", "MiB", [found["service"] / 2**20]),
            figure("cni.rss_mib", "MiB", [found["rss"] / 2**20], BARE, base=found["bare"] / 2**20)]


def against(found: dict[str, dict[str, list[float]]], name: str, base: str, limit: float | None = None) -> Figure:
    """ADD of ours over that of host-device, of two sides that were measured together."""
    return ratio(name, found["ours"]["ADD"], found["host-device"]["ADD"], base, limit=limit)


def show_phases(where: str, found: dict[str, dict[str, float]]) -> None:
    """Where each millisecond of a call goes: what lies before the named change, up to it."""
    for command, phases in found.items():
        print(f"{command} {where}:", ", ".join(f"{name} {value:.1f} ms" for name, value in phases.items()))


def version_argvs(program: str) -> dict[str, list[str]]:
    """The plan of cni_pairs.commands for VERSION."""
    return {"ours": [program], "bare": ["/usr/bin/python3", "-I", "-S", "-c", "pass"]}


class Node:
    """The emulated node, as its image is, with all VFs, the plugin in NODE and nothing else of ours."""

    def __init__(self) -> None:
        import standalone

        self.lab = standalone.start(pristine=True)
        self.stop = standalone.stop
        self._install()
        self.lab.run(["modprobe", "igbvf"])
        for pf in PFS:
            self.lab.put(f"{VFS}\n".encode(), f"/sys/class/net/{pf}/device/sriov_numvfs")
            self.lab.run(["ip", "link", "set", pf, "up"])
        self.vfs = [self.lab.run(["readlink", "-f", f"/sys/class/net/{pf}/device/virtfn{number}"]).stdout.strip()[-12:]
                    for pf in PFS for number in range(VFS)]

    def _install(self) -> None:
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode="w", dereference=True) as tar:
            for name, path in cni_code.sources().items():
                tar.add(path, f"lib/{cni_code.VERSION}/{name}")
            tar.add(HERE / "cni_pairs.py", "cni_pairs.py")
        self.lab.run(["mkdir", "-p", NODE])
        self.lab.run(["tar", "-x", "--no-same-owner", "-C", NODE], input=content.getvalue())
        self.lab.put(cni_code.launcher("/usr/bin/python3", CODE).encode(), COLD, 0o755)
        self.lab.run(["python3", *cni_code.UNCHECKED, CODE])
        self._serve(COLD)

    def _serve(self, launcher: str) -> None:
        """Have the service of this launcher run, and WARM lead to it."""
        text = cni_code.client(launcher, CODE, f"/run/{UNIT}")
        self.lab.put(text.encode(), WARM, 0o755)
        unit = (cni_code.CNI / "baremetal-sriov-cni.service").read_text()
        unit = unit.replace(f"{cni_code.NODE_FOLDER}/sriov", launcher).replace("baremetal-sriov/cni", UNIT)
        unit = unit.replace("@PYTHON@", "/usr/bin/python3")
        self.lab.put(unit.encode(), f"/run/systemd/system/{UNIT}.service")
        self.lab.run(["systemctl", "daemon-reload"])
        self.lab.run(["systemctl", "restart", UNIT])

    def service_size(self) -> float:
        """MiB of the service's processes."""
        pids = self.lab.run(["cat", f"/sys/fs/cgroup/system.slice/{UNIT}.service/cgroup.procs"]).stdout.split()
        text = self.lab.run(["cat", *(f"/proc/{pid}/smaps_rollup" for pid in pids)]).stdout
        return cni_native.proportional(text) / 2**20

    def measure(self, plan: dict[str, Any], timeout: float) -> Any:
        """Run cni_pairs on the node."""
        argv = ["python3", "-I", f"{NODE}/cni_pairs.py"]
        return json.loads(self.lab.run(argv, input=json.dumps(plan), timeout=timeout).stdout)

    def compare(self, way: str, vfs: list[str], rounds: int, busy: int = 0) -> dict[str, dict[str, list[float]]]:
        """Ours in one way and the other plugin, in turn; no third in between, which leaves a trace in the caches."""
        sides = self.sides(vfs)
        plan = {"rounds": rounds, "sides": {name: sides[name] for name in (way, "host-device")}, "busy": busy}
        found: dict[str, dict[str, list[float]]] = self.measure(plan, 900)
        return found

    def above_floor(self) -> dict[str, dict[str, list[float]]]:
        """Ours, with nothing asked of the PF, host-device and the floor, in turn, with the first VF."""
        (name,) = self.lab.run(["ls", f"/sys/bus/pci/devices/{self.vfs[0]}/net"]).stdout.split()
        with tempfile.TemporaryDirectory(prefix="bench-cni-") as folder:
            self.lab.put(cni_native.build_floor(Path(folder), name).read_bytes(), f"{NODE}/floor", 0o755)
        sides = self.sides(self.vfs[:1])
        plain = {key: value for key, value in sides["ours"][0]["config"].items() if key not in ("vlan", "mac")}
        plan = {"ours": [{"program": WARM, "config": plain}], "host-device": sides["host-device"],
                "floor": [{"program": f"{NODE}/floor", "config": {}}]}  # fmt: skip
        found: dict[str, dict[str, list[float]]] = self.measure({"rounds": EXCESS_ROUNDS, "sides": plan}, 900)
        return found

    def phases(self) -> dict[str, dict[str, float]]:
        """Of ADD and DEL with the first VF."""
        launcher, file = f"{NODE}/sriov-marks", f"{NODE}/marks"
        self.lab.put(cni_native.with_marks(self.lab.read(COLD), file).encode(), launcher, 0o755)
        self._serve(launcher)
        self.measure({"rounds": 20, "sides": {"ours": self.sides(self.vfs[:1])["ours"]}}, 300)
        return cni_native.phases(self.lab.read(file))

    def sides(self, vfs: list[str]) -> dict[str, list[dict[str, Any]]]:
        """Ours in both ways and the other plugin, on the same VFs."""
        calls: dict[str, list[dict[str, Any]]] = {"ours": [], "cold": [], "host-device": []}
        for number, vf in enumerate(vfs):
            ours = {"deviceID": vf, "vlan": 100 + number, "mac": f"02:00:00:00:be:{number:02x}"}
            for kind, program, keys in (("ours", WARM, ours), ("cold", COLD, ours),
                                        ("host-device", "/opt/cni/bin/host-device", {"pciBusID": vf})):
                ipam = {"type": "host-local", "dataDir": f"{NODE}/leases", "subnet": "198.51.100.0/24"}
                config = {"cniVersion": "1.0.0", "name": f"bench-{kind}", "type": kind, "ipam": ipam, **keys}
                calls[kind].append({"program": program, "config": config})
        return calls


def emulated() -> list[dict[str, Any]]:
    """What is measured on the node."""
    node = Node()
    plan: dict[str, Any] = {"rounds": cni_native.ROUNDS, "commands": version_argvs(WARM),
                            "environment": {"CNI_COMMAND": "VERSION"}}
    version = node.measure(plan, 300)
    first = node.measure({**plan, "commands": version_argvs(COLD)}, 300)
    one = node.compare("ours", node.vfs[:1], NODE_ROUNDS)
    cold = node.compare("cold", node.vfs[:1], COLD_ROUNDS)
    loaded = node.compare("ours", node.vfs[:1], COLD_ROUNDS, cni_native.BUSY)
    bare = node.above_floor()
    all_vfs = node.compare("ours", node.vfs, PARALLEL_ROUNDS)
    size = node.service_size()
    show_phases("on the node", node.phases())
    node.stop()
    ours, peer, beside_cold = one["ours"], one["host-device"], cold["host-device"]
    parallel, beside = all_vfs["ours"]["ADD"], statistics.median(all_vfs["host-device"]["ADD"])
    return [
        ratio("cni.version_ratio", version["ours"], version["bare"], BARE, limit=2),
        ratio("cni.cold_version_ratio", first["ours"], first["bare"], f"{BARE}, without the service", limit=2),
        ratio("cni.add_ratio", ours["ADD"], peer["ADD"], "host-device ADD", limit=1),
        ratio("cni.add_p99_ratio", ours["ADD"], peer["ADD"], "host-device ADD, 99th percentile", 99),
        ratio("cni.del_ratio", ours["DEL"], peer["DEL"], "host-device DEL", limit=1),
        against(loaded, "cni.loaded_add_ratio", "host-device ADD, beside busy processes", LOADED),
        *(excess(f"cni.{command.lower()}_excess_ratio", *(bare[side][command] for side in SIDES), limit)
          for command, limit in (("ADD", ADD_EXCESS), ("DEL", DEL_EXCESS))),
        ratio("cni.cold_add_ratio", cold["cold"]["ADD"], beside_cold["ADD"], "host-device ADD, without the service"),
        ratio("cni.cold_del_ratio", cold["cold"]["DEL"], beside_cold["DEL"], "host-device DEL, without the service"),
        figure("cni.service_rss_mib", "MiB", [size]),
        figure("cni.parallel_seconds", "s", parallel, f"host-device, {len(node.vfs)} VFs", base=beside),
    ]


if __name__ == "__main__":
    sys.exit(main(__doc__, native, emulated))
