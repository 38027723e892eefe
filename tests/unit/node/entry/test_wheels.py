# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wheels for another machine's Python, without a package index."""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import time
import zipfile
from pathlib import Path

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.entry import wheels
from ansible_collections.baremetal.sriov.plugins.module_utils.entry.wheels import (
    WheelsRequest,
    following,
    platforms,
    prepare,
    prepare_following,
)
from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import HostError

pytest.importorskip("pip", reason="the interpreter that runs the tests has no pip")


def make_wheel(folder: Path, name: str, tags: str) -> None:
    """A wheel with one module (the binary distribution format's specification: METADATA, WHEEL, RECORD)."""
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(folder / f"{name}-1.0-{tags}.whl", "w") as archive:
        archive.writestr(f"{name}.py", f"TAGS = {tags!r}\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {tags}\n")
        archive.writestr(f"{info}/RECORD", "")


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """A folder of wheels for several Pythons and machines."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    for tags in ("cp39-cp39-manylinux2014_x86_64", "cp311-cp311-manylinux_2_34_x86_64",
                 "cp311-cp311-manylinux_2_17_aarch64", "cp311-cp311-musllinux_1_2_x86_64"):  # fmt: skip
        make_wheel(folder, "native", tags)
    make_wheel(folder, "pure", "py3-none-any")
    return folder


@pytest.fixture
def request_for(tmp_path: Path, shelf: Path) -> WheelsRequest:
    """What a Debian 12 node needs."""
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("native\npure\n")
    return WheelsRequest(str(requirements), "3.11", "x86_64", "glibc 2.36", str(shelf))


@pytest.mark.parametrize(
    ("version", "machine", "libc", "chosen"),
    [
        ("3.11.2", "x86_64", "glibc 2.36", "cp311-cp311-manylinux_2_34_x86_64"),
        ("3.9", "x86_64", "glibc 2.28", "cp39-cp39-manylinux2014_x86_64"),
        ("3.11", "aarch64", "glibc 2.36", "cp311-cp311-manylinux_2_17_aarch64"),
        ("3.11", "x86_64", "musl 1.2", "cp311-cp311-musllinux_1_2_x86_64"),
    ],
)
def test_the_wheel_that_fits_the_node_is_unpacked(
    tmp_path: Path, request_for: WheelsRequest, version: str, machine: str, libc: str, chosen: str
) -> None:
    wanted = WheelsRequest(request_for.requirements, version, machine, libc, request_for.folder)
    found = prepare(wanted, str(tmp_path / "cache"), sys.executable)
    assert (Path(found.path) / "native.py").read_text() == f"TAGS = {chosen!r}\n"
    assert found.wheels == (f"native-1.0-{chosen}.whl", "pure-1.0-py3-none-any.whl")


def test_no_wheel_that_fits_is_told_and_leaves_nothing(tmp_path: Path, request_for: WheelsRequest) -> None:
    wanted = WheelsRequest(request_for.requirements, "3.11", "x86_64", "glibc 2.31", request_for.folder)
    with pytest.raises(HostError, match=r"wheels for Python 3.11 on x86_64 with glibc 2.31") as caught:
        prepare(wanted, str(tmp_path / "cache"), sys.executable)
    assert "native" in str(caught.value)
    assert [path.name for path in (tmp_path / "cache" / "wheels").iterdir() if path.is_dir()] == []


def test_a_complete_folder_needs_no_pip(tmp_path: Path, request_for: WheelsRequest) -> None:
    first = prepare(request_for, str(tmp_path / "cache"), sys.executable)
    assert prepare(request_for, str(tmp_path / "cache"), "/nonexistent/python") == first


def test_other_requirements_or_another_shelf_make_another_folder(
    tmp_path: Path, request_for: WheelsRequest
) -> None:
    first = prepare(request_for, str(tmp_path / "cache"), sys.executable)
    make_wheel(tmp_path / "shelf", "native", "cp311-cp311-manylinux_2_36_x86_64")
    second = prepare(request_for, str(tmp_path / "cache"), sys.executable)
    Path(request_for.requirements).write_text("pure\n")
    third = prepare(request_for, str(tmp_path / "cache"), sys.executable)
    assert len({first.path, second.path, third.path}) == 3
    assert "manylinux_2_36" in second.wheels[0]


def test_what_a_killed_run_left_does_no_harm(tmp_path: Path, request_for: WheelsRequest) -> None:
    left = tmp_path / "cache" / "wheels" / ".making-dead" / "site"
    left.mkdir(parents=True)
    assert "pure-1.0-py3-none-any.whl" in prepare(request_for, str(tmp_path / "cache"), sys.executable).wheels


def test_what_was_asked_for_last_is_known(tmp_path: Path, request_for: WheelsRequest) -> None:
    """For a plan, which does not know the node's Python yet; also of a folder that release 0.1.1 has made."""
    cache, files = str(tmp_path / "cache"), (request_for.requirements, request_for.folder)
    assert wheels.last_used(files[0], cache, files[1]) is None
    other = WheelsRequest(request_for.requirements, "3.9", "x86_64", "glibc 2.28", request_for.folder)
    made = {one.version: (one, prepare(one, cache, sys.executable)) for one in (request_for, other)}
    for version in made:
        told = Path(made[version][1].path).parent / "wheels.json"
        data = json.loads(told.read_text())
        del data["python"]
        told.write_text(json.dumps(data))
    assert wheels.last_used(files[0], cache, files[1]) is None
    for number, version in enumerate(("3.11", "3.9", "3.11")):
        request, _unpacked = made[version]
        prepare(request, cache, "/nonexistent/python")
        for one, found in made.values():  # what is not the last one is older, whatever the clock's resolution is
            if one is not request:
                os.utime(Path(found.path).parent / "wheels.json", (number, number))
        assert wheels.last_used(files[0], cache, files[1]) == request
    assert wheels.last_used(files[0], cache) is None, "another folder of wheels, or none"


