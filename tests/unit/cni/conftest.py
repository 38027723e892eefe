# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the CNI plugin's tests."""

from __future__ import annotations

import compileall
import os
import py_compile
import shutil
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
FILES = HERE.parents[2] / "files" / "cni"
sys.path[:0] = [str(HERE), str(FILES), str(HERE.parents[1] / "bench"), str(HERE.parents[1] / "soak")]

import cni_native  # noqa: E402
from cniworld import World, missing  # noqa: E402


@pytest.fixture
def world(tmp_path):
    """A host namespace with a veth in the VF's place, a pod namespace, a sysfs tree and a PF that keeps
    settings.
    """
    if os.geteuid() != 0:
        missing("root: the tests make network namespaces")
    made = World(tmp_path)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The plugin as the installer lays it out, in a folder of its own, with its state and setting beside it."""
    base = tmp_path_factory.mktemp("cni")
    shutil.copytree(
        FILES / "sriov_cni", base / "lib" / "sriov_cni", ignore=shutil.ignore_patterns("__pycache__")
    )
    host = base / "lib" / "sriov_cni" / "host.py"
    assert 'STATE = "/var/lib/cni/sriov"' in host.read_text()
    assert 'SETTING = "/etc/baremetal-sriov/cni.json"' in host.read_text()
    text = host.read_text().replace("/var/lib/cni/sriov", str(base / "state"))
    host.write_text(text.replace("/etc/baremetal-sriov", str(base)))
    compileall.compile_dir(
        base / "lib", quiet=1, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
    )
    cni_native.make_pack(base / "lib" / "sriov_cni")
    text = (FILES / "launcher.py").read_text()
    assert not text.startswith("#!")
    _rest, _rest, rest = text.partition("\n")
    launcher = base / "sriov"
    interpreter = f"#!{os.path.realpath(sys.executable)} -IS\n"
    launcher.write_text(interpreter + rest.replace("/usr/lib/baremetal-sriov/cni", str(base / "lib")))
    launcher.chmod(0o755)
    return launcher
