# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file that `logFile` names. It is written with root's rights, and whoever may write a network's configuration
chooses it: so only below a folder that the node's owner chose, only regular files of ours, and never by a link.
"""

from __future__ import annotations

import errno
import os
from _stat import S_IMODE, S_ISDIR, S_ISFIFO, S_ISLNK, S_ISREG, S_ISSOCK

from . import node_setting

FOLDER = "/var/log"  # unless the node's setting names another
_FILE_LIMIT = 64 << 20  # bytes: what grows on has to be rotated
_OTHERS_WRITE = 0o022
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FILE_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY


class Unfit(Exception):
    """Not a file that may be written; its text is what was found."""


def folder_of(setting: str) -> str:
    """The node's log folder, by the file `setting`. Raises ValueError where that file is no good."""
    folder = node_setting.read(setting).get("log_dir", FOLDER)
    if not isinstance(folder, str) or not folder.startswith("/") or not folder.isprintable() or not _parts(folder):
        raise ValueError(f"the node's setting {setting}: log_dir: expected the absolute path of a folder")
    if ".." in _parts(folder):
        raise ValueError(f"the node's setting {setting}: log_dir: expected a path without '..', found {folder}")
    return folder


def problem(path: str, folder: str) -> str:
    """Why `path` is no log file below `folder`, "" where it is one. Makes nothing."""
    try:
        fd = _open(path, folder, make=False)
    except Unfit as error:
        return (
            f"logFile: expected a regular file below {folder}, found {error}: name one there, or have the node "
            "name another folder (sriov_cni_log_dir)"
        )
    except OSError:
        return ""  # it cannot be written now, which is told when it is tried
    if fd >= 0:
        os.close(fd)
    return ""


def append(path: str, folder: str, line: bytes) -> None:
    """Raises Unfit, or OSError where it cannot be written now."""
    fd = _open(path, folder, make=True)
    try:
        if os.fstat(fd).st_size + len(line) > _FILE_LIMIT:
            raise OSError(errno.EFBIG, f"it has {_FILE_LIMIT >> 20} MiB, have it rotated")
        os.write(fd, line)
    finally:
        os.close(fd)


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def _below(path: str, folder: str) -> list[str]:
    """The names from the folder to the file. Raises Unfit."""
    shown = f"'{path}'" if path.isprintable() and len(path) <= 300 else "a path"
    if not path.isprintable():
        raise Unfit("a path with a control character")
    parts, above = _parts(path), _parts(folder)
    for is_so, what in (
        (not path.startswith("/"), "which is relative"),
        (".." in parts, "with '..' in it"),
        (parts == above, "the folder itself"),
        (parts[: len(above)] != above, "which is elsewhere"),
    ):
        if is_so:
            raise Unfit(f"{shown}, {what}")
    return parts[len(above) :]


def _open(path: str, folder: str, make: bool) -> int:
    """The file, open for appending; -1 where it is not there, and not to be made. Each step is taken from the folder
    before it, so that nobody can put a link in the way meanwhile. Raises Unfit, OSError.
    """
    *folders, name = _below(path, folder)
    at = os.open(folder, _FOLDER_FLAGS)
    try:
        for part in folders:
            mode = os.stat(part, dir_fd=at, follow_symlinks=False).st_mode
            if not S_ISDIR(mode):
                what = "a symbolic link" if S_ISLNK(mode) else "no folder"
                raise Unfit(f"'{path}', in which {part} is {what}")
            before, at = at, os.open(part, _FOLDER_FLAGS | os.O_NOFOLLOW, dir_fd=at)
            os.close(before)
        try:
            _judge(path, os.stat(name, dir_fd=at, follow_symlinks=False))
        except FileNotFoundError:
            if not make:
                return -1
        fd = os.open(name, _FILE_FLAGS, 0o600, dir_fd=at)
    finally:
        os.close(at)
    try:
        _judge(path, os.fstat(fd))  # what was opened, whatever was there before
    except Unfit:
        os.close(fd)
        raise
    return fd


def _judge(path: str, status: os.stat_result) -> None:
    """Raises Unfit for what is no file of ours."""
    mode = status.st_mode
    for is_so, what in (
        (S_ISLNK(mode), "a symbolic link"),
        (S_ISDIR(mode), "a folder"),
        (S_ISFIFO(mode), "a FIFO"),
        (S_ISSOCK(mode), "a socket"),
        (not S_ISREG(mode), "a device"),
        (status.st_nlink > 1, f"a file with {status.st_nlink} names"),
        (status.st_uid != os.geteuid(), f"a file of another user ({status.st_uid})"),
        (S_IMODE(mode) & _OTHERS_WRITE, "a file that is writable by others"),
    ):
        if is_so:
            raise Unfit(f"'{path}', which is {what}")
