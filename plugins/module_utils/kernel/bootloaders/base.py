# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a boot loader's back-end tells and does. One file per boot loader; table.py lists them."""

from __future__ import annotations

from abc import ABC, abstractmethod

from ...host.host import Host
from ...model.errors import Problem
from ...model.frozen import dataclass


@dataclass(frozen=True)
class Entry:
    """One entry of the boot menu: its title, and the tokens that a kernel started from it gets."""

    title: str
    tokens: tuple[str, ...]


@dataclass(frozen=True)
class Foreign:
    """A token that is not ours, and where it stands, in words. wins: it comes after ours."""

    token: str
    where: str
    wins: bool = False


@dataclass(frozen=True)
class LoaderState:
    """What the next boot would get, and who put it there.

    present: our own settings are there; appended: the tokens they hold.
    pending: our settings were changed, and the boot menu was not made again since (we were stopped there).
    entries: the boot menu's kernels, those for recovery left out.
    foreign: tokens of others, in the order in which the boot loader joins them.
    obstacles: why nothing can be changed; dropped_by: settings of others that would drop our tokens.
    """

    loader: str
    present: bool = False
    appended: tuple[str, ...] = ()
    pending: bool = False
    entries: tuple[Entry, ...] = ()
    foreign: tuple[Foreign, ...] = ()
    obstacles: tuple[Problem, ...] = ()
    dropped_by: tuple[Problem, ...] = ()


class BootLoader(ABC):
    """The protocol; a back-end overrides all of it."""

    name = ""
    where = ""  # for people: what holds the boot entries
    in_images = False  # whether `write` is no more than files, so that it can be done to an image

    @abstractmethod
    def detect(self, host: Host) -> bool:
        """True where this boot loader's configuration is what the host boots with."""

    @abstractmethod
    def read(self, host: Host) -> LoaderState:
        """The state; changes nothing. Raises HostError where it can't be read."""

    @abstractmethod
    def write(self, host: Host, tokens: tuple[str, ...]) -> None:
        """Make our tokens these (none: take our settings away), and make the boot menu again.

        On an error our settings are put back as they were. Raises HostError. Safe to be stopped at any
        moment: what is left to do is seen by `read` (`pending`, or `present` with no tokens).
        """
