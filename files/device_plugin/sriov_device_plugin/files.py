# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that other programs read while we write them: replaced as a whole, never written in place."""

from __future__ import annotations

import contextlib
import os
import threading


def replace(path: str, content: str) -> None:
    """Make `path` hold `content` (mode 0644, its folder 0755), atomically; one that does is left. Raises OSError."""
    data = content.encode()
    with contextlib.suppress(OSError), open(path, "rb", buffering=0) as present:
        if present.read(len(data) + 1) == data:
            return
    directory = os.path.dirname(path)
    os.makedirs(directory, mode=0o755, exist_ok=True)
    # Named after the thread as well: the main thread and an Allocate may write the same file at once.
    scratch = os.path.join(directory, f".{os.path.basename(path)}.{os.getpid()}.{threading.get_ident()}")
    fd = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    try:
        with os.fdopen(fd, "wb") as stream:
            os.fchmod(fd, 0o644)
            stream.write(data)
        os.rename(scratch, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(scratch)
        raise
