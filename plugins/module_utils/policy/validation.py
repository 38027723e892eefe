# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the user's data with every mistake collected, each with the path of its field."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from typing import Any, Callable, TypeVar

from ..model.errors import Mistake
from ..model.goal import NO_MAC

T = TypeVar("T")
D = TypeVar("D")

INDEX_LIMIT = 65535  # a PF's sriov_totalvfs is a 16-bit field (PCI Express Base, SR-IOV capability)
RANGES = re.compile(r"^\d{1,5}(-\d{1,5})?(,\d{1,5}(-\d{1,5})?)*$")
FLAGS = {"on": True, "yes": True, "true": True, "off": False, "no": False, "false": False}
MAC = re.compile(r"^[0-9a-f]{2}(:[0-9a-f]{2}){5}$")


class Fields:
    """One mapping of the user's data: typed access to its keys, and the mistakes found on the way.

    Every access names its key, so that `finish` can tell the keys that nobody knows.
    """

    def __init__(self, value: Any, path: str, mistakes: list[Mistake]) -> None:
        self.path = path
        self.mistakes = mistakes
        self.seen: set[str] = set()
        self.value: Mapping[Any, Any] = {}
        if isinstance(value, Mapping):
            self.value = value
        else:
            self.wrong("", f"expected a mapping, found {show(value)}")

    def wrong(self, key: str, problem: str) -> None:
        """Collect one mistake of a key ("" is the mapping itself)."""
        self.mistakes.append(Mistake(f"{self.path}.{key}" if key else self.path, problem))

    def check(self, *cases: tuple[Any, str, str]) -> None:
        """Collect the mistakes of the cases that hold: condition, key, what is wrong."""
        for key, problem in (words for holds, *words in cases if holds):
            self.wrong(key, problem)

    def get(self, key: str) -> Any:
        """A key's raw value, None where it is missing."""
        self.seen.add(key)
        return self.value.get(key)

    def has(self, key: str) -> bool:
        """True where the user gave the key a value."""
        return self.get(key) is not None

    def _one(
        self, key: str, default: D, expected: str, convert: Callable[[Any], T | None], required: bool = False
    ) -> T | D:
        """A value as what `convert` makes of it; the default where it is missing, or wrong (then that is None)."""
        value = self.get(key)
        found = None if value is None else convert(value)
        if value is None and required:
            self.wrong(key, f"is missing; expected {expected}")
        elif value is not None and found is None:
            self.wrong(key, f"expected {expected}{'' if expected.endswith(';') else ','} found {show(value)}")
        return default if found is None else found

    def text(
        self,
        key: str,
        default: str = "",
        *,
        required: bool = False,
        pattern: str = "",
        meaning: str = "a text",
    ) -> str:
        """A text that matches the pattern."""

        def convert(value: Any) -> str | None:
            return str(value) if isinstance(value, str) and re.match(pattern, value) else None

        return self._one(key, default, meaning, convert, required)

    def choice(self, key: str, choices: tuple[str, ...], default: str) -> str:
        """One of some words."""
        expected = f"one of {', '.join(choices)};"
        return self._one(key, default, expected, lambda value: str(value) if value in choices else None)

    def number(
        self, key: str, low: int, high: int, default: int | None = None, *, required: bool = False
    ) -> int | None:
        """An integer in a range; a text of digits counts (templates make texts), true and false do not."""

        def convert(value: Any) -> int | None:
            number = int(value) if isinstance(value, str) and re.match(r"^\d{1,9}$", value) else value
            whole = isinstance(number, int) and not isinstance(number, bool)
            return number if whole and low <= number <= high else None

        return self._one(key, default, f"a number from {low} to {high}", convert, required)

    def flag(self, key: str, default: bool | None = False) -> bool | None:
        """True or false; the words on/off and yes/no count as well, as in `ip link`."""

        def convert(value: Any) -> bool | None:
            return value if isinstance(value, bool) else FLAGS.get(value.lower()) if isinstance(value, str) else None

        return self._one(key, default, "true or false", convert)

    def flags(self, kind: Any) -> dict[str, Any]:
        """Every field of a dataclass that is a bool, with the default that it has there."""
        fields = dataclasses.fields(kind)
        return {one.name: bool(self.flag(one.name, one.default is True)) for one in fields if one.type == "bool"}

    def mac(self, key: str) -> str | None:
        """A unicast MAC address in lower case."""

        def convert(value: Any) -> str | None:
            text = value.lower().replace("-", ":") if isinstance(value, str) else ""
            return text if MAC.match(text) and not int(text[:2], 16) & 1 and text != NO_MAC else None

        return self._one(key, None, "a unicast MAC address such as 02:00:00:00:00:01", convert)

    def items(self, key: str, read: Callable[[Any, str], T]) -> tuple[T, ...]:
        """A list, each element read with its own path."""
        value = self._one(key, (), "a list", lambda value: value if isinstance(value, (list, tuple)) else None)
        return tuple(read(item, f"{self.path}.{key}[{number}]") for number, item in enumerate(value))

    def mapping(self, key: str, expected: str) -> Mapping[Any, Any]:
        """A mapping, empty where it is missing or another thing."""
        return self._one(key, {}, expected, lambda value: value if isinstance(value, Mapping) else None)

    def texts(self, key: str, pattern: str, meaning: str) -> tuple[str, ...]:
        """A list of texts that match the pattern; the ones that don't are mistakes and left out."""

        def read(item: Any, path: str) -> str:
            if not isinstance(item, str) or not re.match(pattern, item):
                self.mistakes.append(Mistake(path, f"expected {meaning}, found {show(item)}"))
                return ""
            return item

        return tuple(text for text in self.items(key, read) if text)

    def finish(self) -> None:
        """Collect the keys that nobody asked for."""
        for key in self.value:
            if key not in self.seen:
                known = ", ".join(sorted(self.seen))
                self.wrong(str(key)[:80], f"is not a known field; known are {known}")


def show(value: Any) -> str:
    """A value for a message, short."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def indices(value: Any) -> tuple[int, ...]:
    """VF indices from `3`, `[0, 2]` or `"0-3,5"`, sorted. Raises ValueError with what is wrong."""
    listed = value if isinstance(value, (list, tuple)) else [value]
    if all(isinstance(i, int) and not isinstance(i, bool) for i in listed):
        found = list(listed)
    elif isinstance(value, str) and RANGES.match(value.replace(" ", "")):
        found = []
        for part in value.replace(" ", "").split(","):
            ends = part.split("-")
            low, high = int(ends[0]), int(ends[-1])
            if high < low or high > INDEX_LIMIT:
                raise ValueError(f"the range {part} must rise and stay below {INDEX_LIMIT + 1}")
            found.extend(range(low, high + 1))
    else:
        raise ValueError(f"expected VF indices such as 0-3,5; found {show(value)}")
    if not found or min(found) < 0 or max(found) > INDEX_LIMIT:
        raise ValueError(f"expected VF indices from 0 to {INDEX_LIMIT}; found {show(value)}")
    if len(set(found)) != len(found):
        raise ValueError(f"an index is named twice in {show(value)}")
    return tuple(sorted(found))


def ranges(found: Iterable[int]) -> str:
    """The inverse of `indices`: "0-3,5"."""
    parts: list[list[int]] = []
    for index in sorted(found):
        if parts and parts[-1][1] == index - 1:
            parts[-1][1] = index
        else:
            parts.append([index, index])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in parts)
