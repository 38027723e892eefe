# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong with a BMC; each names the object, what was expected, what was found, and what to do."""

from __future__ import annotations

from ...model.errors import HostError


class BmcError(HostError):
    """A BMC did not do what it was asked, or answered what can't be used."""


class LoginError(BmcError):
    """The BMC refused user and password. Nothing more is tried there: BMCs lock users out."""


class StoppedError(BmcError):
    """The run ends; this BMC was not asked, or no further."""


class UnreachableError(BmcError):
    """No connection, or none that lasted: the BMC may be busy, or away for a while."""


class StatusError(BmcError):
    """The answer is a failure. status: its HTTP status; message_ids: what the BMC calls it."""

    def __init__(
        self, target: str, expected: str, found: str, remedy: str, status: int, message_ids: tuple[str, ...] = ()
    ) -> None:
        self.status = status
        self.message_ids = message_ids
        super().__init__(target, expected, found, remedy)
