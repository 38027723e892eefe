# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ADD answers, and what a delegated IPAM plugin answers to us: one model, printed in the form of each
version.

Forms: CNI specification 0.2.0, 0.3.1, 0.4.0, 1.0.0 and 1.1.0, "Result types".
"""

from __future__ import annotations

from _socket import AF_INET, AF_INET6

from ..netlink.addresses import parse_cidr, parse_ip
from ..netlink.messages import Route
from .json_text import Json

_LIST_LIMIT = 1024  # addresses or routes of one result
_ROUTE_NUMBERS = ("mtu", "advmss", "priority", "table", "scope")


def version_tuple(version: str) -> tuple[int, ...]:
    """`1.0.0` as (1, 0, 0), for comparing; only for versions of SUPPORTED."""
    return tuple([int(part) for part in version.split(".")])


class Result:
    """Interface, addresses, routes and DNS of one attachment. `ips` and `routes` are in the specification's
    1.1 form.
    """

    def __init__(self) -> None:
        self.interface: Json = {}  # ours, for the answer
        self.interfaces: list[Json] = []  # those of a result that was read
        self.before: list[Json] = []  # interfaces of the plugins before us, for the answer
        self.ips: list[Json] = []
        self.routes: list[Json] = []
        self.dns: Json = {}

    def after(self, previous: Result) -> None:
        """Put this result behind that of the plugins before us in the chain, which has to be passed on."""
        offset = len(previous.interfaces)
        self.before = previous.interfaces
        self.ips = previous.ips + [{**ip, "interface": offset} for ip in self.ips]
        self.routes = previous.routes + self.routes
        self.dns = self.dns or previous.dns


def parse_result(raw: object, version: str) -> Result:
    """The result of an IPAM plugin (or a prevResult), `version` where it names none itself.

    Raises ValueError that names the part that is wrong.
    """
    result = Result()
    if raw is None:
        return result
    if not isinstance(raw, dict):
        raise ValueError("a result is an object")
    text = raw.get("cniVersion") or version
    if text in ("0.1.0", "0.2.0"):
        raw = _from_legacy(raw)
    result.ips = [_ip(entry) for entry in _objects(raw, "ips")]
    result.routes = [_route(entry) for entry in _objects(raw, "routes")]
    result.interfaces = _objects(raw, "interfaces")
    result.dns = parse_dns(raw.get("dns"))
    return result


def parse_dns(raw: object) -> Json:
    """The specification's four DNS keys, those that hold something. Raises ValueError."""
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        raise ValueError("dns: expected an object")
    found: Json = {}
    for key in ("nameservers", "domain", "search", "options"):
        value = raw.get(key)
        if not value:
            continue
        texts = [value] if key == "domain" else value
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise ValueError(f"dns.{key}: expected {'a string' if key == 'domain' else 'a list of strings'}")
        found[key] = value
    return found


def _objects(raw: Json, key: str) -> list[Json]:
    entries = raw.get(key) or []
    if not isinstance(entries, list) or len(entries) > _LIST_LIMIT:
        raise ValueError(f"{key} is no list of at most {_LIST_LIMIT} entries")
    if not all(isinstance(entry, dict) for entry in entries):
        raise ValueError(f"{key} holds something that is no object")
    return entries


def _from_legacy(raw: Json) -> Json:
    """ip4 and ip6 of 0.2.0 as ips and routes."""
    ips: list[Json] = []
    routes: list[Json] = []
    for key in ("ip4", "ip6"):
        part = raw.get(key)
        if isinstance(part, dict):
            ips.append({"address": part.get("ip"), "gateway": part.get("gateway")})
            routes += _objects(part, "routes")
    return {"ips": ips, "routes": routes, "dns": raw.get("dns")}


def _ip(entry: Json) -> Json:
    address = entry.get("address")
    if not isinstance(address, str):
        raise ValueError("ips: an entry has no address")
    found = {"address": address, **_gateway(entry, "gateway", address, f"ips: the gateway of {address}")}
    if isinstance(entry.get("interface"), int):
        found["interface"] = entry["interface"]
    return found


