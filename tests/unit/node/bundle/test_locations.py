# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where /usr takes no writes, all that is shipped is elsewhere, and nothing of it names /usr."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.bundle import locations
from ansible_collections.baremetal.sriov.plugins.module_utils.entry import bundle_module
from ansible_collections.baremetal.sriov.plugins.module_utils.shared.places import LIBRARY, LIBRARY_ELSEWHERE
from support.node_runs import ran
from support.whole_node import WholeHost, whole_host

HERE = Path(__file__).resolve().parents[4]
UNIT = "x.service"
COMMAND = "/usr/local/sbin/x"


def ostree(host: WholeHost) -> None:
    """Fedora CoreOS: /usr/local is a link to a folder below /var."""
    host.put("run/ostree-booted", "")
    host.is_read_only = lambda path: path.startswith("/usr/lib")  # type: ignore[method-assign]


def unlocked(host: WholeHost) -> None:
    """Its /usr takes writes, which the next boot does not know any more (ostree admin unlock)."""
    host.put("run/ostree-booted", "")


def read_only_usr(host: WholeHost) -> None:
    """An image whose /usr/local is no other place."""
    host.is_read_only = lambda path: path.startswith("/usr")  # type: ignore[method-assign]


def request(state: str = "present") -> dict[str, Any]:
    """A bundle as the roles write theirs."""
    texts = {
        f"{LIBRARY}/x/run.sh": f"exec {LIBRARY}/x/main @PYTHON@\n",
        f"/etc/systemd/system/{UNIT}": f"[Service]\nExecStart=/bin/sh {LIBRARY}/x/run.sh\n",
        COMMAND: f"#!/bin/sh\nexec {LIBRARY}/x/run.sh\n",
    }
    files = [{"path": path, "text": text} for path, text in texts.items()]
    units = [{"name": UNIT, "enabled": True, "started": True, "restart_on": [f"{LIBRARY}/x"]}]
    return {"name": "x", "state": state, "python": "auto", "gather_only": False, "archive": None, "approved": None,
            "manifest": {"files": files}, "units": units, "variables": {}, "adopt": False}  # fmt: skip


@pytest.mark.parametrize(("kind", "command"), [
    pytest.param(ostree, COMMAND, id="finding-node-28-rpm-ostree"),
    pytest.param(unlocked, COMMAND, id="finding-node-28-overlay"),
    pytest.param(read_only_usr, f"{locations.COMMANDS_ELSEWHERE}/x", id="finding-node-28-read-only-usr"),
])  # fmt: skip
def test_it_is_installed_where_it_can_be_written(
    tmp_path: Path, kind: Callable[[WholeHost], None], command: str
) -> None:
    """Foretold, done once, started anew when it changes, and taken away without a trace."""
    host = whole_host(tmp_path)
    host.fill({"usr/local/sbin/": ""})
    before = host.folders() | {*host.tree("etc", "usr", "var")}
    kind(host)
    checked = ran(host, bundle_module.run, params=request(), check=True).result
    done = ran(host, bundle_module.run, params=request()).result
    assert not done.get("failed"), done
    assert checked["steps"] == done["steps"]
    unit = f"[Service]\nExecStart=/bin/sh {LIBRARY_ELSEWHERE}/x/run.sh\n"
    assert host.get(f"etc/systemd/system/{UNIT}") == unit
    assert host.get(f"{LIBRARY_ELSEWHERE}/x/run.sh") == f"exec {LIBRARY_ELSEWHERE}/x/main /usr/bin/python3\n"
    assert host.get(command) == f"#!/bin/sh\nexec {LIBRARY_ELSEWHERE}/x/run.sh\n"
    assert not host.exists(LIBRARY) and not ran(host, bundle_module.run, params=request()).result["changed"]
    host.put(f"{LIBRARY_ELSEWHERE}/x/run.sh", "other")
    host.verbs.clear()
    ran(host, bundle_module.run, params=request())
    assert f"restart {UNIT}" in host.verbs
    ran(host, bundle_module.run, params=request("absent"))
    after = host.folders() | {*host.tree("etc", "usr", "var")}
    assert {path for path in after - before if not path.startswith("/run")} == set()


@pytest.mark.parametrize("what", [pytest.param("sources", id="finding-node-28-all-that-names-it")])
def test_what_names_the_place_is_sent_as_text(what: str) -> None:
    """So that the node can write its own into it: each file that names it is a template, or is its own content."""
    named = [
        path
        for folder in ("files/node", "files/cni", "files/device_plugin")
        for path in sorted((HERE / folder).rglob("*"))
        if path.suffix in (".service", ".path", ".timer", ".in", ".sh", ".py") and LIBRARY in path.read_text()
    ]
    roles = "".join(path.read_text() for path in sorted((HERE / "roles").glob("*/vars/main.yml")))
    assert named, what
    for path in named:
        text = path.name in ("launcher.py", "client.sh")  # by a lookup
        at = roles.find("/" + path.name) if "cni-keep" not in path.name else roles.find("cni_keep_name }}.service")
        at = roles.find(f"{path.parent.name}/{{{{") if at < 0 else at
        assert at >= 0, path
        assert text or "template: true" in roles[at : at + 260], path
