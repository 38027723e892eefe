# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What SSH, Ansible and Kubernetes clients are given to reach the lab's nodes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import pki, state
from .state import State


def _host(node: State) -> dict[str, Any]:
    """A node's variables in the inventory."""
    ssh = node.ssh()
    return {
        "ansible_connection": "ssh",
        "ansible_host": ssh.host,
        "ansible_port": ssh.port,
        "ansible_user": ssh.user,
        "ansible_ssh_private_key_file": str(ssh.key),
        "ansible_ssh_args": " ".join([*ssh.options(), "-o", "ControlMaster=auto", "-o", "ControlPersist=300"]),
        "ansible_control_path_dir": str(node.run_dir / "cp"),
        "ansible_python_interpreter": "/usr/bin/python3",
    }


def _kubernetes(first: State) -> None:
    """The admin's kubeconfig; a copy of its certificates, since the cache may forget an image whose nodes still run."""
    certificates = first.run_dir / "pki"
    certificates.mkdir(mode=0o700, exist_ok=True)
    for name in ("ca.crt", "admin.crt", "admin.key"):
        source = Path(first.image) / "pki" / name
        if source.exists():
            shutil.copyfile(source, certificates / name)
    first.kubeconfig.touch(mode=0o600)
    first.kubeconfig.write_text(pki.kubeconfig(certificates, "admin", f"https://127.0.0.1:{first.api_port}"))


def write(nodes: Sequence[State]) -> None:
    """known_hosts of each node, the Ansible inventory of all (in this order), the kubeconfig if node1 is among them."""
    state.make_run_dir()
    for node in nodes:
        state.make_node_dir(node.node)
        node.ssh().write_known_hosts(pki.ssh_keys() / "host_ed25519.pub")
        if node.api_port:
            _kubernetes(node)
    inventory = {"sriov_nodes": {"hosts": {node.node: _host(node) for node in nodes}}}
    (state.run_dir() / "inventory.yml").write_text(json.dumps(inventory, indent=1) + "\n")
