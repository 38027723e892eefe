# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of all unit tests."""

from __future__ import annotations

import os
import sys

import pytest
from hypothesis import settings

from support import checkout, vector_ids
from support.drawn import examples

# Programs of the controller: they may use newer Python than nodes have.
CONTROLLER_ONLY = [
    "bmc", "cluster", "lab", "plugins", "roles", "test_add_one.py", "test_architecture.py", "test_repository.py",
    "tools", "cni/test_beside_go.py", "device_plugin/test_beside_go.py",
]  # fmt: skip
collect_ignore = [] if sys.version_info >= (3, 11) else CONTROLLER_ONLY


checkout.name_the_checkout()

# Before gRPC is imported: its fork handlers stop the fake kubelet's server where subprocess forks (Python 3.9).
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"

# By the clock: what hangs is seen, and what a busy machine keeps waiting for a moment is no failure.
settings.register_profile("busy", max_examples=examples(40), deadline=10_000)  # milliseconds for each example
settings.load_profile("busy")


@pytest.hookimpl(tryfirst=True)  # before -k and -m
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    vector_ids.collected(config, items)
