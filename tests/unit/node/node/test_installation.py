# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What later roles refuse is refused by the plan: another CNI plugin of our name, a host without systemd."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.entry.node_module import run_module
from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import RefusedError
from ansible_collections.baremetal.sriov.plugins.module_utils.node.concerns import WHOLE
from ansible_collections.baremetal.sriov.plugins.module_utils.node.installation import SYSTEMD, asked
from ansible_collections.baremetal.sriov.plugins.module_utils.node.run import run
from ansible_collections.baremetal.sriov.plugins.module_utils.shared.places import LIBRARY_ELSEWHERE
from support.fake_host import FakeHost
from support.node_runs import DPDK, KERNEL, goal_of

GO = "\x7fELF\x02\x01\x01"


def refusal(host: FakeHost, systemd: bool = False, folder: str = "", **options: Any) -> str:
    """What a check says; "" where there is a plan."""
    concerns = (asked(systemd, folder), *WHOLE)
    try:
        run(host, goal_of([KERNEL], **options), concerns, check=True)
    except RefusedError as error:
        return str(error)
    return ""


# Folder that is asked for, files that are there, options, the path that is named.
FOREIGN: dict[str, tuple[str, dict[str, str], dict[str, Any], str]] = {
    "go-plugin": ("auto", {"/opt/cni/bin/sriov": GO}, {}, "/opt/cni/bin/sriov"),
    "other-folder": ("/usr/libexec/cni/", {"/usr/libexec/cni/sriov": GO}, {}, "/usr/libexec/cni/sriov"),
    "runtimes-folder": (
        "auto",
        {"/etc/containerd/config.toml": 'bin_dir = "/data/cni"\n', "/data/cni/sriov": GO},
        {},
        "/data/cni/sriov",
    ),
    "adopted": ("auto", {"/opt/cni/bin/sriov": GO}, {"adopt": True}, ""),
    "ours": ("auto", {"/opt/cni/bin/sriov": "#!/bin/sh\n# /usr/lib/baremetal-sriov/cni/sriov\n"}, {}, ""),
    "none": ("auto", {"/opt/cni/bin/bridge": GO}, {}, ""),
    "not-asked": ("", {"/opt/cni/bin/sriov": GO}, {}, ""),
}


@pytest.mark.parametrize(
    ("folder", "files", "options", "path"),
    [pytest.param(*row, id=f"finding-people-09-{name}") for name, row in FOREIGN.items()],
)
def test_a_cni_plugin_of_somebody_else(
    host: FakeHost, folder: str, files: dict[str, str], options: dict[str, Any], path: str
) -> None:
    for name, text in files.items():
        host.put(name, text)
    found = refusal(host, folder=folder, **options)
    assert (f"{path}: expected no CNI plugin of this name, or ours; found" in found) == bool(path), found
    assert ("sriov_adopt: true" in found) == bool(path)


@pytest.mark.parametrize("there", [pytest.param(n, id=f"finding-people-05-systemd-{n}") for n in (True, False)])
def test_a_host_without_systemd(host: FakeHost, there: bool) -> None:
    if there:
        host.put(f"{SYSTEMD}/x", "")
    found = refusal(host, systemd=True)
    assert ("systemd: expected systemd as the running init" in found) == (not there), found


@pytest.mark.parametrize(("places", "refused"), [
    pytest.param("/usr", False, id="finding-node-28-plan"),
    pytest.param("/usr/lib/baremetal-sriov", False, id="finding-node-28-mount"),
    pytest.param("/usr /var", True, id="finding-node-28-nowhere"),
])  # fmt: skip
def test_a_place_that_can_not_be_written(host: FakeHost, places: str, refused: bool) -> None:
    """rpm-ostree's /usr has another place; where there is none it is known before anything is changed. The modules
    alone install nothing.
    """
    host.put(f"{SYSTEMD}/x", "")
    host.is_read_only = lambda path: path.startswith(tuple(places.split()))  # type: ignore[method-assign]
    found = refusal(host, systemd=True)
    assert (f"{LIBRARY_ELSEWHERE}: expected a file system that can be written" in found) == refused
    assert refusal(host) == ""


@pytest.mark.parametrize("what", [pytest.param("both", id="finding-people-09-refusals-and-warnings-at-once")])
def test_a_refusal_hides_no_warning(host: FakeHost, what: str) -> None:
    """Another file at our path, no systemd, and a udev rule of somebody: all in one answer."""
    host.put("/etc/pcidp/config.json", "{}\n")
    host.put("/etc/udev/rules.d/90-vfs.rules", 'ACTION=="add", ATTR{device/sriov_numvfs}="4"\n')
    found = refusal(host, systemd=True, folder="auto")
    assert "/etc/pcidp/config.json: expected no file" in found and "systemd: expected" in found
    assert "in the inventory sriov_adopt: true" in found
    assert "\n  - warning: /etc/udev/rules.d/90-vfs.rules" in found, found


@pytest.mark.parametrize("user", [pytest.param(1000, id="finding-people-05-not-root")])
def test_without_root_it_is_said_in_words(monkeypatch: pytest.MonkeyPatch, user: int) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    told: list[str] = []
    module = SimpleNamespace(params={}, check_mode=True, _diff=False, fail_json=lambda msg, **more: told.append(msg))
    run_module(module, goal_of([DPDK]), WHOLE)  # type: ignore[arg-type]
    assert told == [
        "the module: expected to run as root; found the user 1000. Set become: true, and let the user that Ansible "
        "connects as use sudo."
    ]


def test_the_operator_that_put_its_own_there_again_is_named(host: FakeHost) -> None:
    """Its pod installs sriov at each start, in the place of ours as well."""
    host.put("/opt/cni/bin/sriov", GO)
    host.put("/var/log/pods/op_sriov-network-config-daemon-x7x7x_0f6c51a5/main/0.log", "")
    found = refusal(host, folder="auto")
    assert "somebody else put there; the pod op/sriov-network-config-daemon-x7x7x is on this node" in found
    assert "the SR-IOV network operator's daemon" in found
