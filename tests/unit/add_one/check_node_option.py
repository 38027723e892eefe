# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A new option of a node: through the filter to the boot loader, and taken back."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.baremetal.sriov.plugins.filter.node_spec import node_spec
from ansible_collections.baremetal.sriov.plugins.module_utils.node.run import run
from ansible_collections.baremetal.sriov.plugins.module_utils.policy.node_spec import parse_spec
from ansible_collections.baremetal.sriov.plugins.module_utils.policy.resolve import resolve
from support.node_runs import KERNEL, absent, make_host, restart, snapshot


def test_pci_realloc(tmp_path: Path) -> None:
    host = make_host(tmp_path)
    before = snapshot(host)
    spec = parse_spec(node_spec([KERNEL], pci_realloc="yes"))
    outcome = run(host, lambda state: resolve(spec, state), check=False, kernel_side=True)
    assert outcome.plan.reboot_required and "pci=realloc" in host.grub_line().split()
    restart(host)
    assert not run(host, lambda state: resolve(spec, state), check=False, kernel_side=True).plan.reboot_required
    absent(host)
    assert "pci=realloc" not in host.grub_line().split()
    restart(host)
    assert snapshot(host) == before


def test_a_wrong_value() -> None:
    with pytest.raises(AnsibleFilterError, match="pci_realloc: expected true or false, found 7"):
        node_spec([KERNEL], pci_realloc=7)
