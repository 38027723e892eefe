# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/cni.md: its examples are good, and no key or field is left out."""

from __future__ import annotations

import json
import re
from pathlib import Path

from sriov_cni import cli
from sriov_cni.spec import config
from support.vector_ids import finding

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "cni.md").read_text()
FIELDS = Path(__file__).resolve().parents[3] / "plugins" / "plugin_utils" / "network_types.py"


def test_example_of_a_configuration_has_every_key():
    """Some keys exclude each other, so there are two."""
    examples = [json.loads(example) for example in re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)]
    assert [cli._judge(conf) for conf in examples] == [[], []]
    assert set(config.KEYS) - {"prevResult"} <= {key for conf in examples for key in conf}


def test_table_has_every_key():
    table = TEXT[TEXT.index("| key | what |") : TEXT.index("Unknown keys are left alone")]
    assert {key for key in config.KEYS if f"`{key}`" not in table} == {"cniVersion", "name"}


def test_example_of_a_network_has_every_field():
    example, *_others = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    fields = re.findall(r'^    "(\w+)":', FIELDS.read_text().partition("\nTYPES:")[0], re.MULTILINE)
    assert len(fields) > 30
    assert [field for field in fields if not re.search(rf"^(- |  ){field}:", example, re.MULTILINE)] == []


def test_commands_are_those_of_the_usage():
    named = re.findall(r"^\| `/opt/cni/bin/sriov ([\w-]+)", TEXT, re.MULTILINE)
    assert sorted(named) == sorted(re.findall(r"sriov ([\w-]+)", cli.USAGE))


# source: systemd.exec(5), those that are made of seccomp filters.
SECCOMP = {
    "SystemCallFilter", "SystemCallArchitectures", "RestrictAddressFamilies", "RestrictNamespaces", "RestrictRealtime",
    "RestrictSUIDSGID", "LockPersonality", "MemoryDenyWriteExecute", "ProtectClock", "ProtectHostname",
    "ProtectKernelLogs", "ProtectKernelModules", "ProtectKernelTunables", "PrivateDevices",
}  # fmt: skip


@finding("finding-cni-12")
def test_the_units_filters_are_those_that_are_named():
    unit = (FIELDS.parents[2] / "files" / "cni" / "baremetal-sriov-cni.service").read_text()
    filters = {key for key in re.findall(r"^(\w+)=", unit, re.MULTILINE) if key in SECCOMP}
    assert filters == {key for key in SECCOMP if f"`{key}`" in TEXT} == {"RestrictRealtime", "LockPersonality"}
    assert "no capabilities, system calls" not in TEXT


@finding("finding-cni-14")
def test_what_is_out_is_said():
    assert "Talos has neither a shell nor Python" in TEXT[TEXT.index("## Installing") :]


@finding("finding-cni-06-trust-boundary")
def test_who_may_do_what_is_a_table():
    table = TEXT[TEXT.index("### Who may do what") : TEXT.index("## When something goes wrong")]
    assert "| who | may connect | what is checked | what an attacker there can do |" in table
    for who in ("Multus' thick daemon", "a pod with a VF", "root on the host", "NetworkAttachmentDefinitions"):
        assert f"{who}" in table
