# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one way to the host: bounded reads, careful writes, and commands, all below an injectable root.

Nothing else in the node library opens /sys, /proc, /etc or runs a command. Tests give a root folder and override
`write_attribute` and `run` with a host that reacts.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .errors import CommandError, HostError

READ_LIMIT = 1 << 20  # bytes
ATTRIBUTE_SECONDS = 60.0  # one sysfs write; creating many VFs takes long on some NICs
COMMAND_SECONDS = 60.0


@dataclass(frozen=True)
class Completed:
    """How a command ended: argument list, exit status, and what it printed."""

    argv: tuple[str, ...]
    status: int
    stdout: str
    stderr: str


class Host:
    """The host whose file system starts at `root` ("" is the running one)."""

    def __init__(self, root: str = "") -> None:
        self.root = root.rstrip("/")

    @property
    def is_running(self) -> bool:
        """False for an image's root folder: nothing of it runs, so only files can be configured."""
        return self.root == ""

    def path(self, path: str) -> str:
        """The real path of an absolute path of the host."""
        return self.root + path

    # reads -----------------------------------------------------------------------------------------------------

    def read_bytes(self, path: str, limit: int = READ_LIMIT) -> bytes | None:
        """A file's content of at most `limit` bytes; None where it is missing. HostError for an unreadable one."""
        try:
            with open(self.path(path), "rb") as file:
                data = file.read(limit + 1)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise HostError(path, "a readable file", f"{error.strerror} (errno {error.errno})") from error
        if len(data) > limit:
            raise HostError(path, f"at most {limit} bytes", "a larger file", "Look at what wrote it.")
        return data

    def read_text(self, path: str, limit: int = READ_LIMIT) -> str | None:
        """A file's content as text (undecodable bytes replaced); None where it is missing."""
        data = self.read_bytes(path, limit)
        return None if data is None else data.decode("utf-8", "replace")

    def exists(self, path: str) -> bool:
        """True where something is at the path."""
        return os.path.lexists(self.path(path))

    def list_dir(self, path: str) -> list[str]:
        """The sorted entries of a folder; empty where there is none."""
        try:
            return sorted(os.listdir(self.path(path)))
        except OSError:
            return []

    def read_link(self, path: str) -> str | None:
        """A symbolic link's target as it is written; None where there is no link."""
        try:
            return os.readlink(self.path(path))
        except OSError:
            return None

    def file_mode(self, path: str) -> int | None:
        """The permission bits of a file; None where it is missing."""
        try:
            return os.stat(self.path(path)).st_mode & 0o7777
        except OSError:
            return None

    # writes ----------------------------------------------------------------------------------------------------

    def write_attribute(self, path: str, value: str, seconds: float = ATTRIBUTE_SECONDS) -> None:
        """Write one sysfs attribute, without creating it, within a time limit.

        A child process writes, so that a driver that hangs in the write does not hang us: the write itself can't be
        interrupted. Raises HostError with the errno's text, or when the time is over.
        """
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os._exit(_write_and_report(self.path(path), value, writer))
        os.close(writer)
        try:
            ready, _rest, _rest = select.select([reader], [], [], seconds)
            code = int.from_bytes(os.read(reader, 4), "big") if ready else None
        finally:
            os.close(reader)
        if code is None:
            os.kill(child, signal.SIGKILL)  # takes effect when the driver returns
            raise HostError(path, f"{value!r} written within {seconds:g} s", "the write hangs in the kernel",
                            "See the kernel's log (dmesg) for the driver's reason.")
        os.waitpid(child, 0)
        if code:
            raise HostError(path, f"{value!r} written", f"{os.strerror(code)} (errno {code})")

    def write_file(self, path: str, data: bytes, mode: int = 0o644) -> None:
        """Replace a file in one step (temporary file, fsync, rename), with its folders. Raises HostError."""
        real = self.path(path)
        try:
            os.makedirs(os.path.dirname(real), mode=0o755, exist_ok=True)
            fd, temporary = tempfile.mkstemp(prefix=".baremetal-sriov-", dir=os.path.dirname(real))
            try:
                with os.fdopen(fd, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fchmod(file.fileno(), mode)
                    os.fsync(file.fileno())
                os.replace(temporary, real)
            except BaseException:
                os.unlink(temporary)
                raise
            sync_folder(os.path.dirname(real))
        except OSError as error:
            raise HostError(path, "the file written", f"{error.strerror} (errno {error.errno})") from error

    def remove_file(self, path: str) -> None:
        """Remove a file; nothing to do where it is gone. Raises HostError."""
        try:
            os.unlink(self.path(path))
            sync_folder(os.path.dirname(self.path(path)))
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise HostError(path, "the file removed", f"{error.strerror} (errno {error.errno})") from error

    def remove_empty_folder(self, path: str) -> None:
        """Remove a folder of ours if nothing is left in it."""
        with contextlib.suppress(OSError):
            os.rmdir(self.path(path))

    @contextlib.contextmanager
    def lock(self, path: str, seconds: float = 60.0) -> Iterator[None]:
        """Hold the lock file, so that one program of ours changes the host at a time. Raises HostError, naming who
        holds it, when it is not free in time. A process that ends gives its lock back."""
        real = self.path(path)
        os.makedirs(os.path.dirname(real), mode=0o755, exist_ok=True)
        fd = os.open(real, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            give_up = self.monotonic() + seconds
            while True:
                try:
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError as error:
                    if self.monotonic() >= give_up:
                        holder = os.pread(fd, 100, 0).decode("ascii", "replace").strip() or "unknown"
                        raise HostError(path, f"the lock within {seconds:g} s", f"process {holder} holds it",
                                        "Wait for that run to end; see what it does with ps.") from error
                    self.sleep(0.2)
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{os.getpid()}\n".encode("ascii"), 0)
            yield
        finally:
            os.close(fd)

    # commands --------------------------------------------------------------------------------------------------

    def run(self, argv: Sequence[str], *, stdin: str | None = None, seconds: float = COMMAND_SECONDS,
            check: bool = True) -> Completed:
        """Run a command without a shell, in the C locale, within a time limit.

        Raises CommandError where it is missing, runs out of time, or (with `check`) ends with another status than 0.
        """
        shown = " ".join(argv)
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "LANG": "C"}
        try:
            done = subprocess.run(list(argv), input=stdin if stdin is not None else "", text=True, errors="replace",
                                  capture_output=True, timeout=seconds, env=environment, check=False)
        except FileNotFoundError as error:
            raise CommandError(shown, "the command to exist", f"no {argv[0]} on the host",
                               "Install the package that holds it.") from error
        except subprocess.TimeoutExpired as error:
            raise CommandError(shown, f"an end within {seconds:g} s", "it still ran, and was stopped") from error
        result = Completed(tuple(argv), done.returncode, done.stdout, done.stderr)
        if check and result.status != 0:
            said = (result.stderr.strip() or result.stdout.strip() or "nothing")[-2000:]
            raise CommandError(shown, "exit status 0", f"{result.status}; it said: {said}")
        return result

    def sleep(self, seconds: float) -> None:
        """Wait; tests override it with a clock of their own."""
        time.sleep(seconds)

    def monotonic(self) -> float:
        """Seconds of a clock that only goes forward."""
        return time.monotonic()


def sync_folder(path: str) -> None:
    """Make renames and removals in a folder durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _write_and_report(path: str, value: str, writer: int) -> int:
    """In the child: write the attribute, send the errno (0 for success) through the pipe."""
    code = 0
    try:
        fd = os.open(path, os.O_WRONLY)  # no O_CREAT: sysfs answers a missing attribute with EACCES then
        try:
            os.write(fd, value.encode("ascii"))
        finally:
            os.close(fd)
    except OSError as error:
        code = error.errno or 5
    except BaseException:
        code = 22
    os.write(writer, code.to_bytes(4, "big"))
    return 0
