# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Single files out of a tar archive, into memory: no path of the archive is ever used as one of ours."""

from __future__ import annotations

import bz2
import gzip
import lzma
import posixpath
import tarfile
import zlib
from collections.abc import Iterable
from typing import IO, Any

MEMBER_LIMIT = 128 << 20  # bytes of one file; a CNI plugin has 2 to 10 MiB
ARCHIVE_LIMIT = 512 << 20  # bytes of the whole archive once it is decompressed
# How a compressed file begins, and what reads it.
_OPENERS: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"\xfd7zXZ\0": lzma.open, b"BZh": bz2.open}


class ArchiveError(Exception):
    """Says what the archive is, what was expected of it and what was found."""


class _Limited:
    """A stream that ends with an error once more was read than an archive may have."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._left = ARCHIVE_LIMIT

    def read(self, size: int) -> bytes:
        """Up to `size` bytes. Raises ArchiveError."""
        if size > self._left:
            raise ArchiveError(f"expected at most {ARCHIVE_LIMIT >> 20} MiB of content, found more")
        data = self._stream.read(size)
        self._left -= len(data)
        return data


def read_members(path: str, names: Iterable[str]) -> dict[str, bytes]:
    """The contents of the files with these names, in whatever folder of the archive each is. Raises ArchiveError for a
    name that is missing, there twice, or no file, and for what is no archive; OSError where the file cannot be read.
    """
    wanted = set(names)
    found: dict[str, bytes] = {}
    try:
        with open(path, "rb") as raw:
            start = raw.read(8)
            raw.seek(0)
            opener = next((opener for magic, opener in _OPENERS.items() if start.startswith(magic)), None)
            stream: Any = _Limited(opener(raw) if opener is not None else raw)
            with tarfile.open(fileobj=stream, mode="r|") as archive:
                for member in archive:
                    name = posixpath.basename(member.name)
                    if name in wanted and not member.isdir():
                        if name in found:
                            raise ArchiveError(f"expected one file {name}, found two")
                        found[name] = _content(archive, member)
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        expected = "a tar archive, plain or compressed with gzip, xz or bzip2"
        raise ArchiveError(f"{path}: expected {expected}; found: {error}") from error
    except ArchiveError as error:
        raise ArchiveError(f"{path}: {error}") from error
    missing = sorted(wanted - found.keys())
    if missing:
        raise ArchiveError(f"{path}: expected the files {', '.join(sorted(wanted))}, found no {', '.join(missing)}")
    return found


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    if not member.isreg():
        raise ArchiveError(f"{member.name}: expected a regular file, found a link or a device")
    if member.size > MEMBER_LIMIT:
        raise ArchiveError(f"{member.name}: expected at most {MEMBER_LIMIT >> 20} MiB, found {member.size >> 20} MiB")
    opened = archive.extractfile(member)
    data = opened.read() if opened is not None else b""
    if len(data) != member.size:
        raise ArchiveError(f"{member.name}: expected {member.size} bytes, found {len(data)}: the archive is cut short")
    return data
