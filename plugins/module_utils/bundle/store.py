# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a bundle is made of: its request, its record on the node, and the files below the host's root.

A bundle is a named set of files that one task ships to a node, with the units that run from them. The record,
/var/lib/baremetal-sriov/bundles/NAME.json, says what we shipped: it is written before the first file is, so
that whatever we leave behind when we are stopped is known to be ours.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..host.host import Host, sync_folder
from ..model.errors import HostError, InvalidSpecError, Mistake, StateFileError, mistakes_of, raise_if
from ..shared.places import LIBRARIES
from .locations import moved

FORMAT = 1
RECORDS = "/var/lib/baremetal-sriov/bundles"
OUR_FOLDERS = (*LIBRARIES, RECORDS, "/var/lib/baremetal-sriov")
STAGED = ".baremetal-sriov-bundle-"
FILES_LIMIT = 20000
FILE_LIMIT = 256 << 20  # bytes
_NAME = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


@dataclass(frozen=True)
class Item:
    """One file to ship. text: its content, where it came with the request; else `sha256` stands for it.

    version: the folder of this version of the files that it belongs to, "" where it has no versions.
    """

    path: str
    sha256: str
    mode: int = 0o644
    compile: bool = False
    text: str | None = None
    if_missing: bool = False  # one of somebody else is left as it is
    version: str = ""


@dataclass(frozen=True)
class Unit:
    """A systemd unit. enabled, started: None leaves it; restart_on: path prefixes, None for all files."""

    name: str
    enabled: bool | None = None
    started: bool | None = None
    restart_on: tuple[str, ...] | None = None


@dataclass(frozen=True)
class BundleRequest:
    """What a bundle shall be; `adopt` lets it replace files of others (they are put back on removal)."""

    name: str
    items: tuple[Item, ...] = ()
    units: tuple[Unit, ...] = ()
    adopt: bool = False

    @property
    def versions(self) -> list[str]:
        """The folders of versions that are asked for."""
        return sorted({item.version for item in self.items if item.version})

    def versions_before(self, known: list[str]) -> list[str]:
        """Those of `known`, the record's, that stay beside ours, since programs that run still read them: the first one
        for another version, all where the version stays or nobody knows which one programs were led to.
        """
        found: list[str] = []
        for folder in self.versions:
            beside = [other for other in known if os.path.dirname(other) == os.path.dirname(folder)]
            others = [other for other in beside if other != folder]
            found += others if beside[:1] == [folder] or "" in known else others[:1]
        return found


@dataclass
class Shipped:
    """A file in the record.

    sha256: of what we ship; was: of what stood there when we began to write; stamp: of the file once
    written (size, mtime, ctime, inode): while it is the same, the content is; kept: it was there before us
    with this very content;
    original: mode of the file that we adopted, its content is kept beside the record.
    """

    sha256: str
    mode: int
    was: str | None = None
    stamp: list[int] | None = None
    kept: bool = False
    original: int | None = None


@dataclass
class BundleRecord:
    """What we shipped. pending: units that are still to be restarted, and "" for a reload of systemd.

    versions: the folders of versions that were asked for, then those before them; with "" while they are changed.
    compiled: path of a source to its sha256, and sha256 and stamp of its compiled form; records of 0.1.0 also have
    other files there.
    """

    name: str
    files: dict[str, Shipped] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)
    compiled_by: str = ""
    compiled: dict[str, list[Any]] = field(default_factory=dict)
    units: list[str] = field(default_factory=list)
    pending: list[str] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)

    def text(self) -> str:
        """As the JSON of the record's file."""
        files = {
            path: {name: value for name, value in vars(shipped).items() if value is not None and value is not False}
            for path, shipped in sorted(self.files.items())
        }
        data = {"format": FORMAT, **vars(self), "files": files}
        if not self.versions:
            del data["versions"]  # 0.1.0 reads the record then
        return json.dumps(data, indent=1, sort_keys=True) + "\n"


