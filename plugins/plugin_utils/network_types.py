# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The types of networks: the plugin that each is for, and the fields that it has, as tables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from . import network_values as values
from .network_ranges import ipam
from .network_values import Parser

# RFC 1123 subdomain, what the API server asks of an object's name; a namespace is a single label of it.
_OBJECT_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_RESOURCE = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_ANY_RESOURCE = re.compile(rf"({_OBJECT_NAME.pattern}/)?{_RESOURCE.pattern}")
_INTERFACE = re.compile(r"[^\s/:\x00-\x1f\x7f]{1,15}")  # dev_valid_name of the kernel
_CNI_VERSIONS = ("0.3.1", "0.4.0", "1.0.0", "1.1.0")
_LINK_STATES = ("auto", "enable", "disable")
_DAD = ("wait", "optimistic", "off")
_LOG_LEVELS = ("panic", "error", "warning", "info", "debug")
_LONGEST_NAME = 253  # characters
_RESOURCE_OF_ANY: Parser = partial(values.pattern, _ANY_RESOURCE, 317, "a resource name, NAME or PREFIX/NAME,")

# Field of a network -> (key of the CNI configuration, parser). The order is the one that the JSON has.
Fields = Mapping[str, tuple[str, Parser]]

_CAPABILITIES: Fields = {"capabilities": ("capabilities", values.capabilities)}
_COMMON: Fields = {"dns": ("dns", values.dns), "ipam": ("ipam", ipam)}
_SRIOV: Fields = {
    "mac": ("mac", values.mac),
    "vlan": ("vlan", partial(values.integer, 0, 4094)),
    "vlan_qos": ("vlanQoS", partial(values.integer, 0, 7)),
    "vlan_proto": ("vlanProto", values.protocol),
    "vlan_trunk": ("vlan_trunk", values.trunk),
    "spoof_chk": ("spoofchk", values.switch),
    "trust": ("trust", values.switch),
    "link_state": ("link_state", partial(values.choice, _LINK_STATES)),
    "min_tx_rate": ("min_tx_rate", partial(values.integer, 0, 2**32 - 1)),
    "max_tx_rate": ("max_tx_rate", partial(values.integer, 0, 2**32 - 1)),
    **_CAPABILITIES,
    "mtu": ("mtu", partial(values.integer, 68, 65535)),
    "promisc": ("promisc", values.switch),
    "allmulticast": ("allmulticast", values.switch),
    "ipv6_dad": ("ipv6_dad", partial(values.choice, _DAD)),
    "log_level": ("logLevel", partial(values.choice, _LOG_LEVELS)),
    "log_file": ("logFile", values.log_file),
}
_BRIDGE: Fields = {
    "bridge": ("bridge", partial(values.pattern, _INTERFACE, 15, "the name of an interface")),
    "vlan": ("vlan", partial(values.integer, 0, 4094)),
    "vlan_trunk": ("vlanTrunk", values.trunk_objects),
    "preserve_default_vlan": ("preserveDefaultVlan", values.boolean),
    "mac_spoof_check": ("macspoofchk", values.boolean),
    "mtu": ("mtu", partial(values.integer, 68, 65535)),
    "promisc": ("promiscMode", values.boolean),
    "hairpin_mode": ("hairpinMode", values.boolean),
    "port_isolation": ("portIsolation", values.boolean),
    "is_gateway": ("isGateway", values.boolean),
    "is_default_gateway": ("isDefaultGateway", values.boolean),
    "force_address": ("forceAddress", values.boolean),
    "ip_masq": ("ipMasq", values.boolean),
    "disable_container_interface": ("disableContainerInterface", values.boolean),
    **_CAPABILITIES,
}


@dataclass(frozen=True)
class NetworkType:
    """A kind of network. fields: those that its plugin reads; required: without which there is no such network;
    resource: what resource_name may be.
    """

    fields: Fields
    required: tuple[str, ...] = ("name", "resource_name")
    resource: Parser = _RESOURCE_OF_ANY

    def parsers(self) -> dict[str, Parser]:
        """Every field of such a network, and what reads it."""
        own = {name: parser for name, (_key, parser) in self.fields.items()}
        return {**OTHERS, "resource_name": self.resource, **own}


DEFAULT = values.PLUGIN
# Fields that every type has and that are no keys of a plugin.
OTHERS: Mapping[str, Parser] = {
    "name": partial(values.pattern, _OBJECT_NAME, _LONGEST_NAME, "a Kubernetes object name"),
    "type": values.text,  # it has chosen the table already
    "network_namespace": partial(values.pattern, _NAMESPACE, 63, "a namespace's name"),
    "cni_version": partial(values.choice, _CNI_VERSIONS),
    "meta_plugins": values.plugins,
    "routes": values.routes,
    "default_route": values.boolean,
}
TYPES: Mapping[str, NetworkType] = {
    DEFAULT: NetworkType(
        {**_SRIOV, **_COMMON},
        resource=partial(values.pattern, _RESOURCE, 63, "a resource name without prefix"),
    ),
    # In a virtual machine: a VF whose PF is the hypervisor's.
    "host-device": NetworkType({**_CAPABILITIES, **_COMMON}),
    "bridge": NetworkType({**_BRIDGE, **_COMMON}, required=("name", "bridge")),
}
