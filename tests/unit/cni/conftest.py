# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the CNI plugin's tests."""

from __future__ import annotations

import sys

import pytest

from support import cni_code
from support.cni_warm import Warm
from support.cni_world import World

# In the place of /var/lib/cni/sriov, and of the one that the node's administrator writes.
SEAM = """
from sriov_cni.host import host
host.NodeHost.state, host.NodeHost.setting = "{base}/state", "{base}/cni.json"
host.SETTING = host.NodeHost.setting
"""


@pytest.fixture
def world(tmp_path):
    """A host namespace with a veth in the VF's place, a pod namespace, a sysfs tree and a PF that keeps
    settings.
    """
    with World(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The plugin as the installer lays it out, in a folder of its own, with its state and setting beside it."""
    base = tmp_path_factory.mktemp("cni")
    return cni_code.install(base, sys.executable, seam=SEAM.format(base=base))


@pytest.fixture(scope="module")
def served(program):
    """The service of the program, for tests that leave it as it is."""
    with Warm(program) as made:
        yield made


@pytest.fixture(params=["cold", "warm"])
def way(request, program):
    """The program that a runtime would call."""
    if request.param == "cold":
        yield program
    else:
        made = request.getfixturevalue("served")
        yield made.program
        assert made.direct == 0