def test_wheels_for_a_later_python_are_none_that_a_node_asked_for(
    tmp_path: Path, request_for: WheelsRequest, shelf: Path
) -> None:
    """So that a plan begins with those of the nodes; what it will look at is known before."""
    make_wheel(shelf, "native", "cp312-cp312-manylinux_2_17_x86_64")
    cache = str(tmp_path / "cache")
    for python in (sys.executable, "/nonexistent/python"):
        told = wheels.provided(request_for, 2, cache, python)
        assert wheels.last_used(request_for.requirements, cache, request_for.folder) == request_for
    assert (told["abi"], [one["abi"] for one in told["others"]]) == ("cp311", ["cp312"])
    assert [one["abi"] for one in told["missing"]] == ["cp313"]
    assert wheels.ready(request_for, 2, cache) == [told["site"], told["others"][0]["site"]]


def _prepare(request: WheelsRequest, cache: str) -> str:
    return prepare(request, cache, sys.executable).path


def test_runs_at_the_same_time_share_one_folder(tmp_path: Path, request_for: WheelsRequest) -> None:
    with multiprocessing.get_context("fork").Pool(3) as pool:
        paths = pool.starmap(_prepare, [(request_for, str(tmp_path / "cache"))] * 3)
    assert len(set(paths)) == 1
    marker = Path(paths[0]).parent / "wheels.json"
    assert json.loads(marker.read_text())["format"] == wheels.FORMAT


def test_an_unwritable_cache_and_missing_requirements_are_named(tmp_path: Path, request_for: WheelsRequest) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HostError, match="file"):
        prepare(request_for, str(tmp_path / "file"), sys.executable)
    gone = WheelsRequest(str(tmp_path / "gone.txt"), "3.11", "x86_64", "glibc 2.36")
    with pytest.raises(HostError, match=r"gone\.txt"):
        prepare(gone, str(tmp_path / "cache"), sys.executable)


def test_platform_tags_start_with_the_newest_and_know_the_old_names() -> None:
    tags = platforms("x86_64", "glibc 2.17")
    assert tags[:2] == ["manylinux_2_17_x86_64", "manylinux2014_x86_64"]
    assert tags[-1] == "manylinux1_x86_64"


def test_an_unknown_c_library_is_refused() -> None:
    with pytest.raises(HostError, match="C library"):
        platforms("x86_64", "newlib 4")


@pytest.mark.parametrize(
    ("version", "count", "expected"),
    [
        ("3.11", 2, ["3.12", "3.13"]),
        ("3.9.18", 2, ["3.10", "3.11"]),  # the number after the dot, not a decimal
        ("3.13", 0, []),
    ],
)
def test_the_pythons_that_a_distribution_may_have_next(version: str, count: int, expected: list[str]) -> None:
    assert following(version, count) == expected


def test_wheels_for_the_next_pythons_lie_beside(tmp_path: Path, request_for: WheelsRequest, shelf: Path) -> None:
    make_wheel(shelf, "native", "cp312-cp312-manylinux_2_17_x86_64")
    found = prepare_following(request_for, 2, str(tmp_path / "cache"), sys.executable)
    assert [(one.abi, one.unpacked.wheels[0]) for one in found if one.unpacked] == [
        ("cp312", "native-1.0-cp312-cp312-manylinux_2_17_x86_64.whl")
    ]
    (missing,) = (one for one in found if not one.unpacked)
    assert missing.abi == "cp313" and "native" in missing.reason


def test_what_no_index_has_is_not_asked_for_in_each_run(tmp_path: Path, request_for: WheelsRequest) -> None:
    """A run that changes nothing is quick; the next day they may be there."""
    cache = str(tmp_path / "cache")
    first = prepare_following(request_for, 2, cache, sys.executable)
    assert [one.unpacked for one in first] == [None, None]
    assert prepare_following(request_for, 2, cache, "/nonexistent/python") == first
    long_ago = time.time() - 2 * wheels.MISSING_SECONDS
    for path in (tmp_path / "cache" / "wheels").glob("*.missing"):
        os.utime(path, (long_ago, long_ago))
    make_wheel(tmp_path / "shelf", "unrelated", "py3-none-any")  # another listing is asked at once, too
    again = prepare_following(request_for, 2, cache, "/nonexistent/python")
    assert [one.reason for one in again] != [one.reason for one in first]


def test_a_node_is_never_without_its_own(tmp_path: Path, request_for: WheelsRequest) -> None:
    """What stands for the next ones as missing is not taken for the answer for the node's own."""
    cache = str(tmp_path / "cache")
    prepare_following(request_for, 1, cache, sys.executable)
    own = WheelsRequest(request_for.requirements, "3.12", "x86_64", "glibc 2.36", request_for.folder)
    make = [path.name for path in (tmp_path / "cache" / "wheels").glob("*.missing")]
    assert len(make) == 1
    with pytest.raises(HostError, match=r"wheels for Python 3\.12"):
        prepare(own, cache, sys.executable)