def request_from(
    name: str,
    manifest: dict[str, Any],
    units: Iterable[dict[str, Any]],
    variables: dict[str, str],
    adopt: bool,
    places: Mapping[str, str] | None = None,
) -> BundleRequest:
    """A request from the module's arguments; `@NAME@` in texts is replaced, and so are folders that have another place
    on this host (see `locations`). Raises InvalidSpecError.
    """

    def here(text: str) -> str:
        return moved(substitute(text, variables), places or {})

    wrong = not name or len(name) > 64 or set(name) - _NAME
    mistakes = mistakes_of((wrong, "name", f"{name!r}: write lower-case letters, digits and dashes"))
    entries = manifest.get("files", [])
    if len(entries) > FILES_LIMIT:
        raise InvalidSpecError([Mistake("files", f"{len(entries)} files; at most {FILES_LIMIT} are taken")])
    items: dict[str, Item] = {}
    for entry in entries:
        path, text, sha256 = here(str(entry["path"])), entry.get("text"), str(entry.get("sha256", ""))
        version = _version_folder(str(entry["path"]), str(entry.get("version") or ""))
        where = f"files: {path}"
        plain = path.startswith("/") and os.path.normpath(path) == path and path.isprintable()
        homeless = entry.get("version") and not version
        mistakes += mistakes_of(
            (not plain, where, "write an absolute path without . and .."),
            (path in items, where, "two sources lead to this path"),
            (homeless, where, f"write a dest below a folder @{entry.get('version')}@"),
        )
        if text is not None:
            text = here(str(text))
            sha256 = hashlib.sha256(text.encode()).hexdigest()
        items[path] = Item(
            path,
            sha256,
            int(entry.get("mode", 0o644)),
            bool(entry.get("compile")),
            text,
            bool(entry.get("if_missing")),
            here(version),
        )
    made = tuple(
        Unit(
            unit["name"],
            unit.get("enabled"),
            unit.get("started"),
            None if unit.get("restart_on") is None else tuple(map(here, unit["restart_on"])),
        )
        for unit in units
    )
    mistakes.extend(
        Mistake("units", f"{unit.name!r} is no unit's full name, such as x.service")
        for unit in made
        if unit.name.startswith("-") or "." not in unit.name or set(unit.name) & set(" /\n")
    )
    raise_if(mistakes)
    return BundleRequest(name, tuple(items.values()), made, adopt)


def _version_folder(path: str, name: str) -> str:
    """The folder @NAME@ above the path, "" where there is none."""
    above, found, _below = path.partition(f"/@{name}@/")
    return f"{above}/@{name}@" if found else ""


def substitute(text: str, variables: dict[str, str]) -> str:
    """The text with each `@NAME@` replaced by its variable."""
    for name, value in variables.items():
        text = text.replace(f"@{name}@", value)
    return text


def record_path(name: str) -> str:
    """Where a bundle's record is."""
    return f"{RECORDS}/{name}.json"


def originals_folder(name: str) -> str:
    """Where the contents of the files are kept that the bundle adopted."""
    return f"{RECORDS}/{name}.originals"


def original_path(name: str, path: str) -> str:
    """Where the content of this file is kept."""
    return f"{originals_folder(name)}/{hashlib.sha256(path.encode()).hexdigest()}"


def read_record(host: Host, name: str) -> BundleRecord:
    """The record; an empty one where there is none. Raises StateFileError for one that we can't read."""
    path = record_path(name)
    text = host.read_text(path, 64 << 20)
    if text is None:
        return BundleRecord(name)
    try:
        data = json.loads(text)
        if data.pop("format") != FORMAT:
            raise ValueError(f"another format than {FORMAT}")
        files = {path: Shipped(**entry) for path, entry in data.pop("files").items()}
        return BundleRecord(files=files, **data)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise StateFileError(
            f"{path}: expected the record of bundle {name}, format {FORMAT}; found {error!r}. "
            "It says which files are ours: restore it from a backup, or move it away and set "
            "adopt, which takes over the files that are there."
        ) from error


# files
# ----------------------------------------------------------------------------------------------------------


