# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of Kubernetes' objects on the controller: every mistake names the file, and the line where there is one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from ..module_utils.model.errors import InvalidSpecError, Mistake
from ..module_utils.policy.validation import show

SIZE_LIMIT = 8 << 20  # bytes of one file
SUFFIXES = (".yml", ".yaml", ".json")
_OBJECT = "expected an object with kind and metadata"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def files(path: str, mistakes: list[Mistake]) -> list[str]:
    """The file itself, or the files directly in the folder, sorted."""
    if os.path.isfile(path):
        return [path]
    if os.path.isdir(path):
        try:
            names = sorted(name for name in os.listdir(path) if name.endswith(SUFFIXES))
        except OSError as error:
            mistakes.append(Mistake(path, f"expected a readable folder, found: {error.strerror}"))
            return []
        if not names:
            problem = (
                f"expected files that end in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}, found none. "
                "Folders in it are not entered: name them as well"
            )
            mistakes.append(Mistake(path, problem))
        return [os.path.join(path, name) for name in names]
    if os.path.exists(path):
        found = "something else"
    elif os.path.lexists(path):
        found = "a link that leads nowhere"
    else:
        found = "nothing there"
        if not os.path.isabs(path):
            found += (
                f". A relative path is looked for next to the playbook and in {os.getcwd()}; "
                f"write an absolute one, such as {{{{ inventory_dir }}}}/{path}"
            )
    mistakes.append(Mistake(path, f"expected a file or a folder of manifests, found {found}"))
    return []


def objects(path: str, mistakes: list[Mistake]) -> Iterator[Mapping[str, Any]]:
    """The objects of a file, those of lists as `kubectl get -o yaml` prints them one by one."""
    try:
        data = _read(path)
        documents = _documents(path, data)
    except InvalidSpecError as error:
        mistakes += error.mistakes
        return
    if all(document is None for document in documents):
        found = "comments alone" if data.strip() else "an empty file"
        mistakes.append(Mistake(path, f"expected at least one object with kind and metadata, found {found}. Remove it"))
    for number, document in enumerate(documents):
        if isinstance(document, Mapping):
            yield from _items(path, document, mistakes)
        elif document is not None:
            found = f"a list of {len(document)}" if isinstance(document, list) else show(document)
            problem = f"{_OBJECT}, found {found}. Begin each object with a line of ---, or write kind: List with items"
            mistakes.append(Mistake(f"{path}: document {number + 1}", problem))


def _items(path: str, document: Mapping[str, Any], mistakes: list[Mistake]) -> Iterator[Mapping[str, Any]]:
    kind = str(document.get("kind", ""))
    if not kind.endswith("List") or "items" not in document:
        yield document
        return
    items = document["items"] if document["items"] is not None else []
    where = f"{path}: {kind} items"
    if not isinstance(items, list):
        mistakes.append(Mistake(where, f"expected a list of objects, found {show(items)}"))
        return
    for number, item in enumerate(items):
        if isinstance(item, Mapping):
            yield item
        else:
            mistakes.append(Mistake(f"{where}[{number}]", f"{_OBJECT}, found {show(item)}"))


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            data = file.read(SIZE_LIMIT + 1)
    except OSError as error:
        raise _mistake(path, f"expected a readable file, found: {error.strerror}") from error
    if len(data) > SIZE_LIMIT:
        raise _mistake(path, f"expected at most {SIZE_LIMIT} bytes, found more")
    return data


def _mistake(where: str, problem: str) -> InvalidSpecError:
    return InvalidSpecError([Mistake(where, problem)])


def _documents(path: str, data: bytes) -> list[Any]:
    """The documents of a file. Raises InvalidSpecError."""
    if not data.startswith(_UTF16):
        try:
            data.decode()
        except UnicodeDecodeError as error:
            where = f"{path}:{_line(data, error.start)}"
            byte = f"the byte 0x{data[error.start]:02x}"
            raise _mistake(where, f"expected YAML as UTF-8 text, found {byte}. Is it a binary file?") from error
    try:
        return list(yaml.safe_load_all(data))
    except yaml.reader.ReaderError as error:
        where = f"{path}:{str(data[: error.position], 'utf-8', 'replace').count(chr(10)) + 1}"
        character = repr(chr(error.character)) if isinstance(error.character, int) else repr(error.character)
        raise _mistake(where, f"expected YAML as UTF-8 text, found the character {character}") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{path}:{mark.line + 1}" if mark else path
        words = ", ".join(part for part in (error.problem, error.context) if part)
        raise _mistake(where, f"expected YAML, found: {words}") from error
    except RecursionError as error:
        raise _mistake(path, "expected a manifest, found more levels of lists and mappings than one has") from error
    except (ValueError, yaml.YAMLError) as error:
        raise _mistake(path, f"expected YAML, found: {' '.join(str(error).split())}") from error


def _line(data: bytes, position: int) -> int:
    return data.count(b"\n", 0, position) + 1
