# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fake host that gets all parts, as the playbooks bring them: what the one plan foretells, and what its parts do."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import random
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible_collections.baremetal.sriov.plugins.module_utils.entry import bundle_module
from ansible_collections.baremetal.sriov.plugins.module_utils.entry.node_module import run_module
from ansible_collections.baremetal.sriov.plugins.module_utils.host.host import Completed
from ansible_collections.baremetal.sriov.plugins.module_utils.model.goal import Goal
from ansible_collections.baremetal.sriov.plugins.module_utils.node.concerns import WHOLE
from support.fake_host import FakeHost
from support.node_runs import PLUGIN, goal_of, make_host, ran

CNI_UNIT = "baremetal-sriov-cni.service"
FOLDER = "/usr/lib/baremetal-sriov"
PYTHON = {"version": "3.11", "full_version": "3.11.2", "abi": "cp311", "cache_tag": "cpython-311",
          "machine": "x86_64", "libc": "glibc 2.36"}  # fmt: skip
# The interpreter's answer to what it is, of which this machine need not have that one.
_ANSWER = "{" + ", ".join(f'"{name}": "{value}"' for name, value in PYTHON.items()) + "}"
Steps = list[dict[str, Any]]


class WholeHost(FakeHost):
    """With systemd and a Python, which compiles what it is told."""

    def run(self, argv: Any, **options: Any) -> Completed:
        if argv[0] != "/usr/bin/python3":
            return super().run(argv, **options)
        for path in str(options.get("stdin") or "").split():
            folder, name = os.path.split(path)
            compiled = Path(folder) / "__pycache__" / f"{name[:-3]}.{PYTHON['cache_tag']}.pyc"
            compiled.parent.mkdir(exist_ok=True)
            compiled.write_bytes(Path(path).read_bytes())
        return Completed(tuple(argv), 0, _ANSWER, "")


def whole_host(root: Path) -> WholeHost:
    """A host on which nothing of ours is."""
    host = make_host(root, kind=WholeHost)
    assert isinstance(host, WholeHost)
    host.fill({"run/systemd/system/": "", "etc/systemd/system/": "", "usr/bin/python3": "", "usr/lib/": "",
               "var/lib/": "", "opt/cni/bin/": ""})  # fmt: skip
    host.real("usr/bin/python3").chmod(0o755)
    host.available.add("uio_pci_generic")
    return host


def shipments(release: str, code: Sequence[str]) -> list[dict[str, Any]]:
    """What the roles ship, in small. code: the content of each file of our own code."""

    def bundle(name: str, part: str, unit: str, more: dict[str, str], started: bool | None) -> dict[str, Any]:
        texts = {f"{FOLDER}/{name}/RELEASE": f"{release}\n", f"/etc/systemd/system/{unit}": f"[Service]\n#{code}\n"}
        files = [{"path": path, "text": text} for path, text in {**texts, **more}.items()]
        for number, content in enumerate(code):
            sha256 = hashlib.sha256(content.encode()).hexdigest()
            files.append({"path": f"{FOLDER}/{name}/m{number}.py", "sha256": sha256, "compile": True})
        units = [{"name": unit, "enabled": True, **({} if started is None else {"started": started})}]
        return {"name": name, "part": part, "manifest": {"files": files}, "units": units, "variables": {},
                "adopt": False}  # fmt: skip

    program = {"@CNI_BIN_DIR@/sriov": f"#!@PYTHON@\n# baremetal-sriov {code[0]}\n"}
    plugin = bundle("device-plugin", "device_plugin", PLUGIN, {}, True)
    idle = [{**unit, "started": False} for unit in plugin["units"]]
    return [bundle("node", "node", "baremetal-sriov-node.service", {}, None), {**plugin, "idle_units": idle},
            bundle("cni", "cni", CNI_UNIT, program, True)]  # fmt: skip


