# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The releases of the guest: each has a base system, an image and files of its own, and a lab stays with one."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from sriovlab import cli, deps, image, node, pki, release, rootfs, state
from sriovlab.peers import Built
from sriovlab.progress import LabError
from sriovlab.release import RELEASES
from sriovlab.state import Members, State


def test_each_name_is_its_own_and_the_usual_one_is_there() -> None:
    assert [found.name for found in RELEASES.values()] == list(RELEASES)
    assert release.named(release.USUAL).title == "Debian 12"
    with pytest.raises(LabError, match="release '11': expected one of 12, 13"):
        release.named("11")


def test_each_has_a_base_system_and_an_image_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "id_ed25519.pub").write_text("key")
    monkeypatch.setattr(pki, "ssh_keys", lambda: tmp_path)
    given = image.Programs(*(Built(tmp_path, str(number)) for number in range(4)))
    assert len({rootfs.key(found) for found in RELEASES.values()}) == len(RELEASES)
    assert len({image.key(given, found) for found in RELEASES.values()}) == len(RELEASES)


def test_the_kernel_comes_from_the_suite() -> None:
    for found in RELEASES.values():
        assert found.kernel in rootfs.packages(found)
        assert found.kernel.partition("/")[2].partition("-")[0] == found.suite


def test_a_release_without_files_of_its_own_has_those_of_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image, "GUEST", tmp_path / "guest")
    for name in ("guest", "guest-13"):
        (tmp_path / name).mkdir()
    files = {name: [tree.name for tree in image.trees(found)] for name, found in RELEASES.items()}
    assert files == {"12": ["guest"], "13": ["guest", "guest-13"]}


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The releases whose image nodes are booted on, in a lab that is never really on."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("BAREMETAL_SRIOV_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(release.VARIABLE, raising=False)
    found: list[str] = []

    def made(_descriptor: int, what: release.Release) -> image.Image:
        folder = tmp_path / what.name
        folder.mkdir(exist_ok=True)
        for name in ("disk.raw", "id"):
            (folder / name).write_text(what.name)
        return image.Image(folder)

    def boot(name: str, used: image.Image, *_words: Any) -> State:
        found.append(used.identity)
        current = State(1, "tcg", str(used.folder), 2201, 6401, image_id=used.identity, node=name)
        current.save()
        return current

    def nothing(*_words: Any) -> None:
        pass

    monkeypatch.setattr(image, "prepare", nothing)
    monkeypatch.setattr(node, "_image", made)
    monkeypatch.setattr(node, "_power_on", boot)
    monkeypatch.setattr(node, "_keep", nothing)
    monkeypatch.setattr(node.snapshot, "find", nothing)
    monkeypatch.setattr(node.qemu, "accelerator", nothing)
    for module, name in ((node.holder, "start"), (node.clients, "write"), (deps, "require")):
        monkeypatch.setattr(module, name, nothing)
    return found


@pytest.fixture
def on(started: list[str], monkeypatch: pytest.MonkeyPatch) -> Callable[[Sequence[str]], None]:
    """Call it to have a lab of one node of a release on."""

    def be_on(names: Sequence[str]) -> None:
        monkeypatch.setattr(node, "is_on", lambda: True)
        monkeypatch.setattr(state, "running", lambda: [current for current in state.states() if current.node in names])
        monkeypatch.setattr(node.qemu, "stop", lambda *_words, **_more: None)

    return be_on


def run(*words: str) -> int:
    return cli.main([*words, "--no-wait", "--lock-timeout", "1"])


def lab() -> str:
    found = state.members()
    assert found is not None
    return found.release


def test_up_takes_the_usual_release_then_that_of_the_last_disks(started: list[str]) -> None:
    for words in ((), ("--release", "13"), (), ("--release", "12"), ()):
        assert run("up", *words) == 0
    assert started == ["12", "13", "13", "12", "12"]
    assert lab() == "12"


def test_reset_of_a_lab_that_is_off_takes_the_usual_one(started: list[str]) -> None:
    for words in (("--release", "13"), ()):
        assert run("reset", *words) == 0
    assert started == ["13", "12"]


def test_the_environment_names_one_where_no_option_does(started: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(release.VARIABLE, "13")
    for words in ((), ("--release", "12")):
        assert run("reset", *words) == 0
    assert started == ["13", "12"]
    monkeypatch.setenv(release.VARIABLE, "14")
    assert run("up") == 1


def test_a_lab_that_is_on_keeps_its_release(
    started: list[str], on: Callable[[Sequence[str]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    run("up", "--release", "13")
    for names in (["node1"], []):  # with its node on, and with all nodes off but the lab not given free
        on(names)
        assert run("up", "--release", "12") == 1
        assert "--release 12: the lab has nodes of 13; end it first" in capsys.readouterr().err
    assert (started, lab()) == (["13"], "13")
    assert run("up") == run("reset") == 0
    assert (started, lab()) == (["13", "13", "13"], "13")
    assert run("reset", "--release", "12") == 0
    assert (started[-1], lab()) == ("12", "12")


def test_one_node_is_renewed_with_the_release_of_the_lab(
    started: list[str], on: Callable[[Sequence[str]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    run("up", "--release", "13", "--nodes", "2")
    on(["node1", "node2"])
    assert run("reset", "node2", "--release", "12") == 1
    assert "reset node2 --release 12: expected only one of both" in capsys.readouterr().err
    assert run("reset", "node2") == 0
    assert (started, lab()) == (["13", "13", "13"], "13")


def test_a_lab_of_before_there_were_two_is_of_the_usual_one() -> None:
    assert Members(1, "/image", "id").release == release.USUAL
