# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wished for, and what that is on one machine: attributes with values that its BIOS knows. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Callable

from ...model.errors import Mistake, mistakes_of, raise_if
from ..redfish.vendors import OTHER, Vendor
from . import words
from .registry import Registry, Value

FAIL, WARN, IGNORE = "fail", "warn", "ignore"
ON_MISSING = (FAIL, WARN, IGNORE)
_MOST_BY_DISPLAY = 4  # more attributes of one text are none that a word can mean
_NAME_KEYS = {"attribute", "on", "off"}


@dataclass(frozen=True)
class Wish:
    """What the BIOS shall be. words: neutral word -> on or off; attributes: by the vendor's own names; names: what a
    word is called on this machine, before any table.
    """

    words: Mapping[str, Any] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    names: Mapping[str, Any] = field(default_factory=dict)
    on_missing: str = FAIL

    def check(self) -> None:
        """What is wrong whatever the machine is. Raises InvalidSpecError."""
        found = []
        known = ", ".join(words.NAMES)
        for place, given in (("settings", self.words), ("names", self.names)):
            for name in given:
                if name not in words.NAMES:
                    near = difflib.get_close_matches(str(name), words.NAMES, 1)
                    hint = f"Did you mean {near[0]}?" if near else "What has no word is set by attributes."
                    found.append(Mistake(f"{place}.{name}", f"expected one of {known}. {hint}"))
        for name, value in self.words.items():
            problem = f"expected true or false, found {value!r}. Write it without quotes."
            found += mistakes_of((not isinstance(value, bool), f"settings.{name}", problem))
        for name, told in self.names.items():
            right = isinstance(told, Mapping) and set(told) <= _NAME_KEYS and isinstance(told.get("attribute"), str)
            found += mistakes_of(
                (not right, f"names.{name}", "expected attribute, and on and off where the usual values do not fit.")
            )
        for name, value in self.attributes.items():
            problem = f"expected a text, a whole number, true or false, found {value!r}. Correct it."
            found += mistakes_of((not isinstance(value, (str, int)), f"attributes.{name}", problem))
        if self.words.get("iommu") is False:
            for name in ("x2apic", "interrupt_remapping"):
                problem = "expected off, or left out, where iommu is off: it is a part of that. Correct one of both."
                found += mistakes_of((self.words.get(name), f"settings.{name}", problem))
        raise_if(found)


@dataclass(frozen=True)
class Desired:
    """One attribute and what it shall be. path: where that is wished for; reason: for people."""

    attribute: str
    value: Any
    path: str
    reason: str


@dataclass(frozen=True)
class Resolved:
    """A wish on one machine. meant: word -> attributes; missing: words that it has none for; already: words that are
    never off there.
    """

    desired: tuple[Desired, ...] = ()
    missing: tuple[str, ...] = ()
    already: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    meant: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def same(one: Any, other: Any) -> bool:
    """Equal, and of one kind: 1 is not true."""
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def resolve(
    wish: Wish, vendor: Vendor, current: Mapping[str, Any], pending: Mapping[str, Any],
    registry: Callable[[], Registry],
) -> Resolved:  # fmt: skip
    """Each word by its override, by the vendor's table, then by the registry's text. Raises InvalidSpecError.

    pending: the values after the next reset, which the BMC has accepted already; registry: asked for only where
    something has to be known of it.
    """
    wish.check()
    desired: list[Desired] = []
    missing, already, warnings, found = [], [], [], []
    by_word: dict[str, tuple[str, ...]] = {}
    for word, is_on in wish.words.items():
        path = f"settings.{word}"
        meant, why, certain = _meant(wish, word, vendor, current, registry)
        if meant is None:
            already.append(word)
            found += mistakes_of((not is_on, path, f"expected on: {why}. Leave the word out."))
        elif not meant:
            missing.append(word)
        by_word[word] = tuple(meant or ())
        for attribute in by_word[word]:
            value = _value(wish.names.get(word, {}), attribute, is_on, (current, pending), registry)
            if value is None:
                shown = f"{attribute} is {current.get(attribute)!r}, and no value of it is known to mean "
                hint = f"Give them: names: {{{word}: {{attribute: {attribute}, on: ..., off: ...}}}}."
                found.append(Mistake(path, f"{shown}{'on' if is_on else 'off'}. {hint}"))
            else:
                desired.append(Desired(attribute, value, path, f"{word}: {why}"))
        if meant and not certain:
            warnings.append(f"{path}: {', '.join(meant)} is taken for it by {why}; look whether that is right")
    found += _missing(wish, missing, vendor)
    for name, raw in wish.attributes.items():
        desired.append(Desired(name, raw, f"attributes.{name}", "as given"))
    found += list(_contradictions(desired)) + list(_unknown(desired, current, pending, registry))
    raise_if(found)
    if wish.on_missing == WARN:
        warnings += [f"settings.{word} is left as it is: {_no_attribute(vendor)}" for word in missing]
    unique = {one.attribute: one for one in reversed(desired)}
    ordered = tuple(unique[name] for name in sorted(unique))
    return Resolved(ordered, tuple(missing), tuple(already), tuple(warnings), by_word)


