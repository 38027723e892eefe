# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All filters: what each is handed is looked at here, the work is done in plugin_utils and in the node library."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Callable

from ansible.errors import AnsibleFilterError

from ..module_utils.policy import node_spec as spec
from ..module_utils.policy.validation import show
from ..plugin_utils import (
    approval,
    bios_plan,
    cluster,
    cluster_plan,
    danm,
    default_network,
    dra,
    filter_inputs,
    firmware,
    injector,
    kubevirt,
    manifest_names,
    multus,
    networks,
    nodes,
    owned_objects,
    plan_table,
    pod_requests,
    slice_record,
    verdicts,
)
from ..plugin_utils.filter_inputs import told as _told_by_a_filter
from ..plugin_utils.network_values import LOG_FOLDER


def node_spec(
    policies: Any,
    host: str = "",
    group_names: Any = (),
    labels: Any = None,
    host_variables: Any = None,
    policies_host: Any = (),
    manifests: Any = None,
    **options: Any,
) -> dict[str, Any]:
    """From the user's policies to what one node should be; document in node_spec.yml. options: see NodeOptions."""
    if "modules" in options:  # the name until 0.1.1
        options.setdefault("kernel_modules", options.pop("modules"))
    lazy = isinstance(host_variables, Mapping)
    with _told_by_a_filter(host) as places:
        return spec.node_spec(
            manifest_names.together("policies", policies, manifests, places),
            places=places,
            overrides=() if policies_host is None else policies_host,
            groups=group_names,
            variables=filter_inputs.HostVariables(host_variables) if lazy else host_variables,
            labels=labels,
            **options,
        )


def network_attachments(
    value: Any, resource_prefix: str = owned_objects.OWNER, manifests: Any = None, log_dir: str = LOG_FOLDER
) -> list[dict[str, Any]]:
    """Networks of the inventory and of manifests to definitions, or every mistake in one error."""
    with _told_by_a_filter() as places:
        together = manifest_names.together("networks", value, manifests, places)
        return networks.network_attachments(together, resource_prefix, places, log_dir)


def network_notes(value: Any, manifests: Any = None, nodes: Any = 1) -> list[str]:
    """What right networks do otherwise than they may be read."""
    with _told_by_a_filter() as places:
        together = manifest_names.together("networks", value, manifests, places)
        return networks.network_notes(together, int(nodes), places)


def node_slices(
    value: Any, data: Any, nodes: Any, idle: Any = None, gone: Any = (), present: Any = None, manifests: Any = None
) -> dict[str, Any]:
    """What the record of the nodes' slices becomes."""
    record = filter_inputs.mapping("node_slices: data", data or {}, "the data of a ConfigMap")
    lists = {"nodes": nodes, "idle": idle, "gone": gone, "present": present}
    names = {
        name: None if one is None else filter_inputs.names(f"node_slices: {name}", one, "names of nodes")
        for name, one in lists.items()
    }
    with _told_by_a_filter() as places:
        together = manifest_names.together("networks", value, manifests, places)
        return slice_record.changes(
            networks.parsed(together, places),
            record,
            names["nodes"] or [],
            idle=names["idle"],
            gone=names["gone"] or [],
            present=names["present"],
        )


def node_ranges(value: Any, data: Any, node: Any, manifests: Any = None) -> dict[str, Any]:
    """The ranges of a node, for its CNI plugin."""
    record = filter_inputs.mapping("node_ranges: data", data or {}, "the data of a ConfigMap")
    with _told_by_a_filter() as places:
        together = manifest_names.together("networks", value, manifests, places)
        return slice_record.ranges_of_node(networks.parsed(together, places), record, str(node))


def pod_spec(value: Any, networks: Any, resource_prefix: str = owned_objects.OWNER, known_only: Any = True) -> Any:
    """A workload that requests the VFs of its networks."""
    with _told_by_a_filter():
        resources = pod_requests.resources_of(networks, resource_prefix)
        return pod_requests.with_requests(value, resources, bool(known_only))


def pods_without_vf(value: Any, definitions: Any) -> list[str]:
    """Pods that ask for a network and not for its VF."""
    pods = filter_inputs.objects("pods_without_vf", value, "the pods of a cluster")
    there = filter_inputs.objects("pods_without_vf: definitions", definitions, "the cluster's definitions")
    with _told_by_a_filter():
        return pod_requests.without_vf(pods, pod_requests.resources_of(there, owned_objects.OWNER))


