# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the CNI plugin's tests."""

from __future__ import annotations

import os
import sys

import pytest

from support import cni_code
from support.cni_world import World, missing


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
    moved = {"/var/lib/cni/sriov": str(base / "state"), "/etc/baremetal-sriov": str(base)}
    return cni_code.install(base, sys.executable, moved=moved)
