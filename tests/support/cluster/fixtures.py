# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures for tests that need a cluster; a conftest.py imports the three of them."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from sriovlab import peers
from support.needs import missing

from .kubelets import Kubelets
from .server import ApiServer, Settings


def require() -> None:
    """End the test where the programs are neither there nor can be built, or where a run is to do without them."""
    if os.environ.get(peers.WITHOUT):
        pytest.skip("--without-peers")
    for group in (peers.ETCD, peers.KUBERNETES):
        problem = peers.problem(group)
        if problem:
            missing(problem)


@pytest.fixture(scope="module")
def cluster_settings() -> Settings:
    """What the module's cluster has; a module that needs something else defines this fixture itself."""
    return Settings()


@pytest.fixture(scope="module")
def api_server(cluster_settings: Settings) -> Iterator[ApiServer]:
    """The module's own cluster, without nodes."""
    require()
    with ApiServer(cluster_settings) as server:
        yield server
        server.check()


@pytest.fixture(scope="module")
def kubelets(api_server: ApiServer) -> Iterator[Kubelets]:
    """Its kubelets, none of which has a node yet."""
    with Kubelets(api_server) as simulated:
        yield simulated
        assert simulated.problems == []
