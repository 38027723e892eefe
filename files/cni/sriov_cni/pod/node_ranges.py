# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`ipam.ranges_from: node`: the IPAM plugin gets this node's own ranges of the network, which the node's setting has.

host-local knows of the addresses of one node alone. With ranges that no other node has, no address is given out twice.
"""

from __future__ import annotations

from ..host import node_setting
from ..spec.errors import CONFIG, CniError
from ..spec.json_text import Json, dumps

KEY, NODE = "ranges_from", "node"
_OWN_KEYS = (KEY, "ranges", "subnet", "rangeStart", "rangeEnd", "gateway")
# To release, host-local looks for the container alone, but wants to see a range (RFC 5737, for documentation).
_ANY_RANGES: list[object] = [[{"subnet": "192.0.2.0/24"}]]


def fill(conf: Json, setting: str, command: str) -> bytes:
    """The configuration for the IPAM plugin. Raises CniError (7) where the node has no ranges for the network, but for
    DEL and GC: pods have to go.
    """
    try:
        ranges = _ranges(conf, setting)
    except CniError:
        if command not in ("DEL", "GC"):
            raise
        ranges = _ANY_RANGES
    ipam = {key: value for key, value in conf["ipam"].items() if key not in _OWN_KEYS}
    return dumps({**conf, "ipam": {**ipam, "ranges": ranges}}).encode()


def _ranges(conf: Json, setting: str) -> list[object]:
    """The node's ranges of the network. Raises CniError."""
    network = str(conf.get("name", ""))
    source = conf["ipam"][KEY]
    if source != NODE:
        raise CniError(CONFIG, f"ipam.{KEY}: expected {NODE} in network '{network}', found another word")
    try:
        by_network = node_setting.read(setting).get("ranges", {})
    except ValueError as error:
        raise CniError(CONFIG, f"network '{network}': {error}") from None
    found = by_network.get(network) if isinstance(by_network, dict) else None
    if not isinstance(found, list) or not found or not all(_is_set(one) for one in found):
        raise CniError(
            CONFIG,
            f"network '{network}': expected this node's ranges in {setting} (ipam.{KEY}: {NODE}), found none: have the "
            "role baremetal.sriov.cni write them, which the playbook site does",
        )
    return found


def _is_set(one: object) -> bool:
    """True for a set of ranges as host-local has them."""
    return (
        isinstance(one, list)
        and bool(one)
        and all(isinstance(item, dict) and isinstance(item.get("subnet"), str) for item in one)
    )
