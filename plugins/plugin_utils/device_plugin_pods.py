# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The device plugin as pods, for those who prefer a DaemonSet to the service: its manifest, with policies as selectors.

The manifest is the one that is shipped, files/device_plugin/daemonset.yml; here its image, its places and its
configuration are put in. The service's configuration names PCI addresses, which a node alone knows.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from ..module_utils.model.errors import InvalidSpecError, Mistake
from ..module_utils.model.goal import DEFAULT_DRIVER, KUBELET_FOLDERS
from ..module_utils.policy.node_spec import NodeSpec, parse_spec
from ..module_utils.policy.policy import PfName, Policy
from ..module_utils.policy.validation import ranges
from .owned_objects import OWNER, OWNER_LABEL

_MANIFEST = Path(__file__).resolve().parents[2] / "files" / "device_plugin" / "daemonset.yml"
_FOLDER, _ALL, _NODE = "/etc/pcidp", "config.json", "NODE_NAME"
_KUBELET = KUBELET_FOLDERS[0]


@dataclass(frozen=True)
class DevicePluginPods:
    """What somebody wants of them. image: "" for that of the manifest."""

    image: str = ""
    namespace: str = "kube-system"
    pull_secrets: tuple[str, ...] = ()


def objects(specs: Mapping[str, Any], wanted: DevicePluginPods) -> list[dict[str, Any]]:
    """The ConfigMap and the DaemonSet. specs: the name of each node -> what it should be. Raises InvalidSpecError.

    One configuration serves all nodes where it is the same for all; else each has its own, and no other node a pod.
    """
    parsed = {node: parse_spec(value) for node, value in specs.items()}
    mistakes: list[Mistake] = []
    texts = {node: _text(_configuration(spec, mistakes)) for node, spec in parsed.items()}
    folders = sorted({spec.options.kubelet_root_dir for spec in parsed.values()})
    prefixes = sorted({spec.options.resource_prefix for spec in parsed.values()})
    for name, values in (("kubelet_root_dir", folders), ("resource_prefix", prefixes)):
        if len(values) > 1:
            mistakes.append(Mistake(name, f"expected one for all nodes of a DaemonSet, found {', '.join(values)}"))
    if not specs:
        mistakes.append(Mistake("specs", "expected nodes with what each should be, found none"))
    if mistakes:
        raise InvalidSpecError(mistakes)
    config_map, daemon_set = (copy.deepcopy(item) for item in _shipped())
    same = len(set(texts.values())) == 1
    config_map["data"] = (
        {_ALL: next(iter(texts.values()))} if same else {f"{node}.json": text for node, text in texts.items()}
    )
    _place(daemon_set, wanted, prefixes[0], folders[0])
    if not same:
        _by_node(daemon_set, list(texts))
    for item in (config_map, daemon_set):
        item["metadata"]["namespace"] = wanted.namespace
        item["metadata"]["labels"] = {**item["metadata"].get("labels", {}), OWNER_LABEL: OWNER}
    return [config_map, daemon_set]


@lru_cache(maxsize=1)
def _shipped() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load(_MANIFEST.read_text(encoding="utf-8"))["items"]
    return found


def _text(configuration: Mapping[str, Any]) -> str:
    return json.dumps(configuration, indent=2) + "\n"


def _configuration(spec: NodeSpec, mistakes: list[Mistake]) -> dict[str, Any]:
    """config.json, with the policies' own selectors."""
    resources: dict[str, dict[str, Any]] = {}
    for policy in spec.policies:
        resource = resources.setdefault(policy.resource_name, {"resourceName": policy.resource_name, "selectors": []})
        resource["selectors"] += _selectors(policy, mistakes)
        if policy.exclude_topology:
            resource["excludeTopology"] = True
        if not policy.link_health:
            resource["linkHealth"] = False
    return {"resourceList": list(resources.values())}


def _selectors(policy: Policy, mistakes: list[Mistake]) -> Iterator[dict[str, Any]]:
    """One selector of the device plugin. What it can't tell of a PF is a mistake: it would offer other VFs, too."""
    nic = policy.selector
    named: dict[str, Any] = {}
    if nic.pf_names:
        named["pfNames"] = [_item(one) for one in nic.pf_names]
    if nic.root_devices:
        named["rootDevices"] = [_item(one) for one in nic.root_devices]
    if not named:
        mistakes.append(
            Mistake(
                f"{policy.path}.nic_selector",
                "expected pf_names or root_devices, since in pods the device plugin knows a PF by these alone. Name "
                "the PFs, or use the service, which the role device_plugin installs",
            )
        )
    if policy.driver != DEFAULT_DRIVER:
        named["drivers"] = [policy.driver]
    if policy.is_rdma:
        named["isRdma"] = True
    if policy.need_vhost_net:
        named["needVhostNet"] = True
    yield named


def _item(pf: PfName) -> str:
    return pf.name if pf.indices is None else f"{pf.name}#{ranges(pf.indices)}"


def _place(daemon_set: dict[str, Any], wanted: DevicePluginPods, prefix: str, folder: str) -> None:
    """Image, prefix, and the kubelet's folder, which has the same path in the pod."""
    spec = daemon_set["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    container["image"] = wanted.image or container["image"]
    container["args"] = [f"--resource-prefix={prefix}" if arg.startswith("--resource-prefix") else arg
                         for arg in container["args"]]  # fmt: skip
    if wanted.pull_secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in wanted.pull_secrets]
    if folder == _KUBELET:
        return
    container["args"].append(f"--kubelet-root-dir={folder}")
    places = [(mount, "mountPath") for mount in container["volumeMounts"]]
    places += [(volume["hostPath"], "path") for volume in spec["volumes"] if "hostPath" in volume]
    for holder, key in places:
        if holder[key].startswith(f"{_KUBELET}/"):
            holder[key] = folder + holder[key].removeprefix(_KUBELET)


def _by_node(daemon_set: dict[str, Any], nodes: list[str]) -> None:
    """Each pod takes its node's configuration, and none is on a node without one."""
    spec = daemon_set["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    container["args"].append(f"--config-file={_FOLDER}/$({_NODE}).json")
    field = {"fieldRef": {"fieldPath": "spec.nodeName"}}
    container["env"] = [*container.get("env", []), {"name": _NODE, "valueFrom": field}]
    terms = [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]} for node in nodes]
    spec["affinity"] = {
        "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    }
