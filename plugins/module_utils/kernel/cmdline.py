# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel command line as the kernel reads it: tokens, and what they amount to. Pure.

Sources: Linux lib/cmdline.c (next_arg: quotes group, and can't be escaped), kernel/params.c (parameq: `-`
and `_` are the same in a key; parse_args: what follows `--` belongs to init), and
Documentation/admin-guide/kernel-parameters.rst.
"""

from __future__ import annotations

import re

from ..model.errors import Mistake

# Keys that the kernel (or systemd, dracut) adds up over all their tokens; of any other the last token counts.
ADDITIVE_KEYS = frozenset(
    {
        "console",
        "earlycon",
        "hugepagesz",
        "hugepages",
        "memmap",
        "initcall_blacklist",
        "module_blacklist",
        "modprobe.blacklist",
        "ip",
        "nameserver",
        "netdev",
        "video",
        "mtdparts",
        "blkdevparts",
        "trace_event",
        "dyndbg",
    }
)
PAGE_KEYS = ("hugepagesz", "hugepages")
# Keys whose values are a set of switches, so that more of them satisfy (Linux Documentation/admin-guide/
# kernel-parameters.txt). A list of CPUs, ids or memory is another one with each item.
SWITCH_KEYS = frozenset({"intel_iommu", "amd_iommu", "iommu", "pci", "mitigations"})
ADDITIVE_PREFIXES = ("rd.", "systemd.")

# Tokens that no later token takes back (arch/x86/kernel/pci-dma.c, drivers/iommu/amd/init.c), and the key
# that they stand against.
FINAL = {"iommu=off": "iommu", "amd_iommu=off": "iommu"}

# What every boot loader's files carry through: no blank, quote, or character that a shell, GRUB or sed reads.
PLAIN_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.,:=/@+-%^~")
TOKEN_LIMIT = 256  # characters; a kernel's whole line is at most 2048 on x86 (COMMAND_LINE_SIZE)
TOKENS_LIMIT = 64
_TOKEN = re.compile(r'(?:[^\s"]|"[^"]*(?:"|\Z))+')


def split(line: str) -> tuple[str, ...]:
    """The tokens of a command line, quotes kept; an unclosed quote reaches to the end, as in the kernel."""
    return tuple(_TOKEN.findall(line))


def key(token: str) -> str:
    """The parameter's name with `-` read as `_`."""
    return _unquoted(token).partition("=")[0].replace("-", "_")


def value(token: str) -> str | None:
    """What follows the first `=`, without the quotes around it; None for a flag."""
    if "=" not in _unquoted(token):
        return None
    text = _unquoted(token).partition("=")[2]
    return text[1:].rstrip('"') if text.startswith('"') else text


def _unquoted(token: str) -> str:
    """The kernel drops a quote before the whole token, and the one that ends it."""
    return token[1:].rstrip('"') if token.startswith('"') else token


def for_kernel(tokens: tuple[str, ...]) -> tuple[str, ...]:
    """The tokens up to `--`; init gets the others."""
    return tokens[: tokens.index("--")] if "--" in tokens else tokens


def is_additive(token: str) -> bool:
    """True where tokens of this key add up instead of the last one winning."""
    name = key(token)
    return name in ADDITIVE_KEYS or name.startswith(ADDITIVE_PREFIXES)


def effective(tokens: tuple[str, ...], name: str) -> str | None:
    """The last token with this key (`-` and `_` alike) that the kernel gets; None where there is none."""
    wanted = name.replace("-", "_")
    return next((token for token in reversed(for_kernel(tokens)) if key(token) == wanted), None)


def agrees(token: str, wanted: str) -> bool:
    """True where `token` has all that `wanted` asks: its key and its value, or of a set of switches at least its parts.

    So `intel_iommu=on,sm_on` agrees with `intel_iommu=on`, and `intel_iommu=off` does not. `isolcpus=2-15,18-31` is
    not `isolcpus=2-15`.
    """
    if key(token) != key(wanted):
        return False
    found, asked = value(token), value(wanted)
    if found is None or asked is None:
        return found == asked
    if key(wanted) not in SWITCH_KEYS:
        return found == asked
    return set(asked.split(",")) <= set(found.split(","))


def is_final_against(token: str, wanted: str) -> bool:
    """True where `token` defeats `wanted` wherever it stands."""
    return FINAL.get(token) == key(wanted) and token != wanted


def satisfied(tokens: tuple[str, ...], wanted: str) -> bool:
    """True where a kernel that is started with `tokens` has what `wanted` asks."""
    if any(is_final_against(token, wanted) for token in for_kernel(tokens)):
        return False
    if is_additive(wanted):
        return any(
            key(token) == key(wanted) and value(token) == value(wanted) for token in for_kernel(tokens)
        )
    last = effective(tokens, key(wanted))
    return last is not None and agrees(last, wanted)


def lacking(tokens: tuple[str, ...], wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Those of `wanted` that a kernel started with `tokens` does not have."""
    found = huge_pages(for_kernel(tokens))
    other = {size for size, number in huge_pages(wanted).items() if found.get(size) != number}
    size, missing = "", []
    for token in wanted:
        if key(token) == "hugepagesz":
            size = (value(token) or "").upper()
        if (size in other) if key(token) in PAGE_KEYS else not satisfied(tokens, token):
            missing.append(token)
    return tuple(missing)


def huge_pages(tokens: tuple[str, ...]) -> dict[str, str]:
    """Page size in upper case ("" is the default size) -> the number asked for; a `hugepages=` is for the
    `hugepagesz=` before it, and of two for one size the kernel takes the first (mm/hugetlb.c).
    """
    found: dict[str, str] = {}
    size = ""
    for token in tokens:
        if key(token) == "hugepagesz":
            size = (value(token) or "").upper()
        elif key(token) == "hugepages":
            found.setdefault(size, value(token) or "")
    return found


def contradicts(token: str, wanted: tuple[str, ...]) -> bool:
    """True where `token` says something else than one of `wanted` of the same key."""
    return any(key(token) == key(one) and not is_additive(one) and not agrees(token, one) for one in wanted)


def mistakes(tokens: tuple[str, ...], path: str) -> list[Mistake]:
    """What is wrong with arguments that a user asks for; `path` is the field that holds the list."""
    found: list[Mistake] = []
    if len(tokens) > TOKENS_LIMIT:
        found.append(Mistake(path, f"{len(tokens)} arguments; at most {TOKENS_LIMIT} are taken"))
    for index, token in enumerate(tokens[:TOKENS_LIMIT]):
        where = f"{path}[{index}]"
        odd = sorted(set(token) - PLAIN_CHARACTERS)
        if not token or token.startswith(("-", "=")):
            found.append(Mistake(where, f"{token!r} is no kernel argument; write `name` or `name=value`"))
        elif len(token) > TOKEN_LIMIT:
            found.append(Mistake(where, f"{len(token)} characters; at most {TOKEN_LIMIT} are taken"))
        elif odd:
            found.append(
                Mistake(
                    where,
                    f"{token!r} holds {' '.join(map(repr, odd))}, which boot loaders read "
                    "as syntax; give each argument as an item of its own, without quotes",
                )
            )
        elif any(contradicts(token, (other,)) for other in tokens[:index]):  # the last one counts
            found.append(Mistake(where, f"{token!r} contradicts an earlier item of the list"))
    return found
