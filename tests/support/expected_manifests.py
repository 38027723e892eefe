# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Expected: what a person reads of a mistake in the operator's manifests: file, line or kind and name, and field.

source: the field names are those of the CRDs of the SR-IOV network operator (api/v1: SriovNetworkNodePolicySpec,
SriovNetworkSpec); that objects stand in a stream of YAML documents, or in a List: kubectl apply, kubectl get -o yaml.
That what gives nothing is a mistake: a file that was cut short must not take all policies away.
"""

from __future__ import annotations

HEAD = "apiVersion: sriovnetwork.openshift.io/v1\n"
POLICY = f"{HEAD}kind: SriovNetworkNodePolicy\nmetadata: {{name: dpdk}}\nspec:\n  resourceName: dpdk\n"
PFS = "  nicSelector: {pfNames: [enp1s0]}\n"
NETWORK = f"{HEAD}kind: SriovNetwork\nmetadata: {{name: blue, namespace: nets}}\nspec:\n  resourceName: dpdk\n"
GOOD = f"{POLICY}{PFS}  numVfs: 4\n"
FOLDER = "operator"
FILE = f"{FOLDER}/policies.yaml"
DPDK = f"{FILE}: SriovNetworkNodePolicy dpdk"
BLUE = f"{FILE}: SriovNetwork blue"

# Content of the one file in the folder -> how each sentence begins.
REFUSED: list[tuple[str, str | bytes, list[str]]] = [
    (
        "number-of-vfs",
        f"{POLICY}{PFS}  numVfs: four\n",
        [f"{DPDK}: spec.numVfs: expected a number from 1 to 65535, found"],
    ),
    ("missing-number-of-vfs", f"{POLICY}{PFS}", [f"{DPDK}: spec.numVfs: is missing; expected a number"]),
    (
        "fields-in-words",  # the words of a problem name the file's fields as well
        f"{POLICY}  nicSelector: {{pfNames: ['enp1s0#0-9']}}\n  numVfs: 4\n",
        [f"{DPDK}: spec.nicSelector.pfNames[0]: expected VF indices below numVfs (4), found 9"],
    ),
    (
        "no-selector",
        f"{POLICY}  numVfs: 4\n",
        [f"{DPDK}: spec.nicSelector: is missing; expected at least one of vendor, deviceID"],
    ),
    ("unknown-field", f"{GOOD}  numVFs: 4\n", [f"{DPDK}: spec.numVFs: is not a known field; did you mean 'numVfs'?"]),
    (
        "device-type",
        f"{GOOD}  deviceType: vfio\n",
        [f"{DPDK}: spec.deviceType: expected one of netdevice, vfio-pci, uio_pci_generic"],
    ),
    (
        "rdma",
        f"{GOOD}  isRdma: true\n  deviceType: vfio-pci\n",
        [f"{DPDK}: spec.isRdma: an RDMA VF needs the kernel's driver; expected deviceType"],
    ),
    (
        "node-selector",
        f"{GOOD}  nodeSelector: [a]\n",
        [f"{DPDK}: spec.nodeSelector: expected a mapping of names to values, found ['a']"],
    ),
    (
        "name",
        GOOD.replace("dpdk}", "-dpdk}"),
        [f"{FILE}: SriovNetworkNodePolicy -dpdk: metadata.name: expected a name of"],
    ),
    ("no-name", GOOD.replace("{name: dpdk}", "{}"), [f"{FILE}: SriovNetworkNodePolicy: metadata.name: is missing"]),
    (
        "no-spec",
        f"{HEAD}kind: SriovNetwork\nmetadata: {{name: blue}}\nspec: [a]\n",
        [f"{BLUE}: spec: expected a mapping of fields, found ['a']"],
    ),
    ("vlan", f"{NETWORK}  vlan: 5000\n", [f"{BLUE}: spec.vlan: expected a whole number from 0 to 4094, found 5000"]),
    ("qos", f"{NETWORK}  vlanQoS: 3\n", [f"{BLUE}: spec.vlanQoS: needs a vlan other than 0"]),
    ("rates", f"{NETWORK}  minTxRate: 9\n  maxTxRate: 1\n", [f"{BLUE}: spec.minTxRate: 9 is above maxTxRate 1"]),
    ("ipam", f"{NETWORK}  ipam: '{{'\n", [f"{BLUE}: spec.ipam: is not JSON"]),
    ("namespace", NETWORK.replace("nets", "No_Such"), [f"{BLUE}: metadata.namespace: expected a namespace's name"]),
    ("two-of-a-name", f"{GOOD}---\n{GOOD}", [f"{DPDK}: is in {FILE} already"]),
    (
        "all-at-once",
        f"{POLICY}{PFS}---\n{NETWORK}  vlan: 5000\n",
        [f"{DPDK}: spec.numVfs: is missing", f"{BLUE}: spec.vlan: expected a whole number"],
    ),
    (
        "date",
        f"{GOOD}  nodeSelector: {{since: 2024-01-01}}\n",
        [f"{DPDK}: spec.nodeSelector.since: expected a text, a number"],
    ),
    ("itself", f"{POLICY}  nicSelector: &a {{nicSelector: *a}}\n  numVfs: 4\n", [f"{DPDK}: spec: refers to itself"]),
    ("broken", f"{GOOD}  mtu: [9000\n", [f"{FILE}:9: expected YAML, found: "]),
    ("tab", f"{GOOD}\tmtu: 9000\n", [f"{FILE}:8: expected YAML, found: "]),
    (
        "tag",
        f"{GOOD}  mtu: !vault 9000\n",
        [f"{FILE}:8: expected YAML, found: could not determine a constructor for the tag '!vault'"],
    ),
    ("not-a-date", f"{GOOD}  mtu: 2024-13-45\n", [f"{FILE}: expected YAML, found: month must be in 1..12"]),
    ("deep", "[" * 5000, [f"{FILE}: expected a manifest, found more levels"]),
    ("empty", "", [f"{FILE}: expected at least one object with kind and metadata, found an empty file"]),
    (
        "comments",
        "# numVfs: 4\n---\n",
        [f"{FILE}: expected at least one object with kind and metadata, found comments alone"],
    ),
    (
        "list",
        f"- {GOOD.replace(chr(10), chr(10) + '  ')}\n",
        [f"{FILE}: document 1: expected an object with kind and metadata, found a list of 1"],
    ),
    (
        "text",
        f"{GOOD}---\nnumVfs\n",
        [f"{FILE}: document 2: expected an object with kind and metadata, found 'numVfs'"],
    ),
    (
        "list-of-texts",
        "kind: List\nitems: [a]\n",
        [f"{FILE}: List items[0]: expected an object with kind and metadata, found 'a'"],
    ),
    ("items", "kind: List\nitems: {a: 1}\n", [f"{FILE}: List items: expected a list of objects, found {{'a': 1}}"]),
    (
        "no-items",
        "kind: List\nitems: []\n",
        [f"{FOLDER}: expected at least one SriovNetworkNodePolicy or SriovNetwork of"],
    ),
    (
        "other-kinds",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\n",
        [f"{FOLDER}: expected at least one SriovNetworkNodePolicy or SriovNetwork of"],
    ),
    ("binary", b"\x89PNG\r\n\x1a\n\x00\x00", [f"{FILE}:1: expected YAML as UTF-8 text, found the byte 0x89"]),
    ("latin-1", f"{GOOD}# ".encode() + b"\xfcber\n", [f"{FILE}:8: expected YAML as UTF-8 text, found the byte 0xfc"]),
    (
        "control-character",
        f"{GOOD}  mtu: \x07\n",
        [f"{FILE}:8: expected YAML as UTF-8 text, found the character '\\x07'"],
    ),
]

# What sriov_manifests names -> how the sentence begins.
PATHS: list[tuple[str, str, str]] = [
    (
        "missing",
        "nowhere",
        "nowhere: expected a file or a folder of manifests, found nothing there. A relative path is looked for",
    ),
    (
        "missing-absolute",
        "/nowhere/at/all",
        "/nowhere/at/all: expected a file or a folder of manifests, found nothing there",
    ),
    ("no-file", "/dev/null", "/dev/null: expected a file or a folder of manifests, found something else"),
    ("empty-folder", "empty", "empty: expected files that end in .yml, .yaml or .json, found none"),
    (
        "dangling",
        "dangling.yaml",
        "dangling.yaml: expected a file or a folder of manifests, found a link that leads nowhere",
    ),
    ("unreadable", "/proc/self/mem", "/proc/self/mem: expected a readable file, found: "),
    ("folder-in-place-of-a-file", "odd", "odd/folder.yaml: expected a readable file, found: Is a directory"),
]
