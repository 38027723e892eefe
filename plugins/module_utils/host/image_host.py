# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The root folder of an image: files, and nothing that runs.

What lies in the image is found by the image's own links: one that begins at / would otherwise lead to the machine that
builds it. What a running kernel and its programs tell (/proc, /sys, /dev, /run) is the build machine's, where it is
mounted there at all: here it is not there.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator, Mapping, Sequence

from ..model.errors import CommandError, HostError
from .host import LOCK_SECONDS, READ_LIMIT, Completed, Host, failed

LIVE = ("proc", "sys", "dev", "run")
NOWHERE = "/dev/null"  # nothing can be below it
LINKS = 40  # as many as the kernel follows (path_resolution(7))
RUNNING = "/run/systemd/system"  # sd_booted(3)


class ImageHost(Host):
    """An image's root folder, or, in a chroot, "/"."""

    @property
    def is_running(self) -> bool:
        """Never, also in a chroot."""
        return False

    def path(self, path: str) -> str:
        """The real path. Links to folders are followed within the image; one to a file stands for itself."""
        resolved = self.itself(path)
        followed = self._resolved(path, last=True)
        return followed if os.path.isdir(followed) else resolved

    def itself(self, path: str) -> str:
        """The real path of what is there, also where that is a link to a folder."""
        return self._resolved(path, last=False)

    def _resolved(self, path: str, *, last: bool) -> str:
        """last: whether a link at the path itself is followed."""
        todo = [part for part in path.split("/") if part not in ("", ".")][::-1]
        done: list[str] = []
        links = 0
        while todo:
            part = todo.pop()
            if part == "..":
                del done[-1:]
                continue
            if not done and part in LIVE:
                return "/".join([NOWHERE, part, *reversed(todo)])
            real = "/".join([self.root, *done, part])
            target = _link(real) if todo or last else None
            if target is None:
                done.append(part)
                continue
            links += 1
            if links > LINKS:
                raise HostError(path, "a path without a circle of links", f"more than {LINKS}", "Mend the image.")
            if target.startswith("/"):
                done = []
            todo += [one for one in target.split("/") if one not in ("", ".")][::-1]
        return "/".join([self.root, *done]) or "/"

    def read_bytes(self, path: str, limit: int = READ_LIMIT) -> bytes | None:
        """As for all hosts; a link is followed within the image, and what is no file is not opened."""
        real = self._resolved(path, last=True)
        try:
            is_file = stat.S_ISREG(os.lstat(real).st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise failed(path, "a readable file", error) from error
        return self._read(path, real, limit) if is_file else None

    def file_mode(self, path: str) -> int | None:
        """The permission bits of a file; None where it is missing."""
        try:
            return os.stat(self._resolved(path, last=True)).st_mode & 0o7777
        except OSError:
            return None

    def write_attribute(self, path: str, value: str, seconds: float = 0.0) -> None:
        """Raises HostError: an image has no kernel."""
        raise HostError(path, "a running host", "an image's root folder", "This is left for the first boot.")

    def run(self, argv: Sequence[str], *, stdin: str | None = None, seconds: float = 0.0, check: bool = True,
            variables: Mapping[str, str] | None = None) -> Completed:
        """Raises CommandError: a command would be the build machine's, or one for another processor."""
        raise CommandError(" ".join(argv), "a running host", "an image's root folder",
                           "This is left for the first boot.")

    @contextlib.contextmanager
    def lock(self, path: str, seconds: float = LOCK_SECONDS) -> Iterator[None]:
        """The image's root folder itself is locked: nothing is left in it. Raises HostError."""
        fd = os.open(self.root or "/", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            give_up = self.monotonic() + seconds
            while True:
                try:
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError as error:
                    if self.monotonic() >= give_up:
                        raise HostError(self.root or "/", f"the lock within {seconds:g} s", "another run holds it",
                                        "Wait for that run to end.") from error
                    self.sleep(0.2)
            yield
        finally:
            os.close(fd)


def image_host(root: str) -> ImageHost:
    """The image in this folder. Raises HostError for a path that is none, and for the root of a running machine."""
    plain = root == "/" or (root.startswith("/") and os.path.normpath(root) == root.rstrip("/"))
    if not plain or not os.path.isdir(root):
        raise HostError(f"target root {root}", "the absolute path of a folder, without . and ..",
                        "another path" if not plain else "no folder there", "Mount the image, or correct the path.")
    if _is_running(root):
        raise HostError(f"target root {root}", "an image that nothing runs from", "the root of the running machine",
                        "Mount the image at a folder of its own, or connect to it by chroot.")
    return ImageHost(root)


def _is_running(root: str) -> bool:
    """Whether it is the folder that this machine has as its root; in a chroot, what systemd says."""
    with contextlib.suppress(OSError):
        if os.path.samefile(root, "/proc/1/root/"):
            return True
    return os.path.samefile(root, "/") and os.path.isdir(RUNNING)


def _link(real: str) -> str | None:
    try:
        return os.readlink(real)
    except OSError:
        return None