def multus_objects(value: Any, kind: Any = multus.THIN, **options: Any) -> dict[str, Any]:
    """What Multus is made of on a distribution."""
    if value not in multus.PLATFORMS:
        raise AnsibleFilterError(f"multus: expected one of {', '.join(multus.PLATFORMS)}; found {show(value)}")
    wanted = multus.on(str(value), kind=kind if kind in (multus.THIN, multus.THICK) else multus.THIN, **options)
    return {
        "objects": multus.objects(wanted),
        "references": multus.references(wanted.namespace),
        "conf_dir": wanted.conf_dir,
    }


def injector_objects(value: Any, **options: Any) -> dict[str, Any]:
    """What the network-resources-injector is made of."""
    pem = str(filter_inputs.mapping("injector", value, "pem, a certificate and its key").get("pem", ""))
    wanted = injector.of_pem(pem, **options)
    return {"objects": injector.objects(wanted), "references": injector.references(wanted.namespace)}


def objects_to_apply(value: Any, found: Any) -> list[dict[str, Any]]:
    """Wanted objects that a cluster lacks or has otherwise."""
    wanted = filter_inputs.objects("objects_to_apply", value, "the wanted objects")
    there = filter_inputs.objects("objects_to_apply: found", found, "the cluster's objects")
    return owned_objects.to_apply(wanted, there)


def kubevirt_problems(value: Any, webhooks: Any) -> list[str]:
    """What keeps virtual machines from their VFs."""
    machines = filter_inputs.objects("kubevirt_problems", value, "objects of the kind KubeVirt")
    hooks = filter_inputs.objects("kubevirt_problems: webhooks", webhooks, "the cluster's webhooks")
    return kubevirt.problems(machines, hooks)


def danm_networks(
    value: Any, kind: Any = danm.DANM_NET, resource_prefix: str = owned_objects.OWNER, manifests: Any = None
) -> list[dict[str, Any]]:
    """Networks as objects of DANM."""
    if kind not in danm.KINDS:
        raise AnsibleFilterError(f"danm_networks: expected one of {', '.join(danm.KINDS)}; found {show(kind)}")
    with _told_by_a_filter() as places:
        together = manifest_names.together("networks", value, manifests, places)
        return danm.objects(together, str(kind), resource_prefix, places)


def foreign_objects(value: Any, word: Any = "") -> list[dict[str, Any]]:
    """Objects of the cluster that are not ours."""
    return owned_objects.foreign(filter_inputs.objects("foreign_objects", value, "objects of a cluster"), str(word))


def default_network_problems(value: Any, node: Any, folder: Any, pod_cidr: Any = "", cilium: Any = None) -> list[str]:
    """What keeps Multus from working on a node."""
    files = filter_inputs.mapping("default_network_problems", value, "names of files and their contents")
    settings = filter_inputs.mapping("default_network_problems: cilium", cilium or {}, "the data of a ConfigMap")
    return default_network.problems(str(node), str(folder), files, str(pod_cidr), settings)


def slice_problems(value: Any, data: Any, manifests: Any = None) -> list[str]:
    """What is wrong with the record of the nodes' slices."""
    record = filter_inputs.mapping("slice_problems: data", data or {}, "the data of a ConfigMap")
    with _told_by_a_filter() as places:
        together = manifest_names.together("networks", value, manifests, places)
        return slice_record.problems(networks.parsed(together, places), record)


def network_steps(value: Any, found: Any, defined: Any = True) -> list[dict[str, Any]]:
    """Changes of the cluster's definitions as steps of a plan."""
    changes = filter_inputs.mapping("network_steps", value, "what the filter network_changes gives")
    there = filter_inputs.objects("network_steps: found", found, "the cluster's definitions")
    return cluster_plan.network_steps(changes, there, bool(defined))


def label_steps(value: Any, labels: Any) -> list[dict[str, Any]]:
    """What a Node's labels would become, as steps of a plan."""
    return cluster_plan.label_steps(value, node_label_patch(value, labels))


