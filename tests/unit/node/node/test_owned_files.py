# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file that was adopted comes back as it was: bytes, mode, owner, or the link that it was."""

from __future__ import annotations

import contextlib
import json
import os
import stat
from pathlib import Path
from typing import Any, Callable

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import RefusedError, StateFileError
from support.fake_base import Killed, killed_at_every_write
from support.fake_host import FakeHost
from support.node_runs import KERNEL, absent, make_host, present

CONFIG = "etc/pcidp/config.json"
ORIGINAL = "var/lib/baremetal-sriov/original.json"


def looks(path: Path) -> Any:
    """All that may be lost of a file."""
    if path.is_symlink():
        return os.readlink(path)
    info = path.stat()
    return path.read_bytes(), stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid


def mode(path: Path) -> None:
    path.write_text("{}\n")
    path.chmod(0o600)


def owner(path: Path) -> None:
    path.write_text("{}\n")
    if os.geteuid() == 0:
        os.chown(path, 1234, 4321)
    path.chmod(0o4640)


def no_text(path: Path) -> None:
    path.write_bytes(b'{"a": "\xff\xfe"}')


def link(path: Path) -> None:
    (path.parent / "mine.json").write_text("{}\n")
    path.symlink_to("mine.json")


def link_to_nothing(path: Path) -> None:
    path.symlink_to("/nowhere/at/all")


WAYS: list[Callable[[Path], None]] = [mode, owner, no_text, link, link_to_nothing]


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    """With a folder for the device plugin's configuration."""
    host = make_host(tmp_path)
    (tmp_path / CONFIG).parent.mkdir(parents=True)
    return host


@pytest.mark.parametrize("make", WAYS)
def test_an_adopted_file_comes_back_exactly(host: FakeHost, tmp_path: Path, make: Callable[[Path], None]) -> None:
    """Refused without adopt; ours while it is adopted; theirs after the teardown."""
    path = tmp_path / CONFIG
    make(path)
    before = looks(path)
    with pytest.raises(RefusedError, match=r"config\.json.*adopt"):
        present(host, [KERNEL])
    assert looks(path) == before
    present(host, [KERNEL], adopt=True)
    assert not path.is_symlink() and json.loads(path.read_text())["resourceList"]
    assert not present(host, [KERNEL], adopt=True).plan.steps
    absent(host)
    assert looks(path) == before
    assert not host.exists("/" + ORIGINAL) and not absent(host).plan.steps


@pytest.mark.parametrize(("before", "left"), [
    pytest.param([], [], id="finding-node-37-folders-made-by-us"),
    pytest.param(["etc/pcidp/"], ["etc/pcidp"], id="finding-node-37-empty-pcidp-before"),
    pytest.param(["etc/udev/rules.d/"], ["etc/udev/rules.d"], id="finding-node-37-empty-rules-before"),
])  # fmt: skip
def test_folders_go_only_where_we_made_them(tmp_path: Path, before: list[str], left: list[str]) -> None:
    """Also after a change, and a kill."""
    host = make_host(tmp_path)
    host.fill(dict.fromkeys(before, ""))
    with contextlib.suppress(Killed), host.mortal(12):
        present(host, [KERNEL])
    present(host, [KERNEL])
    present(host, [{**KERNEL, "num_vfs": 2}])
    absent(host)
    found = [path for path in ("etc/pcidp", "etc/udev/rules.d", "etc/baremetal-sriov") if host.exists(f"/{path}")]
    assert found == left


@pytest.mark.parametrize("make", WAYS)
def test_killed_while_it_comes_back(host: FakeHost, tmp_path: Path, make: Callable[[Path], None]) -> None:
    """The record is forgotten after the file is back, never before."""
    path = tmp_path / CONFIG
    make(path)
    before = looks(path)

    def adopted(_number: int) -> FakeHost:
        present(host, [KERNEL], adopt=True)
        return host

    for killed in killed_at_every_write(adopted, absent, 5):
        absent(killed)
        assert looks(path) == before


def test_a_link_that_leads_to_our_own_text_is_no_file_of_ours(host: FakeHost, tmp_path: Path) -> None:
    """Somebody may change what it leads to."""
    present(host, [KERNEL])
    text = (tmp_path / CONFIG).read_text()
    absent(host)
    (tmp_path / CONFIG).parent.mkdir(exist_ok=True)
    (tmp_path / "etc/pcidp/mine.json").write_text(text)
    (tmp_path / CONFIG).symlink_to("mine.json")
    with pytest.raises(RefusedError, match="somebody else wrote"):
        present(host, [KERNEL])


def test_the_mode_of_our_file_is_the_administrators(host: FakeHost, tmp_path: Path) -> None:
    """No drift, and no obstacle at teardown."""
    present(host, [KERNEL])
    (tmp_path / CONFIG).chmod(0o600)
    assert not present(host, [KERNEL]).plan.steps
    absent(host)
    assert not (tmp_path / CONFIG).exists()


def test_a_record_of_an_older_version_gives_back_the_text(host: FakeHost, tmp_path: Path) -> None:
    """All that it knows."""
    path = tmp_path / CONFIG
    mode(path)
    present(host, [KERNEL], adopt=True)
    record = json.loads(host.get(ORIGINAL))
    assert record["files"]["/" + CONFIG]["mode"] == "0600"
    record["files"]["/" + CONFIG] = "{}\n"
    host.put(ORIGINAL, json.dumps(record))
    absent(host)
    assert path.read_text() == "{}\n"


@pytest.mark.parametrize("value", [3, {}, {"mode": "rw", "uid": 0, "gid": 0, "text": ""}, {"link": 3}, ["x"]])
def test_a_damaged_file_in_the_record(host: FakeHost, value: Any) -> None:
    """Nothing is given back by guessing."""
    host.put(ORIGINAL, json.dumps({"format": 1, "pfs": {}, "objects": {}, "files": {"/a": value}}))
    with pytest.raises(StateFileError, match="damage"):
        absent(host)
