# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which `log_file` a network of the inventory may have, and what it may not have the CNI plugin start: itself.

# source: Filesystem Hierarchy Standard 3.0, 5.10 (/var/log holds log files); CNI specification 1.1.0, section 4 (the
# plugin named by `type` is looked for in CNI_PATH); libcni, pkg/invoke/find.go (a name with a path separator is
# "invalid plugin name").
"""

from __future__ import annotations

from typing import Any

# Below the nodes' log folder.
FIT = ("/var/log/sriov.log", "/var/log/sriov/cni.log", "/var/log//sriov.log", '/var/log/"quoted" {{ name }}')
UNFIT: dict[str, Any] = {
    "ld.so.preload": "/etc/ld.so.preload", "relative": "sriov.log", "parent": "/var/log/../../etc/cron.d/x",
    "same beginning": "/var/logs/sriov.log", "the folder": "/var/log/", "line feed": "/var/log/a\nb",
    "null": "/var/log/a\0b", "device": "/dev/stderr", "a number": 5, "a list": ["/var/log/x"],
}  # fmt: skip
# With another folder as the nodes' setting.
ELSEWHERE, ELSEWHERE_FIT, ELSEWHERE_UNFIT = "/data/log", "/data/log/sriov.log", "/var/log/sriov.log"
BAD_FOLDERS = ("log", "/", "", "/var/../etc", "/var/log\n", 5, None)

# Change of a network, and the field that the refusal names.
INVENTORY = {
    "the name": ({"ipam": {"type": "sriov"}}, "ipam"),
    "JSON text": ({"ipam": '{"type": "sriov"}'}, "ipam"),
    "path": ({"ipam": {"type": "../sriov"}}, "ipam"),
    "dot": ({"ipam": {"type": "."}}, "ipam"),
    "line feed": ({"ipam": {"type": "sriov\n"}}, "ipam"),
    "no text": ({"ipam": {"type": ["sriov"]}}, "ipam"),
    "in a meta plugin": ({"meta_plugins": [{"type": "macvlan", "ipam": {"type": "sriov"}}]}, "meta_plugins"),
}

# Networks of other types, and the CNI configuration of each.
# source: documentation of the plugins host-device and bridge of the containernetworking project (their keys; a VLAN of
# 0 is none; vlan and vlanTrunk exclude each other); KubeVirt user guide, "Interfaces and Networks", and its SR-IOV text
# (a network without vlan keeps the VLAN of the VF's last user); bridge-marker (the resource of a bridge, by which pods
# find a node that has it).
BRIDGE = {"name": "lan", "type": "bridge", "bridge": "br1"}
OTHER_TYPES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "host-device": (
        {"name": "guest", "type": "host-device", "resource_name": "kernel", "ipam": {"type": "static"},
         "capabilities": {"ips": True}},
        {"cniVersion": "1.0.0", "name": "guest", "type": "host-device", "capabilities": {"ips": True},
         "ipam": {"type": "static"}},
        "baremetal.sriov/kernel",
    ),
    "a device plugin of somebody else": (
        {"name": "guest", "type": "host-device", "resource_name": "example.org/vfs"},
        {"cniVersion": "1.0.0", "name": "guest", "type": "host-device", "ipam": {}},
        "example.org/vfs",
    ),
    "bridge": (
        {**BRIDGE, "resource_name": "bridge.network.kubevirt.io/br1", "vlan": 5, "mac_spoof_check": True, "mtu": 9000},
        {"cniVersion": "1.0.0", "name": "lan", "type": "bridge", "bridge": "br1", "vlan": 5, "macspoofchk": True,
         "mtu": 9000, "ipam": {}},
        "bridge.network.kubevirt.io/br1",
    ),
    "bridge without a resource": (
        BRIDGE, {"cniVersion": "1.0.0", "name": "lan", "type": "bridge", "bridge": "br1", "vlan": 0, "ipam": {}}, "",
    ),
    "bridge, everything": (
        {**BRIDGE, "vlan_trunk": "10,20-30", "preserve_default_vlan": False, "is_gateway": "true", "ip_masq": "off",
         "force_address": True, "hairpin_mode": True, "promisc": False, "port_isolation": True,
         "disable_container_interface": False},
        {"cniVersion": "1.0.0", "name": "lan", "type": "bridge", "bridge": "br1",
         "vlanTrunk": [{"id": 10}, {"minID": 20, "maxID": 30}], "preserveDefaultVlan": False, "isGateway": True,
         "ipMasq": False, "forceAddress": True, "hairpinMode": True, "promiscMode": False, "portIsolation": True,
         "disableContainerInterface": False, "ipam": {}},
        "",
    ),
}  # fmt: skip
# Change of a bridge network, and the field that the refusal names.
WRONG_OF_A_TYPE = {
    "no such type": ({"type": "macvlan"}, "type"),
    "type is a list": ({"type": ["bridge"]}, "type"),
    "a field of another type": ({"spoof_chk": "on"}, "spoof_chk"),
    "long bridge name": ({"bridge": "a" * 16}, "bridge"),
    "bridge name with a slash": ({"bridge": "a/b"}, "bridge"),
    "resource of two slashes": ({"resource_name": "a/b/c"}, "resource_name"),
    "vlan beside a trunk": ({"vlan": 5, "vlan_trunk": "10"}, "vlan_trunk"),
    "a number for a switch": ({"ip_masq": 1}, "ip_masq"),
    "capability that is no switch": ({"capabilities": {"mac": "please"}}, "capabilities"),
    "unknown version": ({"cni_version": "2.0.0"}, "cni_version"),
}

# Change of a network with the plugin static; the routes that its configuration has; what is left out.
# source: rule of the project, a VF does not take the pod's default route unasked (CNI specification 1.1.0, "Routes": a
# destination of length 0 is the default route).
GATEWAY = {"addresses": [{"address": "192.0.2.2/24", "gateway": "192.0.2.1"}]}
V4, V6, FAR = {"dst": "0.0.0.0/0"}, {"dst": "::/0"}, {"dst": "198.51.100.0/24"}
DEFAULT_ROUTES: dict[str, tuple[dict[str, Any], list[dict[str, Any]], list[str]]] = {
    "of ipam": ({"ipam": {"routes": [FAR, V4]}}, [FAR], ["0.0.0.0/0 of ipam"]),
    "with a gateway of its own": ({"ipam": {"routes": [{**V4, "gw": "192.0.2.9"}, FAR]}}, [FAR], ["0.0.0.0/0 of ipam"]),
    "IPv6": ({"ipam": {"routes": [V6]}}, [], ["::/0 of ipam"]),
    "spelt otherwise": ({"ipam": {"routes": [{"dst": "0.0.0.1/0"}, {"dst": "0::/0"}]}}, [], ["0.0.0.1/0", "0::/0"]),
    "in routes": ({"routes": [FAR, V4, V6]}, [FAR], ["0.0.0.0/0 of routes", "::/0 of routes"]),
    "both": ({"ipam": {"routes": [V4]}, "routes": [V6]}, [], ["0.0.0.0/0 of ipam", "::/0 of routes"]),
    "no means no": ({"default_route": "no", "routes": [V4]}, [], ["0.0.0.0/0 of routes"]),
    "asked for": ({"default_route": True, "routes": [FAR, V4]}, [FAR, V4], []),
    "asked for, by the gateway": ({"default_route": "true"}, [V4], []),
    "asked for, with its own gateway": (
        {"default_route": True, "routes": [{**V4, "gw": "192.0.2.9"}]}, [{**V4, "gw": "192.0.2.9"}], [],
    ),
    "none there": ({"routes": [FAR]}, [FAR], []),
}  # fmt: skip
