# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to be undone, on disk before the first change; and the locks that keep two calls off one VF or PF.

One file for each container and interface, named `ADDRESS@CONTAINER@IFNAME`, so that the owner of a VF and the
VF of an owner are both found by listing the folder. An ADD that is still under way, or died, has `adding-` in
front. The file is written aside, synced and renamed; the folder is not synced, and the last rename neither: a
power loss takes the namespaces and the VFs with it, and a journal of an earlier boot is dropped unread.
"""

from __future__ import annotations

import errno
import fcntl
import os
from _collections_abc import Callable

from shared.pci import is_address

from ..host.host import NodeHost, backoff, read_file
from ..spec.config import is_ifname
from ..spec.errors import IO, JOURNAL, TRY_AGAIN, CniError
from ..spec.json_text import Json, dumps, loads
from .settings import SETTINGS, blank

FORMAT = 1
_ADDING = "adding-"
_READ_LIMIT = 65536  # bytes
_LINK_LIMIT = 64
_SET_ASIDE = 64  # files that could not be used are kept
_TRUNK = "vlan_trunk"  # a setting that stands in a list of its own, which is empty where it was not asked for
# Of how the VF was, what journals of every version have.
_FIRST = ("mac", "vlan", "qos", "proto", "spoofchk", "trust", "link_state", "min_rate", "max_rate")
# Fields of an attachment, and their types.
_TYPES: dict[str, type] = {
    "container": str, "ifname": str, "network": str,  # the owner
    "address": str, "pf": str, "driver": str, "kernel": bool,  # the VF; kernel: it has an interface
    "netns": str, "netns_id": str, "boot": str,  # where it went
    "host_name": str, "altnames": list, "mac": str, "mtu": int, "flags": int,  # its interface before
    "asked": list,  # what was set on the PF: names of settings
}  # fmt: skip


Link = dict[str, "str | list[int]"]  # of an interface; as_new.py says what


class Attachment:
    """One attachment: whose, which VF, where, and how the VF was before."""

    def __init__(self, **fields: object) -> None:
        self.container = self.ifname = self.network = ""
        self.address = self.pf = self.driver = ""
        self.kernel = False
        self.netns = self.netns_id = self.boot = ""
        self.host_name = self.mac = ""
        self.altnames: list[str] = []
        self.asked: list[str] = []
        self.mtu = self.flags = 0
        self.original = blank()  # what the PF kept for the VF before
        self.link: Link = {}  # how else its interface was; empty in journals of before that was kept
        self.complete = False
        vars(self).update(fields)

    @property
    def owner(self) -> str:
        """For messages."""
        return f"container {self.container} interface {self.ifname}"

    def to_dict(self) -> Json:
        fields = {name: getattr(self, name) for name in _TYPES}
        fields["asked"] = [name for name in self.asked if name != _TRUNK]
        trunk = [self.original[_TRUNK]] if _TRUNK in self.asked else []
        original = {name: self.original[name] for name in (*_FIRST, *self.original) if name != _TRUNK}
        return {"format": FORMAT, **fields, "trunk": trunk, "original": original, "link": self.link}

    @classmethod
    def from_dict(cls, raw: object) -> Attachment:
        """Raises ValueError for what to_dict would not have written."""
        if not isinstance(raw, dict):
            raise ValueError("it is no JSON object")
        if raw.get("format") != FORMAT:
            raise ValueError(f"expected format {FORMAT}, found {raw.get('format')}")
        for name, kind in _TYPES.items():
            if not isinstance(raw.get(name), kind) or isinstance(raw[name], bool) is not (kind is bool):
                raise ValueError(f"'{name}' is missing or of another type")
        attachment = cls(**{name: raw[name] for name in _TYPES})
        attachment.link = _link(raw.get("link", {}))  # journals of the first versions have neither this nor a trunk
        trunk, original = raw.get("trunk", []), raw.get("original")
        if not isinstance(trunk, list):
            raise ValueError("'trunk' is missing or of another type")
        attachment._judge()
        if not all(isinstance(text, str) for text in trunk):
            raise ValueError("'trunk' holds something that is no text")
        if not all(name in SETTINGS for name in attachment.asked):
            raise ValueError("'asked' holds a setting that this version does not know")
        original = original if isinstance(original, dict) else {}
        if trunk:
            attachment.asked.append(_TRUNK)
            original[_TRUNK] = trunk[0]
        for name in attachment.asked:
            attachment.original = {**dict.fromkeys(SETTINGS[name].fields, ""), **attachment.original}
        for name, unknown in attachment.original.items():
            value = original.get(name, None if name in _FIRST else unknown)
            if not isinstance(value, type(unknown)):
                raise ValueError(f"'original.{name}' is missing or of another type")
            attachment.original[name] = value
        mac = attachment.original["mac"]
        if not _is_mac(mac) or not all(-1 <= n < 1 << 32 for n in attachment.original.values() if isinstance(n, int)):
            raise ValueError("'original' holds something that no driver reports")
        return attachment

    def _judge(self) -> None:
        """Raises ValueError for a value that begin() was never given: root's hands do what stands here."""
        netns_id = self.netns_id.split(":") if self.netns_id else []
        for name, is_good in (
            ("address", is_address(self.address)),
            ("pf", not self.pf or is_address(self.pf)),
            ("driver", "/" not in self.driver and self.driver not in (".", "..")),
            ("netns_id", not netns_id or (len(netns_id) == 2 and all(part.isdecimal() for part in netns_id))),
            ("host_name", not self.kernel or is_ifname(self.host_name)),
            ("ifname", is_ifname(self.ifname)),
            ("altnames", all(map(_is_altname, self.altnames))),
            ("mac", _is_mac(self.mac)),
            ("mtu", 0 <= self.mtu < 1 << 31),
            ("flags", 0 <= self.flags < 1 << 32),
        ):
            if not is_good:
                raise ValueError(f"'{name}' holds something that is none")


