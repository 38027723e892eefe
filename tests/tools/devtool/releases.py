# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The releases: which commit each was built from, and whether that commit still gives the same collection."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import tarfile
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import tomllib

from .collection import build_tree
from .console import ToolError, call
from .deps import ROOT

LIST = ROOT / "tests" / "support" / "releases.toml"
_FORMS = {
    "version": re.compile(r"[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?"),
    "commit": re.compile("[0-9a-f]{40}"),
    "files_json_sha256": re.compile("[0-9a-f]{64}"),
}
_EXPECTED = {
    "version": "a version like 1.2.3",
    "commit": "the full hash of a commit, 40 lower-case hex digits",
    "files_json_sha256": "a SHA-256 checksum, 64 lower-case hex digits",
}


@dataclass(frozen=True)
class Release:
    """One row of the list; the checksum is that of FILES.json in the release's tarball."""

    version: str
    commit: str
    files_json_sha256: str


@dataclass(frozen=True)
class Built:
    """What a commit gives: its version, and SHA-256 checksums of the two files that describe the tarball."""

    version: str
    files_json_sha256: str
    manifest_json_sha256: str


def read(path: Path = LIST) -> list[Release]:
    """The rows of the list. Raises ToolError, which names the mistake, for one that is no list of releases."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ToolError(f"{path}: expected a list of releases in TOML: {error}") from error
    rows = document.pop("release", [])
    if document or not isinstance(rows, list):
        raise ToolError(f"{path}: expected [[release]] tables alone, found {sorted(document) or 'release = ...'}")
    found: dict[str, Release] = {}
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict) or set(row) != set(_FORMS):
            keys = sorted(row) if isinstance(row, dict) else row
            raise ToolError(f"{path}: release {number}: expected the keys {', '.join(_FORMS)}, found {keys}")
        for key, form in _FORMS.items():
            if not isinstance(row[key], str) or not form.fullmatch(row[key]):
                raise ToolError(f"{path}: release {number}, {key}: expected {_EXPECTED[key]}, found {row[key]!r}")
        if row["version"] in found:
            raise ToolError(f"{path}: release {number}: version {row['version']} is there twice; remove one")
        found[row["version"]] = Release(**row)
    return list(found.values())


def add(name: str, path: Path = LIST, repository: Path = ROOT) -> Release:
    """Build a commit and append its row to the list. Raises ToolError, for a version that is there already as well."""
    commit = commit_of(name, repository)
    built = build_at(commit, repository)
    if any(release.version == built.version for release in read(path)):
        raise ToolError(f"{path}: {built.version} is released; raise the version in galaxy.yml, commit, and add that")
    release = Release(built.version, commit, built.files_json_sha256)
    with path.open("a", encoding="utf-8") as stream:
        stream.write("\n[[release]]\n" + "".join(f'{key} = "{value}"\n' for key, value in asdict(release).items()))
    return release


def _git(repository: Path) -> list[str]:
    return ["git", "-c", f"safe.directory={repository}", "-C", str(repository)]


def commit_of(name: str, repository: Path = ROOT) -> str:
    """The full hash of a commit. Raises ToolError where the clone does not have it."""
    words = [*_git(repository), "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return done.stdout.strip()
    shallow = (repository / ".git").exists() and call([*_git(repository), "rev-parse", "--is-shallow-repository"])
    if shallow and shallow.strip() == "true":
        remedy = "this clone is shallow: 'git fetch --unshallow origin' brings the rest"
    elif shallow:
        remedy = "'git fetch origin' may bring it; if not, the hash is wrong or history was rewritten"
    else:
        remedy = "there is no git repository here: use a clone of the project"
    raise ToolError(f"commit {name}: expected in {repository}, found none; {remedy}")


def build_at(name: str, repository: Path = ROOT) -> Built:
    """Build the collection from a commit alone, in a folder of its own. Raises ToolError."""
    commit = commit_of(name, repository)
    with tempfile.TemporaryDirectory(prefix="baremetal-sriov-release-") as temporary:
        archive, tree = Path(temporary) / "tree.tar", Path(temporary) / "tree"
        tree.mkdir()
        call([*_git(repository), "archive", "--format=tar", f"--output={archive}", commit])
        call(["tar", "-xf", str(archive), "-C", str(tree)])
        return describe(build_tree(tree, Path(temporary) / "output"))


def describe(tarball: Path) -> Built:
    """The version of a tarball, and the checksums of what describes it. Raises ToolError where they disagree."""
    with tarfile.open(tarball) as archive:
        files, manifest = (_member(archive, name) for name in ("FILES.json", "MANIFEST.json"))
    told = json.loads(manifest)
    checksum = hashlib.sha256(files).hexdigest()
    if told["file_manifest_file"]["chksum_sha256"] != checksum:
        raise ToolError(f"{tarball}: FILES.json is not what MANIFEST.json says; build it again")
    return Built(told["collection_info"]["version"], checksum, hashlib.sha256(manifest).hexdigest())


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    stream = archive.extractfile(name)
    if stream is None:
        raise ToolError(f"{name}: expected a file in the tarball, found something else; build it again")
    return stream.read()


def problem(release: Release, repository: Path = ROOT) -> str:
    """What is wrong with a row: "" where its commit gives the collection that was released."""
    try:
        return difference(release, build_at(release.commit, repository))
    except ToolError as error:
        return f"release {release.version}: {error}"


def difference(release: Release, built: Built) -> str:
    """What a row says otherwise than what was built from its commit; "" for nothing."""
    for what, expected, found in (
        ("version", release.version, built.version),
        ("SHA-256 of FILES.json", release.files_json_sha256, built.files_json_sha256),
    ):
        if expected != found:
            return (
                f"release {release.version}, built again from {release.commit}: expected the {what} {expected}, "
                f"found {found}; the row or the way of building is wrong, and what was released is not changed any more"
            )
    return ""
