# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GRUB as its makers have it, with /etc/default/grub alone: SLES, openSUSE, Arch, and others without entries.

grub-mkconfig reads that file as shell, and 10_linux puts GRUB_CMDLINE_LINUX_DEFAULT last into each `linux` line. Our
tokens go to the end of its last assignment, as a person would write them, so that YaST and others read on. The menu
tells what the next boot gets.
"""

from __future__ import annotations

import re

from ...host.host import Host
from ...model.errors import HostError, Problem, problems_of
from .. import cmdline
from .appended_arguments import AppendedArguments, changing, load, with_appended
from .base import BootLoader, Foreign, LoaderState
from .grub_d import GENERATED, MENU_LIMIT, SETTINGS, UPDATE_SECONDS, VARIABLE, menu_entries

MAKERS = tuple(f"/usr/{folder}/{name}" for name in ("grub2-mkconfig", "grub-mkconfig") for folder in ("sbin", "bin"))
MENUS = ("/boot/grub2/grub.cfg", "/boot/grub/grub.cfg")
FIRMWARE = "/boot/efi/EFI"  # each system's folder may have the menu: RHEL 7
WRITTEN = f"{SETTINGS}, as it was written"  # in our memory
OUR_LINE = "# The line below is baremetal.sriov's.\n"
OUR_LINE_ALONE = "# The line below is baremetal.sriov's; no newline stood before this one.\n"
# The value between its quotes, or a word without any.
_ASSIGNMENT = rf"""(?m)^([ \t]*(?:export[ \t]+)?{VARIABLE}=)(?:"([^"\n]*)"|'([^'\n]*)'|([^\s"'#;]*))"""
_FIRST = r"""(?m)^[ \t]*(?:export[ \t]+)?GRUB_CMDLINE_LINUX=["']?([^"'\n]*)"""


class GrubMkconfig(BootLoader):
    """The back-end; see the module's text."""

    name = "grub-mkconfig"
    where = "GRUB's menu, grub.cfg"

    def detect(self, host: Host) -> bool:
        """There are its settings, the program that reads them, and a menu."""
        return host.exists(SETTINGS) and _maker(host) is not None and _menu(host) is not None

    def read(self, host: Host) -> LoaderState:
        memory = load(host)
        text = host.read_text(SETTINGS) or ""
        menu = _menu(host)
        made = (host.read_text(menu, MENU_LIMIT) or "") if menu else ""
        first = [word for found in re.findall(_FIRST, text)[-1:] for word in cmdline.split(found)]
        last = cmdline.split(memory.without_appended(SETTINGS, value_of(text)))
        foreign = [Foreign(word, f"GRUB_CMDLINE_LINUX in {SETTINGS}") for word in first if not word.startswith("$")]
        foreign += [Foreign(word, f"{VARIABLE} in {SETTINGS}") for word in last if not word.startswith("$")]
        return LoaderState(
            self.name,
            memory.present,
            memory.tokens,
            memory.pending,
            menu_entries(made),
            tuple(foreign),
            tuple(_obstacles(menu or MENUS[0], made, text, memory.pending)),
        )

    def write(self, host: Host, tokens: tuple[str, ...]) -> None:
        before = load(host)
        text = host.read_text(SETTINGS) or ""
        line = before.without_appended(SETTINGS, value_of(text))
        written = before.lines.get(WRITTEN, assignment_of(text))
        after = AppendedArguments(tokens, lines={SETTINGS: line, WRITTEN: written}, loader=self.name)
        with changing(host, before, after):
            try:
                _replace(host, text, with_value(text, with_appended(line, tokens), written))
                regenerate(host)
                self._verify(host, tokens)
            except HostError:
                _undo(host, text)
                raise

    def _verify(self, host: Host, tokens: tuple[str, ...]) -> None:
        menu = _menu(host) or MENUS[0]
        entries = menu_entries(host.read_text(menu, MENU_LIMIT) or "")
        missing = cmdline.lacking(entries[0].tokens, tokens) if entries else tokens or ("an entry",)
        for entry in entries:
            missing = missing or cmdline.lacking(entry.tokens, tokens)
        if missing:
            raise HostError(
                menu,
                f"{' '.join(missing)} in each entry that starts a Linux kernel",
                f"{len(entries)} entries, and not in all",
                f"See what in /etc/grub.d overrides {VARIABLE} of {SETTINGS}.",
            )


