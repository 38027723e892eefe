# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role bios as a play runs it: all BMCs in one call, one result for each host, no password anywhere."""

from __future__ import annotations

import contextlib
import http.server
import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from support.bmc.expected import ALL_ON, SENT
from support.bmc.fake import PASSWORD, USER, FakeBmc, Fault
from support.bmc.runs import sent
from support.bmc.server import Farm
from support.playbook_runs import Controller, Run

PLAY = """
- hosts: sriov_nodes
  gather_facts: false
  become: true
  roles: [baremetal.sriov.bios]
- hosts: sriov_nodes
  gather_facts: false
  roles: [baremetal.sriov.bios]
"""

LOCAL = {"ansible_python_interpreter": sys.executable}


def access(farm: Farm, bmc: FakeBmc, **more: Any) -> dict[str, Any]:
    """Variables of a host with a BMC."""
    return {"sriov_bmc_address": farm.add(bmc), "sriov_bmc_username": USER, "sriov_bmc_password": PASSWORD,
            "sriov_bmc_validate_certs": False, "sriov_bios_settings": ALL_ON, **more}  # fmt: skip


def test_one_call_for_all_hosts(tmp_path: Path) -> None:
    bmcs = {"node1": FakeBmc("dell"), "node2": FakeBmc("hpe"), "node3": FakeBmc("ami")}
    controller = Controller(tmp_path)
    controller.put("bios.yml", PLAY)
    with Farm() as farm:
        hosts = {name: access(farm, bmc) for name, bmc in bmcs.items()}
        hosts["node2"]["sriov_bios_attributes"] = {"AssetTagProtection": "Locked"}
        extra = {"sriov_bios_record": str(tmp_path / "record")}
        run = controller.run("bios.yml", "-vvv", hosts={**hosts, "node4": {}}, extra=extra, local=LOCAL)
    assert {name: sent(bmc) for name, bmc in bmcs.items()} == {
        "node1": [SENT["dell"]], "node2": [], "node3": [SENT["ami"]]
    }  # fmt: skip
    # Changed in the first play, and not in the second.
    assert run.recap == {"node1": (1, 0), "node2": (0, 1), "node3": (1, 0), "node4": (0, 0)}, run.output
    assert "AssetTagProtection: expected an attribute that may be changed" in run.output
    assert PASSWORD not in run.output and run.calls == ()
    assert all(bmc.sessions == {} and bmc.resets == [] and bmc.most_sessions == 1 for bmc in bmcs.values())
    assert "stage 'Enabled'" in run.output and "1 step, one reboot, no drain" in run.output


PROVEN = [
    {"item": "IOMMU in the firmware", "verdict": "ok", "found": "the table DMAR", "setting": ""},
    {"item": "x2APIC", "verdict": "look", "found": "the firmware forbids it", "setting": ""},  # nobody asked for it
]


class StartingApi(http.server.BaseHTTPRequestHandler):
    """An API server that starts together with its host: the first answer is that of what stands before it."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        status = 503 if len(self.asked) == 1 else 200
        found = {"/api": {"kind": "APIVersions", "versions": ["v1"]}, "/apis": {"kind": "APIGroupList", "groups": []},
                 "/api/v1": {"kind": "APIResourceList", "resources": []}}  # fmt: skip
        told = json.dumps(found.get(self.path, {"gitVersion": "v1.35.0"}))
        words = (told if status == 200 else "no healthy upstream").encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(words)))
        self.end_headers()
        self.wfile.write(words)

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads it."""


