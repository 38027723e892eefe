# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Expected: what a person reads for each wrong input of a playbook, before anything is done.

source: roles/*/meta/argument_specs.yml (types, choices) and the descriptions there (ranges, meanings); systemd.time(7);
Kubernetes, "Labels and Selectors" and "Object Names"; ansible-core, "Controlling playbook execution" (serial). That all
mistakes are told at once, each with path, what was expected, what was found and what to do: the rule of this project.
"""

from __future__ import annotations

from typing import Any

from support.expected_role_inputs import ROLE_CONTENTS, ROLE_ROWS, SECONDS, SHARE, YES_OR_NO
from support.expected_variables import REFUSED as WRONG_KINDS

POLICY = {"name": "dpdk", "resource_name": "dpdk", "num_vfs": 4, "nic_selector": {"pf_names": ["enp1s0"]}}
NETWORK = {"name": "blue", "resource_name": "dpdk"}
BOTH = {"sriov_policies": [POLICY], "sriov_networks": [NETWORK]}


def policy(**changes: Any) -> dict[str, Any]:
    return {"sriov_policies": [{**POLICY, **changes}]}


def network(**changes: Any) -> dict[str, Any]:
    return {**BOTH, "sriov_networks": [{**NETWORK, **changes}]}


def bios(**words: Any) -> dict[str, Any]:
    return {"sriov_bios_settings": words}


Case = tuple[str, dict[str, Any], list[str]]

# Names that nothing reads, each nearly one of ours.
MISSPELT = {
    "sriov_polices": "sriov_policies",
    "sriov_netwroks": "sriov_networks",
    "sriov_reboot_k": "sriov_reboot_ok",
    "sriov_manifest": "sriov_manifests",
    "sriov_Policies": "sriov_policies",
    "srivo_policies": "sriov_policies",
    "srov_kubeconfig": "sriov_kubeconfig",
    "sriov_huge_pages": "sriov_hugepages",
    "sriov_serail": "sriov_serial",  # of the playbooks
    "sriov_max_unavailble": "sriov_max_unavailable",
    "sriov_multis": "sriov_multus",
    "sriov_injecter": "sriov_injector",
    "sriov_takeover": "sriov_take_over",
    "sriov_bios_setings": "sriov_bios_settings",
    "sriov_drfit": "sriov_drift",
}


def did_you_mean(name: str) -> str:
    return f"{name}: is no variable of this collection. Did you mean {MISSPELT[name]}?"


NAMES: list[Case] = [
    *((f"name-{name}", {name: []}, [did_you_mean(name)]) for name in MISSPELT),
    (
        "two-names",
        {"sriov_serail": 1, "sriov_polices": 2},
        [did_you_mean("sriov_polices"), did_you_mean("sriov_serail")],
    ),
    (
        "name-and-value",
        {"sriov_polices": [], "sriov_reboot_ok": "perhaps"},
        [did_you_mean("sriov_polices"), "sriov_reboot_ok: expected true or false, found 'perhaps'. Write"],
    ),
]

DRIFT = "one of off, report, restore, repair"
SPAN = "a time span of systemd's"
NODE = "the name of a Kubernetes node"
LOADERS = "one of auto, grub, grub-bls, grub-mkconfig, proxmox-boot-tool, rpm-ostree, systemd-boot"
FOLDER = "auto, or the absolute path of a folder"
LOG_FOLDER = "the absolute path of a folder other than /, without '..'"
HERE = "that exists on the controller"

# One value, of another type or out of its range; many are read by later roles alone: what, variable, value, what is
# expected, how the sentence goes on after "found".
ROWS: list[tuple[str, str, Any, str, str]] = [
    ("yes-or-no", "sriov_reboot_ok", "maybe", YES_OR_NO, "'maybe'. Write sriov_reboot_ok: true, or"),
    ("number-for-yes-or-no", "sriov_adopt", 2, YES_OR_NO, "2. Write sriov_adopt: true, or sriov_adopt: false."),
    ("null", "sriov_cni", None, YES_OR_NO, "nothing (null). Write sriov_cni: true, or leave the variable out; a key"),
    ("list-for-yes-or-no", "sriov_device_plugin", [True], YES_OR_NO, "a list, [True]."),
    ("empty-for-yes-or-no", "sriov_prune", "", YES_OR_NO, "''. Write sriov_prune: false"),
    ("words-for-yes-or-no", "sriov_cni_service", "yes please", YES_OR_NO, "'yes please'."),
    ("member", "sriov_cluster_member", "no way", YES_OR_NO, "'no way'."),
    ("networks-enabled", "sriov_networks_enabled", {}, YES_OR_NO, "a mapping, {}."),
    ("unmanaged", "sriov_vfs_unmanaged", "all", YES_OR_NO, "'all'."),
    ("fail-on-changes", "sriov_plan_fail_on_changes", "x", YES_OR_NO, "'x'."),
    ("word-for-a-number", "sriov_ready_timeout", "soon", SECONDS, "'soon'."),
    ("zero-seconds", "sriov_ready_timeout", 0, SECONDS, "0. Correct it, as in sriov_ready_timeout: 900."),
    ("negative", "sriov_reboot_timeout", -5, SECONDS, "-5."),
    ("fraction", "sriov_reboot_timeout", 1.5, SECONDS, "1.5."),
    ("seconds-with-unit", "sriov_reboot_timeout", "20min", SECONDS, "'20min'."),
    ("true-for-a-number", "sriov_hugepages_floor", True, "a whole number", "true."),
    ("below-zero", "sriov_hugepages_floor", -1, "a number from 0 to 1073741824", "-1"),
    ("boot-loader", "sriov_boot_loader", "lilo", LOADERS, "'lilo'."),
    ("prefix", "sriov_resource_prefix", "Intel.com/x", "a DNS name such as baremetal.sriov", "'Intel.com/x'"),
    ("number-for-a-name", "sriov_node_name", 7, NODE, "7. Put it in quotes"),
    ("capitals-in-a-name", "sriov_node_name", "Node_1", NODE, "'Node_1'."),
    ("empty-name", "sriov_node_name", "", NODE, "''. Write"),
    ("kubeconfig-nowhere", "sriov_kubeconfig", "/nowhere/x", f"the path of a file {HERE}", "'/nowhere/x'."),
    ("kubeconfig-number", "sriov_kubeconfig", 1, "the path of a file", "1."),
    ("kube-host", "sriov_kube_host", "api.example.org", "the URL of an API server", "'api.example.org'."),
    ("kube-context", "sriov_kube_context", ["a"], "a text", "a list, ['a']."),
    ("kube-token", "sriov_kube_token", 4711, "a text", "a number that is not shown."),
    ("bmc-path", "sriov_bmc_address", "https://bmc/redfish", "a host, or https://HOST:PORT", "'https://bmc/redfish'."),
    ("bmc-password", "sriov_bmc_password", 4711, "a text", "a number that is not shown."),
    ("bmc-ca", "sriov_bmc_ca_path", ["ca.pem"], "a text", "a list, ['ca.pem']."),
    ("bmc-login", "sriov_bmc_login", "digest", "one of auto, session, basic", "'digest'."),
    ("bmc-timeout", "sriov_bmc_timeout", 0, SECONDS, "0."),
    ("bios-reset", "sriov_bios_reset", True, "one of never, graceful, force", "true."),
    ("drift", "sriov_drift", "on", DRIFT, "'on'."),
    ("drift-as-yes", "sriov_drift", True, DRIFT, "true. Correct it, as in sriov_drift: off."),
    ("interval", "sriov_drift_interval", "often", SPAN, "'often'. Correct it, as in sriov_drift_interval: 5min."),
    ("interval-as-number", "sriov_drift_interval", 300, SPAN, "300. Put it in quotes"),
    ("interval-of-two-lines", "sriov_drift_interval", "5min\nExecStart=/bin/sh", SPAN, "'5min\\nExec"),
    ("unit", "sriov_kubelet_unit", "kubelet", "auto, or the names of services", "'kubelet'. Correct it, as in"),
    ("bin-dir", "sriov_cni_bin_dir", "opt/cni/bin", FOLDER, "'opt/cni/bin'."),
    ("namespace-timeout", "sriov_namespace_timeout", "long", "a whole number from 0 to 86400", "'long'."),
    ("record-namespace", "sriov_record_namespace", "Kube", "the name of a namespace", "'Kube'."),
    ("injector", "sriov_injector_replicas", 0, "a whole number from 1 to 10", "0."),
    ("multus", "sriov_multus", "fat", "one of external, thin, thick", "'fat'."),
    ("multus-folder", "sriov_multus_conf_dir", "cni", "the absolute path of a folder", "'cni'."),
    ("log-dir", "sriov_cni_log_dir", "/var/../etc", LOG_FOLDER, "'/var/../etc'."),
    ("kubelets-folder", "sriov_kubelet_root_dir", "kubelet", "an absolute path", "'kubelet'"),
    ("plugins", "sriov_cni_plugins_source", "/nowhere/cni", f"a folder or an archive {HERE}", "'/nowhere/cni'."),
    ("wheels", "sriov_device_plugin_wheels", "/nowhere/wheels", f"a folder {HERE}", "'/nowhere/wheels'."),
    ("serial-zero", "sriov_serial", 0, SHARE, "0. Correct it, as in sriov_serial: 25%."),
    ("serial-word", "sriov_configure_serial", "half", SHARE, "'half'."),
    ("serial-above", "sriov_serial", [1, "200%"], SHARE, "a list, [1, '200%']."),
    ("target-root", "sriov_target_root", "image", "/, or the absolute path of a folder", "'image'."),
    ("target-cpu", "sriov_target_cpu", "via", "one of unknown, intel, amd, arm64", "'via'."),
    ("hosts", "sriov_hosts", {"a": 1}, "a pattern of hosts, or a list of these", "a mapping, {'a': 1}."),
    *ROLE_ROWS,
    ("ignored", "sriov_ignore_variables", "sriov_x", "a list of names of variables", "'sriov_x'. Write"),
]
UNREADABLE = "its template can't be worked out: 'nowhere' is undefined. Correct it"
VALUES: list[Case] = [
    *((f"value-{what}", {name: value}, [f"{name}: expected {expected}, found {rest}"])
      for what, name, value, expected, rest in ROWS),
    ("template", {"sriov_reboot_timeout": "{{ nowhere }}"}, [f"sriov_reboot_timeout: {UNREADABLE}"]),
]  # fmt: skip

# What is in lists and mappings.
CONTENTS: list[Case] = [
    ("count", policy(num_vfs="four"), ["sriov_policies[0].num_vfs: expected a number from 1 to 65535, found 'four'"]),
    (
        "no-count",
        {"sriov_policies": [{**{k: v for k, v in POLICY.items() if k != "num_vfs"}}]},
        ["sriov_policies[0].num_vfs: is missing; expected a number from 1 to 65535"],
    ),
    ("bios-word", bios(iomu=True), ["sriov_bios_settings.iomu: expected one of cpu_virtualization, iommu, "]),
    ("bios-value", bios(iommu="on"), ["sriov_bios_settings[iommu]: expected true or false, found 'on'"]),
    ("bios-part", bios(iommu=False, x2apic=True), ["sriov_bios_settings.x2apic: expected off, or left out"]),
    ("bios-names", {"sriov_bios_names": {"iommu": {"name": "VTd"}}}, ["sriov_bios_names.iommu: expected attribute, "]),
    ("bios-list", {"sriov_bios_attributes": ["a"]}, ["sriov_bios_attributes: expected a mapping of attributes of the"]),
    ("field", policy(num_vf=4), ["sriov_policies[0].num_vf: "]),
    ("selector", policy(nic_selector={}), ["sriov_policies[0].nic_selector: "]),
    ("driver", policy(device_type="vfio"), ["sriov_policies[0].device_type: expected one of netdevice, vfio-pci, "]),
    (
        "override-without-a-name",
        {**BOTH, "sriov_policies_host": [{"num_vfs": 2}]},
        ["sriov_policies_host[0].name: is missing; it says which policy is meant"],
    ),
    ("hugepages", {"sriov_hugepages": [{"size": "2M"}]}, ["sriov_hugepages[0]: expected either count or nodes"]),
    (
        "hugepages-twice",
        {"sriov_hugepages": [{"size": "2M", "count": 1}, {"size": "2M", "count": 2}]},
        ["sriov_hugepages: pages of 2M are there twice"],
    ),
    (
        "hugepages-in-two-places",
        {"sriov_hugepages": [{"size": "2M", "count": 1}], "sriov_kernel_arguments": ["hugepages=4"]},
        ["sriov_hugepages: sriov_kernel_arguments asks for huge pages as well; use one of both"],
    ),
    (
        "module",
        {"sriov_kernel_modules": ["vfio pci"]},
        ["sriov_kernel_modules[0].name: expected a kernel module's name, found 'vfio pci'"],
    ),
    ("argument-of-two-words", {"sriov_kernel_arguments": ["nosmt quiet"]}, ["sriov_kernel_arguments[0]: "]),
    (
        "network-name",
        network(name="Blue"),
        ["sriov_networks[0].name: expected a Kubernetes object name of at most 253 characters, found 'Blue'"],
    ),
    (
        "network-vlan",
        network(vlan=5000),
        ["sriov_networks[0].vlan: expected a whole number from 0 to 4094, found 5000"],
    ),
    ("network-field", network(vlans=1), ["sriov_networks[0].vlans: is not a field of a network; there are "]),
    (
        "network-pool",
        network(resource_name="dkpd"),
        [
            "sriov_networks[0].resource_name: expected a pool that a policy makes (dpdk), found 'dkpd'. "
            "Did you mean dpdk? Correct it, or add a policy"
        ],
    ),
    (
        "network-type",
        network(type="macvlan"),
        ["sriov_networks[0].type: expected one of sriov, host-device, bridge, found 'macvlan'"],
    ),
    (
        "network-of-a-bridge",
        {"sriov_networks": [{"name": "b", "type": "bridge", "bridge": "br/0"}]},
        ["sriov_networks[0].bridge: expected the name of an interface"],
    ),
    (
        "network-without-its-bridge",
        {"sriov_networks": [{"name": "b", "type": "bridge"}]},
        ["sriov_networks[0].bridge: is missing"],
    ),
    (
        "network-of-a-device",
        {"sriov_networks": [{"name": "b", "type": "host-device", "resource_name": "x.org/p", "vlan": 5}]},
        ["sriov_networks[0].vlan: is not a field of a network"],
    ),
    ("firmware", policy(firmware={"vfs": 4}), ["sriov_policies[0].firmware.vfs: is not a known field; known are "]),
    ("firmware-yes", policy(firmware=True), ["sriov_policies[0].firmware: expected a mapping, found True"]),
    *ROLE_CONTENTS,
    (
        "network-log-file",
        {**network(log_file="/etc/x")},
        ["sriov_networks[0].log_file: expected a file below /var/log, found '/etc/x'"],
    ),
    (
        "label-name",
        {"sriov_node_labels": {"a b": "x"}},
        ["sriov_node_labels[a b]: expected the name of a label, NAME or PREFIX/NAME, found 'a b'."],
    ),
    (
        "label-value",
        {"sriov_node_labels": {"zone": "a b"}},
        ["sriov_node_labels[zone]: expected the value of a label, found 'a b'."],
    ),
    (
        "label-of-the-kubelet",
        {"sriov_node_labels": {"kubernetes.io/hostname": "x"}},
        ["sriov_node_labels[kubernetes.io/hostname]: expected a label of yours, found one that the kubelet sets."],
    ),
    (
        "everything-at-once",
        {
            **network(vlan=5000),
            **policy(num_vfs=0),
            "sriov_ready_timeout": "x",
            "sriov_hugepages": [{"size": "9", "count": 1}],
        },
        [
            "sriov_ready_timeout: expected a whole number from 1 to 86400, found 'x'.",
            "sriov_hugepages[0].size: expected a size such as 2M or 1G, found '9'",
            "sriov_policies[0].num_vfs: expected a number from 1 to 65535, found 0",
            "sriov_networks[0].vlan: expected a whole number from 0 to 4094, found 5000",
        ],
    ),
]
# Words on the kernel's command line after which the node does not come back.
WORDS: list[Case] = [case for case in WRONG_KINDS if case[0] in ("rescue-words", "a-no-is-no-yes")]

REFUSED: list[Case] = [*NAMES, *VALUES, *CONTENTS, *WORDS]

# Texts of a survey, and what is right in its own way.
ACCEPTED: list[tuple[str, dict[str, Any]]] = [
    ("nothing", {}),
    ("both-lists", BOTH),
    (
        "survey",
        {"sriov_reboot_ok": "true", "sriov_ready_timeout": "900", "sriov_hugepages_floor": "512", "sriov_adopt": "no"},
    ),
    ("survey-in-policies", {**policy(num_vfs="4", need_vhost_net="true")}),
    ("survey-in-networks", network(vlan="100", trust="true", max_tx_rate="200")),
    ("capitals", {"sriov_prune": "True", "sriov_cni": "OFF", "sriov_cni_service": 1}),
    ("spans", {"sriov_drift_interval": "1h 30min"}),
    ("drift-off-as-yaml-reads-it", {"sriov_drift": False}),
    ("drift-off", {"sriov_drift": "off"}),
    ("units", {"sriov_kubelet_unit": "k3s.service k3s-agent.service"}),
    ("serial", {"sriov_serial": [1, "25%", 10], "sriov_configure_serial": "100%"}),
    ("empty-texts", {"sriov_kubeconfig": "", "sriov_drift_interval": "", "sriov_cni_plugins_source": ""}),
    (
        "somebody-elses",
        {"sriov_polices": 1, "sriov_lab_rack": 2, "sriov_ignore_variables": ["sriov_polices", "sriov_lab_*"]},
    ),
    (
        "multus-and-injector",
        {
            "sriov_multus_resources": {"cpu": "1", "memory": "0.5Gi"},
            "sriov_multus_image": "registry.example.org:5000/a/multus-cni:v4@sha256:" + 64 * "0",
            "sriov_injector_labels": [{"kubevirt.io": "virt-launcher"}],
            "sriov_stop_vms": ["default/router-1"],
            "sriov_bmc_fingerprint": ":".join(32 * ["Ab"]),
            "sriov_provision_boot": "",
        },
    ),
    (
        "networks-of-three-types",
        {
            **BOTH,
            "sriov_networks": [
                NETWORK,
                {"name": "b", "type": "bridge", "bridge": "br0"},
                {"name": "c", "type": "host-device", "resource_name": "devices.kubevirt.io/x"},
            ],
        },
    ),
    ("far-from-ours", {"sriov_rack_number": 7, "my_sriov_policies": []}),
    ("networks-alone", {"sriov_networks": [NETWORK]}),
    ("pools-of-somebody-else", {**network(resource_name="theirs"), "sriov_device_plugin": False}),
    (
        "pool-of-the-host-alone",
        {
            "sriov_policies_host": [{**POLICY, "name": "x", "resource_name": "x"}],
            "sriov_networks": [{"name": "b", "resource_name": "x"}],
        },
    ),
    ("found-later", {"sriov_reboot_required": "{{ node_of_a_later_task.changed }}"}),
]
