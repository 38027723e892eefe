# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Expected: which variables are lists and mappings of what, and what a person reads where one is something else.

source: roles/*/meta/argument_specs.yml (types), the descriptions there (what an item may be). That a wrong one is
refused, and how the sentence begins: the rule "an error names the object, what was expected, what was found, and what
to do". That a key without a value is refused: YAML 1.2.2, 10.2.1.1 (it is null, which is no list).
"""

from __future__ import annotations

from typing import Any

# Variable -> (kind, kinds of its items or values).
KINDS: dict[str, tuple[str, frozenset[str]]] = {
    "sriov_policies": ("list", frozenset({"mapping"})),
    "sriov_policies_host": ("list", frozenset({"mapping"})),
    "sriov_networks": ("list", frozenset({"mapping"})),
    "sriov_hugepages": ("list", frozenset({"mapping"})),
    "sriov_kernel_modules": ("list", frozenset({"mapping", "text"})),
    "sriov_kernel_arguments": ("list", frozenset({"text"})),
    "sriov_manifests": ("list", frozenset({"text"})),
    "sriov_take_over": ("list", frozenset({"text"})),
    "sriov_adopt_from": ("list", frozenset({"text"})),
    "sriov_stop_vms": ("list", frozenset({"text"})),
    "sriov_ignore_variables": ("list", frozenset({"text"})),
    "sriov_injector_labels": ("list", frozenset({"mapping"})),
    "sriov_injector_pull_secrets": ("list", frozenset({"text"})),
    "sriov_multus_pull_secrets": ("list", frozenset({"text"})),
    "sriov_smoke_pull_secrets": ("list", frozenset({"text"})),
    "sriov_multus_global_namespaces": ("list", frozenset({"text"})),
    "sriov_multus_resources": ("mapping", frozenset({"text"})),  # Kubernetes: a quantity; YAML makes a number of 1
    "sriov_device_plugin_options": ("list", frozenset({"text"})),
    "sriov_node_labels": ("mapping", frozenset({"text"})),  # Kubernetes: the value of a label is a string
    "sriov_bios_settings": ("mapping", frozenset({"boolean"})),  # neutral words, on or off
    # DSP0268, Bios: values of attributes are texts, numbers and booleans.
    "sriov_bios_attributes": ("mapping", frozenset({"text", "number", "boolean"})),
    "sriov_bios_names": ("mapping", frozenset({"mapping"})),
    "sriov_target_python": ("mapping", frozenset({"text"})),  # version, machine and libc, as Python tells them
    # Only compared, as texts; YAML makes true of a bare word.
    "sriov_present_labels": ("mapping", frozenset({"text", "number", "boolean"})),
}

# What the variables are -> how each sentence about them begins, in this order.
REFUSED: list[tuple[str, dict[str, Any], list[str]]] = [
    (
        "text-for-kernel-arguments",
        {"sriov_kernel_arguments": "nosmt"},
        ["sriov_kernel_arguments: expected a list of kernel arguments, found 'nosmt'. Write"],
    ),
    (
        "empty-text",
        {"sriov_kernel_arguments": ""},
        ["sriov_kernel_arguments: expected a list of kernel arguments, found ''. Write sriov_kernel_arguments: []"],
    ),
    (
        "null",
        {"sriov_networks": None},
        ["sriov_networks: expected a list of networks, found nothing (null). Write sriov_networks: []"],
    ),
    (
        "null-for-a-mapping",
        {"sriov_node_labels": None},
        ["sriov_node_labels: expected a mapping of labels, found nothing (null). Write sriov_node_labels: {}"],
    ),
    (
        "text-for-manifests",
        {"sriov_manifests": "operator/"},
        ["sriov_manifests: expected a list of files or folders, found 'operator/'. Write"],
    ),
    (
        "json-text",  # as -e name='[...]' gives it
        {"sriov_manifests": '["operator/"]'},
        ["sriov_manifests: expected a list of files or folders, found '[\"operator/\"]'."],
    ),
    (
        "text-for-options",
        {"sriov_device_plugin_options": "--no-link-health"},
        ["sriov_device_plugin_options: expected a list of options, found '--no-link-health'."],
    ),
    (
        "text-for-labels",
        {"sriov_present_labels": "zone=a"},
        ["sriov_present_labels: expected a mapping of labels, found 'zone=a'."],
    ),
    (
        "number",
        {"sriov_hugepages": 64},
        ["sriov_hugepages: expected a list of huge page pools, found 64."],
    ),
    (
        "boolean",
        {"sriov_kernel_modules": True},
        ["sriov_kernel_modules: expected a list of kernel modules, found true."],
    ),
    (
        "mapping-for-a-list",
        {"sriov_policies": {"name": "dpdk"}},
        ["sriov_policies: expected a list of policies, found a mapping, {'name': 'dpdk'}."],
    ),
    (
        "mapping-for-a-list-of-the-host",
        {"sriov_policies_host": {"dpdk": {"num_vfs": 4}}},
        ["sriov_policies_host: expected a list of policies, found a mapping, {'dpdk': {'num_vfs': 4}}."],
    ),
    (
        "list-for-a-mapping",
        {"sriov_node_labels": [{"zone": "a"}]},
        ["sriov_node_labels: expected a mapping of labels, found a list, [{'zone': 'a'}]."],
    ),
    (
        "mapping-for-an-argument",  # a blank after the colon
        {"sriov_kernel_arguments": ["nosmt", {"hugepages": 64}]},
        ["sriov_kernel_arguments[1]: expected a kernel argument, found a mapping, {'hugepages': 64}."],
    ),
    (
        "list-for-an-argument",
        {"sriov_kernel_arguments": [["nosmt"]]},
        ["sriov_kernel_arguments[0]: expected a kernel argument, found a list, ['nosmt']."],
    ),
    (
        "number-for-an-option",
        {"sriov_device_plugin_options": [9810]},
        ["sriov_device_plugin_options[0]: expected an option, found 9810. Put it in quotes"],
    ),
    (
        "empty-items",
        {"sriov_manifests": [None, ""]},
        [
            "sriov_manifests[0]: expected a file or folder, found nothing (null). Remove",
            "sriov_manifests[1]: expected a file or folder, found ''. Remove",
        ],
    ),
    (
        "text-for-a-policy",
        {"sriov_policies": ["dpdk"]},
        ["sriov_policies[0]: expected a policy, found 'dpdk'."],
    ),
    (
        "list-for-a-network",
        {"sriov_networks": [[{"name": "blue"}]]},
        ["sriov_networks[0]: expected a network, found a list, [{'name': 'blue'}]."],
    ),
    (
        "number-for-a-module",
        {"sriov_kernel_modules": ["vfio-pci", 3]},
        ["sriov_kernel_modules[1]: expected a kernel module, found 3."],
    ),
    (
        "boolean-for-a-label-of-the-node",
        {"sriov_node_labels": {"example.org/sriov": True}},
        ["sriov_node_labels[example.org/sriov]: expected a label's value, found true. Put it in quotes"],
    ),
    (
        "list-for-a-label",
        {"sriov_present_labels": {"zone": ["a"]}},
        ["sriov_present_labels[zone]: expected a label's value, found a list, ['a']."],
    ),
    (
        "number-for-the-name-of-a-label",
        {"sriov_present_labels": {7: "a"}},
        ["sriov_present_labels[7]: expected a text as the name, found 7. Put it in quotes"],
    ),
    (
        "null-for-the-kubeconfig",  # a key without a value
        {"sriov_kubeconfig": None},
        ['sriov_kubeconfig: expected the path of a file, found nothing (null). Write sriov_kubeconfig: "" for none'],
    ),
    (
        "list-for-the-kubeconfig",
        {"sriov_kubeconfig": ["/etc/kubernetes/admin.conf"]},
        ["sriov_kubeconfig: expected the path of a file, found a list, ['/etc/kubernetes/admin.conf']."],
    ),
    (
        "all-at-once",
        {"sriov_kernel_arguments": "s", "sriov_policies": "dpdk", "sriov_node_labels": "a=b", "sriov_networks": [1]},
        [
            "sriov_policies: expected a list of policies, found 'dpdk'.",
            "sriov_networks[0]: expected a network, found 1.",
            "sriov_kernel_arguments: expected a list of kernel arguments, found 's'.",
            "sriov_node_labels: expected a mapping of labels, found 'a=b'.",
        ],
    ),
    (
        "rescue-words",
        {"sriov_kernel_arguments": ["nosmt", "s", "systemd.unit=rescue.target"]},
        [
            "sriov_kernel_arguments[1]: expected an argument with which the node boots as before, found 's', which",
            "sriov_kernel_arguments[2]: expected an argument with which the node boots as before, found "
            "'systemd.unit=rescue.target', which",
        ],
    ),
    (
        "a-no-is-no-yes",
        {"sriov_kernel_arguments": ["single"], "sriov_kernel_arguments_unsafe": "no"},
        ["sriov_kernel_arguments[0]: expected an argument with which the node boots as before, found 'single', which"],
    ),
]

ACCEPTED: list[tuple[str, dict[str, Any]]] = [
    ("nothing", {}),
    ("empty", {name: {} if kind == "mapping" else [] for name, (kind, _items) in KINDS.items()}),
    ("other-variables", {"sriov_kubeconfig": "", "other": "nosmt"}),
    ("modules-of-both-kinds", {"sriov_kernel_modules": ["vfio-pci", {"name": "igb", "load": True}]}),
    ("labels", {"sriov_present_labels": {"a": True, "b": 1, "c": ""}, "sriov_node_labels": {"a/b": "true", "c": ""}}),
    ("arguments", {"sriov_kernel_arguments": ["nosmt", "isolcpus=1,2", "pci=realloc"]}),
    ("rescue-on-request", {"sriov_kernel_arguments": ["single"], "sriov_kernel_arguments_unsafe": True}),
    ("rescue-on-request-in-words", {"sriov_kernel_arguments": ["s"], "sriov_kernel_arguments_unsafe": "yes"}),
]