def _is_altname(name: object) -> bool:
    """What may have come of a list in the file: 127 bytes at most (linux/if.h, ALTIFNAMSIZ)."""
    return isinstance(name, str) and 0 < len(name.encode()) < 128


def _is_mac(text: str) -> bool:
    """As netlink.addresses.mac_text() writes it, of any length."""
    return all(len(part) == 2 and not set(part) - set("0123456789abcdef") for part in text.split(":") if text)


def _link(raw: object) -> Link:
    """Raises ValueError for what as_new.record() does not give."""
    if not isinstance(raw, dict) or len(raw) > _LINK_LIMIT:
        raise ValueError("'link' is of another type, or too long")
    for name, value in raw.items():
        numbers = value if isinstance(value, list) else []
        if isinstance(value, str):
            bytes.fromhex(value)
        elif not isinstance(value, list) or len(numbers) > _LINK_LIMIT:
            raise ValueError(f"'link.{name}' is of another type, or too long")
        if not all(isinstance(one, int) and not isinstance(one, bool) and 0 <= one < 1 << 32 for one in numbers):
            raise ValueError(f"'link.{name}' holds something that is no number")
    return raw


class Damaged:
    """A file of the journal that cannot be used: what its name tells, and why."""

    def __init__(self, address: str, container: str, ifname: str, adding: bool, error: CniError) -> None:
        self.address, self.container, self.ifname = address, container, ifname
        self.complete = not adding
        self.error = error


class Lock:
    """An exclusive flock(2), let go at the end of the block, or of the process."""

    def __init__(self, path: str, subject: str, seconds: float) -> None:
        self._path = path
        self._subject = subject
        self._seconds = seconds
        self._fd = -1

    def __enter__(self) -> None:
        try:
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise CniError(IO, f"cannot open the lock file {self._path}: {error.strerror}") from None
        for _round in backoff(self._seconds):
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                continue
        os.close(self._fd)
        raise CniError(
            TRY_AGAIN,
            f"{self._subject} is held by another call of this plugin for more than {self._seconds:.0f} s; "
            f"'fuser {self._path}' names its process",
        )

    def __exit__(self, *error: object) -> None:
        os.close(self._fd)


