# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Expected: what a person reads for wrong inputs of rolls, BIOS, BMC, injector, Multus, and files to take over.

source: roles/*/meta/argument_specs.yml, as in expected_inputs.py; Kubernetes, "Resource Management for Pods" (amounts),
"Labels and Selectors", and "Object Names"; the OCI distribution specification (references of images).
"""

from __future__ import annotations

from typing import Any

SHARE = "a number of nodes from 1, a percentage, or a list of these"
SECONDS = "a whole number from 1 to 86400"
YES_OR_NO = "true or false"
IMAGE = "the reference of a container image"
DIGEST = "the SHA-256 of a certificate, 64 hexadecimal digits"
NAMESPACE = "the name of a namespace"
OUTPUT = "the path of a file in a folder that exists on the controller"
MOMENT = "HH:MM, or a date and time of ISO 8601"
PLATFORMS = "one of kubeadm, k3s, rke2, microk8s, k0s, microshift"
FILE = "the name of a file in the folder of CNI configurations"

# What, variable, value, what is expected, how the sentence goes on after "found".
ROLE_ROWS: list[tuple[str, str, Any, str, str]] = [
    ("unavailable-none", "sriov_max_unavailable", "0%", SHARE, "'0%'. Correct it, as in sriov_max_unavailable: 25%."),
    ("stop-after", "sriov_stop_after", "late", MOMENT, "'late'. Correct it, as in sriov_stop_after: 06:00."),
    ("pause", "sriov_batch_pause", -1, "a whole number from 0 to 86400", "-1. Correct it, as in sriov_batch_pause"),
    ("drain-timeout", "sriov_drain_timeout", 0, SECONDS, "0. Correct it, as in sriov_drain_timeout: 600."),
    ("drain", "sriov_drain_ok", "when idle", YES_OR_NO, "'when idle'. Write sriov_drain_ok: true, or"),
    ("drain-force", "sriov_drain_force", 7, YES_OR_NO, "7."),
    ("gate-timeout", "sriov_gate_timeout", "x", "a whole number from 0 to 86400", "'x'."),
    ("lease-namespace", "sriov_lease_namespace", "A", NAMESPACE, "'A'. Correct it, as in sriov_lease"),
    ("lease-of-others", "sriov_lease_take_over", "maybe", YES_OR_NO, "'maybe'."),
    ("node-pool", "sriov_node_pool", 7, "a text", "7. Put it in quotes"),
    ("unreachable", "sriov_unreachable", "ignore", "one of leave_out, fatal", "'ignore'."),
    ("summary", "sriov_summary_output", "/nowhere/x/s.json", OUTPUT, "'/nowhere/x/s.json'."),
    ("junit", "sriov_summary_junit", "/nowhere/x/s.xml", OUTPUT, "'/nowhere/x/s.xml'."),
    ("vms", "sriov_stop_vms", "default/router", "a list of VMs", "'default/router'. Write"),
    ("bios-missing", "sriov_bios_on_missing", "skip", "one of fail, warn, ignore", "'skip'."),
    ("bios-reset-timeout", "sriov_bios_reset_timeout", 0, SECONDS, "0."),
    ("bmc-fingerprint", "sriov_bmc_fingerprint", "ab:cd", DIGEST, "'ab:cd'."),
    ("bmc-from", "sriov_bmc_from", "a b", "the name of a host of the inventory", "'a b'."),
    ("bmc-user", "sriov_bmc_username", 7, "a text", "7. Put it in quotes"),
    ("bmc-certificates", "sriov_bmc_validate_certs", "self-signed", YES_OR_NO, "'self-signed'."),
    ("boot", "sriov_provision_boot", "usb", "one of pxe, http, disk, cd, or empty for none", "'usb'. Correct"),
    ("boot-timeout", "sriov_provision_timeout", 0, SECONDS, "0."),
    ("injector-yes", "sriov_injector", "please", YES_OR_NO, "'please'."),
    ("injector-policy", "sriov_injector_failure_policy", "ignore", "one of Ignore, Fail", "'ignore'."),
    ("injector-days", "sriov_injector_renew_days", 0, "a whole number from 1 to 366", "0."),
    ("injector-image", "sriov_injector_image", "http://x/y", IMAGE, "'http://x/y'."),
    ("injector-namespace", "sriov_injector_namespace", "Nets", NAMESPACE, "'Nets'."),
    ("injector-labels", "sriov_injector_labels", {"a": "b"}, "a list of sets of labels", "a mapping, {'a': 'b'}."),
    ("multus-image", "sriov_multus_image", "my image", IMAGE, "'my image'."),
    ("multus-platform", "sriov_multus_platform", "openshift", PLATFORMS, "'openshift'."),
    ("multus-log", "sriov_multus_log_level", "info", "one of panic, error, verbose, debug", "'info'."),
    ("multus-namespace", "sriov_multus_namespace", "", NAMESPACE, "''. Write sriov_multus_namespace: kube-system"),
    ("multus-isolation", "sriov_multus_namespace_isolation", "strict", YES_OR_NO, "'strict'."),
    ("multus-file", "sriov_multus_default_network", "/etc/x", FILE, "'/etc/x'."),
    ("multus-resources", "sriov_multus_resources", ["1Gi"], "a mapping of amounts", "a list, ['1Gi']."),
    ("take-over", "sriov_take_over", "/etc/x", "a list of paths of files", "'/etc/x'. Write"),
]

# What is in lists and mappings.
ROLE_CONTENTS: list[tuple[str, dict[str, Any], list[str]]] = [
    (
        "file-to-take-over",
        {"sriov_take_over": ["etc/x"]},
        ["sriov_take_over[0]: expected the absolute path of a file, as a plan prints it, found 'etc/x'"],
    ),
    ("vm-alone", {"sriov_stop_vms": ["router"]}, ["sriov_stop_vms[0]: expected a VM, NAMESPACE/NAME, found 'router'."]),
    (
        "injector-for-all-pods",
        {"sriov_injector_labels": [{}]},
        ["sriov_injector_labels[0]: expected at least one label, found none. Name the labels of pods that ask for it;"],
    ),
    (
        "injector-label",
        {"sriov_injector_labels": [{"a b": "x", "c": 1}]},
        [
            "sriov_injector_labels[0][c]: expected the value of a label, a text, found 1. Put it in quotes",
            "sriov_injector_labels[0][a b]: expected the name of a label, NAME or PREFIX/NAME, found 'a b'.",
        ],
    ),
    (
        "pull-secret",
        {"sriov_injector_pull_secrets": ["My Secret"]},
        ["sriov_injector_pull_secrets[0]: expected the name of a secret, found 'My Secret'. Correct it, as in reg"],
    ),
    (
        "global-namespace",
        {"sriov_multus_global_namespaces": ["Kube System"]},
        ["sriov_multus_global_namespaces[0]: expected the name of a namespace, found 'Kube System'. Correct it, as in"],
    ),
    (
        "amounts",
        {"sriov_multus_resources": {"mem": "1Gi", "memory": "lots", "cpu": "100m"}},
        [
            "sriov_multus_resources[mem]: expected cpu or memory, found 'mem'. Correct the name.",
            "sriov_multus_resources[memory]: expected an amount, found 'lots'. Correct it, as in memory: 256Mi.",
        ],
    ),
]
