# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module sriov_image: bundles and the node's own files in one call, foretold, twice the same, and taken away."""

from __future__ import annotations

import hashlib
import tarfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.bundle import image_python
from ansible_collections.baremetal.sriov.plugins.module_utils.entry import image_module
from ansible_collections.baremetal.sriov.plugins.module_utils.host.image_host import ImageHost
from ansible_collections.baremetal.sriov.plugins.module_utils.policy.node_spec import node_spec
from support.node_runs import KERNEL, ran

UNIT = "/etc/systemd/system/sample.service"
LINK = "etc/systemd/system/multi-user.target.wants/sample.service"
CODE = b"A = 1\n"
SUM = hashlib.sha256(CODE).hexdigest()
BUNDLE = {
    "name": "sample", "part": "node", "adopt": False, "variables": {},
    "units": [{"name": "sample.service", "enabled": True, "started": True}],
    "manifest": {"files": [
        {"path": "/usr/lib/baremetal-sriov/sample/a.py", "mode": 0o644, "sha256": SUM, "compile": True},
        {"path": UNIT, "mode": 0o644, "text": "[Service]\nExecStart=@PYTHON@\n[Install]\nWantedBy=multi-user.target\n"},
    ]},
}  # fmt: skip


@pytest.fixture
def host(tmp_path: Path) -> ImageHost:
    for name in ("etc/systemd/system/multi-user.target.wants", "usr/lib", "var/lib", "etc/modules-load.d"):
        (tmp_path / "image" / name).mkdir(parents=True)
    (tmp_path / "image" / "etc/systemd/system/multi-user.target.wants/other.service").symlink_to("/x")
    return ImageHost(str(tmp_path / "image"))


def archive(tmp_path: Path) -> str:
    """As the action plugin sends it."""
    path = tmp_path / "archive.tar.gz"
    with tarfile.open(path, "w:gz") as file:
        member = tarfile.TarInfo(SUM)
        member.size = len(CODE)
        file.addfile(member, BytesIO(CODE))
    return str(path)


def run(host: ImageHost, check: bool = False, **more: Any) -> dict[str, Any]:
    params = {"target_root": host.root, "state": "present", "cpu": "intel", "python": None, "pack": None, **more}
    params = {"gather_only": False, "spec": node_spec([KERNEL]), "bundles": [dict(BUNDLE)], "archive": None, **params}
    found: dict[str, Any] = ran(host, image_module.run, check=check, params=params).result
    return found


def files(host: ImageHost) -> set[str]:
    return {str(path.relative_to(host.root)) for path in Path(host.root).rglob("*")}


def test_foretold_done_once_and_taken_away(host: ImageHost, tmp_path: Path) -> None:
    before = files(host)
    told = run(host, check=True)
    assert told["changed"] and files(host) == before
    assert any("first-boot.json" in one["after_header"] for one in told["diff"])
    assert run(host) == {"changed": False, "missing": [SUM]} and files(host) == before
    done = run(host, archive=archive(tmp_path))
    assert done["plan"] == told["plan"] and {step["part"] for step in done["plan"]["steps"]} == {"node"}
    assert Path(host.root, LINK).readlink() == Path(UNIT)
    assert "ExecStart=/usr/bin/python3" in (host.read_text(UNIT) or "")
    assert not any(name.endswith(".pyc") for name in files(host)), "the image's Python can't be run"
    after = files(host)
    assert not run(host)["changed"] and not run(host, check=True)["changed"] and files(host) == after
    assert run(host, state="absent", bundles=[{"name": "sample", "part": "node"}])["changed"]
    assert files(host) == before


def test_the_same_files_make_the_same_archive(host: ImageHost, tmp_path: Path) -> None:
    """Beside the image; folders, files and links, all root's, and nothing that runs."""
    path, other = tmp_path / "one.tar.gz", tmp_path / "other.tar.gz"
    Path(host.root, "proc").mkdir()
    Path(host.root, "proc/cpuinfo").write_text("the build machine's")
    Path(host.root, "lib").symlink_to("usr/lib")
    told = run(host, check=True, archive=archive(tmp_path), pack=str(path))
    assert told["changed"] and not path.exists()
    done = run(host, archive=archive(tmp_path), pack=str(path))
    assert done["archive"] == {"path": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    assert not run(host, pack=str(path))["changed"] and run(host, pack=str(other))["changed"]
    assert path.read_bytes() == other.read_bytes()
    with tarfile.open(path) as packed:
        members = {member.name: member for member in packed}
    assert members["./lib"].linkname == "usr/lib" and "./lib/baremetal-sriov" not in members
    assert "./usr/lib/baremetal-sriov/sample/a.py" in members and not any("/proc/" in name for name in members)
    assert {(one.uid, one.gid, one.mtime) for one in members.values()} == {(0, 0, 0)}


def test_every_reason_is_told_at_once_and_nothing_written(host: ImageHost) -> None:
    Path(host.root, "etc/baremetal-sriov").mkdir()
    Path(host.root, "etc/baremetal-sriov/first-boot.json").write_text("theirs")
    Path(host.root, UNIT[1:]).write_text("theirs")
    before = files(host)
    refused = run(host)["refused"]
    assert len(refused) == 2 and "first-boot.json" in refused[0] and UNIT in refused[1] and files(host) == before


def test_a_wrong_specification_is_told(host: ImageHost) -> None:
    assert run(host, spec={"format": 1, "policies": [{"name": 7}]})["mistakes"]


ELF = b"\x7fELF\x02\x01" + b"\x00" * 12


@pytest.mark.parametrize(
    ("files_of", "found"),
    [
        ({"usr/bin/python3.11": ELF + b"\x3e\x00",
          "usr/lib/x86_64-linux-gnu/libc.so.6": b"x stable release version 2.36.\n"},
         ("3.11", "x86_64", "glibc 2.36")),
        ({"usr/bin/python3.13": ELF + b"\xb7\x00", "usr/lib64/libc.so.6": b"stable release version 2.41."},
         ("3.13", "aarch64", "glibc 2.41")),
        ({"usr/bin/python3.12": ELF + b"\x3e\x00", "lib/ld-musl-x86_64.so.1": b""}, ("3.12", "x86_64", "musl")),
        ({"usr/bin/python3.8": ELF + b"\x3e\x00"}, None),
        ({"usr/bin/python3.11": b"#!/bin/sh\n"}, None),
        ({}, None),
    ],
)  # fmt: skip
def test_the_python_that_the_files_tell(
    tmp_path: Path, files_of: dict[str, bytes], found: tuple[str, str, str] | None
) -> None:
    for name, data in files_of.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    python = image_python.find(ImageHost(str(tmp_path)))
    assert (None if python is None else (python.version, python.machine, python.libc)) == found
