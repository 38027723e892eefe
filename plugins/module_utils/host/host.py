# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one way to the host: bounded reads, careful writes, and commands, all below an injectable root.

Nothing else in the node library opens /sys, /proc, /etc or runs a command. Tests give a root folder and override
`write_attribute` and `run` with a host that reacts.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import fcntl
import os
import select
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, Union

from ..model.errors import CommandError, HostError, SlowError
from ..model.frozen import dataclass

READ_LIMIT = 1 << 20  # bytes
ATTRIBUTE_SECONDS = 60.0  # one sysfs write; creating many VFs takes long on some NICs
COMMAND_SECONDS = 60.0
LOCK_SECONDS = 840.0  # as long as work under it may take, less what a unit needs to end within its 15 minutes
STOP_SECONDS = 2.0  # for what was killed to end
OUTPUT_LIMIT = 64 << 20  # bytes that a command prints


# A file as JSON: None where there is none, the text of a plain one of root's, else {"link": its target} or {"mode":
# octal, "uid", "gid", and "text" or, for what is no UTF-8, "base64"}.
FileState = Union[None, str, Mapping[str, Any]]


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
        self.patience = float("inf")  # seconds that may still be waited in vain; those who wait keep it

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
        return self._read(path, self.path(path), limit)

    def _read(self, path: str, real: str, limit: int) -> bytes | None:
        """What lies at the real path; errors name the host's own."""
        try:
            with open(real, "rb") as file:
                data = file.read(limit + 1)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise failed(path, "a readable file", error) from error
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

    def read_exact(self, path: str) -> FileState:
        """A file so that `restore` can bring it back. Raises HostError for what is neither a file nor a link."""
        try:
            info = os.lstat(self.path(path))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise failed(path, "a path that can be looked at", error) from error
        if stat.S_ISLNK(info.st_mode):
            return {"link": os.readlink(self.path(path))}
        data = self.read_bytes(path) or b""
        found: dict[str, Any] = {"mode": f"{stat.S_IMODE(info.st_mode):04o}", "uid": info.st_uid, "gid": info.st_gid}
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            return {**found, "base64": base64.b64encode(data).decode("ascii")}
        plain = {"mode": "0644", "uid": os.geteuid(), "gid": os.getegid()}
        return text if found == plain else {**found, "text": text}

    def file_mode(self, path: str) -> int | None:
        """The permission bits of a file; None where it is missing."""
        try:
            return os.stat(self.path(path)).st_mode & 0o7777
        except OSError:
            return None

    def is_read_only(self, path: str) -> bool:
        """True where the file system that something is on, or would be, takes no writes (statvfs(3))."""
        real = self.path(path)
        while real.strip("/") and not os.path.isdir(real):
            real = os.path.dirname(real)
        return bool(os.statvfs(real or "/").f_flag & os.ST_RDONLY)

    # writes ----------------------------------------------------------------------------------------------------

    def write_attribute(self, path: str, value: str, seconds: float = ATTRIBUTE_SECONDS) -> None:
        """Write one sysfs attribute, without creating it, within a time limit. A child process writes, so that a driver
        that hangs in the write does not hang us. When the time is over it is left alone: a signal would not end the
        write, and would have the probes in it fail that start kernel threads (Linux kernel/kthread.c,
        __kthread_create_on_node). Raises SlowError then, else HostError with the errno's text.
        """
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                if os.fork() == 0:  # a child of init's, so that nobody has to wait for its end
                    _write_and_report(self.path(path), value, writer)
            finally:
                os._exit(0)
        os.close(writer)
        os.waitpid(child, 0)
        try:
            ready, _rest, _rest = select.select([reader], [], [], seconds)
            answer = os.read(reader, 4) if ready else None
        finally:
            os.close(reader)
        if answer is None:
            raise SlowError(path, f"{value!r} written within {seconds:g} s",
                            "the write hangs in the kernel, still at work; it is left alone",
                            "See the kernel's log (dmesg) for the driver's reason, and run this again when it is done.")
        if len(answer) != 4:
            raise HostError(path, f"{value!r} written", "the process that was to write it ended without an answer",
                            "See the kernel's log (dmesg): was it killed for want of memory?")
        code = int.from_bytes(answer, "big")
        if code:
            raise failed(path, f"{value!r} written", OSError(code, os.strerror(code)))

    def write_file(self, path: str, data: bytes, mode: int = 0o644) -> None:
        """Replace a file in one step (temporary file, fsync, rename), with its folders. Raises HostError."""
        self._replace(path, lambda new: _write_new(new, data, mode))

    def restore(self, path: str, what: Mapping[str, Any]) -> None:
        """Bring back what `read_exact` told as a mapping: a link, or a file with its owner. Raises HostError."""
        if "link" in what:
            self._replace(path, lambda new: os.symlink(what["link"], new))
            return
        data = base64.b64decode(what["base64"]) if "base64" in what else what["text"].encode("utf-8")

        def make(new: str) -> None:
            _write_new(new, data, 0o600)
            os.chown(new, what["uid"], what["gid"])
            os.chmod(new, int(what["mode"], 8))

        self._replace(path, make)

    def _replace(self, path: str, make: Callable[[str], None]) -> None:
        """Make a file beside it and rename that. Its name is always the same: what a kill leaves, the next run takes.
        """
        real = self.path(path)
        new = _new_name(real)
        try:
            os.makedirs(os.path.dirname(real), mode=0o755, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(new)
            try:
                make(new)
                os.replace(new, real)
            except BaseException:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(new)
                raise
            sync_folder(os.path.dirname(real))
        except OSError as error:
            raise failed(path, "the file written", error) from error

    def remove_file(self, path: str) -> None:
        """Remove a file; nothing to do where it is gone. Raises HostError."""
        try:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(_new_name(self.path(path)))
            os.unlink(self.path(path))
            sync_folder(os.path.dirname(self.path(path)))
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise failed(path, "the file removed", error) from error

    def remove_empty_folder(self, path: str) -> None:
        """Remove a folder of ours if nothing is left in it."""
        with contextlib.suppress(OSError):
            os.rmdir(self.path(path))

    def socket_owner(self, path: str, seconds: float = 1.0) -> int | None:
        """The process that listens at a unix socket; 0 for one that is not to be seen; None where nobody does."""
        if not self.exists(path):
            return None
        from .unix_sockets import owner  # few runs need it, and it takes long to load

        return owner(self.path(path), seconds)

    @contextlib.contextmanager
    def lock(self, path: str, seconds: float = LOCK_SECONDS) -> Iterator[None]:
        """Hold the lock file, so that one program of ours changes the host at a time. Raises HostError, naming who
        holds it, when it is not free in time. A process that ends gives its lock back."""
        real = self.path(path)
        try:
            os.makedirs(os.path.dirname(real), mode=0o755, exist_ok=True)
            fd = os.open(real, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise failed(path, "a lock file that can be opened", error) from error
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
            check: bool = True, variables: Mapping[str, str] | None = None) -> Completed:
        """Run a command without a shell, in the C locale, within a time limit. variables: more environment variables.

        What it prints goes to memory files, not pipes: a process that it leaves behind keeps nobody waiting. When the
        time is over, it is stopped with all of its process group.

        Raises CommandError where it is missing, runs out of time, or (with `check`) ends with another status than 0.
        """
        shown = " ".join(argv)
        bare = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **(variables or {}), "LC_ALL": "C", "LANG": "C"}
        with _memory_file("in") as given, _memory_file("out") as out, _memory_file("err") as err:
            given.write((stdin or "").encode())
            given.seek(0)
            try:
                # run_command knows no time limit and no bound for the output. pylint: disable-next=ansible-bad-function
                process = subprocess.Popen(list(argv), stdin=given, stdout=out, stderr=err, env=bare,
                                           start_new_session=True)
            except FileNotFoundError as error:
                raise CommandError(shown, "the command to exist", f"no {argv[0]} on the host",
                                   "Install the package that holds it.") from error
            except OSError as error:
                raise CommandError(shown, "the command to start", f"{error.strerror} (errno {error.errno})") from error
            try:
                status = process.wait(seconds)
            except BaseException as error:
                _stop(process)
                if not isinstance(error, subprocess.TimeoutExpired):
                    raise
                raise CommandError(shown, f"an end within {seconds:g} s", "it still ran, and was stopped") from error
            result = Completed(tuple(argv), status, _printed(shown, out), _printed(shown, err))
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