def _meant(
    wish: Wish, word: str, vendor: Vendor, current: Mapping[str, Any], registry: Callable[[], Registry]
) -> tuple[list[str] | None, str, bool]:
    """The attributes that a word means, None where it is always on; how that is known; and whether for certain."""
    if word in wish.names:
        return [str(wish.names[word]["attribute"])], "by names", True
    row, found = words.row_of(vendor, word, set(current))
    if row is not None:
        how = f"{vendor.name}'s name, confidence {row.confidence} ({row.source})"
        return None if row.always_on else found, how, row.confidence != words.LOW
    shown = {one.name: one.display for one in registry().values() if one.name in current and not one.read_only}
    found = words.by_display(word, shown)
    return found if len(found) <= _MOST_BY_DISPLAY else [], "its text in the registry", False


def _value(
    named: Mapping[str, Value], attribute: str, is_on: bool, values: Sequence[Mapping[str, Any]],
    registry: Callable[[], Registry],
) -> Any:  # fmt: skip
    """What an attribute is called where it is on, or off; None where that can't be told. values: now, then staged."""
    given = named.get("on" if is_on else "off")
    if given is not None:
        return given
    now, side = values[0].get(attribute), 0 if is_on else 1
    for known_value in (one.get(attribute) for one in values):
        if any(same(pair[side], known_value) for pair in words.PAIRS):
            return known_value
    known = registry().get(attribute)
    allowed = known.allowed(now) if known is not None else []
    # The pair of the value that it has now comes first.
    pairs = sorted(words.PAIRS, key=lambda pair: not same(pair[1 - side], now))
    for pair in pairs:
        if pair[side] in allowed if allowed else same(pair[1 - side], now):
            return pair[side]
    return None


def _no_attribute(vendor: Vendor) -> str:
    return "no table knows this vendor, and its registry has none" if vendor is OTHER else (
        f"{vendor.name}'s table and its registry have none"
    )


def _missing(wish: Wish, missing: list[str], vendor: Vendor) -> list[Mistake]:
    remedy = "Name it (names), leave the word out, or go on without (on_missing: warn)."
    problem = f"expected an attribute of this machine for it, found none: {_no_attribute(vendor)}. {remedy}"
    return [Mistake(f"settings.{word}", problem) for word in missing if wish.on_missing == FAIL]


def _contradictions(desired: list[Desired]) -> Iterator[Mistake]:
    seen: dict[str, Desired] = {}
    for one in desired:
        first = seen.setdefault(one.attribute, one)
        if not same(first.value, one.value):
            asked = f"{one.attribute} shall be {one.value!r}, while {first.path} asks for {first.value!r}"
            yield Mistake(one.path, f"{asked}: both are one attribute on this machine. Leave one of both out.")


def _unknown(
    desired: list[Desired], current: Mapping[str, Any], pending: Mapping[str, Any], registry: Callable[[], Registry]
) -> Iterator[Mistake]:
    """Attributes that the machine does not have, and values that they can't have."""
    for one in desired:
        if one.attribute not in current:
            near = difflib.get_close_matches(one.attribute, list(current), 1)
            hint = f"Did you mean {near[0]}?" if near else "Its names are in the result, as current."
            yield Mistake(one.path, f"expected an attribute of this BIOS, found {one.attribute}. {hint}")
        elif not any(same(values.get(one.attribute), one.value) for values in (current, pending)):
            yield from _wrong_value(one, current[one.attribute], registry())


def _wrong_value(one: Desired, now: Any, registry: Registry) -> Iterator[Mistake]:
    known = registry.get(one.attribute)
    if known is None:
        kinds = [bool, int, str]
        kind = next((kind for kind in kinds if isinstance(now, kind)), None)
        alike = next((kind for kind in kinds if isinstance(one.value, kind)), None) is kind
        if kind is not None and not alike:
            expected = f"{one.attribute}: expected a value like {now!r}, found {one.value!r}"
            yield Mistake(one.path, f"{expected}. The BMC has no registry that tells more.")
    elif problem := known.problem(one.value, now):
        found = "one" if known.kind == "Password" else repr(one.value)
        yield Mistake(one.path, f"{one.attribute}: expected {problem[0]}, found {found}. {problem[1]}")
