# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The DaemonSet against what the program needs: paths, options, network; and nothing more than that."""

from __future__ import annotations

import subprocess
import sys
from pathlib import PurePosixPath
from typing import Any

import pytest
import yaml

from shared import places
from sriov_device_plugin import __main__ as program
from sriov_device_plugin.kubelet import pod_resources, registration
from sriov_device_plugin.pool import allocation, cdi, config, device_info
from support.dp_daemon import PLUGIN

DOCUMENTS = yaml.safe_load((PLUGIN / "daemonset.yml").read_text())["items"]
CONFIG_MAP, DAEMON_SET = DOCUMENTS
SPEC: dict[str, Any] = DAEMON_SET["spec"]["template"]["spec"]
(CONTAINER,) = SPEC["containers"]
OPTIONS = program._parser().parse_args(CONTAINER["args"])
SOURCES = {volume["name"]: volume for volume in SPEC["volumes"]}
MOUNTS = {mount["mountPath"]: mount for mount in CONTAINER["volumeMounts"]}
KUBELET = OPTIONS.kubelet_root_dir
WRITTEN = (
    f"{KUBELET}/{registration.WATCHER_DIR}",
    f"{KUBELET}/{registration.LEGACY_DIR}",
    device_info.DIRECTORY,
    cdi.DIRECTORY,
    places.DEVICE_PLUGIN_STATE,
)
READ = (
    OPTIONS.config_file,
    f"{KUBELET}/{pod_resources.SOCKET}",
    f"{KUBELET}/{pod_resources.CHECKPOINT}",
    allocation.IOMMUFD,
    allocation.VHOST_NET,
    "/dev/infiniband/rdma_cm",
    f"{places.WITHHELD}/0000:01:10.0",
)


def mount_of(path: str) -> dict[str, Any]:
    """The mount that shows a path, which must have the path of the host."""
    folders = [path, *map(str, PurePosixPath(path).parents)]
    found: dict[str, Any] = next(MOUNTS[folder] for folder in folders if folder in MOUNTS)
    source = SOURCES[found["name"]]
    assert "configMap" in source or source["hostPath"]["path"] == found["mountPath"]
    return found


@pytest.mark.parametrize("path", READ)
def test_what_the_program_reads_is_there(path: str) -> None:
    assert mount_of(path)


@pytest.mark.parametrize("path", [pytest.param(path, id=f"finding-dp-15-{path}") for path in WRITTEN])
def test_what_the_program_writes_is_writable(path: str) -> None:
    assert not mount_of(path).get("readOnly")


def test_nothing_else_is_writable_or_mounted() -> None:
    assert {path for path, mount in MOUNTS.items() if not mount.get("readOnly")} == set(WRITTEN)
    needed = {mount_of(path)["name"] for path in (*READ, *WRITTEN)}
    assert needed == set(SOURCES) == {mount["name"] for mount in MOUNTS.values()}


def test_it_has_no_privilege() -> None:
    context = CONTAINER["securityContext"]
    assert context == {
        "runAsUser": 0, "privileged": False, "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"},
    }  # fmt: skip
    assert not SPEC.get("hostPID") and not SPEC.get("hostIPC") and not SPEC["automountServiceAccountToken"]


def test_it_sees_the_hosts_network_and_runs_on_every_configured_node() -> None:
    assert SPEC["hostNetwork"] is True
    assert SPEC["tolerations"] == [{"operator": "Exists"}]
    label = "baremetal.sriov/configured"
    assert SPEC["nodeSelector"] == {"kubernetes.io/os": "linux", label: "true"}
    defaults = yaml.safe_load((PLUGIN.parents[1] / "roles/node/defaults/main.yml").read_text())
    assert {label: "true"} in defaults.values(), "the label that the roles set"


def test_the_kubelets_message_file_is_not_made_in_the_hosts_dev() -> None:
    assert not CONTAINER["terminationMessagePath"].startswith(tuple(f"{path}/" for path in MOUNTS))


def test_the_probes_ask_where_the_program_answers() -> None:
    for probe, page in (("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")):
        asked = CONTAINER[probe]["httpGet"]
        assert (asked["host"], asked["port"], asked["path"]) == (OPTIONS.metrics_address, OPTIONS.metrics_port, page)


def test_the_configuration_is_one_and_its_volume_is_watched() -> None:
    name = PurePosixPath(OPTIONS.config_file).name
    loaded = config.parse(CONFIG_MAP["data"][name].encode(), OPTIONS.resource_prefix)
    assert [pool.resource_name for pool in loaded.pools] == ["baremetal.sriov/kernel", "baremetal.sriov/dpdk"]
    assert not loaded.warnings and OPTIONS.watch_config
    assert SOURCES[mount_of(OPTIONS.config_file)["name"]]["configMap"]["name"] == CONFIG_MAP["metadata"]["name"]


def test_labels_agree() -> None:
    wanted = DAEMON_SET["spec"]["selector"]["matchLabels"]
    assert wanted.items() <= DAEMON_SET["spec"]["template"]["metadata"]["labels"].items()
    assert {document["metadata"]["namespace"] for document in DOCUMENTS} == {"kube-system"}


def test_the_image_holds_the_whole_program() -> None:
    """Every import of the package is in what the Containerfile copies."""
    lines = (PLUGIN / "Containerfile").read_text().splitlines()
    copied = [line.split()[1] for line in lines if line.startswith("COPY ")]
    assert copied == [
        "plugins/module_utils/shared", "files/device_plugin/run.py", "files/device_plugin/sriov_device_plugin",
    ]  # fmt: skip


def test_the_options_are_taken_by_the_program() -> None:
    command = [sys.executable, "-I", str(PLUGIN / "run.py"), "--check-options", *CONTAINER["args"]]
    assert subprocess.run(command, timeout=60, check=False).returncode == 0
