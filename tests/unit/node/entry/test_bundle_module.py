# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two sides of sriov_bundle: the module's calls, and what the controller sends."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.entry import bundle_module
from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import HostError
from support.bundle_host import BundleHost
from support.node_runs import ran

DATA = b"content\n"
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def host(tmp_path: Path) -> BundleHost:
    root = tmp_path / "root"
    (root / "usr/bin").mkdir(parents=True)
    (root / "usr/bin/python3").write_bytes(b"")
    os.chmod(root / "usr/bin/python3", 0o755)
    return BundleHost(root)


def archive(path: Path, members: dict[str, bytes]) -> str:
    with tarfile.open(path, "w:gz") as made:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            made.addfile(member, io.BytesIO(data))
    return str(path)


def call(host: BundleHost, check: bool = False, **params: Any) -> dict[str, Any]:
    given = {"name": "sample", "state": "present", "units": [], "variables": {}, "python": "auto", "adopt": False,
             "gather_only": False, "manifest": None, "archive": None, **params}  # fmt: skip
    end = ran(host, bundle_module.run, check=check, params=given)
    assert not end.warnings
    result: dict[str, Any] = end.result
    return result


MANIFEST = {"files": [{"path": "/opt/a", "sha256": SHA256}, {"path": "/opt/b", "text": "@PYTHON@ @X@ @Y@"}]}


def test_the_first_call_asks_for_contents_and_changes_nothing(host: BundleHost, tmp_path: Path) -> None:
    before = host.tree()
    assert call(host, manifest=MANIFEST) == {"changed": False, "missing": [SHA256]}
    assert host.tree() == before
    sent = archive(tmp_path / "a.tar.gz", {SHA256: DATA})
    result = call(host, manifest=MANIFEST, archive=sent, variables={"X": 5})
    assert result["changed"] and result["python"]["path"] == "/usr/bin/python3"
    assert host.tree()["/opt/a"] == (0o644, DATA)
    assert host.tree()["/opt/b"] == (0o644, b"/usr/bin/python3 5 @Y@")
    again = call(host, manifest=MANIFEST, variables={"X": 5})
    assert (again["changed"], again["plan"]["steps"]) == (False, [])


def test_the_folder_for_cni_plugins_is_looked_for_where_a_file_goes_there(host: BundleHost) -> None:
    manifest = {"files": [{"path": "@CNI_BIN_DIR@/sriov", "text": ""}]}
    config = Path(host.path("/etc/containerd/config.toml"))
    config.parent.mkdir(parents=True)
    config.write_text('bin_dir = "/usr/lib/cni"\n')
    found = call(host, manifest=manifest)
    assert (found["cni_bin_dir"], host.exists("/usr/lib/cni/sriov")) == ("/usr/lib/cni", True)
    assert found["cni_plugins_missing"] == ["loopback", "host-local", "static", "host-device"]
    named = call(host, manifest=manifest, variables={"CNI_BIN_DIR": "/named"})
    assert (named["cni_bin_dir"], host.exists("/named/sriov"), host.exists("/usr/lib/cni")) == ("/named", True, False)
    assert "cni_bin_dir" not in call(host, name="other", manifest={"files": [{"path": "/opt/b", "text": ""}]})


def test_a_check_needs_no_contents_and_predicts_the_run(host: BundleHost, tmp_path: Path) -> None:
    check = call(host, manifest=MANIFEST, check=True)
    assert check["changed"] and not host.exists("/opt/a")
    run = call(host, manifest=MANIFEST, archive=archive(tmp_path / "a.tar.gz", {SHA256: DATA}))
    assert (run["plan"], run["diff"]) == (check["plan"], check["diff"])
    assert call(host, state="absent", check=True)["plan"] == call(host, state="absent")["plan"]
    assert not host.exists("/opt/a")
    assert call(host, state="absent")["changed"] is False


def test_gathering_looks_at_python_alone(host: BundleHost) -> None:
    result = call(host, gather_only=True)
    assert set(result) == {"changed", "python"}


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({SHA256: b"other"}, "a content with checksum"),
        ({"../../etc/passwd": b"x"}, "a content with checksum"),
        ({}, "the content"),
    ],
)
def test_an_archive_with_something_else_is_refused(
    host: BundleHost, tmp_path: Path, members: dict[str, bytes], words: str
) -> None:
    result = call(host, manifest=MANIFEST, archive=archive(tmp_path / "a.tar.gz", members))
    assert result["failed"] and words in result["msg"]
    assert not host.exists("/opt/a")


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.tar.gz", {SHA256: DATA * 9000})
    Path(path).write_bytes(Path(path).read_bytes()[:60])
    with pytest.raises(HostError, match="the archive of the missing contents"):
        bundle_module.read_archive(path)


@pytest.mark.parametrize(
    ("params", "where"),
    [
        ({"manifest": {"files": [{"path": "relative", "text": ""}]}}, "files: relative"),
        ({"manifest": {"files": [{"path": "/a/../b", "text": ""}]}}, "files: /a/../b"),
        ({"manifest": {"files": [{"path": "/a", "text": ""}, {"path": "/a", "text": ""}]}}, "files: /a"),
        ({"manifest": {"files": []}, "units": [{"name": "--now"}]}, "units"),
        ({"manifest": {"files": []}, "name": "../x"}, "name"),
    ],
)
def test_mistakes_are_named_by_their_place(host: BundleHost, params: dict[str, Any], where: str) -> None:
    result = call(host, **params)
    assert [mistake["path"] for mistake in result["mistakes"]] == [where]
