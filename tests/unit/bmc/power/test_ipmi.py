# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Boot override and power over IPMI: what ipmitool is given, and what is made of what it prints.

source: ipmitool 1.8.19 at openipmi's ipmi_sim 2.0.33 and at pyghmi 1.6.19's fakebmc (the texts), ipmitool(1).
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.bmc import power_module
from ansible_collections.baremetal.sriov.plugins.module_utils.host.host import Completed, Host
from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import CommandError
from support.bmc.ipmi_sim import running
from support.bmc.runs import Ended, module
from support.needs import missing

SECRET = "Geh3im-never-shown"
FLAGS = """Boot parameter version: 1
Boot parameter 5 is valid/unlocked
Boot parameter data: 8004000000
 Boot Flags :
   - Boot Flag {valid}
   - Options apply to only next boot
   - BIOS PC Compatible (legacy) boot
   - Boot Device Selector : {device}
"""
DEVICES = {"pxe": "Force PXE", "disk": "Force Boot from default Hard-Drive", "none": "No override"}


@dataclass
class Ipmitool(Host):
    """A host whose ipmitool speaks to a machine of its own. tells: whether its BMC tells its boot flags."""

    power: str = "on"
    boot: str = "none"
    tells: bool = True
    refuses: bool = False
    calls: list[list[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def run(self, argv: Sequence[str], *, stdin: str | None = None, seconds: float = 0, check: bool = True,
            variables: Mapping[str, str] | None = None) -> Completed:
        assert SECRET not in " ".join(argv) and variables == {"IPMI_PASSWORD": SECRET}
        words = list(argv[argv.index("chassis") + 1 :])
        self.calls.append(words)
        if self.refuses:
            raise CommandError("ipmitool", "exit status 0", "1; it said: RAKP 2 HMAC is invalid")
        return Completed(tuple(argv), 0, self._said(words), "")

    def _said(self, words: list[str]) -> str:
        if words[0] == "bootdev":
            self.boot = words[1]
            return f"Set Boot Device to {words[1]}\n"
        if words[0] == "bootparam":
            valid = "Valid" if self.tells else "Invalid"
            return FLAGS.format(valid=valid, device=DEVICES[self.boot])
        if words[1] != "status":
            self.power = {"off": "off", "soft": "off"}.get(words[1], "on")
        return f"Chassis Power is {self.power}\n"

    def sleep(self, seconds: float) -> None:
        """Nothing is waited for."""


def run(host: Host, check: bool = False, address: str = "192.0.2.9", user: str = "admin", **options: Any) -> Ended:
    """The module at one BMC."""
    item = {"name": "node1", "address": address, "username": user, "password": SECRET}
    given = {"protocol": "ipmi", "bmcs": [item], **options}
    return module(power_module.SPEC, lambda ended: power_module.main(ended, host), check, **given)


def only(ended: Ended) -> dict[str, Any]:
    """The one result."""
    assert not ended.failed, ended.result
    return dict(ended.result["answers"]["node1"])


def test_set_once_and_read_back() -> None:
    host = Ipmitool()
    assert only(run(host, True, boot="pxe"))["changed"] and host.boot == "none"
    done = only(run(host, boot="pxe", boot_mode="uefi"))
    assert done["changed"] and done["boot"] == "pxe" and ["bootdev", "pxe", "options=efiboot"] in host.calls
    assert not only(run(host, boot="pxe"))["changed"]


def test_power() -> None:
    host = Ipmitool(power="off")
    assert only(run(host, power="reset"))["power"] == "on" and ["power", "on"] in host.calls
    assert not only(run(host, power="on"))["changed"]
    assert only(run(host, power="shut_down"))["power"] == "off" and ["power", "soft"] in host.calls


def test_a_bmc_that_does_not_tell_is_a_warning() -> None:
    ended = run(Ipmitool(tells=False), boot="pxe")
    assert only(ended)["changed"] and "does not tell whether its next boot starts from pxe" in ended.warnings[0]


def test_a_refused_login_is_tried_once() -> None:
    host = Ipmitool(refuses=True)
    ended = run(host, boot="pxe")
    assert ended.result["answers"]["node1"]["reason"] == "login" and len(host.calls) == 1


def test_http_is_none_of_ipmi() -> None:
    assert "expected pxe, disk, cd, bios_setup or none over IPMI" in run(Ipmitool(), boot="http").result["msg"]


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[str]:
    """openipmi's simulator, where it is installed; its address."""
    if not shutil.which("ipmi_sim") or not shutil.which("ipmitool"):
        missing("ipmitool, and ipmi_sim of the package openipmi")
    with running(tmp_path, "ipmiusr", SECRET[:16]) as address:
        yield address


def test_ipmitool_at_a_simulated_bmc(simulator: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "SECRET", SECRET[:16])
    options: dict[str, Any] = {"address": simulator, "user": "ipmiusr", "ipmi_cipher": 3, "wait_timeout": 20}
    assert only(run(Host(), power="off", **options))["power"] == "off"
    assert not only(run(Host(), power="off", **options))["changed"]
    done = run(Host(), boot="pxe", power="on", **options)
    assert only(done)["power"] == "on"
    listing = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert SECRET[:16] not in listing.replace("ipmi_sim", "")
    start = time.monotonic()
    monkeypatch.setitem(globals(), "SECRET", "wrong")
    refused = run(Host(), power="off", **options).result["answers"]["node1"]
    assert refused["reason"] == "login" and time.monotonic() - start < 30
