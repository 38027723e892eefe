# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of variables that nothing here reads: those that are misspelt, and those that may be somebody else's."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Sequence
from fnmatch import fnmatchcase

from ..module_utils.model.errors import Mistake
from .variable_specs import PREFIX

IGNORED = "sriov_ignore_variables"
FAR = 2  # letters by which a misspelt name differs from the one that was meant, at most
_MOST = 20  # names in one warning
_ANSIBLES_OWN = "ansible_"


def misspelt(given: Iterable[str], known: Collection[str], ignored: Sequence[str] = ()) -> list[Mistake]:
    """A mistake for each name that is nearly one of the known ones, be the difference in the prefix."""
    found = []
    for name in sorted(set(given) - set(known)):
        if name.startswith(_ANSIBLES_OWN) or not _may_be_ours(name) or _is_ignored(name, ignored):
            continue
        near = [(far, one) for one in known for far in [letters_apart(name, one)] if far <= FAR]
        if near:
            meant = min(near)[1]
            problem = (
                f"is no variable of this collection. Did you mean {meant}? Correct the name; if it is meant for "
                f"somebody else, add it to {IGNORED}."
            )
            found.append(Mistake(name, problem))
    return found


def unknown(given: Iterable[str], known: Collection[str], ignored: Sequence[str] = ()) -> str:
    """One sentence about the other names with our prefix; "" where there are none."""
    strange = [
        name
        for name in sorted(set(given) - set(known))
        if name.startswith(PREFIX) and not _is_ignored(name, ignored) and not misspelt([name], known)
    ]
    if not strange:
        return ""
    more = f" and {len(strange) - _MOST} more" if len(strange) > _MOST else ""
    names = ", ".join(_with_suggestion(name, known) for name in strange[:_MOST]) + more
    one = len(strange) == 1
    return (
        f"{names}: no variable{'' if one else 's'} of this collection; nothing here reads {'it' if one else 'them'}. "
        f"Correct the name{'' if one else 's'}, or put what is somebody else's into {IGNORED}."
    )


def _with_suggestion(name: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
    return f"{name} (did you mean {close[0]}?)" if close else name


def _may_be_ours(name: str) -> bool:
    """False for most names of others, without a look at each of ours: of the prefix two letters in a row are left."""
    low = name.lower()
    return any(PREFIX[place : place + 2] in low for place in range(len(PREFIX) - 1))


def _is_ignored(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def letters_apart(one: str, other: str) -> int:
    """How many letters have to be added, removed or replaced; capitals count as small letters, and two letters in
    each other's place as one. Above FAR it only says that it is more.
    """
    one, other = one.lower(), other.lower()
    if abs(len(one) - len(other)) > FAR:
        return FAR + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for place, letter in enumerate(one, 1):
        before, last, row = row, before, [place]
        for column, wanted in enumerate(other, 1):
            best = min(before[column] + 1, row[column - 1] + 1, before[column - 1] + (letter != wanted))
            swapped = place > 1 and column > 1 and letter == other[column - 2] and one[place - 2] == wanted
            row.append(min(best, last[column - 2] + 1) if swapped else best)
        if min(row) > FAR:
            return FAR + 1
    return row[-1]
