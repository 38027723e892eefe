# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MAC and IP addresses as text and bytes (the standard library's ipaddress costs as much as all of this
plugin).
"""

from __future__ import annotations

from _socket import AF_INET, AF_INET6, inet_pton

ZERO_MAC = "00:00:00:00:00:00"
_HEX = "0123456789abcdef"


def mac_text(raw: bytes) -> str:
    """Six bytes (or any number) as lower-case hex with colons."""
    return raw.hex(":") if raw else ""


def mac_bytes(text: str) -> bytes:
    """The bytes of an address that mac_text or parse_mac gave."""
    return bytes.fromhex(text.replace(":", ""))


def parse_mac(text: str) -> str:
    """A unicast Ethernet address in `aa:bb:..`, `AA-BB-..` or `aabb.ccdd.eeff` form, as lower-case with
    colons.

    Raises ValueError with what is wrong.
    """
    for separator, width in ((":", 2), ("-", 2), (".", 4)):
        parts = text.lower().split(separator)
        if len(parts) * width == 12 and all(len(p) == width and all(c in _HEX for c in p) for p in parts):
            raw = bytes.fromhex("".join(parts))
            if raw[0] & 1:
                raise ValueError("a multicast address, an interface needs a unicast one")
            if not any(raw):
                raise ValueError("the all-zero address, an interface needs a real one")
            return mac_text(raw)
    raise ValueError("not a MAC address like 02:00:00:12:34:56")


def parse_ip(text: str) -> tuple[int, bytes]:
    """Address family and bytes of an IP address. Raises ValueError."""
    family = AF_INET6 if ":" in text else AF_INET
    try:
        return family, inet_pton(family, text)
    except (OSError, ValueError):
        raise ValueError(f"'{text}' is not an IP address") from None


def parse_cidr(text: str) -> tuple[int, bytes, int]:
    """Address family, bytes and prefix length of `ADDRESS/LENGTH`. Raises ValueError."""
    address, _rest, length = text.partition("/")
    family, raw = parse_ip(address)
    if not (length.isdecimal() and len(length) <= 3 and int(length) <= len(raw) * 8):
        raise ValueError(f"'{text}' is not an IP address with a prefix length")
    return family, raw, int(length)