def look(host: Host, path: str) -> os.stat_result | None:
    """The file itself (no link followed), None where nothing is there. Raises HostError."""
    try:
        return os.lstat(host.path(path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise HostError(path, "a path that can be looked at", f"{error.strerror} (errno {error.errno})") from error


def stamp_of(status: os.stat_result) -> list[int]:
    """Changes whenever the file's content may have: the kernel sets ctime, and nobody can set it back."""
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def digest(host: Host, path: str, status: os.stat_result, stamp: list[int] | None, sha256: str) -> str:
    """The file's sha256: the known one while the stamp is the same, else by reading it. Raises HostError."""
    if stamp == stamp_of(status):
        return sha256
    data = host.read_bytes(path, FILE_LIMIT)
    return "" if data is None else hashlib.sha256(data).hexdigest()


def is_plain(status: os.stat_result) -> bool:
    """True for a regular file."""
    return stat.S_ISREG(status.st_mode)


def missing_folders(host: Host, paths: Iterable[str]) -> list[str]:
    """The folders above the paths that are not there yet, the upper ones first."""
    found: set[str] = set()
    for path in paths:
        folder = os.path.dirname(path)
        while folder not in found and folder != "/" and look(host, folder) is None:
            found.add(folder)
            folder = os.path.dirname(folder)
    return sorted(found)


def make_folders(host: Host, folders: Iterable[str]) -> None:
    """Make the folders, readable for all whatever the umask. Raises HostError."""
    for folder in folders:
        try:
            os.mkdir(host.path(folder))
            os.chmod(host.path(folder), 0o755)
        except FileExistsError:
            continue
        except OSError as error:
            raise HostError(folder, "the folder made", f"{error.strerror} (errno {error.errno})") from error


def staged_path(path: str) -> str:
    """Where a file is written before it is renamed into its place."""
    folder, name = os.path.split(path)
    return f"{folder}/{STAGED}{hashlib.sha256(name.encode()).hexdigest()[:16]}"


def install(host: Host, files: list[tuple[str, bytes, int]]) -> dict[str, list[int]]:
    """Write (path, content, mode) beside their places, make all durable, then rename them in one go.

    What it leaves when it is stopped has a name that sweep() knows.

    Returns each path's stamp. Raises HostError.
    """
    stamps: dict[str, list[int]] = {}
    path = ""
    paths = [file[0] for file in files]
    make_folders(host, missing_folders(host, paths))
    try:
        for path, data, mode in files:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(host.path(staged_path(path)))
            fd = os.open(host.path(staged_path(path)), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(fd, "wb") as file:
                file.write(data)
                os.fchmod(file.fileno(), mode)
        for path in paths:
            fd = os.open(host.path(staged_path(path)), os.O_RDONLY)
            os.fsync(fd)
            os.close(fd)
        for path in paths:
            os.rename(host.path(staged_path(path)), host.path(path))
            stamps[path] = stamp_of(os.lstat(host.path(path)))
        for path in sorted({os.path.dirname(path) for path in paths}):
            sync_folder(host.path(path))
    except OSError as error:
        for other in paths:
            with contextlib.suppress(OSError):
                os.unlink(host.path(staged_path(other)))
        raise HostError(path, "the file installed", f"{error.strerror} (errno {error.errno})") from error
    return stamps


def sweep(host: Host, name: str, paths: Iterable[str]) -> None:
    """Remove what an install of this bundle that was stopped left beside these paths and its record."""
    folders = {os.path.dirname(path) for path in paths}
    folders |= {f"{folder}/__pycache__" for folder in folders}  # where 0.1.0 wrote too
    for folder in sorted({RECORDS, originals_folder(name), *folders}):
        for entry in host.list_dir(folder):
            if entry.startswith(STAGED):
                host.remove_file(f"{folder}/{entry}")


def compiled_names(host: Host, path: str) -> list[str]:
    """The paths of all compiled forms of a source, of whatever Python, also of those that were never finished."""
    folder, name = os.path.split(path)
    if not name.endswith(".py"):
        return []
    return [
        f"{folder}/__pycache__/{entry}"
        for entry in host.list_dir(f"{folder}/__pycache__")
        if entry.startswith(f"{name[:-3]}.") and ".pyc" in entry
    ]


def remove_folders(host: Host, folders: Iterable[str]) -> None:
    """Remove those that are empty, the lower ones first; the others are somebody's."""
    for folder in sorted(set(folders), reverse=True):
        with contextlib.suppress(OSError):
            os.rmdir(host.path(folder))
