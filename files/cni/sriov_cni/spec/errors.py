# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one exception that a runtime gets to see, and its codes.

Codes 1 to 99 are the CNI specification's (1.1.0, "Error"), 8 and 999 are libcni's, 100 and up are ours.
"""

from __future__ import annotations

VERSION = 1
ENVIRONMENT = 4
IO = 5
DECODE = 6
CONFIG = 7
NETNS = 8
TRY_AGAIN = 11
NOT_AVAILABLE = 50  # STATUS: ADD cannot be served
DEVICE = 100  # the VF or its PF is not there, or is not what the request needs
REFUSED = 101  # the kernel or a driver refused a change
DIFFERS = 102  # CHECK found another state than ADD left
JOURNAL = 103  # a journal file cannot be used
INTERNAL = 999


class CniError(Exception):
    """An error in the words of the CNI specification.

    code: one of the numbers above, or the delegated IPAM plugin's own.
    msg: the object, what was expected, what was found, what to do.
    details: more text, left out of the answer where empty.
    """

    def __init__(self, code: int, msg: str, details: str = "") -> None:
        super().__init__(msg)
        self.code = code
        self.msg = msg
        self.details = details

    def __str__(self) -> str:
        return f"{self.msg}; {self.details}" if self.details else self.msg
