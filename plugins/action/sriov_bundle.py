# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's side of sriov_bundle: the manifest goes first, then only the files that differ.

One remote call where nothing differs; else a compressed archive of the missing contents is sent as a file,
and the module called again.
"""

from __future__ import annotations

import fnmatch
import hashlib
import io
import json
import os
import tarfile
import tempfile
from pathlib import Path
from typing import IO, Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase

from ansible_collections.baremetal.sriov.plugins.plugin_utils.archives import ArchiveError, read_members
from ansible_collections.baremetal.sriov.plugins.plugin_utils.release import release
from ansible_collections.baremetal.sriov.plugins.plugin_utils.rolling import lost_nodes

Sources = dict[str, "str | bytes"]  # sha256 -> the controller's file, or the content itself
MODULE = "baremetal.sriov.sriov_bundle"
EXCLUDED = ("__pycache__", "*.pyc")
_OURS = "@COLLECTION@/"
_COLLECTION = Path(__file__).resolve().parents[2]
VERSION_DIGITS = 12
TEXT_LIMIT = 256 << 10  # bytes; a text goes into the module's arguments
FILES_LIMIT = 20000
_DIGESTS: dict[str, tuple[tuple[int, ...], str]] = {}  # path -> stamp and checksum

_FILE_SPEC: dict[str, dict[str, Any]] = {
    "src": {"type": "str"},
    "member": {"type": "str"},
    "content": {"type": "str"},
    "dest": {"type": "str", "required": True},
    "mode": {"type": "str"},
    "exclude": {"type": "list", "elements": "str", "default": []},
    "template": {"type": "bool", "default": False},
    "compile": {"type": "bool", "default": False},
    "version": {"type": "str"},
    "if_missing": {"type": "bool", "default": False},
}
_SPEC = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "files": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": _FILE_SPEC,
        "mutually_exclusive": [["src", "content"], ["member", "content"]],
        "required_one_of": [["src", "content"]],
    },
    "units": {"type": "list", "elements": "dict", "default": []},
    "variables": {"type": "dict", "default": {}},
    "python": {"type": "str", "default": "auto"},
    "adopt": {"type": "bool", "default": False},
    "gather_only": {"type": "bool", "default": False},
    "approved": {"type": "list", "elements": "dict"},
}


class ActionModule(ActionBase):
    """The action plugin."""

    _requires_connection = True
    TRANSFERS_FILES = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ship the bundle; the result is the module's."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        base: Any = self  # much of ActionBase has no types; it also removes the temporary folder at the end
        arguments = base.validate_argument_spec(argument_spec=_SPEC)[1]
        sources: Sources = {}
        files = arguments.pop("files")
        if arguments["state"] == "present" and not arguments["gather_only"]:
            arguments.update(self._shipment(files, arguments["variables"], sources))
        result.update(lost_nodes.asked(lambda: self._shipped(arguments, sources, task_vars), task_vars))
        return result

    def _shipped(self, arguments: dict[str, Any], sources: Sources, task_vars: Any) -> dict[str, Any]:
        """The module's answer, to a second call with the contents where it lacks some."""
        answer: dict[str, Any] = self._execute_module(
            module_name=MODULE, module_args=arguments, task_vars=task_vars
        )
        missing = answer.pop("missing", [])
        if missing and not answer.get("failed"):
            arguments["archive"] = self._send(missing, sources)
            answer = self._execute_module(module_name=MODULE, module_args=arguments, task_vars=task_vars)
        return answer

    def _shipment(self, files: list[dict[str, Any]], variables: dict[str, Any], sources: Sources) -> dict[str, Any]:
        """The module's arguments for files; `sources` as in _manifest."""
        entries = self._manifest(files, sources)
        return {"manifest": {"files": entries}, "variables": {"RELEASE": release(), **variables, **versions(entries)}}

    def _manifest(self, files: list[dict[str, Any]], sources: Sources) -> list[dict[str, Any]]:
        """The files by their place on the node; `sources` gets sha256 -> the controller's file, or the content."""
        roots = {file["src"]: self._find(file["src"]) for file in files if file["src"] is not None}
        archived = _archived(files, roots)
        entries: list[dict[str, Any]] = []
        for file in files:
            root, member = roots.get(file["src"], ""), file["member"]
            if file["content"] is not None:
                entries.append(_entry(file, file["dest"], 0o644, text=file["content"]))
            elif member is not None and root in archived:
                data = archived[root][member]
                entries.append(_data_entry(file, f"{root}: {member}", (file["dest"], 0o644), data, (sources, data)))
            else:
                top = root if member is None else os.path.join(root, member)
                found = walk(top, [*EXCLUDED, *file["exclude"]])
                entries += [_read_entry(file, path, relative, sources) for relative, path in found]
        if len(entries) > FILES_LIMIT:
            raise AnsibleActionFail(
                f"sriov_bundle: {len(entries)} files; at most {FILES_LIMIT} are taken. "
                "Is a src too high a folder?"
            )
        return entries

    def _find(self, src: str) -> str:
        """Where a source is: below the collection where it begins with @COLLECTION@, else as copy looks for it."""
        if src.startswith(_OURS):
            return _below_the_collection(src)
        base: Any = self
        try:
            found: str = base._find_needle("files", src)
        except AnsibleError as error:
            raise AnsibleActionFail(
                f"sriov_bundle: src {src}: expected a file, folder or archive on the controller, found none. "
                "Correct the path, or write an absolute one"
            ) from error
        return found

    def _send(self, missing: list[str], sources: Sources) -> str:
        """Send the archive of the contents with these checksums; its path on the node."""
        base: Any = self
        shell = base._connection._shell
        if shell.tmpdir is None:
            base._make_tmp_path()
        fd, path = tempfile.mkstemp(prefix="baremetal-sriov-", suffix=".tar.gz")
        try:
            with os.fdopen(fd, "wb") as file:
                pack(file, {sha256: sources[sha256] for sha256 in missing})
            remote: str = shell.join_path(shell.tmpdir, "bundle.tar.gz")
            base._transfer_file(path, remote)
            base._fixup_perms2((shell.tmpdir, remote))
            return remote
        finally:
            os.unlink(path)


