# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client at sushy-emulator: settings that take effect at once, no sessions, no registry, no ETags.

Where BAREMETAL_SRIOV_SUSHY names a Python that has sushy-tools and bcrypt; tried with sushy-tools 2.2.0.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.bmc import bios_module, power_module
from support.bmc import sushy
from support.bmc.fake import PASSWORD, USER
from support.bmc.runs import module

_HASH = "import bcrypt, sys; print(bcrypt.hashpw(sys.argv[1].encode(), bcrypt.gensalt(4)).decode())"


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its address."""
    python = os.environ.get("BAREMETAL_SRIOV_SUSHY")
    if not python:
        pytest.skip("needs BAREMETAL_SRIOV_SUSHY, a Python that has sushy-tools and bcrypt")
    made = subprocess.run([python, "-c", _HASH, PASSWORD], capture_output=True, text=True, check=True).stdout
    with sushy.running(python, tmp_path_factory.mktemp("sushy"), f"{USER}:{made.strip()}") as address:
        yield address


def run(emulator: str, tmp_path: Path, check: bool = False, what: Any = bios_module, **options: Any) -> dict[str, Any]:
    """A module at it, and its one result."""
    item = {"name": "node1", "address": emulator, "username": USER, "password": options.pop("password", PASSWORD),
            "validate_certs": False, **options.pop("wish", {})}  # fmt: skip
    record = {"record": str(tmp_path / "record")} if what is bios_module else {}
    ended = module(what.SPEC, what.main, check, bmcs=[item], fail=False, **record, **options)
    return dict(ended.result["answers"]["node1"])


def test_bios(emulator: str, tmp_path: Path) -> None:
    names = {"sriov": {"attribute": "SriovGlobalEnable"}, "iommu": {"attribute": "IommuSupport"}}
    wish = {"wish": {"settings": {"sriov": True, "iommu": True}, "names": names}}
    predicted = run(emulator, tmp_path, True, **wish)
    first = run(emulator, tmp_path, **wish)
    assert first["changed"] and first["plan"] == predicted["plan"], first
    assert first["settings"]["SriovGlobalEnable"]["current"] == "Enabled" and not first["reboot_required"]
    second = run(emulator, tmp_path, **wish)
    assert not second["changed"] and second["plan"]["steps"] == []
    assert "Did you mean SriovGlobalEnable?" in run(
        emulator, tmp_path, wish={"attributes": {"SriovGlobalEnabled": "x"}}
    )["msg"]  # fmt: skip
    assert run(emulator, tmp_path, state="absent")["changed"]
    assert not run(emulator, tmp_path, state="absent")["changed"]
    assert run(emulator, tmp_path, password="wrong", **wish)["reason"] == "login"


def test_power_and_boot(emulator: str, tmp_path: Path) -> None:
    first = run(emulator, tmp_path, what=power_module, boot="pxe")
    assert first["changed"] and first["boot"] == "pxe", first
    assert not run(emulator, tmp_path, what=power_module, boot="pxe")["changed"]
    off = run(emulator, tmp_path, what=power_module, power="off", wait_timeout=60)
    assert off["changed"] and off["power"] == "off", off
    assert not run(emulator, tmp_path, what=power_module, power="off")["changed"]
    assert run(emulator, tmp_path, what=power_module, power="on", wait_timeout=60)["power"] == "on"
