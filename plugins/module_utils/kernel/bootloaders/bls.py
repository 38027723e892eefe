# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Entries of the Boot Loader Specification, type 1 (uapi-group.org/specifications): one text file for each kernel.

GRUB reads them on RHEL and Fedora, systemd-boot everywhere. Our tokens go to the end of each entry's last `options`
line, and of /etc/kernel/cmdline, from which kernel-install makes the entries of kernels to come. (grubby would replace
others' tokens of the same key; it reads and writes the same lines, so both get on with each other.) Where entries name
a variable in the place of a line of their own, as those of RHEL 8 do, also those of kernels to come, its line is
extended instead.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping

from ...host.host import Host
from ...model.errors import HostError, Problem
from ...model.frozen import dataclass
from .. import cmdline
from .appended_arguments import AppendedArguments, changing, load, with_appended
from .base import BootLoader, Entry, Foreign, LoaderState

ROOTS = ("/efi", "/boot", "/boot/efi")  # where kernel-install looks for the partition of the entries
KERNEL_CMDLINE = "/etc/kernel/cmdline"
ENTRY = ".conf"
RESCUE = "-0-rescue"  # how dracut names the entry that is for repairs
_BLOCK = 512  # bytes: GRUB's environment is written in whole ones, filled with a mark
_FILL = "#"
_OPTIONS = re.compile(r"^(options[ \t]+)(.*?)([ \t]*)$", re.M)
_TITLE = re.compile(r"^title[ \t]+(.*?)[ \t]*$", re.M)
_LINE = re.compile(r"^([ \t]*)([^\s#].*?)([ \t]*)$", re.M)
_KERNELOPTS = re.compile(r"^(kernelopts=)(.*?)([ \t]*)$", re.M)


@dataclass(frozen=True)
class Shared:
    """A line that entries share: the file that has it as NAME=LINE, and the name."""

    path: str
    variable: str


class BlsEntries(BootLoader):
    """What both boot loaders share. `folders`: where the entries are."""

    @abstractmethod
    def folders(self, host: Host) -> tuple[str, ...]:
        """Folders with entries that this boot loader starts."""

    def variables(self, host: Host) -> Mapping[str, str]:
        """What a word such as $kernelopts stands for."""
        return {}

    def shared(self, host: Host) -> Shared | None:
        """The variable that entries share as their line, if there is one."""
        return None

    def obstacles(self, host: Host) -> tuple[Problem, ...]:
        """Why nothing can be changed."""
        return ()

    def read(self, host: Host) -> LoaderState:
        memory = load(host)
        variables = self.variables(host)
        theirs = dict(variables)
        shared = self.shared(host)
        if shared is not None:
            theirs[shared.variable] = memory.without_appended(shared.path, variables.get(shared.variable, ""))
        entries = []
        foreign: dict[str, Foreign] = {}
        for path, text in self._texts(host).items():
            line = options(path, text)
            for token in cmdline.split(memory.without_appended(path, line)):
                for word in expand(token, theirs):
                    foreign.setdefault(word, Foreign(word, path))
            if path.endswith(ENTRY):
                title = _TITLE.search(text)
                words = tuple(w for token in cmdline.split(all_options(text)) for w in expand(token, variables))
                entries.append(Entry(title.group(1) if title else path, words))
        return LoaderState(
            self.name,
            memory.present,
            memory.tokens,
            memory.pending,
            tuple(entries),
            tuple(foreign.values()),
            self.obstacles(host),
        )

    def write(self, host: Host, tokens: tuple[str, ...]) -> None:
        before = load(host)
        texts = self._texts(host)
        lines = {path: before.without_appended(path, options(path, text)) for path, text in texts.items()}
        shared = self.shared(host)
        own = {path for path, line in lines.items() if shared is None or f"${shared.variable}" not in line.split()}
        after = AppendedArguments(tokens, lines=lines, loader=self.name)
        with changing(host, before, after):
            try:
                for path, text in texts.items():
                    line = with_appended(lines[path], tokens) if path in own else lines[path]
                    wanted = with_options(path, text, line)
                    _write(host, path, text, wanted)
            except HostError:
                for path, text in texts.items():
                    _write(host, path, host.read_text(path) or "", text)
                raise

    def _texts(self, host: Host) -> dict[str, str]:
        """The files whose lines are ours to extend, by path."""
        paths = [
            f"{folder}/{name}"
            for folder in self.folders(host)
            for name in host.list_dir(folder)
            if name.endswith(ENTRY) and RESCUE not in name
        ]
        shared = self.shared(host)
        more = [shared.path] if shared is not None else []
        texts = {path: host.read_text(path) for path in (*paths, KERNEL_CMDLINE, *more)}
        return {path: text for path, text in texts.items() if text is not None}


def _write(host: Host, path: str, now: str, wanted: str) -> None:
    """The mode stays: the file system of the firmware has one for all its files."""
    if now != wanted:
        host.write_file(path, wanted.encode(), host.file_mode(path) or 0o644)


def _lines(path: str, text: str) -> list[re.Match[str]]:
    """What ours may go to the end of (group 2)."""
    form = _OPTIONS if path.endswith(ENTRY) else _LINE if path == KERNEL_CMDLINE else _KERNELOPTS
    return list(form.finditer(text))


def options(path: str, text: str) -> str:
    """The line that ours go to the end of: the last one with options, "" where there is none."""
    found = _lines(path, text)
    return found[-1].group(2) if found else ""


def all_options(text: str) -> str:
    """An entry may have several such lines; the kernel gets them one after the other."""
    return " ".join(found.group(2) for found in _OPTIONS.finditer(text))


def with_options(path: str, text: str, line: str) -> str:
    """The text with that line replaced, every other byte as it was."""
    found = _lines(path, text)
    if found:
        changed = text[: found[-1].start(2)] + line + text[found[-1].end(2) :]
        return changed if path.endswith(ENTRY) or path == KERNEL_CMDLINE else _filled(changed, len(text.encode()))
    if not line:
        return text
    head = text if text.endswith("\n") or not text else text + "\n"
    return f"{head}{'' if path == KERNEL_CMDLINE else 'options '}{line}\n"


def _filled(text: str, size: int) -> str:
    """An environment in blocks of as many bytes as before, or more where it no longer fits (grub-editenv(1))."""
    if size % _BLOCK:
        return text  # nobody wrote it in blocks
    bare = text.rstrip(_FILL)
    used = len(bare.encode())
    return bare + _FILL * (max(size, -(-used // _BLOCK) * _BLOCK) - used)


def expand(token: str, variables: Mapping[str, str]) -> tuple[str, ...]:
    """A word such as $kernelopts as what it stands for; nothing where it is not set."""
    return cmdline.split(variables.get(token[1:], "")) if token.startswith("$") else (token,)