def cluster_differences(
    value: Any, approved: Any, access: Any, host: str = "", role: str = "", some: Any = False
) -> list[str]:
    """Why steps of a cluster are not the approved ones."""
    steps = filter_inputs.mappings("cluster_differences", value, "steps")
    used = filter_inputs.mapping("cluster_differences: access", access, "what the filter cluster_access gives")
    text = _approved("cluster_differences", approved)
    return approval.cluster_differences(steps, text, cluster.name(used), host, role, bool(some))


def _approved(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise AnsibleFilterError(f"{name}: expected the text of the approved plan; found {show(value)}")
    return value


def network_changes(value: Any, found: Any, prune: bool = False) -> dict[str, Any]:
    """Wanted definitions against the cluster's."""
    wanted = filter_inputs.objects("network_changes", value, "the wanted definitions")
    there = filter_inputs.objects("network_changes: found", found, "the cluster's definitions")
    return owned_objects.network_changes(wanted, there, bool(prune))


def node_label_patch(value: Any, labels: Any) -> dict[str, Any]:
    """The patch that a Node needs for our labels."""
    node = filter_inputs.mapping("node_label_patch", value, "the Node as the API gives it")
    for name in ("metadata", "status"):
        filter_inputs.mapping(f"node_label_patch: {name}", node.get(name) or {}, "the Node as the API gives it")
    wanted = filter_inputs.mapping("node_label_patch: labels", labels, "labels, names and values")
    filter_inputs.names("node_label_patch: labels", list(wanted), "the names of labels")
    with _told_by_a_filter():
        return nodes.node_label_patch(dict(node), dict(wanted))


def node_problems(value: Any, resources: Any, old_boot_id: str = "") -> list[str]:
    """What keeps a Node from being Ready with all its VFs."""
    answer = filter_inputs.mapping("node_problems", value, "the registered result of kubernetes.core.k8s_info")
    filter_inputs.mappings("node_problems: resources", answer.get("resources") or [], "Nodes")
    counts = filter_inputs.mapping("node_problems: resources", resources, "names of resources and their numbers")
    return nodes.node_problems(dict(answer), dict(counts), old_boot_id)


def dra_conflicts(value: Any, slices: Any, classes: Any, node: str) -> list[str]:
    """What DRA drivers offer of what a node's device plugin offers."""
    result = filter_inputs.mapping("dra_conflicts", value, "a result of sriov_node")
    offered, kinds = _objects("dra_conflicts: slices", slices), _objects("dra_conflicts: classes", classes)
    return dra.conflicts(offered, kinds, node, result.get("managed") or [], result.get("resources") or {})


def dra_namesakes(value: Any, classes: Any) -> list[str]:
    """Device classes with a name that the node's device plugin offers."""
    result = filter_inputs.mapping("dra_namesakes", value, "a result of sriov_node")
    return dra.namesakes(_objects("dra_namesakes: classes", classes), result.get("resources") or {})


def _objects(what: str, value: Any) -> list[Any]:
    """The objects in an answer of the cluster."""
    answer = filter_inputs.mapping(what, value, "a result of kubernetes.core.k8s_info")
    return list(filter_inputs.mappings(what, answer.get("resources") or [], "objects"))


def plan_as_table(value: Any, node: str) -> str:
    """The plan of a node as a table."""
    return plan_table.plan_table(dict(filter_inputs.module_result("plan_table", value)), node)


def plan_as_markdown(value: Any, node: str) -> str:
    """The plan of a node as Markdown."""
    return plan_table.plan_markdown(dict(filter_inputs.module_result("plan_markdown", value)), node)


def cluster_access(value: Any, context: Any = "", host: Any = "", token: Any = "") -> dict[str, str]:
    """The options that lead to the cluster, {} for none."""
    return cluster.access(*(str(one or "") for one in (value, context, host, token)))


def cluster_refusal(value: Any, access: Any) -> str:
    """Why it is no use to ask the cluster again, "" where it may be."""
    answer = filter_inputs.mapping("cluster_refusal", value, "the registered result of a module of kubernetes.core")
    used = filter_inputs.mapping("cluster_refusal: access", access, "what the filter cluster_access gives")
    return cluster.refusal(answer, used)


def plan_differences(value: Any, approved: Any, host: Any, drained: Any = False) -> list[str]:
    """Why the plan of a node is not the approved one."""
    result = filter_inputs.module_result("plan_differences", value)
    return approval.differences(result, _approved("plan_differences", approved), str(host), bool(drained))


def plan_document(value: Any, hosts: Any) -> dict[str, Any]:
    """The plans of all nodes, each with its verdict."""
    results = filter_inputs.mapping("plan_document", value, "results of baremetal.sriov.sriov_node by host")
    for host, result in results.items():
        filter_inputs.module_result(f"plan_document[{host}]", {} if result is None else result)
    return verdicts.document(results, filter_inputs.names("plan_document: hosts", hosts, "names of hosts"))


def plan_summary(value: Any) -> list[str]:
    """What the plans of all nodes come to."""
    told = filter_inputs.mapping("plan_summary", value, "what the filter plan_document gives")
    filter_inputs.mapping("plan_summary: nodes", told.get("nodes"), "nodes with their verdicts")
    return verdicts.summary(told)


def plan_verdict(value: Any) -> str:
    """What the plan of a node comes to."""
    return verdicts.verdict(filter_inputs.module_result("plan_verdict", value))


def firmware_differences(value: Any, bios: Any, wish: Any = None, others: Any = False) -> list[str]:
    """Where the running system lacks what the BIOS has to give, and what the BMC tells of that."""
    name = "firmware_differences"
    told = filter_inputs.mapping(name, value, "the registered result of baremetal.sriov.sriov_preflight_info")
    checks = filter_inputs.mappings(f"{name}: checks", told.get("checks", []), "checks")
    asked = None if wish is None else filter_inputs.mapping(f"{name}: wish", wish, "words, each true or false")
    told_by_bmc = filter_inputs.mapping(f"{name}: bios", bios, "a result of sriov_bios")
    return firmware.differences(checks, told_by_bmc, asked, others is True)


def with_bios(value: Any, bios: Any) -> dict[str, Any]:
    """The plan of a node with that for its BIOS."""
    answer = filter_inputs.mapping("with_bios", value, "the registered result of baremetal.sriov.sriov_plan")
    return bios_plan.with_bios(answer, filter_inputs.mapping("with_bios: bios", bios, "a result of sriov_bios"))


def user_path(value: Any) -> str:
    """A path as the user's shell reads it: from the folder where the run was started, with ~ for the user's own."""
    if not isinstance(value, str):
        raise AnsibleFilterError(f"user_path: expected a path, a text; found {show(value)}")
    return os.path.abspath(os.path.expanduser(value))


def unused_policies(value: Any, hosts: Any) -> list[str]:
    """Policies that fit none of the hosts."""
    results = filter_inputs.mapping("unused_policies", value, "results of baremetal.sriov.sriov_node by host")
    for host, result in results.items():
        filter_inputs.mapping(f"unused_policies[{host}]", {} if result is None else result, "a result of sriov_node")
    names = filter_inputs.names("unused_policies: hosts", hosts, "names of hosts")
    return plan_table.unused_policies(dict(results), names)


class FilterModule:
    """What Ansible asks a filter file for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name to function."""
        return {
            "cluster_access": cluster_access,
            "cluster_differences": cluster_differences,
            "cluster_refusal": cluster_refusal,
            "danm_networks": danm_networks,
            "default_network_problems": default_network_problems,
            "dra_conflicts": dra_conflicts,
            "dra_namesakes": dra_namesakes,
            "firmware_differences": firmware_differences,
            "foreign_objects": foreign_objects,
            "injector": injector_objects,
            "kubevirt_problems": kubevirt_problems,
            "label_steps": label_steps,
            "multus": multus_objects,
            "network_attachments": network_attachments,
            "network_changes": network_changes,
            "network_notes": network_notes,
            "network_steps": network_steps,
            "node_label_patch": node_label_patch,
            "node_problems": node_problems,
            "node_ranges": node_ranges,
            "node_slices": node_slices,
            "node_spec": node_spec,
            "objects_to_apply": objects_to_apply,
            "plan_differences": plan_differences,
            "plan_document": plan_document,
            "plan_markdown": plan_as_markdown,
            "plan_summary": plan_summary,
            "plan_table": plan_as_table,
            "plan_verdict": plan_verdict,
            "pod_spec": pod_spec,
            "pods_without_vf": pods_without_vf,
            "slice_problems": slice_problems,
            "unused_policies": unused_policies,
            "user_path": user_path,
            "with_bios": with_bios,
        }
