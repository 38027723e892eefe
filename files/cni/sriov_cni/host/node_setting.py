# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The node's own setting, a file of root's that no network can change."""

from __future__ import annotations

import os
from _stat import S_IMODE, S_ISREG

from ..spec.json_text import Json, loads

_FORMAT = 1
_LIMIT = 65536  # bytes
_OTHERS_WRITE = 0o022


def read(path: str) -> Json:
    """What the file says, {} where there is none. Raises ValueError where it is no good."""
    try:
        raw = _content(path)
        conf = loads(raw) if raw is not None else {"format": _FORMAT}
    except (OSError, ValueError) as error:
        raise ValueError(f"the node's setting {path} cannot be read: {error}") from None
    if not isinstance(conf, dict) or conf.get("format") != _FORMAT:
        raise ValueError(f"the node's setting {path}: expected an object of format {_FORMAT}")
    return conf


def _content(path: str) -> bytes | None:
    """A file of root's alone, None where there is none."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    try:
        status = os.fstat(fd)
        if not S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or S_IMODE(status.st_mode) & _OTHERS_WRITE:
            raise ValueError("expected a regular file that root alone can write")
        raw = b""
        while True:
            part = os.read(fd, _LIMIT + 1 - len(raw))
            raw += part
            if len(raw) > _LIMIT:
                raise ValueError(f"expected at most {_LIMIT} bytes")
            if not part:
                return raw
    finally:
        os.close(fd)
