# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A configured node whose pods are attached by Multus' thick daemon, in the place of the thin plugin of other groups.

The daemon runs as a service, and not as a pod: its image is in no registry that the tests may use. Its settings are
those of the role multus.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from ansible_collections.baremetal.sriov.plugins.plugin_utils import multus
from sriovlab import peers
from sriovlab.guest import Lab
from support import checkout

checkout.name_the_checkout()

THIN, SHIM = "/etc/cni/net.d/00-multus.conf", "/opt/cni/bin/multus-shim"
UNIT, DAEMON, SETTINGS = "lab-multus-daemon", "/usr/local/bin/multus-daemon", "/run/lab-multus/daemon-config.json"


def settings(thin: str) -> dict[str, object]:
    """The daemon's, from the role's own ConfigMap; its way to the API server is the thin plugin's, and it is in no
    container, so that folders of the host have their own names.
    """
    config_map = next(
        item for item in multus.objects(multus.on("kubeadm", kind="thick")) if item["kind"] == "ConfigMap"
    )
    (text,) = config_map["data"].values()
    given = json.loads(text)
    given.pop("chrootDir", None)
    folders = {key: value.removeprefix("/host") for key, value in given.items()
               if isinstance(value, str) and value.startswith("/host/")}  # fmt: skip
    return {**given, **folders, "kubeconfig": json.loads(thin)["kubeconfig"]}


@pytest.fixture(scope="module")
def lab(configured: Lab) -> Iterator[Lab]:
    """The node with the daemon; with the thin plugin again at the end."""
    node, built = configured, peers.built(peers.MULTUS)
    thin = node.read(THIN)
    node.put(built.program("multus-daemon").read_bytes(), DAEMON, 0o755)
    node.put(built.program("multus-shim").read_bytes(), SHIM, 0o755)
    node.run(["mkdir", "-p", SETTINGS.rpartition("/")[0]])
    node.put(json.dumps(settings(thin)).encode(), SETTINGS)
    node.run(["rm", "-f", THIN])
    try:
        node.run(["systemd-run", f"--unit={UNIT}", DAEMON, f"-config={SETTINGS}"])
        node.wait_for("the daemon's configuration", lambda: "multus-shim" in configuration(node), 120.0)
        yield node
    finally:
        node.run(["systemctl", "stop", f"{UNIT}.service"], check=False)
        node.run(["rm", "-f", DAEMON, SHIM, SETTINGS, THIN], check=False)
        node.put(thin.encode(), THIN)


def configuration(lab: Lab) -> str:
    """What the runtime calls, "" where nothing of Multus is there."""
    return lab.run(["sh", "-c", f"cat {THIN}* 2>/dev/null || true"]).stdout
