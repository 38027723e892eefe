# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our tokens at the end of lines that others own, and the memory of what these lines were without them.

The memory is written before the lines are: so at any moment it can be told from a line whether ours are in it, and a
token that was there before us stays when ours go.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import field, replace

from ...host.host import Host
from ...model.errors import HostError, StateFileError
from ...model.frozen import dataclass
from .. import cmdline

FORMAT = 1
FOLDER = "/etc/baremetal-sriov"
MEMORY = f"{FOLDER}/boot-loader.json"


@dataclass(frozen=True)
class AppendedArguments:
    """tokens: ours; earlier: those that an unfinished change replaces; lines: name -> the line without ours.

    pending: the lines may not have our tokens yet. loader: the back-end that they belong to.
    """

    tokens: tuple[str, ...] = ()
    earlier: tuple[str, ...] = ()
    lines: Mapping[str, str] = field(default_factory=dict)
    pending: bool = False
    loader: str = ""
    present: bool = False

    def without_appended(self, name: str, line: str) -> str:
        """The line as others have it. One that is newer than our last change (a kernel was installed) was made from
        a line that had ours, so they go from it as well.
        """
        known = self.lines.get(name)
        if line == known:
            return line
        suffixes = [" " + " ".join(appended) for appended in (self.tokens, self.earlier) if appended]
        found = [f" {line}"[: -len(suffix)][1:] for suffix in suffixes if f" {line}".endswith(suffix)]
        if found:
            return known if known in found else found[0]
        words = cmdline.split(line)
        for appended in (self.tokens, self.earlier):
            shorter = _without_block(words, appended)
            if shorter is None and known is not None:
                shorter = _without_each(words, appended)
            if shorter is not None and shorter != words:
                return " ".join(shorter)
        return line


def with_appended(line: str, tokens: tuple[str, ...]) -> str:
    """The line with our tokens at its end, where they win."""
    return " ".join([line, *tokens]) if line else " ".join(tokens)


def _without_block(words: tuple[str, ...], appended: tuple[str, ...]) -> tuple[str, ...] | None:
    """Without the last place where ours stand together; None where there is none."""
    for start in range(len(words) - len(appended), -1, -1):
        if appended and words[start : start + len(appended)] == appended:
            return words[:start] + words[start + len(appended) :]
    return None


def _without_each(words: tuple[str, ...], appended: tuple[str, ...]) -> tuple[str, ...]:
    """Somebody put words between ours: the last of each goes."""
    left = list(words)
    for token in appended:
        if token in left:
            del left[len(left) - 1 - left[::-1].index(token)]
    return tuple(left)


def load(host: Host) -> AppendedArguments:
    """Read the memory. Raises StateFileError where it is damaged."""
    text = host.read_text(MEMORY)
    if text is None:
        return AppendedArguments()
    try:
        value = json.loads(text)
        if value["format"] != FORMAT:
            raise ValueError(f"format {value['format']!r}, and this code knows {FORMAT}")
        return AppendedArguments(
            tuple(str(token) for token in value["tokens"]),
            tuple(str(token) for token in value["earlier"]),
            {str(name): str(line) for name, line in value["lines"].items()},
            bool(value["pending"]),
            str(value["loader"]),
            True,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StateFileError(
            f"{MEMORY}: expected our note of the kernel arguments that are ours, found {error!r}. Nothing was changed. "
            "Restore it, or take our arguments out of the boot loader by hand and remove the file."
        ) from error


@contextlib.contextmanager
def changing(host: Host, before: AppendedArguments, after: AppendedArguments) -> Iterator[None]:
    """Around a change of the lines to `after`: until it is made both are known, and what was before where it fails."""
    between = replace(after, earlier=before.tokens or before.earlier, pending=True)
    save(host, between)
    try:
        yield
    except HostError:
        save(host, before)
        raise
    save(host, after)


def save(host: Host, memory: AppendedArguments) -> None:
    """Write it durably; an empty one is removed."""
    if not memory.tokens and not memory.pending:
        host.remove_file(MEMORY)
        host.remove_empty_folder(FOLDER)
        return
    value = {
        "format": FORMAT,
        "tokens": list(memory.tokens),
        "earlier": list(memory.earlier),
        "lines": dict(sorted(memory.lines.items())),
        "pending": memory.pending,
        "loader": memory.loader,
    }
    host.write_file(MEMORY, (json.dumps(value, indent=2) + "\n").encode(), 0o600)
