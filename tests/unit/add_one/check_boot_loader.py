# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A new boot loader: found, named by the user, written, read back, and restored to every byte."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import InvalidSpecError
from ansible_collections.baremetal.sriov.plugins.module_utils.policy.node_spec import node_spec
from support.fake_boot import ID, RHEL9_ENTRY, EntryHost
from support.node_runs import absent, actions, present

ENTRIES = "/boot/loader/entries"


class ZiplHost(EntryHost):
    """IBM Z: zipl makes the boot record from the entries; `boot_record` is what it wrote last."""

    boot_record: tuple[str, ...] = ()

    def show(self, argv: tuple[str, ...]) -> str | None:
        return None if argv[0] == "zipl" else "[]" if argv[0] == "ip" else ""

    def act(self, argv: tuple[str, ...]) -> int:
        self.boot_record = tuple(self.read_text(f"{ENTRIES}/{name}") or "" for name in self.list_dir(ENTRIES))
        return 0


@pytest.mark.parametrize("name", ["zipl", "auto"])
def test_zipl(tmp_path: Path, name: str) -> None:
    host: Any = ZiplHost(tmp_path)
    host.put(f"{ENTRIES}/{ID}-5.14.0-362.el9.s390x.conf", RHEL9_ENTRY.format(version="5.14.0-362"))
    host.put("/etc/zipl.conf", "[defaultboot]\ndefaultauto\n")
    host.boot()
    before = host.tree()
    asked = {"boot_loader": name, "kernel_arguments": ["nosmt"]}
    outcome = present(host, [], **asked)
    assert actions(outcome)[0].startswith("zipl: ") and outcome.plan.reboot_required
    assert ["nosmt" in text for text in host.boot_record] == [True]
    host.boot()
    assert not present(host, [], **asked).plan.steps
    absent(host)
    assert ["nosmt" in text for text in host.boot_record] == [False]
    assert host.tree() == before


def test_a_wrong_name() -> None:
    with pytest.raises(InvalidSpecError, match=r"expected one of auto, .*zipl; found 'lilo'"):
        node_spec([], boot_loader="lilo")
