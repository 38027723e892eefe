# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files out of an archive: what is taken, and what a damaged or hostile archive comes to."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.action import sriov_bundle as action
from ansible_collections.baremetal.sriov.plugins.plugin_utils import archives

FILES = {"./loopback": b"a" * 70000, "./host-local": b"b", "./README.md": b"c"}


def member(name: str, data: bytes = b"", **changes: Any) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in changes.items():
        setattr(info, key, value)
    return info, data


def archive(path: Path, members: list[tuple[tarfile.TarInfo, bytes]], mode: str = "w:gz") -> str:
    with tarfile.open(path, mode) as made:  # type: ignore[call-overload]
        for info, data in members:
            made.addfile(info, io.BytesIO(data))
    return str(path)


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz", "w:bz2"])
def test_files_by_their_names_in_whatever_folder(tmp_path: Path, mode: str) -> None:
    folder = member("./", type=tarfile.DIRTYPE)
    path = archive(tmp_path / "x", [folder, *(member(name, data) for name, data in FILES.items())], mode)
    found = archives.read_members(path, ["loopback", "host-local"])
    assert found == {"loopback": b"a" * 70000, "host-local": b"b"}
    deep = archive(tmp_path / "y", [member("cni/bin/../../../../etc/loopback", b"z")], mode)
    assert archives.read_members(deep, ["loopback"]) == {"loopback": b"z"}, "the path names nothing of ours"


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ([member("a/x", b"1")], "expected the files x, y, found no y"),
        ([member("a/x", b"1"), member("b/x", b"2"), member("y")], "expected one file x, found two"),
        ([member("x", type=tarfile.SYMTYPE, linkname="/etc/shadow"), member("y")], "x: expected a regular file"),
        ([member("x", type=tarfile.LNKTYPE, linkname="y"), member("y")], "x: expected a regular file"),
        ([member("x", type=tarfile.CHRTYPE), member("y")], "x: expected a regular file"),
    ],
)
def test_what_is_not_taken(tmp_path: Path, members: list[tuple[tarfile.TarInfo, bytes]], words: str) -> None:
    with pytest.raises(archives.ArchiveError, match=words):
        archives.read_members(archive(tmp_path / "x.tgz", members), ["x", "y"])


def test_damaged_archives(tmp_path: Path) -> None:
    whole = Path(archive(tmp_path / "x.tgz", [member(name, data) for name, data in FILES.items()])).read_bytes()
    flat = gzip.decompress(whole)
    cases = {"text": b"no archive", "empty": b"", "cut": whole[:-20], "cut-inside": flat[:60000],
             "broken": whole[:30] + b"\0" * 20 + whole[50:], "xz": b"\xfd7zXZ\0nothing"}  # fmt: skip
    for name, data in cases.items():
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(archives.ArchiveError, match=f"{name}: expected"):
            archives.read_members(str(path), ["loopback"])


def test_archives_that_grow_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few bytes on disk, too many once decompressed: in a file that is wanted, in one that is not, in a header."""
    monkeypatch.setattr(archives, "ARCHIVE_LIMIT", 1 << 20)
    monkeypatch.setattr(archives, "MEMBER_LIMIT", 1 << 19)
    zeros = bytes(3 << 20)
    path = archive(tmp_path / "wanted", [member("x", zeros)])
    with pytest.raises(archives.ArchiveError, match="x: expected at most 0 MiB, found 3 MiB"):
        archives.read_members(path, ["x"])
    path = archive(tmp_path / "other", [member("other", zeros), member("x")])
    with pytest.raises(archives.ArchiveError, match="expected at most 1 MiB of content"):
        archives.read_members(path, ["x"])
    path = archive(tmp_path / "header", [member("pax", zeros, type=tarfile.XHDTYPE), member("x")])
    with pytest.raises(archives.ArchiveError, match="expected at most 1 MiB of content"):
        archives.read_members(path, ["x"])


class Looking(action.ActionModule):
    """The action without a node: sources are where they are named."""

    def __init__(self) -> None:
        pass

    def _find(self, src: str) -> str:
        return src


def entry(src: str, name: str) -> dict[str, Any]:
    flags = {"template": False, "compile": False, "version": None}
    return {"src": src, "member": name, "content": None, "dest": f"/opt/cni/bin/{name}", "mode": "0755",
            "exclude": [], "if_missing": True, **flags}  # fmt: skip


def test_an_archive_and_a_folder_ship_the_same(tmp_path: Path) -> None:
    path = archive(tmp_path / "x.tgz", [member(name, data) for name, data in FILES.items()])
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
    shipped = []
    for src in (path, str(folder)):
        sources: action.Sources = {}
        manifest = Looking()._manifest([entry(src, "loopback"), entry(src, "host-local")], sources)
        packed = io.BytesIO()
        action.pack(packed, sources)
        packed.seek(0)
        with tarfile.open(fileobj=packed) as sent:
            contents = {info.name: sent.extractfile(info).read() for info in sent}  # type: ignore[union-attr]
        shipped.append((manifest, contents))
    assert shipped[0] == shipped[1]
    assert [item["path"] for item in shipped[0][0]] == ["/opt/cni/bin/loopback", "/opt/cni/bin/host-local"]
    assert all(item["if_missing"] and item["mode"] == 0o755 for item in shipped[0][0])


@pytest.mark.parametrize("kind", ["archive", "folder"])
def test_a_missing_plugin_is_named(tmp_path: Path, kind: str) -> None:
    src = archive(tmp_path / "x.tgz", [member("loopback")]) if kind == "archive" else str(tmp_path)
    with pytest.raises(action.AnsibleActionFail, match="static"):
        Looking()._manifest([entry(src, "static")], {})