class Store:
    """The journal's folder and the locks beside it."""

    def __init__(self, host: NodeHost) -> None:
        self._host = host
        self._folder = f"{host.state}/journal"
        self._locks = f"{host.state}/locks"

    def prepare(self) -> None:
        """Make the folders, for root alone. Raises CniError (5)."""
        for path in (self._host.state, self._folder, self._locks):
            try:
                os.mkdir(path, 0o700)
            except FileExistsError:
                continue
            except FileNotFoundError:
                os.makedirs(path, 0o700, exist_ok=True)
            except OSError as error:
                raise CniError(IO, f"cannot make the state folder {path}: {error.strerror}") from None

    def lock(self, address: str, what: str) -> Lock:
        """The lock of a VF or PF, by PCI address."""
        return Lock(f"{self._locks}/{address}.lock", f"{what} {address}", self._host.lock_seconds)

    def of_owner(self, container: str, ifname: str) -> Attachment | None:
        """The owner's attachment. Raises CniError (103) for a file that cannot be used."""
        return self._find(lambda file: file[2:] == (container, ifname))

    def of_vf(self, address: str) -> Attachment | None:
        """The attachment of the VF's owner. Raises CniError (103) for a file that cannot be used."""
        return self._find(lambda file: file[1] == address)

    def owners(self) -> list[tuple[str, str]]:
        """Container and interface of every attachment, from the names of the files."""
        return sorted([(container, ifname) for _file, _address, container, ifname in self._files()])

    def vfs_of(self, container: str, ifname: str) -> list[str]:
        """The VFs of an owner, from the names of the files."""
        return [file[1] for file in self._files() if file[2:] == (container, ifname)]

    def attachments(self) -> list[Attachment]:
        """All attachments whose files can be used; damaged() has the others."""
        found = []
        for file in sorted(self._files(), key=lambda file: file[2:]):
            try:
                attachment = self._read(file)
            except CniError:
                continue
            found += [attachment] if attachment is not None else []
        return found

    def damaged(self) -> list[Damaged]:
        """The files that cannot be used."""
        found = []
        for file in self._files():
            try:
                self._read(file)
            except CniError as error:
                found.append(Damaged(*file[1:], file[0].startswith(_ADDING), error))
        return found

    def damaged_of(self, container: str, ifname: str) -> Damaged | None:
        """The owner's file, where that cannot be used."""
        return next((one for one in self.damaged() if (one.container, one.ifname) == (container, ifname)), None)

    def set_aside(self, address: str) -> list[str]:
        """Have the VF's files that cannot be used be no journal any more. Returns where they are now. To be called
        with the VF's lock. Raises CniError (5).
        """
        bad = {(one.address, one.container, one.ifname) for one in self.damaged() if one.address == address}
        return [self._put_away(file[0]) for file in self._files() if file[1:] in bad]

    def _put_away(self, name: str) -> str:
        folder = f"{self._host.state}/set-aside"
        try:
            os.makedirs(folder, 0o700, exist_ok=True)
            for old in sorted(os.listdir(folder), key=lambda name: os.stat(f"{folder}/{name}").st_mtime)[:-_SET_ASIDE]:
                os.unlink(f"{folder}/{old}")
            os.rename(f"{self._folder}/{name}", f"{folder}/{name}")
        except OSError as error:
            raise CniError(IO, f"cannot move {self._folder}/{name} to {folder}: {error.strerror}") from None
        self._host.log.warning(f"the journal file {name} cannot be used: it is in {folder} now")
        return f"{folder}/{name}"

    def _find(self, wanted: Callable[[tuple[str, ...]], bool]) -> Attachment | None:
        for file in self._files():
            attachment = self._read(file) if wanted(file) else None
            if attachment is not None:
                return attachment
        return None

    def _files(self) -> list[tuple[str, str, str, str]]:
        """Name, VF, container and interface of each."""
        try:
            names = os.listdir(self._folder)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise CniError(IO, f"cannot list the journal {self._folder}: {error.strerror}") from None
        parts = [(name, *name.removeprefix(_ADDING).split("@", 2)) for name in names]
        return [(file[0], file[1], file[2], file[3]) for file in parts if len(file) == 4]

    def _read(self, file: tuple[str, str, str, str]) -> Attachment | None:
        """None where the file went away meanwhile, since its owner's DEL was faster, or where it cannot be used and is
        of an earlier boot: there is nothing to undo. Raises CniError (103) for another one that cannot be used.
        """
        path = f"{self._folder}/{file[0]}"
        try:
            attachment = Attachment.from_dict(loads(read_file(path, _READ_LIMIT)))
            if (attachment.address, attachment.container, attachment.ifname) != file[1:]:
                raise ValueError("it is not about the VF, container and interface of its name")
            attachment.complete = not file[0].startswith(_ADDING)
            return attachment
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            if self._host.of_earlier_boot(path):
                self._put_away(file[0])
                return None
            raise CniError(
                JOURNAL,
                f"the journal file {path} cannot be used: {error}. It tells how the VF in its name was before "
                "a pod got it: look at the VF ('ip link show' on the host and its PF), then call "
                f"'sriov set-aside {file[1]}'",
            ) from None

    def _path(self, attachment: Attachment, complete: bool) -> str:
        prefix = "" if complete else _ADDING
        return f"{self._folder}/{prefix}{attachment.address}@{attachment.container}@{attachment.ifname}"

    def _aside(self, address: str) -> str:
        return f"{self._folder}/.new-{address}"

    def sweep(self, address: str) -> None:
        """Remove what an ADD of this VF wrote aside that died before it was a journal. Raises CniError (5, 11)."""
        aside = self._aside(address)
        if not os.access(aside, os.F_OK):
            return
        with self.lock(address, "VF"):  # who has it writes nothing aside
            try:
                os.unlink(aside)
            except FileNotFoundError:
                return
            except OSError as error:
                raise CniError(IO, f"cannot remove {aside}: {error.strerror}") from None

    def begin(self, attachment: Attachment) -> None:
        """Put the attachment on disk, as of an ADD under way. Raises CniError (5); then nothing may be
        changed.
        """
        path = self._path(attachment, False)
        aside = self._aside(attachment.address)
        try:
            fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                data = dumps(attachment.to_dict()).encode()
                if os.write(fd, data) != len(data):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(fd)
            finally:
                os.close(fd)
            os.rename(aside, path)
        except OSError as error:
            raise CniError(
                IO, f"cannot write the journal file {path}: {error.strerror}; nothing was changed"
            ) from None

    def commit(self, attachment: Attachment) -> None:
        """Mark the ADD as done. Raises CniError (5)."""
        self._mark(attachment, True)

    def reopen(self, attachment: Attachment) -> None:
        """Mark the attachment as of an ADD that died: what it says is still to be undone. Raises CniError (5)."""
        if attachment.complete:
            self._mark(attachment, False)

    def _mark(self, attachment: Attachment, complete: bool) -> None:
        try:
            os.rename(self._path(attachment, not complete), self._path(attachment, complete))
        except OSError as error:
            raise CniError(IO, f"cannot rename the journal file of {attachment.owner}: {error.strerror}") from None
        attachment.complete = complete

    def remove(self, attachment: Attachment) -> None:
        """Forget the attachment: all of it is undone. Raises CniError (5)."""
        for complete in (False, True):
            try:
                os.unlink(self._path(attachment, complete))
            except FileNotFoundError:
                continue
            except OSError as error:
                raise CniError(
                    IO, f"cannot remove the journal file of {attachment.owner}: {error.strerror}"
                ) from None
