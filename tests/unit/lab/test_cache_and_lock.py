# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What checkouts share: the cache of builds and the machine's one lab lock."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from sriovlab import cache, lock
from sriovlab.progress import LabError


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BAREMETAL_SRIOV_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert cache.root() == tmp_path / "cache"
    monkeypatch.delenv("BAREMETAL_SRIOV_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert cache.root() == Path("/xdg/baremetal-sriov")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/someone")
    assert cache.root() == Path("/home/someone/.cache/baremetal-sriov")


def test_a_digest_counts_the_borders_of_its_parts() -> None:
    assert cache.digest("ab", "c") != cache.digest("a", "bc")
    assert cache.digest("ab") == cache.digest(b"ab")


def test_a_trees_digest_sees_names_contents_and_modes_but_no_compiled_python(tmp_path: Path) -> None:
    (tmp_path / "tree/sub").mkdir(parents=True)
    file = tmp_path / "tree/sub/file"
    file.write_text("one")
    file.chmod(0o644)
    seen = {cache.tree_digest(tmp_path / "tree")}
    (tmp_path / "tree/__pycache__").mkdir()
    (tmp_path / "tree/__pycache__/x.pyc").write_text("compiled")
    assert cache.tree_digest(tmp_path / "tree") in seen
    file.write_text("two")
    seen.add(cache.tree_digest(tmp_path / "tree"))
    file.chmod(0o755)
    seen.add(cache.tree_digest(tmp_path / "tree"))
    file.rename(tmp_path / "tree/sub/other")
    seen.add(cache.tree_digest(tmp_path / "tree"))
    assert len(seen) == 4


def test_an_artefact_is_built_once_and_appears_whole(own_cache: Path) -> None:
    calls: list[Path] = []

    def build(folder: Path) -> None:
        calls.append(folder)
        assert not (own_cache / "thing").exists()
        (folder / "file").write_text("content")

    assert cache.artefact("thing", build) == cache.artefact("thing", build) == own_cache / "thing"
    assert (own_cache / "thing/file").read_text() == "content"
    assert len(calls) == 1


def test_a_folder_is_published_whole_or_not_at_all(own_cache: Path) -> None:
    target = own_cache / "things" / "thing"

    def killed(folder: Path) -> None:
        (folder / "half").touch()
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        cache.artefact("things/thing", killed)
    assert not target.exists()
    for content in ("first", "second"):
        assert cache.artefact("things/thing", lambda folder, content=content: (folder / content).touch()) == target
    assert [path.name for path in target.iterdir()] == ["first"], "what is there is not built again"
    assert list(target.parent.iterdir()) == [target], "nothing is left of what was killed"


def test_two_checkouts_take_turns(capsys: pytest.CaptureFixture[str]) -> None:
    order = []

    def other() -> None:
        with cache.locked("tools"):
            order.append("second")

    with cache.locked("tools"):
        thread = threading.Thread(target=other)
        thread.start()
        while "another run holds the lock" not in capsys.readouterr().err:  # said as one piece
            time.sleep(0.05)
        order.append("first")
    thread.join(timeout=60)
    assert order == ["first", "second"]


def test_a_failed_build_leaves_its_log_and_no_artefact_and_the_next_one_cleans_up(own_cache: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "tree").mkdir()
        (folder / "big").write_text("x")
        (folder / "build.log").write_text("why")
        raise LabError("no")

    with pytest.raises(LabError):
        cache.artefact("thing", fail)
    (left,) = own_cache.glob(".thing.*")
    assert [path.name for path in left.iterdir()] == ["build.log"]
    assert not (own_cache / "thing").exists()
    cache.artefact("thing", lambda folder: None)
    assert not left.exists()


def test_two_builders_at_once_build_once(own_cache: Path) -> None:
    calls: list[Path] = []
    inside, go_on = threading.Event(), threading.Event()

    def build(folder: Path) -> None:
        calls.append(folder)
        inside.set()
        assert go_on.wait(60)

    threads = [threading.Thread(target=cache.artefact, args=("thing", build)) for _index in range(2)]
    threads[0].start()
    assert inside.wait(60)
    threads[1].start()
    go_on.set()
    for thread in threads:
        thread.join(60)
    assert len(calls) == 1
    assert (own_cache / "thing").is_dir()


@pytest.fixture
def lock_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(lock, "path", lambda: tmp_path / "lab.lock")
    return tmp_path / "lab.lock"


@pytest.mark.usefixtures("lock_file")
def test_the_second_one_is_told_who_holds_the_lab() -> None:
    with (
        lock.held(Path("/home/first"), timeout=0),
        pytest.raises(LabError, match=r"in use by the checkout /home/first \(process \d+, since"),
        lock.held(Path("/home/second"), timeout=0),
    ):
        pass
    with lock.held(Path("/home/second"), timeout=0):
        pass


@pytest.mark.usefixtures("lock_file")
def test_the_lock_is_held_as_long_as_a_child_that_inherited_it_lives() -> None:
    with lock.held(Path("/home/first"), timeout=0) as descriptor:
        child = subprocess.Popen(
            [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(descriptor,)
        )
    with pytest.raises(LabError, match="/home/first"), lock.held(Path("/home/second"), timeout=0):
        pass
    child.communicate(b"\n", timeout=60)
    with lock.held(Path("/home/second"), timeout=60):
        pass


def test_a_lock_file_with_nonsense_in_it_still_locks(lock_file: Path) -> None:
    lock_file.write_text("nonsense")
    descriptor = os.open(lock_file, os.O_RDONLY)
    assert lock.holder(descriptor) == "somebody who did not say"
    os.close(descriptor)
    with lock.held(Path("/home/first"), timeout=0):
        assert "/home/first" in lock_file.read_text()
