# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that other programs write or read: read within bounds, and replaced as a whole, never written in place."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import threading

KINDS = {stat.S_IFREG: "a regular file", stat.S_IFDIR: "a folder", stat.S_IFIFO: "a FIFO", stat.S_IFCHR:
         "a character device", stat.S_IFBLK: "a block device", stat.S_IFSOCK: "a socket"}  # fmt: skip


def kind(mode: int) -> str:
    """What a file is, in words; mode: of its stat()."""
    return KINDS.get(stat.S_IFMT(mode), "something else")


def read(path: str, most: int) -> bytes:
    """The content of a regular file of at most `most` bytes; any other could keep us for ever. Raises OSError."""
    with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY), "rb", buffering=0) as stream:
        mode = os.fstat(stream.fileno()).st_mode
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, f"expected a regular file, found {kind(mode)}")
        parts = []
        left = most + 1
        while left and (part := stream.read(left)):
            parts.append(part)
            left -= len(part)
    if not left:
        raise OSError(errno.EFBIG, f"larger than {most} bytes")
    return b"".join(parts)


def replace(path: str, content: str) -> None:
    """Make `path` hold `content` (mode 0644, its folder 0755), atomically; one that does is left. Raises OSError."""
    data = content.encode()
    with contextlib.suppress(OSError):
        if read(path, len(data)) == data:
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
