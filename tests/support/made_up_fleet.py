# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet of 200 nodes that nobody has: plans that the node library makes on fake hosts, each told for many nodes.

Run as a program, with the folders of pyproject.toml's pythonpath in PYTHONPATH, it writes docs/fleet.md anew.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible_collections.baremetal.sriov.plugins.module_utils.entry.node_module import run_module
from ansible_collections.baremetal.sriov.plugins.module_utils.node.concerns import WHOLE
from ansible_collections.baremetal.sriov.plugins.plugin_utils import (
    cluster_plan,
    fleet,
    networks,
    nodes,
    owned_objects,
    verdicts,
)
from support.checkout import ROOT
from support.node_runs import DPDK, KERNEL, PF1, goal_of, ran
from support.whole_node import Runs, WholeHost, shipments, whole_host

PAGE = ROOT / "docs" / "fleet.md"
_NOW, _BEFORE = shipments("0.1.1", ("a", "b", "c")), shipments("0.1.0", ("a", "b"))
_OLD_CODE = ("a", "b")
_POLICIES = [{**KERNEL, "mtu": 9000}, {**DPDK, "num_vfs": 4}]
_NETWORK = {"name": "blue", "resource_name": "kernel", "network_namespace": "default", "vlan": 100}
_INTRODUCTION = """\
<!-- SPDX-License-Identifier: GPL-3.0-or-later -->
# The plan of a fleet

What `ansible-playbook baremetal.sriov.plan` shows of 200 made-up nodes, and the Markdown that
`-e sriov_plan_markdown=FILE` writes for a change request. Nodes of which the same is said stand together; JSON
(`-e sriov_plan_output=FILE`) has each of them. A test renders this page again, from plans of the node library on fake
hosts.

## As text

```text
"""
_BETWEEN = """\
```

## As Markdown

"""


def page() -> str:
    """The whole page."""
    told = document()
    shown = fleet.markdown(told).replace("\n#### ", "\n##### ").replace("\n### ", "\n#### ")
    return _INTRODUCTION + "\n".join(fleet.text(told)) + "\n" + _BETWEEN + shown


def document() -> dict[str, Any]:
    """The plans of all nodes."""
    hosts: dict[str, dict[str, Any]] = {}
    with _runs() as runs:
        hosts.update(_named(range(121, 181), _upgrade(runs)))
        runs.site(_POLICIES, _NOW, ("a", "b", "c"))
        hosts.update(_named(range(1, 121), _label(runs.plan(_POLICIES, _NOW), {})))
        runs.host.move_away(runs.host.vf_address(PF1, 1))
        fewer = [{**KERNEL, "mtu": 9000, "num_vfs": 2}, _POLICIES[1]]
        hosts.update(_named(range(191, 194), runs.plan(fewer, _NOW)))
    with _runs() as runs:
        runs.host.put("proc/cmdline", "quiet\n")
        labels = {"baremetal.sriov/configured": "true"}
        hosts.update(_named(range(181, 191), _label(runs.plan(_POLICIES, _NOW), labels)))
        runs.host.routes.append({"dst": "default", "dev": "enp1s0"})
        params = {"state": "present", "bundles": _NOW, "libraries_for": None}
        refused = ran(runs.host, run_module, goal_of(_POLICIES), WHOLE, check=True, params=params).result
        hosts.update(_named(range(194, 198), refused))
    old = {"failed": True, "msg": "ansible-core requires a minimum of Python version 3.9. Current version: 3.8.18"}
    hosts.update(_named(range(198, 199), old))
    away = {"unreachable": True, "msg": "Failed to connect to the host via ssh: Connection timed out"}
    hosts.update(_named(range(199, 201), away))
    wanted = networks.network_attachments([_NETWORK], owned_objects.OWNER)
    changes = owned_objects.network_changes(wanted, [], False)
    clusters = {"prod.kubeconfig": cluster_plan.plan(cluster_plan.network_steps(changes, [], True))}
    return verdicts.document(hosts, sorted(hosts), clusters)


def _upgrade(runs: Runs) -> dict[str, Any]:
    runs.site([{**KERNEL, "mtu": 1500}, _POLICIES[1]], _BEFORE, _OLD_CODE)
    return runs.plan(_POLICIES, _NOW)


def _label(result: dict[str, Any], labels: dict[str, str]) -> dict[str, Any]:
    """With what the cluster would get of its node."""
    node = {"metadata": {"name": "NODE", "labels": {}}}
    steps = cluster_plan.label_steps(node, nodes.node_label_patch(node, labels)) if labels else []
    result["plan"]["steps"] += [{**step, "target": step["target"].replace("node NODE ", "")} for step in steps]
    return result


def _named(numbers: range, result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {f"node{number:03}": result for number in numbers}


@contextlib.contextmanager
def _runs() -> Iterator[Runs]:
    memory = "/dev/shm"
    with tempfile.TemporaryDirectory(dir=memory if os.path.isdir(memory) else None) as folder:
        host: WholeHost = whole_host(Path(folder) / "host")
        yield Runs(host, Path(folder))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
