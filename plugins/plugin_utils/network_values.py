# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Single values of networks: each parser gives the value as a CNI configuration has it, or says what is wrong."""

from __future__ import annotations

import ipaddress
import json
import re
from typing import Any, Callable

from ..module_utils.policy.validation import show

PLUGIN = "sriov"  # the type of ours
LOG_FOLDER = "/var/log"  # below which it writes log files, unless the node names another

_FILE_NAME = re.compile(r"[^/\x00-\x1f\x7f]{0,255}")
_NUMBER = re.compile(r"[0-9]{1,10}")
_VLAN = re.compile(r"[0-9]{1,4}")
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_SWITCHES: dict[str, tuple[Any, ...]] = {"on": (True, "on", "true"), "off": (False, "off", "false")}
_YES, _NO = ("true", "yes", "on"), ("false", "no", "off")
_PROTOCOLS = {"802.1q": "802.1q", "802.1ad": "802.1ad"}
_DNS = ("nameservers", "domain", "search", "options")

Parser = Callable[[Any], Any]


class Wrong(ValueError):
    """What is wrong with one value, without its path."""


def integer(lowest: int, highest: int, value: Any) -> int:
    """A number, or the text of one: fields of a survey and templates give texts."""
    number = int(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else value
    if isinstance(number, bool) or not isinstance(number, int) or not lowest <= number <= highest:
        raise Wrong(f"expected a whole number from {lowest} to {highest}, found {value!r}")
    return number


def choice(allowed: tuple[str, ...], value: Any) -> str:
    if value not in allowed:
        raise Wrong(f"expected one of {', '.join(allowed)}, found {value!r}")
    return str(value)


def switch(value: Any) -> str:
    """on or off; YAML reads the bare words as booleans, and a survey makes texts of these."""
    for word, values in _SWITCHES.items():
        if any(value is one or (isinstance(value, str) and value.lower() == one) for one in values):
            return word
    raise Wrong(f"expected on or off, found {value!r}")


def boolean(value: Any) -> bool:
    """true or false, for plugins whose switches are JSON's own."""
    word = str(value).lower() if isinstance(value, (bool, str)) else ""
    if word not in _YES + _NO:
        raise Wrong(f"expected true or false, found {value!r}")
    return word in _YES


def protocol(value: Any) -> str:
    found = _PROTOCOLS.get(str(value).lower())
    if found is None:
        raise Wrong(f"expected 802.1q or 802.1ad, found {value!r}")
    return found


def trunk(value: Any) -> str:
    """VLANs and ranges, `10,20-30`; YAML reads a single VLAN as a number."""
    words = str(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else ""
    ranges = [part.partition("-") for part in words.split(",")]
    bounds = [(first, last if dash else first) for first, dash, last in ranges]
    if not all(_VLAN.fullmatch(low) and _VLAN.fullmatch(high) and 1 <= int(low) <= int(high) <= 4094
               for low, high in bounds):  # fmt: skip
        raise Wrong(f"expected VLANs from 1 to 4094 and ranges of them, like 10,20-30, found {value!r}")
    return words


def trunk_objects(value: Any) -> list[dict[str, int]]:
    """The same VLANs as the plugin bridge has them."""
    ranges = [part.partition("-") for part in trunk(value).split(",")]
    return [{"minID": int(low), "maxID": int(high)} if dash else {"id": int(low)} for low, dash, high in ranges]


def text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise Wrong(f"expected text, found {value!r}")
    return value


def log_folder(value: Any) -> str:
    """The path of the nodes' log folder. Raises Wrong for what is none."""
    parts = _path_parts(value) if isinstance(value, str) else []
    if not parts or not str(value).startswith("/") or ".." in parts or not str(value).isprintable():
        raise Wrong(f"expected the absolute path of a folder other than /, without '..', found {value!r}")
    return "/" + "/".join(parts)


def _path_parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def log_file(value: Any) -> str:
    """A path that is absolute and goes to no folder above. The plugin writes it as root, and refuses others as well."""
    path = text(value)
    if not path.startswith("/") or ".." in _path_parts(path) or not path.isprintable():
        raise Wrong(f"expected the absolute path of a file, without '..' and control characters, found {value!r}")
    return path


def outside(file: str, folder: str) -> str:
    """Why the plugin refuses this log file, "" where it does not."""
    parts, above = _path_parts(file), _path_parts(folder)
    if parts[: len(above)] == above and len(parts) > len(above):
        return ""
    return (
        f"expected a file below {folder}, found {file!r}: the plugin writes it as root and refuses others; name one "
        "there, or another folder of the nodes in sriov_cni_log_dir"
    )


def pattern(form: re.Pattern[str], longest: int, what: str, value: Any) -> str:
    if not isinstance(value, str) or len(value) > longest or not form.fullmatch(value):
        raise Wrong(f"expected {what} of at most {longest} characters, found {value!r}")
    return value


def mapping(value: Any) -> dict[str, Any]:
    """A mapping, or the JSON text of one as the operator's resources hold it."""
    if isinstance(value, str):
        try:
            value = json.loads(value) if value.strip() else {}
        except ValueError as error:
            expected = f"expected a mapping or the JSON text of one, found {show(value)}"
            raise Wrong(f"is not JSON ({error}): {expected}") from error
    if not isinstance(value, dict):
        raise Wrong(f"expected a mapping or the JSON text of one, found {value!r}")
    return value


def capabilities(value: Any) -> dict[str, bool]:
    """What a pod may ask for: names and yes or no."""
    found = mapping(value)
    for key, entry in found.items():
        try:
            found = {**found, key: boolean(entry)}
        except Wrong as error:
            raise Wrong(f"{key}: {error}") from None
    return found


def mac(value: Any) -> str:
    """The MAC address of an interface, in lower case: of one host, and not all zeros."""
    word = value.lower() if isinstance(value, str) else ""
    if not _MAC.fullmatch(word) or int(word[:2], 16) & 1 or word == "00:00:00:00:00:00":
        raise Wrong(f"expected a unicast MAC address like 02:00:00:00:00:01, in quotes, found {value!r}")
    return word


def ipam(value: Any) -> dict[str, Any]:
    """The IPAM part of a CNI configuration. Its plugin is a file beside ours, and never ours."""
    found = mapping(value)
    kind = "" if found.get("type") is None else found["type"]
    if not isinstance(kind, str) or kind in (".", "..") or not _FILE_NAME.fullmatch(kind):
        raise Wrong(f"type: expected the name of an IPAM plugin, a file in CNI_PATH and no path, found {kind!r}")
    if kind == PLUGIN:
        raise Wrong(
            f"type: expected an IPAM plugin, found {kind!r}, the CNI plugin itself, which would start itself without "
            "end: name one such as host-local, or leave ipam out"
        )
    return found


def dns(value: Any) -> dict[str, Any]:
    """The DNS part of a CNI configuration."""
    found = mapping(value)
    for key, entry in found.items():
        if key not in _DNS:
            raise Wrong(f"{key} is not one of {', '.join(_DNS)}")
        if key == "domain" and not isinstance(entry, str):
            raise Wrong(f"domain: expected text, found {entry!r}")
        if key != "domain" and not (isinstance(entry, list) and all(isinstance(item, str) for item in entry)):
            raise Wrong(f"{key}: expected a list of texts, found {entry!r}")
    return found


def routes(value: Any) -> list[dict[str, Any]]:
    """Routes as the CNI specification has them: dst with a prefix length, and optionally gw, of dst's family."""
    if not isinstance(value, list):
        raise Wrong(f"expected a list of routes, found {value!r}")
    for number, route in enumerate(value):
        try:
            to = ipaddress.ip_network(route["dst"])
            if "gw" in route and ipaddress.ip_address(route["gw"]).version != to.version:
                raise ValueError("gw is not of the family of dst")
        except (KeyError, TypeError, ValueError) as error:
            raise Wrong(f"route {number}: expected dst as NETWORK/LENGTH and gw as an address ({error})") from error
    return value


def plugins(value: Any) -> list[dict[str, Any]]:
    """A list of CNI configurations, or the operator's text of JSON objects with commas between them."""
    if isinstance(value, str):
        try:
            value = json.loads(f"[{value}]")
        except ValueError as error:
            raise Wrong(f"is not a comma-separated list of JSON objects ({error})") from error
    if not isinstance(value, list) or not all(isinstance(item, dict) and item.get("type") for item in value):
        raise Wrong("expected a list of CNI configurations, each with a type")
    for number, plugin in enumerate(value):
        if isinstance(plugin.get("ipam"), dict):
            try:
                ipam(plugin["ipam"])
            except Wrong as error:
                raise Wrong(f"plugin {number}: ipam: {error}") from error
    return value