@contextlib.contextmanager
def starting_api() -> Iterator[tuple[str, list[str]]]:
    """Its URL, and the paths that it was asked for."""
    handler = type("Handler", (StartingApi,), {"asked": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", handler.asked
        finally:
            server.shutdown()
            thread.join()


def test_provision_goes_from_the_bios_to_the_first_boot(tmp_path: Path) -> None:
    bmcs = {"node1": FakeBmc("dell"), "node2": FakeBmc("hpe"), "node3": FakeBmc("ami"), "node4": FakeBmc("lenovo")}
    bmcs["node3"].current.update(SENT["ami"])
    controller = Controller(tmp_path)
    controller.answer("ping", ping="pong")
    controller.answer("sriov_preflight_info", changed=False, checks=PROVEN, table=[])
    extra = {"sriov_bios_record": str(tmp_path / "record"), "sriov_provision_boot": "pxe", "sriov_serial": 4,
             "sriov_provision_delay": 0, "sriov_provision_site": False, "sriov_provision_force": True,
             "sriov_kube_token": "none"}  # fmt: skip
    with Farm() as farm, starting_api() as (extra["sriov_kube_host"], asked):
        hosts = {name: access(farm, bmc, sriov_reboot_ok=name != "node4") for name, bmc in bmcs.items()}
        run = controller.run("baremetal.sriov.provision", hosts=hosts, extra=extra, local=LOCAL)
    assert run.status == 0, run.output
    nodes = {path.rpartition("/")[2] for path in asked if path.startswith("/api/v1/nodes/")}
    assert nodes == {"node1", "node2", "node3"}, "the cluster has to answer after the reset"
    # The job of a Dell takes a boot of its own; with nothing to set, the boot alone is a reason.
    assert {name: (bmc.resets, bmc.booted) for name, bmc in bmcs.items()} == {
        "node1": (["ForceRestart", "ForceRestart"], ["None", "Pxe"]),
        "node2": (["ForceRestart"], ["Pxe"]),
        "node3": (["ForceRestart"], ["Pxe"]),
        "node4": ([], []),
    }
    assert "node4 waits for a reset. Nothing was reset." in run.output and bmcs["node4"].staged == SENT["lenovo"]
    rebooted = [bmc for name, bmc in bmcs.items() if name != "node4"]
    assert all(SENT[bmc.shape.vendor.lower()].items() <= bmc.current.items() for bmc in rebooted)
    assert all(bmc.sessions == {} for bmc in bmcs.values()) and PASSWORD not in run.output


PLAN = {"steps": [], "warnings": [], "reboot_required": False, "drain_required": False}


def planned(tmp_path: Path, *more: FakeBmc, **variables: Any) -> tuple[Run, dict[str, Any]]:
    """The playbook plan for node1 and more hosts with a BMC, and node0 without one; and its JSON file."""
    controller = Controller(tmp_path)
    controller.answer("sriov_node", changed=False, plan=PLAN, drain_required=False, refused=[], reboot_required=False)
    with Farm() as farm:
        record = {"sriov_bios_record": str(tmp_path / "record"), **variables}
        hosts = {f"node{number}": access(farm, bmc, **record) for number, bmc in enumerate(more, 1)}
        extra = {"sriov_plan_output": "plan.json"}
        run = controller.run("baremetal.sriov.plan", hosts={"node0": {}, **hosts}, extra=extra, local=LOCAL)
    assert PASSWORD not in run.output and all(bmc.writes == [] and bmc.sessions == {} for bmc in more)
    return run, json.loads(controller.get("plan.json"))["nodes"]


def test_the_bios_stands_in_the_plan_before_the_node(tmp_path: Path) -> None:
    """One table and one file for all parts; the reset is foretold, and nothing is staged."""
    run, nodes = planned(tmp_path, FakeBmc("dell"))
    assert run.status == 0 and "changes: 2 nodes: 1 unchanged, 1 changes" in run.output, run.output
    told = nodes["node1"]
    assert [step["part"] for step in told["plan"]["steps"]] == ["bios"] * 3
    assert {step["target"] for step in told["plan"]["steps"]} >= set(SENT["dell"])
    assert told["reboot_required"] and told["plan"]["reboot_required"] and nodes["node0"]["plan"]["steps"] == []
    assert "node1: changes, 3 steps, one reboot, no drain" in run.output and "  BIOS:" in run.output


def test_a_bios_that_refuses_refuses_its_node_alone(tmp_path: Path) -> None:
    wrong = FakeBmc("hpe")
    wrong.faults.append(Fault("html"))
    run, nodes = planned(tmp_path, FakeBmc("dell"), wrong)
    assert run.status == 2 and nodes["node1"]["verdict"] == "changes"
    assert nodes["node2"]["verdict"] == "refused" and nodes["node2"]["msg"].startswith("BIOS: ")


def test_the_preflight_names_the_menu_entry_that_is_off(tmp_path: Path) -> None:
    bmc, controller = FakeBmc("supermicro"), Controller(tmp_path)
    lacking = [{"item": "IOMMU in the firmware", "verdict": "look", "found": "no table that announces one"}]
    controller.answer("sriov_preflight_info", changed=False, checks=lacking, table=["a row"])
    with Farm() as farm:
        hosts = {"node1": access(farm, bmc, sriov_bios_settings={})}
        run = controller.run("baremetal.sriov.plan", "--tags", "preflight", hosts=hosts, local=LOCAL)
    name = "IntelVTforDirectedI_O_VT_d__00A1"
    told = f"IOMMU in the firmware: no table that announces one. The BMC tells that {name} is 'Disable': set sriov_"
    assert run.status == 0 and told in run.output and bmc.writes == [] and bmc.sessions == {}, run.output
