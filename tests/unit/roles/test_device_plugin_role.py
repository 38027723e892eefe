# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role device_plugin: which options it takes, and what its variables make of the unit."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest
import yaml
from ansible.plugins.filter import core as filters
from ansible.plugins.test import core as tests
from jinja2.nativetypes import NativeEnvironment

from ansible_collections.baremetal.sriov.plugins.module_utils.bundle.store import substitute
from support.checkout import ROOT

PLUGIN = ROOT / "files" / "device_plugin"
TEMPLATE = PLUGIN / "baremetal-sriov-device-plugin.service.in"
ROLE = PLUGIN.parents[1] / "roles" / "device_plugin"
VARS = yaml.safe_load((ROLE / "vars" / "main.yml").read_text())
VALIDATE = yaml.safe_load((ROLE / "tasks" / "validate.yml").read_text())


def filled(**variables: str) -> str:
    """The unit as the role ships it."""
    return substitute(TEMPLATE.read_text(), {"PYTHON": "/usr/bin/python3", **variables})


def test_nothing_of_the_template_is_left() -> None:
    left = re.findall("@[A-Z_]+@", filled(**dict.fromkeys(VARS["device_plugin_variables"], "x")))
    assert left == []


def evaluate(text: Any, **variables: Any) -> Any:
    """A template of the role, with Ansible's own tests and filters."""
    environment = NativeEnvironment()
    environment.filters.update(filters.FilterModule().filters())
    environment.tests.update(tests.TestModule().tests())
    return environment.from_string(text).render(**variables)


def role(root_dir: str = "/var/lib/kubelet", *options: str) -> dict[str, Any]:
    """The role's variables, those that it makes of others included."""
    given: dict[str, Any] = {
        "sriov_kubelet_root_dir": root_dir, "sriov_device_plugin_options": list(options),
        "device_plugin_reserved": VARS["device_plugin_reserved"],
    }  # fmt: skip
    given["device_plugin_arguments"] = evaluate(VARS["device_plugin_arguments"], **given)
    return given


def accepted(given: dict[str, Any]) -> bool:
    """Whether the role's checks let these pass: its conditions, then the program's parser."""
    conditions = [line for task in VALIDATE for line in task.get("ansible.builtin.assert", {}).get("that", [])]
    assert len(conditions) == 4
    if not all(evaluate("{{ " + line + " }}", **given) for line in conditions):
        return False
    program = [sys.executable, "-I", str(PLUGIN / "run.py"), "--check-options", *given["device_plugin_arguments"]]
    return subprocess.run(program, capture_output=True, timeout=60, check=False).returncode == 0


@pytest.mark.parametrize(
    ("root_dir", "writable"),
    [
        ("/var/lib/kubelet", ""),
        ("/var/lib/k0s/kubelet", ""),
        ("/srv/k8s/kubelet", "-/srv/k8s"),
        ("/var/snap/microk8s/common/var/lib/kubelet", "-/var/snap/microk8s/common/var/lib"),
    ],
)
def test_the_sandbox_follows_the_kubelets_folder(root_dir: str, writable: str) -> None:
    given = role(root_dir)
    assert accepted(given)
    variables = {name: evaluate(text, **given) for name, text in VARS["device_plugin_variables"].items()}
    lines = filled(**variables).splitlines()
    assert f"ReadWritePaths=/var/lib /run {writable}" in lines
    (start,) = [line for line in lines if line.startswith("ExecStart=")]
    assert start.endswith(f"/run.py --kubelet-root-dir={root_dir} $OPTIONS")


@pytest.mark.parametrize(
    "root_dir",
    ["", "/", "/kubelet", "var/lib/kubelet", "/var/lib/../lib", "/var//lib", "/root/kubelet", "/etc/kubelet",
     "/tmp/k/l", "/srv/ k", "/srv/k%n", "/srv/k$x", "/srv/k\nExecStart=x"],
)  # fmt: skip
def test_folders_that_can_not_be_the_kubelets(root_dir: str) -> None:
    assert not accepted(role(root_dir))


@pytest.mark.parametrize(
    "option",
    ["--metrics-port=9810", "-metrics-port=9810", "--no-link-health", "--metrics-address=::1", "--rescan-interval=2.5",
     "--cdi-dir=/var/run/cdi", "--log-level=debug"],
)  # fmt: skip
def test_options_reach_the_unit(option: str) -> None:
    given = role("/var/lib/kubelet", option)
    assert accepted(given)
    assert evaluate(VARS["device_plugin_variables"]["OPTIONS"], **given).endswith(f" {option}")


@pytest.mark.parametrize(
    "option",
    ["--metrics-port=x", "--metrics-port 9810", "--colour=red", "metrics-port=1", "--kubelet-root-dir=/a/b",
     "--root=/x", "--explain", "--help", "-h", "--version", "-config-file=/x", "--log-level=a\nb", "--cdi-dir=$HOME",
     "--cdi-dir=%h", "", "--metrics-port"],
)  # fmt: skip
def test_options_that_are_refused(option: str) -> None:
    assert not accepted(role("/var/lib/kubelet", option))
