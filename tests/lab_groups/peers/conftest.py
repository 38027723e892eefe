# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A configured node with upstream's Go plugins, and what runs them there."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from devtool.collection import OUTPUT
from sriovlab import peers
from sriovlab.guest import Lab
from support.peers import dp_run
from support.peers.node_paths import NODE

SECONDS = 1500.0
SUPPORT = Path(dp_run.__file__).resolve().parents[1]
FILES = ("__init__.py", "fake_kubelet.py", "fake_tree.py", "processes.py", "peers/__init__.py", "peers/dp_run.py",
         "peers/cni_run.py")  # fmt: skip
Ask = Callable[[str, list[str], dict[str, Any]], dict[str, Any]]


@pytest.fixture(scope="session")
def lab(fresh: Lab) -> Lab:
    """The running node with the chain's two policies, and all in NODE."""
    import standalone

    lab = standalone.configured()
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", dereference=True) as tar:
        for name in FILES:
            tar.add(SUPPORT / name, f"support/{name}")
        for group, program in ((peers.DEVICE_PLUGIN, "sriovdp"), (peers.SRIOV_CNI, "sriov"),
                               (peers.CNI_PLUGINS, "host-device")):  # fmt: skip
            tar.add(peers.built(group).program(program), program)
    lab.run(["mkdir", "-p", NODE])
    lab.run(["tar", "-x", "--no-same-owner", "-C", NODE], input=content.getvalue(), timeout=300.0)
    return lab


@pytest.fixture(scope="session")
def ask(lab: Lab) -> Ask:
    """Run one of the two programs on the node; its answers stay in tests/output/lab, for whoever looks later."""

    def run(program: str, paths: list[str], plan: dict[str, Any]) -> dict[str, Any]:
        argv = ["python3", "-I", f"{NODE}/support/peers/{program}_run.py", *paths]
        told = lab.run(argv, input=json.dumps(plan), timeout=SECONDS).stdout
        found: dict[str, Any] = json.loads(told)
        (OUTPUT / "lab").mkdir(parents=True, exist_ok=True)
        (OUTPUT / "lab" / f"peers-{program}.json").write_text(json.dumps(found, indent=1) + "\n")
        return found

    return run
