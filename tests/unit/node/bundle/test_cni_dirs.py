# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a container runtime looks for CNI plugins, by its configuration; and the plugins that it lacks."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.bundle import cni_dirs
from support.bundle_host import BundleHost

CONTAINERD = "etc/containerd/config.toml"
K3S = "var/lib/rancher/k3s/agent/etc/containerd/config.toml"
RKE2 = "var/lib/rancher/rke2/agent/etc/containerd/config.toml"
CRI = '[plugins."io.containerd.grpc.v1.cri".cni]\n'


@pytest.mark.parametrize(("files", "expected"), [
    ({}, "/opt/cni/bin"),
    ({CONTAINERD: ""}, "/opt/cni/bin"),
    ({CONTAINERD: f'{CRI}  bin_dir = "/usr/lib/cni"\n'}, "/usr/lib/cni"),
    ({CONTAINERD: f'{CRI}#  bin_dir = "/usr/lib/cni"\n'}, "/opt/cni/bin"),
    ({CONTAINERD: f"{CRI}  bin_dirs = ['/a/cni', \"/opt/cni/bin\"]\n"}, "/opt/cni/bin"),
    ({CONTAINERD: f"{CRI}  bin_dirs = [\n  '/a/cni',\n  '/b/cni',\n]\n"}, "/a/cni"),
    ({CONTAINERD: f'{CRI}  bin_dir = "../up"\n'}, "/opt/cni/bin"),
    ({K3S: f'{CRI}  bin_dir = "/var/lib/rancher/k3s/data/cni"\n', CONTAINERD: f'{CRI}bin_dir = "/usr/lib/cni"\n'},
     "/var/lib/rancher/k3s/data/cni"),
    ({K3S: f'{CRI}  bin_dir = "/var/lib/rancher/k3s/data/{"0a" * 32}/bin"\n'},
     "/var/lib/rancher/k3s/data/current/bin"),
    ({RKE2: f'{CRI}  bin_dir = "/opt/cni/bin"\n', CONTAINERD: f'{CRI}bin_dir = "/usr/lib/cni"\n'}, "/opt/cni/bin"),
    ({"etc/crio/crio.conf": '[crio.network]\nplugin_dirs = [\n  "/usr/libexec/cni",\n]\n'}, "/usr/libexec/cni"),
    ({"etc/crio/crio.conf": 'plugin_dirs = ["/first"]\n', "etc/crio/crio.conf.d/10-a.conf": 'plugin_dir = "/second"\n',
      "etc/crio/crio.conf.d/20-b.conf": "# nothing\n", "etc/crio/crio.conf.d/30.off": 'plugin_dirs = ["/third"]\n',
      CONTAINERD: f'{CRI}bin_dir = "/usr/lib/cni"\n'}, "/second"),
    ({"etc/crio/crio.conf.d/10-microshift.conf": 'plugin_dirs = ["/run/cni/bin", "/usr/libexec/cni"]\n'},
     "/usr/libexec/cni"),
])  # fmt: skip
def test_folder(tmp_path: Path, files: dict[str, str], expected: str) -> None:
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    assert cni_dirs.bin_dir(BundleHost(tmp_path)) == expected


def test_missing(tmp_path: Path) -> None:
    host = BundleHost(tmp_path)
    assert cni_dirs.missing(host, "/opt/cni/bin") == list(cni_dirs.LEANT_ON)
    (tmp_path / "opt/cni/bin").mkdir(parents=True)
    (tmp_path / "opt/cni/bin/static").touch()
    assert cni_dirs.missing(host, "/opt/cni/bin") == ["loopback", "host-local", "host-device"]
