# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The network configuration as JSON: its keys, and how their values are read.

The keys are sriov-cni's, plus `mtu`, `allmulticast`, `promisc`, `ipv6_dad` and `vlan_trunk`. Unknown keys are left
alone: runtimes and Multus add their own.
"""

from __future__ import annotations

from .errors import CONFIG, ENVIRONMENT, CniError
from .json_text import Json

KEYS = (
    "cniVersion", "name", "prevResult", "runtimeConfig", "deviceID", "vlan", "vlanQoS", "vlanProto", "mac",
    "spoofchk", "trust", "link_state", "min_tx_rate", "max_tx_rate", "mtu", "allmulticast", "promisc", "ipv6_dad",
    "vlan_trunk", "ipam", "dns", "logLevel", "logFile",
)  # fmt: skip
_CANONICAL = {key.lower(): key for key in KEYS}
_VALID_KEYS = ("cni.dev/valid-attachments", "cni.dev/attachments")  # libcni sends both, the second is older
DAD_WAIT, DAD_OPTIMISTIC, DAD_OFF = "wait", "optimistic", "off"  # duplicate address detection, RFC 4862
_IDENTIFIER = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")
_TRUE = ("1", "t", "T", "true", "True", "TRUE")


def is_identifier(text: str) -> bool:
    """True for what the specification allows as container id and network name."""
    return bool(text) and all(c in _IDENTIFIER for c in text) and text[0] not in "_.-"


def is_ifname(text: str) -> bool:
    """True for what the kernel takes as an interface name (dev_valid_name), space meaning any white space."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:  # bytes of the environment that are no UTF-8
        return False
    return 0 < size <= 15 and text not in (".", "..") and not any(c in "/:\0" or c.isspace() for c in text)


def canonical(raw: Json) -> Json:
    """The configuration with our keys in their own spelling; as in Go, case does not count, and null is
    absent.
    """
    found: Json = {}
    for key, value in raw.items():
        name = _CANONICAL.get(key.lower(), key)
        if value is None and name in _VALID_KEYS:
            found[name] = []  # Go's form of an empty list: that nothing is valid is not that nothing was said
        elif value is None:
            found.pop(name, None)
        else:
            found[name] = value
    return found


def valid_attachments(conf: Json) -> set[tuple[str, str]]:
    """Container and interface of the attachments that GC has to keep. Raises CniError (7) where the list is missing
    or not understood: it must not be taken for an empty one.
    """
    for key in _VALID_KEYS:
        if key not in conf:
            continue
        entries = conf[key]
        found: set[tuple[str, str]] = set()
        for entry in entries if isinstance(entries, list) else [None]:
            pair = [entry.get(name) if isinstance(entry, dict) else None for name in ("containerID", "ifname")]
            if not all(isinstance(text, str) and text for text in pair):
                raise CniError(CONFIG, f"{key}: expected a list of objects with containerID and ifname")
            found.add((str(pair[0]), str(pair[1])))
        return found
    raise CniError(CONFIG, f"{_VALID_KEYS[0]}: GC needs the list of attachments that are in use, found none")


def parse_args(args: str) -> dict[str, str]:
    """CNI_ARGS (`K=V;K=V`). Raises CniError (4) for a pair that is none, or a key that is not ours to
    know.
    """
    pairs: dict[str, str] = {}
    for pair in args.split(";") if args else []:
        key, equals, value = pair.partition("=")
        if not key or not equals or "=" in value:
            raise CniError(
                ENVIRONMENT, f"CNI_ARGS: expected KEY=VALUE pairs with ';' between them, found '{pair}'"
            )
        pairs[key] = value
    unknown = [key for key in pairs if key not in ("MAC", "IgnoreUnknown")]
    if unknown and pairs.get("IgnoreUnknown", "") not in _TRUE:
        raise CniError(
            ENVIRONMENT,
            f"CNI_ARGS: unknown {', '.join(unknown)}; expected MAC, "
            "or IgnoreUnknown=true beside what is for others",
        )
    return pairs


def shown(value: object) -> str:
    """A value as it stands in an error: short, and of JSON's types."""
    if isinstance(value, (list, dict)):
        return "a list" if isinstance(value, list) else "an object"
    text = f"'{value}'" if isinstance(value, str) else str(value).lower()
    return text if len(text) <= 60 else text[:57] + "..."


class Keys:
    """The keys of one configuration, as canonical() gives it, while they are read. Raises CniError (4) for CNI_ARGS
    that are no KEY=VALUE list.
    """

    def __init__(self, conf: Json, args: str = "") -> None:
        self.conf = conf
        self.args = parse_args(args)
        self.problems: list[str] = []  # every mistake so far
        self.doubts: list[str] = []  # what upstream takes, and most likely nobody means

    def expected(self, key: str, what: str, found: object, more: str = "") -> None:
        """Tell of a mistake."""
        self.problems.append(f"{key}: expected {what}, found {shown(found)}{more}")

    def text(self, key: str) -> str:
        """"" where it is absent, or no string."""
        value = self.conf.get(key, "")
        if isinstance(value, str):
            return value
        self.expected(key, "a string", value)
        return ""

    def number(self, key: str, low: int, high: int) -> int | None:
        """None where it is absent, or none from `low` to `high`."""
        value = self.conf.get(key)
        if value is None or (isinstance(value, int) and not isinstance(value, bool) and low <= value <= high):
            return value
        self.expected(key, f"a number from {low} to {high}", value)
        return None

    def choice(self, key: str, values: dict[str, int]) -> int | None:
        """The number that its word stands for; None where it is absent or none of them."""
        word = self.text(key)
        if word and word not in values:
            *rest, last = values
            self.expected(key, f"{', '.join(rest)} or {last}", word)
        return values.get(word)
