# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role node ships, as Ansible makes it of the role's variables."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from support.checkout import ROOT

try:
    from ansible.template import trust_as_template
except ImportError:  # before ansible-core 2.19 every text is a template

    def trust_as_template(value: str) -> str:
        return value


VARS = yaml.safe_load((ROOT / "roles/node/vars/main.yml").read_text())
TIMER = "/etc/systemd/system/baremetal-sriov-drift.timer"


def rendered(name: str, **variables: Any) -> Any:
    """A variable of the role, with those that it is made of."""
    trusted = {key: trust_as_template(text) if isinstance(text, str) else text for key, text in VARS.items()}
    return Templar(loader=DataLoader(), variables={**trusted, **variables}).template(trust_as_template(VARS[name]))


@pytest.mark.parametrize(("drift", "interval", "timer"), [
    ("restore", "5min", True), ("report", "1h", True), ("repair", "5min", True),
    ("off", "5min", False), (False, "5min", False), ("restore", "", False),
])  # fmt: skip
def test_the_timer_is_there_where_it_has_something_to_do(drift: Any, interval: str, timer: bool) -> None:
    """A bare `off` is false in YAML."""
    variables = {"sriov_drift": drift, "sriov_drift_interval": interval}
    assert (TIMER in [file["dest"] for file in rendered("node_bundle", **variables)]) == timer
    assert (TIMER.rpartition("/")[2] in [unit["name"] for unit in rendered("node_units", **variables)]) == timer


def test_the_nodes_command_is_a_program_of_roots() -> None:
    (file,) = [file for file in VARS["node_bundle_always"] if file["dest"] == "/usr/local/sbin/baremetal-sriov"]
    assert file["mode"] == "0755" and file["content"].startswith("#!/bin/sh\n")
    folder = "/usr/lib/baremetal-sriov/node"
    assert file["content"].endswith(f'exec /bin/sh {folder}/python.sh -I {folder}/command_entry.py "$@"\n')