class Runs:
    """The playbooks plan, site and teardown, as calls of the modules."""

    def __init__(self, host: WholeHost, folder: Path) -> None:
        self.host, self.folder = host, folder
        self.contents: dict[str, bytes] = {}

    def plan(self, policies: list[dict[str, Any]] | None, shipped: list[dict[str, Any]]) -> dict[str, Any]:
        """The result of the one call. policies: None for the teardown."""
        absent = policies is None
        params = {"state": "absent" if absent else "present", "bundles": list(shipped), "libraries_for": None}
        return self._node(policies, params, check=True)

    def site(self, policies: list[dict[str, Any]], shipped: list[dict[str, Any]], code: Sequence[str]) -> Steps:
        """The steps of all parts that were done, in their order."""
        self.contents = {hashlib.sha256(content.encode()).hexdigest(): content.encode() for content in code}
        library, *others = shipped
        steps = self._bundle(library)
        node = self._node(policies, {})
        steps += [{**step, "part": "node"} for step in node["plan"]["steps"]]
        for one in others:
            units = one["units"] if node["resources"] or "idle_units" not in one else one["idle_units"]
            steps += self._bundle({**one, "units": units})
        return steps

    def teardown(self, shipped: list[dict[str, Any]]) -> Steps:
        """The same of a teardown."""
        library, *others = shipped
        steps = [step for one in others for step in self._bundle(one, state="absent")]
        steps += [{**step, "part": "node"} for step in self._node(None, {})["plan"]["steps"]]
        return steps + self._bundle(library, state="absent")

    def _node(self, policies: list[dict[str, Any]] | None, params: dict[str, Any], check: bool = False) -> Any:
        def gone(_state: Any) -> Goal:
            return Goal(absent=True)

        make_goal = gone if policies is None else goal_of(policies, policies_may_be_empty=True)
        result = ran(self.host, run_module, make_goal, WHOLE, check=check, params=params).result
        assert not result.get("failed"), result
        return result

    def _bundle(self, one: dict[str, Any], state: str = "present") -> Steps:
        params = {"state": state, "python": "auto", "gather_only": False, "archive": None, "approved": None, **one}
        result = ran(self.host, bundle_module.run, params=dict(params)).result
        if result.get("missing"):
            archive = self._archive(result["missing"])
            result = ran(self.host, bundle_module.run, params={**params, "archive": archive}).result
        assert not result.get("failed"), result
        return [{**step, "part": one["part"], "bundle": one["name"]} for step in result["steps"]]

    def _archive(self, missing: list[str]) -> str:
        path = self.folder / base64.b16encode(os.urandom(6)).decode()
        with tarfile.open(path, "w:gz") as made:
            for sha256 in missing:
                member = tarfile.TarInfo(sha256)
                member.size = len(self.contents[sha256])
                made.addfile(member, io.BytesIO(self.contents[sha256]))
        return str(path)


def any_policies(chance: random.Random) -> list[dict[str, Any]]:
    """None to two policies, one on a PF."""
    found = []
    for name in ("enp1s0", "enp2s0"):
        if chance.random() < 0.75:
            kind = chance.choice(["netdevice", "vfio-pci", "uio_pci_generic"])
            policy: dict[str, Any] = {"name": name, "resource_name": name, "num_vfs": chance.randint(1, 7),
                                      "device_type": kind, "nic_selector": {"pf_names": [name]}}  # fmt: skip
            if chance.random() < 0.5:
                policy["vfs"] = [{"indices": 0, "vlan": chance.randint(1, 4094), "trust": chance.random() < 0.5}]
            found.append(policy)
    return found


def compare(folder: Path, seed: int) -> list[str]:
    """A node's life by chance: where plan and deeds are not the same, in words."""
    chance = random.Random(seed)
    runs, wrong = Runs(whole_host(folder / "host"), folder), []
    code = [str(chance.random()) for _number in range(3)]
    wanted = any_policies(chance)
    shipped = shipments("0.1.0", code)
    for turn, what in enumerate(["first run", *chance.choices(["policy", "code", "nothing", "drift"], k=4)]):
        if what == "policy":
            wanted = any_policies(chance)
        elif what == "code":
            code = [*code[: chance.randint(1, len(code))], str(chance.random())]
            shipped = shipments(f"0.1.{turn}", code)
        elif what == "drift":
            runs.host.put(f"{FOLDER[1:]}/device-plugin/m0.py", "other")
            runs.host.active.discard(CNI_UNIT)
        told = runs.plan(wanted, shipped)["plan"]["steps"]
        done = runs.site(wanted, shipped, code)
        wrong += _differences(f"{what} ({turn})", told, done)
        left = runs.plan(wanted, shipped)
        if left["plan"]["steps"] or left["changed"]:
            wrong.append(f"{what} ({turn}): left {left['plan']['steps']}")
    told = runs.plan(None, [{"name": one["name"], "part": one["part"]} for one in shipped])["plan"]["steps"]
    return wrong + _differences("teardown", told, runs.teardown(shipped))


def _differences(what: str, told: Steps, done: Steps) -> list[str]:
    return [] if told == done else [f"{what}:\n told {told}\n done {done}"]
