# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A configured node that has the images which it can't pull."""

from __future__ import annotations

import pytest

from sriovlab import peer_images
from sriovlab.guest import Lab


@pytest.fixture(scope="session")
def imported(fresh: Lab, tmp_path_factory: pytest.TempPathFactory) -> None:
    """All of them, in the node's containerd."""
    archive = tmp_path_factory.mktemp("images") / "images.tar"
    peer_images.write(archive)
    fresh.run(["ctr", "-n", "k8s.io", "images", "import", "-"], input=archive.read_bytes(), timeout=600.0)
    archive.unlink()


@pytest.fixture(scope="module")
def images(configured: Lab, imported: None) -> Lab:
    """The running node with the chain's two policies, and the images."""
    return configured
