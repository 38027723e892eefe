# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told of the BIOS and of the NICs' firmware, and that nothing is changed for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.host.host import Completed
from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import CommandError
from ansible_collections.baremetal.sriov.plugins.module_utils.node import preflight
from ansible_collections.baremetal.sriov.plugins.module_utils.policy.node_spec import node_spec, parse_spec
from support.fake_host import FakeHost
from support.node_runs import DPDK, KERNEL, PF1, PF2, make_host

QUERY = """
Device #1:
----------
Device type:    ConnectX5
Configurations:                              Next Boot
         SRIOV_EN                            {enabled}
         NUM_OF_VFS                          {vfs}
"""


class Mellanox(FakeHost):
    """Its mstconfig answers; None: it is locked down."""

    answer: str | None = None
    asked: list[list[str]]

    def run(self, argv: Any, **options: Any) -> Completed:
        if argv[0] != "mstconfig":
            return super().run(argv, **options)
        assert 0 < options["seconds"] <= 60
        self.asked.append(list(argv))
        if self.answer is None:
            raise CommandError("mstconfig", "exit status 0", "1; it said: -E- Failed to\nopen the device")
        return Completed(tuple(argv), 0, self.answer, "")


def rows(host: FakeHost, *policies: dict[str, Any]) -> dict[str, preflight.Check]:
    writes = len(host.log)
    found = preflight.checks(host, parse_spec(node_spec(list(policies))) if policies else None)
    assert len(host.log) == writes
    return {row.item: row for row in found}


def test_a_machine_that_gives_everything(tmp_path: Path) -> None:
    host = make_host(tmp_path)
    host.put("proc/cpuinfo", "vendor_id\t: GenuineIntel\nflags\t\t: fpu vmx x2apic\n")
    host.put("sys/firmware/acpi/tables/DMAR", "x" * 37 + "\1")
    host.put("sys/kernel/irq/24/chip_name", "IR-PCI-MSI\n")
    host.put("sys/class/dmi/id/sys_vendor", "Acme\n")
    host.put("sys/kernel/security/lockdown", "[none] integrity confidentiality\n")
    found = rows(host, KERNEL, DPDK)
    assert {row.verdict for row in found.values()} == {"ok"}
    assert found[f"{PF1} (enp1s0)"].found == "up to 7 VFs, the policies ask for 4"
    lines = preflight.table(list(found.values()))
    assert len(lines) == len(found) + 1 and "Acme" in lines[1]


def test_a_machine_that_gives_nothing(tmp_path: Path) -> None:
    host = make_host(tmp_path, iommu=False)
    host.put("proc/cpuinfo", "vendor_id\t: GenuineIntel\nflags\t\t: fpu x2apic\n")
    host.put("sys/firmware/acpi/tables/FACP", "")
    host.put("sys/kernel/security/lockdown", "none [integrity] confidentiality\n")
    host.put("sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c", "\6\0\0\0\1")
    host.put(f"sys/bus/pci/devices/{PF1}/sriov_totalvfs", "2\n")
    (tmp_path / f"sys/bus/pci/devices/{PF2}/sriov_totalvfs").unlink()
    found = rows(host, KERNEL, DPDK)
    settings = {item: row.setting for item, row in found.items() if row.verdict == "look"}
    assert "VT-x" in settings["CPU virtualization"]
    assert settings["IOMMU in the firmware"] == "Intel VT for Directed I/O (VT-d)"
    assert "intel_iommu=on" in settings["IOMMU in the kernel"]
    assert "Secure Boot" in settings["Secure Boot"] and "mstconfig" in found["kernel lockdown"].found
    assert "NIC's own setup" in settings[f"{PF1} (enp1s0)"]
    assert "SR-IOV Global Enable" in settings[f"{PF2} (enp2s0)"]


@pytest.mark.parametrize(
    ("flags", "verdicts"), [("\0", ("look", "ok")), ("\1", ("ok", "ok")), ("\3", ("ok", "look"))]
)
def test_what_the_table_says_of_interrupts(tmp_path: Path, flags: str, verdicts: tuple[str, str]) -> None:
    host = make_host(tmp_path)
    host.put("proc/cpuinfo", "vendor_id\t: GenuineIntel\nflags\t\t: vmx x2apic\n")
    host.put("sys/firmware/acpi/tables/DMAR", "x" * 37 + flags)
    found = rows(host)
    assert (found["interrupt remapping"].verdict, found["x2APIC"].verdict) == verdicts


@pytest.mark.parametrize(
    ("answer", "verdict", "words"),
    [
        (QUERY.format(enabled="True(1)", vfs="8"), "ok", ""),
        (QUERY.format(enabled="True(1)", vfs="2"), "look", f"mstconfig -d {PF1} set SRIOV_EN=True NUM_OF_VFS=4"),
        (QUERY.format(enabled="False(0)", vfs="0"), "look", "NUM_OF_VFS=4, then a cold boot"),
        (QUERY.format(enabled="Array[0..3]", vfs="x"), "unknown", ""),
        ("", "unknown", ""),
        (None, "unknown", ""),
    ],
)
def test_the_firmware_of_mellanox_nics(tmp_path: Path, answer: str | None, verdict: str, words: str) -> None:
    host = Mellanox(tmp_path)
    host.asked = []
    host.answer = answer
    host.add_pf(PF1, "enp1s0", driver="mlx5_core")
    host.put(f"sys/bus/pci/devices/{PF1}/vendor", "0x15b3\n")
    item = f"{PF1} (enp1s0) firmware"
    assert "install mstflint" in rows(host, KERNEL)[item].setting and host.asked == []
    host.put("usr/bin/mstconfig", "")
    row = rows(host, KERNEL)[item]
    assert (row.verdict, words in row.setting) == (verdict, True)
    assert answer is not None or row.found.endswith("Failed to open the device")
    assert [argv[:4] for argv in host.asked] == [["mstconfig", "-d", PF1, "query"]]
