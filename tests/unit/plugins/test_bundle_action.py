# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's side of sriov_bundle: what is collected, and how it is packed."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from ansible_collections.baremetal.sriov.plugins.action import sriov_bundle as action


def test_a_folder_is_walked_without_compiled_files_and_links_are_files(tmp_path: Path) -> None:
    for path in ("a.py", "sub/b.py", "__pycache__/a.cpython-311.pyc", "sub/c.pyc", "notes.txt", "sub/keep.txt"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(path)
    (tmp_path / "link.py").symlink_to("a.py")
    found = action.walk(str(tmp_path), [*action.EXCLUDED, "notes.txt"])
    assert [entry[0] for entry in found] == ["a.py", "link.py", "sub/b.py", "sub/keep.txt"]
    assert action.walk(str(tmp_path / "a.py"), []) == [("", str(tmp_path / "a.py"))]


def test_entries_carry_checksums_modes_and_texts(tmp_path: Path) -> None:
    script = tmp_path / "run"
    script.write_text("#!@PYTHON@\n")
    script.chmod(0o700)
    sources: dict[str, str] = {}
    plain = {"dest": "/opt/x", "mode": None, "template": False, "compile": True, "version": "X"}
    entry = action._read_entry(plain, str(script), "run", sources)
    sha256 = hashlib.sha256(b"#!@PYTHON@\n").hexdigest()
    assert entry == {"path": "/opt/x/run", "mode": 0o755, "compile": True, "version": "X", "sha256": sha256}
    assert sources == {sha256: str(script)}
    template = {**plain, "template": True, "compile": False, "version": None, "mode": "0600"}
    assert action._read_entry(template, str(script), "", sources) == {
        "path": "/opt/x", "mode": 0o600, "text": "#!@PYTHON@\n",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("data", "options", "words"),
    [
        (b"x", {"mode": "rw"}, "octal"),
        (b"\xff", {"template": True}, "UTF-8"),
        (b"x" * (300 << 10), {"template": True}, "at most"),
    ],
)
def test_what_can_not_be_sent_is_named(
    tmp_path: Path, data: bytes, options: dict[str, object], words: str
) -> None:
    source = tmp_path / "source"
    source.write_bytes(data)
    file = {"dest": "/opt/x", "mode": None, "template": False, "compile": False, "version": None, **options}
    with pytest.raises(action.AnsibleActionFail, match=words):
        action._read_entry(file, str(source), "", {})


def test_the_archive_names_contents_by_their_checksums(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    packed = io.BytesIO()
    action.pack(packed, {"0" * 64: str(tmp_path / "a")})
    packed.seek(0)
    with tarfile.open(fileobj=packed) as archive:
        assert archive.getnames() == ["0" * 64]


CODE = {"path": "/opt/@X@/a.py", "mode": 0o644, "sha256": "0" * 64, "compile": True, "version": "X"}
TEXT = {"path": "/opt/@X@/b", "mode": 0o755, "text": "b", "version": "X"}


@pytest.mark.parametrize(
    "others",
    [
        [CODE],
        [CODE, {**TEXT, "text": "c"}],
        [CODE, {**TEXT, "mode": 0o644}],
        [CODE, {**TEXT, "path": "/opt/@X@/c"}],
        [{**CODE, "sha256": "1" * 64}, TEXT],
        [CODE, TEXT, {**CODE, "path": "/opt/@X@/c.py"}],
    ],
)
def test_a_version_is_another_one_where_any_file_differs(others: list[dict[str, object]]) -> None:
    version = action.versions([CODE, TEXT])["X"]
    assert len(version) == 12 and set(version) <= set("0123456789abcdef")
    assert action.versions(others)["X"] != version


def test_a_version_is_the_same_in_any_order_and_with_any_other_files() -> None:
    other = {"path": "/opt/c", "mode": 0o644, "text": "@X@"}
    assert action.versions([other, TEXT, {**CODE, "compile": False}]) == action.versions([CODE, TEXT])
    assert action.versions([other]) == {}
    assert set(action.versions([CODE, {**TEXT, "version": "Y"}])) == {"X", "Y"}
