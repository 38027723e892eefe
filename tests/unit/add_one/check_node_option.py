# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A new option of a node: through the filter to the boot loader, and taken back."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.baremetal.sriov.plugins.filter.filters import node_spec as filter_node_spec
from ansible_collections.baremetal.sriov.plugins.module_utils.policy.node_spec import node_spec
from support.node_runs import KERNEL, absent, make_host, present, restart, snapshot


def test_pci_realloc(tmp_path: Path) -> None:
    host = make_host(tmp_path)
    before = snapshot(host)
    asked = {"pci_realloc": "yes"}
    assert filter_node_spec([KERNEL], **asked) == node_spec([KERNEL], **asked)
    outcome = present(host, [KERNEL], **asked)
    assert outcome.plan.reboot_required and "pci=realloc" in host.grub_line().split()
    restart(host)
    assert not present(host, [KERNEL], **asked).plan.reboot_required
    absent(host)
    assert "pci=realloc" not in host.grub_line().split()
    restart(host)
    assert snapshot(host) == before


def test_a_wrong_value() -> None:
    with pytest.raises(AnsibleFilterError, match="pci_realloc: expected true or false, found 7"):
        filter_node_spec([KERNEL], pci_realloc=7)