def _below_the_collection(src: str) -> str:
    """The path of a file or folder of the collection itself. Raises AnsibleActionFail."""
    path = _COLLECTION / src[len(_OURS) :]
    if ".." in path.parts or not path.exists():
        raise AnsibleActionFail(
            f"sriov_bundle: src {src}: expected a file or folder of the collection in {_COLLECTION}, found none. "
            "The installed collection is not whole: install it again."
        )
    return str(path)


def walk(root: str, exclude: list[str]) -> list[tuple[str, str]]:
    """(path relative to root, real path) of each file below root, sorted; ("", root) where root is a file.

    Links are followed to files: what a link leads to is shipped as a file. Links to folders are not entered.
    """
    if not os.path.isdir(root):
        return [("", root)]
    found: list[tuple[str, str]] = []
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not _matches(name, exclude))
        for name in names:
            path = os.path.join(folder, name)
            relative = os.path.relpath(path, root)
            if not _matches(name, exclude) and not _matches(relative, exclude):
                found.append((relative, path))
    return sorted(found)


def _matches(name: str, patterns: list[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _archived(files: list[dict[str, Any]], roots: dict[str, str]) -> dict[str, dict[str, bytes]]:
    """Archive -> member -> content, of the members that are asked for; each archive is read once."""
    wanted: dict[str, list[str]] = {}
    for file in files:
        if file["member"] is not None and not os.path.isdir(roots[file["src"]]):
            wanted.setdefault(roots[file["src"]], []).append(file["member"])
    try:
        return {path: read_members(path, names) for path, names in wanted.items()}
    except (ArchiveError, OSError) as error:
        raise AnsibleActionFail(f"sriov_bundle: {error}") from error


def _read_entry(file: dict[str, Any], path: str, relative: str, sources: Sources) -> dict[str, Any]:
    dest = os.path.join(file["dest"], relative) if relative else file["dest"]
    try:
        with open(path, "rb") as opened:
            status = os.fstat(opened.fileno())
            target = dest, 0o755 if status.st_mode & 0o100 else 0o644
            if not file["template"]:
                sha256 = _digest(path, status, opened)
                sources[sha256] = path
                return _entry(file, *target, sha256=sha256)
            data = opened.read()
    except OSError as error:
        raise AnsibleActionFail(
            f"sriov_bundle: {path}: expected a readable file; found {error.strerror}"
        ) from error
    return _data_entry(file, path, target, data, (sources, path))


def _digest(path: str, status: os.stat_result, opened: IO[bytes]) -> str:
    """The file's checksum, which is kept in this process and in those that are forked from it."""
    stamp = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
    known = _DIGESTS.get(path)
    if known is None or known[0] != stamp:
        known = _DIGESTS[path] = (stamp, hashlib.sha256(opened.read()).hexdigest())
    return known[1]


def remember(top: str) -> None:
    """Have the checksums of all files below a folder known."""
    for _relative, path in walk(top, list(EXCLUDED)):
        with open(path, "rb") as opened:
            _digest(path, os.fstat(opened.fileno()), opened)


def _data_entry(
    file: dict[str, Any], where: str, target: tuple[str, int], data: bytes, kept: tuple[Sources, str | bytes]
) -> dict[str, Any]:
    """An entry for path and mode in `target`; `kept` is where, and as what, the content is kept."""
    if not file["template"]:
        sha256 = hashlib.sha256(data).hexdigest()
        kept[0][sha256] = kept[1]
        return _entry(file, *target, sha256=sha256)
    try:
        return _entry(file, *target, text=data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise AnsibleActionFail(
            f"sriov_bundle: {where}: expected UTF-8 text in a template; {error}"
        ) from error


def _entry(
    file: dict[str, Any], dest: str, mode: int, text: str | None = None, sha256: str = ""
) -> dict[str, Any]:
    if file["mode"] is not None:
        try:
            mode = int(file["mode"], 8)
        except ValueError as error:
            raise AnsibleActionFail(
                f'sriov_bundle: {dest}: mode {file["mode"]!r}: write octal digits, such as "0644"'
            ) from error
    entry: dict[str, Any] = {"path": dest, "mode": mode}
    for option in ("compile", "version", "if_missing"):
        if file.get(option):
            entry[option] = file[option]
    if text is None:
        return {**entry, "sha256": sha256}
    if len(text.encode()) > TEXT_LIMIT:
        raise AnsibleActionFail(
            f"sriov_bundle: {dest}: a text of at most {TEXT_LIMIT} bytes is taken as content or "
            "template; ship a larger file with src"
        )
    return {**entry, "text": text}


def versions(entries: list[dict[str, Any]]) -> dict[str, str]:
    """The value of each variable that files have as their version: it is another one where any of them differs."""
    digests: dict[str, Any] = {}
    for entry in sorted((entry for entry in entries if "version" in entry), key=lambda entry: str(entry["path"])):
        told = [entry["path"], entry["mode"], entry.get("sha256"), entry.get("text")]
        digests.setdefault(entry["version"], hashlib.sha256()).update(json.dumps(told).encode())
    return {name: digest.hexdigest()[:VERSION_DIGITS] for name, digest in digests.items()}


def pack(file: Any, sources: Sources) -> None:
    """A compressed archive whose members are named by their sha256; the module checks each of them."""
    with tarfile.open(fileobj=file, mode="w:gz", compresslevel=6) as archive:
        for sha256, source in sorted(sources.items()):
            data = source if isinstance(source, bytes) else Path(source).read_bytes()
            member = tarfile.TarInfo(sha256)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
