# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each release can be built again from git and is what was released; and what the list of releases says of mistakes."""

from __future__ import annotations

import os
import subprocess
import tarfile
from pathlib import Path

import pytest
import yaml

import sriov_device_plugin
from devtool import releases
from devtool.collection import build_tree
from devtool.console import ToolError
from devtool.deps import ROOT
from devtool.releases import Release

GALAXY = """\
namespace: baremetal
name: sriov
version: 1.2.3
readme: README.md
authors: [x]
description: x
license: [MIT]
repository: https://example.com
build_ignore: [.gitignore, secret]
"""
SHA = "a" * 64


def git(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "commit.gpgsign=false"]
    command = ["git", *who, "-c", "protocol.file.allow=always", *words]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collection with a link, a program and more files than a folder's order is by chance; two commits."""
    folder = tmp_path_factory.mktemp("release") / "repository"
    (folder / "docs").mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    (folder / "galaxy.yml").write_text(GALAXY)
    (folder / "README.md").write_text("x\n")
    (folder / ".gitignore").write_text("/tests/output/\n")
    (folder / "secret").write_text("x\n")
    for number in range(40):
        (folder / "docs" / f"{number * 7919 % 40}.md").write_text(f"{number}\n")
    (folder / "docs" / "program").write_text("#!/bin/sh\n")
    (folder / "docs" / "program").chmod(0o755)
    (folder / "docs" / "link.md").symlink_to("../README.md")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=first")
    (folder / "README.md").write_text("y\n")
    git(folder, "commit", "--quiet", "--all", "--message=second")
    return folder


def test_the_programs_have_the_version_of_the_collection() -> None:
    """A release raises all of them."""
    version = yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"]
    assert sriov_device_plugin.__version__ == version
    assert f"image: localhost/baremetal-sriov/device-plugin:{version}\n" in (
        ROOT / "files" / "device_plugin" / "daemonset.yml"
    ).read_text()


@pytest.fixture(scope="module")
def built(repository: Path) -> Release:
    """What the second commit gives."""
    return releases.build_at("HEAD", repository)


def test_each_release_is_what_its_commit_gives() -> None:
    """A clone that was cut short has no commits to build: it says so, and the case counts as skipped."""
    if git(ROOT, "rev-parse", "--is-shallow-repository") == "true":
        pytest.skip("this clone is shallow: 'git fetch --unshallow origin' brings the releases' commits")
    problems = [text for release in releases.read() if (text := releases.problem(release))]
    assert not problems, "\n".join(problems)


def test_each_release_of_the_change_log_has_a_row() -> None:
    """But the newest, whose row comes with the commit after its own."""
    released = yaml.safe_load((ROOT / "changelogs" / "changelog.yaml").read_text())["releases"]
    newest = yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"]
    rows = {release["version"] for release in releases.read()}
    missing = set(released) - rows - {newest}
    assert not missing, f"no row in {releases.LIST}: {sorted(missing)}; 'make release ARGS=\"--commit HASH\"' adds it"
    assert not rows - set(released), f"rows of what the change log has not released: {sorted(rows - set(released))}"


def test_a_commit_gives_the_same_in_any_folder_and_on_any_file_system(
    repository: Path, built: Release, tmp_path: Path
) -> None:
    """Also with other permissions, and whatever lies about in the checkout."""
    (repository / "tests" / "output").mkdir(parents=True)
    (repository / "tests" / "output" / "log").touch()
    (repository / "untracked").touch()
    clone = tmp_path / "elsewhere" / "clone"
    before = os.umask(0o077)
    try:
        git(tmp_path, "clone", "--quiet", str(repository), str(clone))
    finally:
        os.umask(before)
    first = manifest(build_tree(clone, tmp_path / "first"))
    for path in sorted(clone.joinpath("docs").glob("*.md"), reverse=True):
        if not path.is_symlink():  # made anew in another order
            content = path.read_text()
            path.unlink()
            path.write_text(content)
    second = build_tree(clone, tmp_path / "second")
    assert releases.describe(second, built["commit"]) == built and manifest(second) == first
    assert releases.build_at("HEAD", repository) == built, "what lies about is not in it"


def manifest(tarball: Path) -> bytes:
    with tarfile.open(tarball) as archive:
        return archive.extractfile("MANIFEST.json").read()


def test_a_row_is_read_as_it_is_written(repository: Path, built: Release, tmp_path: Path) -> None:
    path = tmp_path / "releases.toml"
    path.write_text("# What stands before stays.\n")
    release = releases.add("HEAD", path, repository)
    assert releases.read(path) == [release] and path.read_text().startswith("# What stands")
    assert release == built == {**built, "version": "1.2.3", "commit": git(repository, "rev-parse", "HEAD")}
    with pytest.raises(ToolError, match="is released; raise the version"):
        releases.add("HEAD^", path, repository)
    assert releases.problem(release, repository) == ""
    earlier = {**release, "commit": releases.commit_of("HEAD^", repository)}
    assert f"expected the SHA-256 of FILES.json {built['files_json_sha256']}" in releases.problem(earlier, repository)
    later = {**release, "version": "1.2.4"}
    assert "expected the version 1.2.4, found 1.2.3" in releases.problem(later, repository)


def test_a_commit_that_the_clone_lacks_is_a_failure_in_words(repository: Path, tmp_path: Path) -> None:
    first = {"version": "1.2.3", "commit": releases.commit_of("HEAD^", repository), "files_json_sha256": SHA}
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{repository}", str(shallow))
    assert "git fetch --unshallow origin" in releases.problem(first, shallow)
    assert "history was rewritten" in releases.problem({**first, "commit": "0" * 40}, repository)
    (tmp_path / "none").mkdir()
    assert "no git repository here" in releases.problem(first, tmp_path / "none")


ROW = f'version = "1.2.3"\ncommit = "{"b" * 40}"\nfiles_json_sha256 = "{SHA}"\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("[[release", "expected a list of releases in TOML", id="no-toml"),
        pytest.param("[[releases]]\n" + ROW, "expected [[release]] tables alone, found ['releases']", id="other-table"),
        pytest.param("release = 1", "expected [[release]] tables alone", id="no-table"),
        pytest.param("release = [1]", "release 1: expected the keys version, commit", id="no-row"),
        pytest.param('[[release]]\nversion = "1.2.3"\n', "release 1: expected the keys", id="short-row"),
        pytest.param("[[release]]\n" + ROW.replace("b" * 40, "b" * 12), "the full hash of a commit", id="short-hash"),
        pytest.param("[[release]]\n" + ROW.replace("b" * 40, "B" * 40), "40 lower-case hex digits", id="upper-case"),
        pytest.param("[[release]]\n" + ROW.replace('"1.2.3"', "1.2"), "a version like 1.2.3, found 1.2", id="number"),
        pytest.param("[[release]]\n" + ROW.replace(SHA, SHA[1:]), "64 lower-case hex digits", id="short-checksum"),
        pytest.param(f"[[release]]\n{ROW}[[release]]\n{ROW}", "version 1.2.3 is there twice", id="twice"),
    ],
)
def test_mistakes_in_the_list_are_named(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "releases.toml"
    path.write_text(text)
    with pytest.raises(ToolError) as caught:
        releases.read(path)
    assert words in str(caught.value) and str(path) in str(caught.value)


def test_a_list_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="expected a list of releases"):
        releases.read(tmp_path / "gone")