def _route(entry: Json) -> Json:
    dst = entry.get("dst")
    if not isinstance(dst, str):
        raise ValueError("routes: an entry has no dst")
    found = {"dst": dst, **_gateway(entry, "gw", dst, f"routes: gw of {dst}")}
    for key in _ROUTE_NUMBERS:
        value = entry.get(key)
        if value is None:
            continue
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 0xFFFFFFFF:
            raise ValueError(f"routes: {key} of {dst} is no number")
        found[key] = value
    if found.get("scope", 0) > 255:
        raise ValueError(f"routes: scope of {dst} is more than 255")
    return found


def _gateway(entry: Json, key: str, cidr: str, what: str) -> Json:
    """The entry's gateway by itself, nothing where it has none."""
    family, gateway = parse_cidr(cidr)[0], entry.get(key)
    if gateway and (not isinstance(gateway, str) or parse_ip(gateway)[0] != family):
        raise ValueError(f"{what} is no address of its family")
    return {key: gateway} if gateway else {}


def kernel_routes(result: Result) -> list[Route]:
    """The routes for the kernel; one without gw goes through the first gateway of its family, if there is
    one.
    """
    default: dict[int, bytes] = {}
    for ip in result.ips:
        if "gateway" in ip:
            family, raw = parse_ip(ip["gateway"])
            default.setdefault(family, raw)
    routes = []
    for entry in result.routes:
        family, dst, prefix = parse_cidr(entry["dst"])
        gateway = parse_ip(entry["gw"])[1] if "gw" in entry else default.get(family, b"")
        if entry.get("scope") == 253:  # link: no gateway wanted
            gateway = b""
        route = Route(family, dst, prefix, gateway)
        route.table = entry.get("table") or route.table
        route.scope = entry.get("scope", -1)
        route.priority, route.mtu = entry.get("priority", 0), entry.get("mtu", 0)
        route.advmss = entry.get("advmss", 0)
        routes.append(route)
    return routes


def to_version(result: Result, version: str) -> Json:
    """The answer of ADD in the form of `version`."""
    number = version_tuple(version)
    if number < (0, 3):
        return _legacy(result, version)
    answer: Json = {"cniVersion": version}
    # mtu came with 1.1; those that read 1.0, as Multus, have one type for both (containernetworking/cni, types/100).
    since = {"name": (0, 3), "mac": (0, 3), "mtu": (1, 0), "sandbox": (0, 3), "pciID": (1, 1)}
    keys = [key for key, first in since.items() if number >= first]
    answer["interfaces"] = [
        *result.before,
        {key: result.interface[key] for key in keys if result.interface.get(key)},
    ]
    if result.ips and number < (1, 0):
        answer["ips"] = [{"version": "6" if ":" in ip["address"] else "4", **ip} for ip in result.ips]
    elif result.ips:
        answer["ips"] = result.ips
    if result.routes:
        keep = ("dst", "gw") if number < (1, 1) else ("dst", "gw", *_ROUTE_NUMBERS)
        answer["routes"] = [{k: v for k, v in route.items() if k in keep} for route in result.routes]
    if result.dns:
        answer["dns"] = result.dns
    return answer


def _legacy(result: Result, version: str) -> Json:
    """0.1.0 and 0.2.0: the first address of each family, its routes, no interface."""
    answer: Json = {"cniVersion": version}
    for key, family in (("ip4", AF_INET), ("ip6", AF_INET6)):
        ips = [ip for ip in result.ips if parse_cidr(ip["address"])[0] == family]
        if not ips:
            continue
        part: Json = {"ip": ips[0]["address"]}
        if "gateway" in ips[0]:
            part["gateway"] = ips[0]["gateway"]
        routes = [r for r in result.routes if parse_cidr(r["dst"])[0] == family]
        if routes:
            part["routes"] = [{k: v for k, v in r.items() if k in ("dst", "gw")} for r in routes]
        answer[key] = part
    answer["dns"] = result.dns
    return answer
