# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is below an image's root folder as one archive: the same files make the same bytes, wherever and whenever."""

from __future__ import annotations

import gzip
import io
import os
import stat
import tarfile
from collections.abc import Iterator

from ..host.image_host import ImageHost
from .store import FILE_LIMIT


def pack(host: ImageHost) -> bytes:
    """A compressed archive of folders, files and links, all root's, and of the beginning of time. Raises HostError."""
    made = io.BytesIO()
    packed = gzip.GzipFile(filename="", fileobj=made, mode="wb", mtime=0)
    with packed, tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for path, status in _below(host, ""):
            member = tarfile.TarInfo(f".{path}")
            member.mode = stat.S_IMODE(status.st_mode)
            data = b""
            if stat.S_ISDIR(status.st_mode):
                member.type = tarfile.DIRTYPE
            elif stat.S_ISLNK(status.st_mode):
                member.type, member.linkname = tarfile.SYMTYPE, os.readlink(host.itself(path))
            else:
                data = host.read_bytes(path, FILE_LIMIT) or b""
                member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return made.getvalue()


def _below(host: ImageHost, folder: str) -> Iterator[tuple[str, os.stat_result]]:
    """What an archive can hold, each folder before what is in it."""
    for name in host.list_dir(folder or "/"):
        path = f"{folder}/{name}"
        try:
            status = os.lstat(host.itself(path))
        except OSError:  # what runs, see ImageHost
            continue
        if stat.S_ISDIR(status.st_mode):
            yield path, status
            yield from _below(host, path)
        elif stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode):
            yield path, status