def value_of(text: str) -> str:
    """The value of the last assignment; "" where there is none."""
    found = list(re.finditer(_ASSIGNMENT, text))
    return next((part for part in found[-1].groups()[1:] if part is not None), "") if found else ""


def assignment_of(text: str) -> str:
    """The last assignment as it is written; "" where there is none."""
    found = list(re.finditer(_ASSIGNMENT, text))
    return found[-1].group(0) if found else ""


def with_value(text: str, value: str, written: str = "") -> str:
    """The text with that value, every other byte as it was; a line of our own where there is no assignment, and none
    of ours is left where it would be empty. written: the assignment before ours came, which is put back where it says
    the same.
    """
    found = list(re.finditer(_ASSIGNMENT, text))
    if not found:
        head = f"{text}{OUR_LINE}" if text.endswith("\n") or not text else f"{text}\n{OUR_LINE_ALONE}"
        return f'{head}{VARIABLE}="{value}"\n' if value else text
    last = found[-1]
    for ours in (OUR_LINE, "\n" + OUR_LINE_ALONE):
        if not value and text[: last.start()].endswith(ours):
            return text[: last.start() - len(ours)] + text[last.end() + 1 :]
    if value == value_of(text):
        return text
    if written and value == value_of(written):
        return text[: last.start()] + written + text[last.end() :]
    mark = "'" if last.group(3) is not None else '"'
    return f"{text[: last.end(1)]}{mark}{value}{mark}{text[last.end() :]}"


def regenerate(host: Host) -> None:
    """Make the menu again. Raises HostError."""
    maker, menu = _maker(host), _menu(host)
    if not host.is_running:
        remedy = "An image's kernel arguments can't be set from outside of it; run this once it is booted."
        raise HostError(host.root, "a running host", "an image's root folder", remedy)
    if maker is None or menu is None:
        raise HostError("grub-mkconfig", "the command, and a menu that it made", "none", "Install GRUB's tools.")
    host.run([maker, "-o", menu], seconds=UPDATE_SECONDS)


def _undo(host: Host, text: str) -> None:
    """The settings as they were; the menu too, if its maker still works."""
    try:
        _replace(host, host.read_text(SETTINGS) or "", text)
        regenerate(host)
    except HostError:
        return


def _replace(host: Host, now: str, wanted: str) -> None:
    if now != wanted:
        host.write_file(SETTINGS, wanted.encode(), host.file_mode(SETTINGS) or 0o644)


def _obstacles(menu: str, made: str, text: str, pending: bool) -> list[Problem]:
    several = "\\\n" in value_of(text) or re.search(rf"^[ \t]*{VARIABLE}\+=", text, re.M)
    return problems_of(
        menu,
        (
            not pending and GENERATED not in made,
            "a file that grub-mkconfig made",
            "one written by hand, which would be lost",
            "Move its entries to /etc/grub.d/40_custom and run grub-mkconfig -o on it once.",
        ),
        (
            several,
            f"one line that sets {VARIABLE} in {SETTINGS}",
            "one that is put together of several",
            "Write it as one line.",
        ),
    )


def _maker(host: Host) -> str | None:
    return next((path for path in MAKERS if host.exists(path)), None)


def _menu(host: Host) -> str | None:
    """The menu that the firmware's GRUB reads: where there are several, the one that grub-mkconfig made."""
    systems = [f"{FIRMWARE}/{name}/grub.cfg" for name in host.list_dir(FIRMWARE)]
    there = [path for path in (*MENUS, *systems) if host.exists(path)]
    made = (path for path in there if GENERATED in (host.read_text(path, MENU_LIMIT) or ""))
    return next(iter((*made, *there)), None)
