# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The releases: which commit each was built from, and whether that commit still gives the same collection."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from contextlib import suppress
from pathlib import Path

import tomllib

from .collection import build_tree, git
from .console import ToolError, call
from .deps import ROOT

LIST = ROOT / "tests" / "support" / "releases.toml"
# The keys of a row: what each is, its form, and its form in words.
_FORMS = {
    "version": ("version", r"[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?", "a version like 1.2.3"),
    "commit": ("commit", "[0-9a-f]{40}", "the full hash of a commit, 40 lower-case hex digits"),
    "files_json_sha256": ("SHA-256 of FILES.json", "[0-9a-f]{64}", "a SHA-256 checksum, 64 lower-case hex digits"),
}


# One row of the list, or what a commit gives, by the keys of _FORMS.
Release = dict[str, str]


def read(path: Path = LIST) -> list[Release]:
    """The rows of the list. Raises ToolError, which names the mistake, for one that is no list of releases."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ToolError(f"{path}: expected a list of releases in TOML: {error}") from error
    rows = document.pop("release", [])
    if document or not isinstance(rows, list):
        raise ToolError(f"{path}: expected [[release]] tables alone, found {sorted(document) or 'release = ...'}")
    found: dict[str, Release] = {}
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict) or set(row) != set(_FORMS):
            raise ToolError(f"{path}: release {number}: expected the keys {', '.join(_FORMS)}, found {row}")
        for key, (_what, form, words) in _FORMS.items():
            if not isinstance(row[key], str) or not re.fullmatch(form, row[key]):
                raise ToolError(f"{path}: release {number}, {key}: expected {words}, found {row[key]!r}")
        if row["version"] in found:
            raise ToolError(f"{path}: release {number}: version {row['version']} is there twice; remove one")
        found[row["version"]] = row
    return list(found.values())


def add(name: str, path: Path = LIST, repository: Path = ROOT) -> Release:
    """Build a commit and append its row to the list. Raises ToolError, for a version that is there already as well."""
    built = build_at(name, repository)
    if any(release["version"] == built["version"] for release in read(path)):
        raise ToolError(
            f"{path}: {built['version']} is released; raise the version in galaxy.yml, commit, and add that"
        )
    with path.open("a", encoding="utf-8") as stream:
        stream.write("\n[[release]]\n" + "".join(f'{key} = "{value}"\n' for key, value in built.items()))
    return built


def commit_of(name: str, repository: Path = ROOT) -> str:
    """The full hash of a commit. Raises ToolError where the clone does not have it."""
    with suppress(ToolError):
        return git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}", folder=repository)
    if not (repository / ".git").exists():
        remedy = "there is no git repository here: use a clone of the project"
    elif git("rev-parse", "--is-shallow-repository", folder=repository) == "true":
        remedy = "this clone is shallow: 'git fetch --unshallow origin' brings the rest"
    else:
        remedy = "'git fetch origin' may bring it; if not, the hash is wrong or history was rewritten"
    raise ToolError(f"commit {name}: expected in {repository}, found none; {remedy}")


def build_at(name: str, repository: Path = ROOT) -> Release:
    """Build the collection from a commit alone, in a folder of its own. Raises ToolError."""
    commit = commit_of(name, repository)
    with tempfile.TemporaryDirectory(prefix="baremetal-sriov-release-") as temporary:
        archive, tree = Path(temporary) / "tree.tar", Path(temporary) / "tree"
        git("archive", "--format=tar", f"--output={archive}", commit, folder=repository)
        call(["tar", "-xf", str(archive), f"--one-top-level={tree}"])
        return describe(build_tree(tree, Path(temporary) / "output"), commit)


def describe(tarball: Path, commit: str) -> Release:
    """A tarball that was built from a commit, as a row. Raises ToolError where what describes it disagrees."""
    files, manifest = (call(["tar", "-xOf", str(tarball), name]) for name in ("FILES.json", "MANIFEST.json"))
    told, checksum = json.loads(manifest), hashlib.sha256(files.encode()).hexdigest()
    if told["file_manifest_file"]["chksum_sha256"] != checksum:
        raise ToolError(f"{tarball}: FILES.json is not what MANIFEST.json says; build it again")
    return {"version": told["collection_info"]["version"], "commit": commit, "files_json_sha256": checksum}


def problem(release: Release, repository: Path = ROOT) -> str:
    """What is wrong with a row: "" where its commit gives the collection that was released."""
    try:
        built = build_at(release["commit"], repository)
    except ToolError as error:
        return f"release {release['version']}: {error}"
    for key, found in built.items():
        if found != (expected := release[key]):
            return (
                f"release {release['version']}, built again from {release['commit']}: expected the {_FORMS[key][0]} "
                f"{expected}, found {found}; the row or the way of building is wrong, and what was released is not "
                "changed any more"
            )
    return ""
