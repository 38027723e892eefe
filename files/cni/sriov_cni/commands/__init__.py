# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ADD, DEL, CHECK, GC and STATUS: which file answers which command; it alone is loaded."""

from __future__ import annotations

import os

from ..host.host import NodeHost
from ..spec.json_text import Json
from .request import Request


def run(host: NodeHost, command: str, request: Request) -> Json | None:
    """The answer for stdout, None where the command has none. Raises CniError."""
    try:
        return _run(host, command, request)
    finally:
        if os.access(f"{host.state}/releases", os.F_OK):
            from .releases import plan

            plan(host)


def _run(host: NodeHost, command: str, request: Request) -> Json | None:
    if command == "ADD":
        from .add import add

        return add(host, request)
    if command == "DEL":
        from .delete import delete

        delete(host, request)
    elif command == "CHECK":
        from .check import check

        check(host, request)
    elif command == "GC":
        from .gc_status import collect

        collect(host, request)
    elif command == "STATUS":
        from .gc_status import status

        status(host, request)
    return None