def failed(path: str, expected: str, error: OSError) -> HostError:
    """What the kernel refused."""
    denied = error.errno in (errno.EACCES, errno.EPERM) and os.geteuid() != 0
    remedy = "Run this as root: set become: true for the play or the host (ansible_become)." if denied else ""
    return HostError(path, expected, f"{error.strerror} (errno {error.errno})", remedy)


def sync_folder(path: str) -> None:
    """Make renames and removals in a folder durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _new_name(real: str) -> str:
    folder, name = os.path.split(real)
    return f"{folder}/.{name}.baremetal-sriov-new"


def _write_new(path: str, data: bytes, mode: int) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(data)
        file.flush()
        os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())


def _memory_file(name: str) -> BinaryIO:
    return os.fdopen(os.memfd_create(f"baremetal-sriov-{name}", os.MFD_CLOEXEC), "w+b")


def _printed(shown: str, file: BinaryIO) -> str:
    file.seek(0)
    data = file.read(OUTPUT_LIMIT + 1)
    if len(data) > OUTPUT_LIMIT:
        raise CommandError(shown, f"at most {OUTPUT_LIMIT} bytes of output", "more")
    return data.decode("utf-8", "replace")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Kill the process group, and wait a moment: one that hangs in the kernel ends when that returns."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)


def _keep_only(keep: int) -> int:
    """In the child: no stream, lock or pipe of the parent stays open with it. Returns the new number of `keep`.

    A hanging write would keep them: whoever reads the parent's output would wait for its end.
    """
    kept = fcntl.fcntl(keep, fcntl.F_DUPFD, 3)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    for name in os.listdir("/proc/self/fd"):
        if int(name) not in (0, 1, 2, kept):
            with contextlib.suppress(OSError):
                os.close(int(name))
    return kept


def _write_and_report(path: str, value: str, writer: int) -> None:
    """In the child: write the attribute, send the errno (0 for success) through the pipe."""
    code = 0
    try:
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # what ends the program does not end the write
        writer = _keep_only(writer)
        data = value.encode("ascii")
        fd = os.open(path, os.O_WRONLY)  # no O_CREAT: sysfs answers a missing attribute with EACCES then
        try:
            code = 0 if os.write(fd, data) == len(data) else errno.EIO
        finally:
            os.close(fd)
    except OSError as error:
        code = error.errno or errno.EIO
    except BaseException:
        code = errno.EINVAL
    with contextlib.suppress(BrokenPipeError):  # nobody waits any more
        os.write(writer, code.to_bytes(4, "big"))
