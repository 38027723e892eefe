# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who listens at a unix socket (unix(7), SO_PEERCRED)."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import sys

NOBODY = (errno.ENOENT, errno.ENOTDIR, errno.ECONNREFUSED)


def owner(path: str, seconds: float) -> int | None:
    """The process, however long the path; 0 for one that is not to be seen, or too busy; None where nobody listens."""
    folder, name = os.path.split(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection, contextlib.ExitStack() as ends:
        try:
            fd = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            ends.callback(os.close, fd)
            connection.settimeout(seconds)
            connection.connect(f"/proc/self/fd/{fd}/{name}")
            told = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)  # pid, uid, gid
        except OSError as error:
            return None if error.errno in NOBODY else 0
    return int.from_bytes(told[:4], sys.byteorder)
