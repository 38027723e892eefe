# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bundles: what they install, repair, refuse, restart and take away, and being stopped at any point."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.bundle import plan as bundle_plan
from ansible_collections.baremetal.sriov.plugins.module_utils.bundle.store import RECORDS, Unit
from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import (
    HostError,
    RefusedError,
    StateFileError,
)
from support.bundle_host import PYTHON, Bundle, BundleHost, fresh
from support.fake_base import killed_at_every_write

LIB = "/usr/lib/baremetal-sriov/sample"
UNIT = "/etc/systemd/system/sample.service"


@pytest.fixture
def host(tmp_path: Path) -> BundleHost:
    return fresh(tmp_path)


@pytest.fixture
def sample(host: BundleHost) -> Bundle:
    made = Bundle(host)
    made.files = {f"{LIB}/a.py": b"A = 1\n", f"{LIB}/deep/er/b.py": b"B = 2\n", UNIT: b"[Service]\n"}
    made.compiled = True
    made.units = (Unit("sample.service", True, True, (LIB, UNIT)),)
    return made


def what(steps: tuple[object, ...]) -> list[str]:
    return [f"{step.target} {step.action}" for step in steps]  # type: ignore[attr-defined]


def test_a_first_run_installs_all_and_a_second_finds_nothing_to_do(host: BundleHost, sample: Bundle) -> None:
    before = os.umask(0o077)
    try:
        sample.run()
    finally:
        os.umask(before)
    tree = host.tree()
    for path, data in sample.files.items():
        assert tree[path] == (0o644, data)
    assert Path(host.path(f"{LIB}/deep")).stat().st_mode & 0o7777 == 0o755
    assert host.verbs == ["daemon-reload", "enable sample.service", "start sample.service"]
    assert sample.plan() == ()


@pytest.mark.parametrize("place", [pytest.param("/usr", id="finding-node-28-bundle")])
def test_a_place_that_can_not_be_written(host: BundleHost, sample: Bundle, place: str) -> None:
    """Refused in words, in a check too, before anything is written; what is there already needs no write."""
    host.is_read_only = lambda path: path.startswith(place)  # type: ignore[method-assign]
    for act in (sample.plan, sample.run):
        with pytest.raises(RefusedError, match=f"{LIB}: expected a file system that can be written; found a read-only"):
            act()
    assert not host.exists(LIB) and not host.exists(UNIT)
    host.is_read_only = lambda path: False  # type: ignore[method-assign]
    sample.run()
    host.is_read_only = lambda path: path.startswith(place)  # type: ignore[method-assign]
    assert sample.plan() == ()


def test_what_differs_is_repaired_and_nothing_else_is_touched(host: BundleHost, sample: Bundle) -> None:
    sample.run()
    untouched = os.stat(host.path(f"{LIB}/deep/er/b.py"))
    host.verbs.clear()
    Path(host.path(f"{LIB}/a.py")).write_bytes(b"A = 9\n")
    os.chmod(host.path(UNIT), 0o600)
    assert what(sample.run()) == [
        f"{LIB}/a.py replace",
        f"{UNIT} set the mode",
        f"{PYTHON.path} compile 1 files",
        "systemd daemon-reload",
        "sample.service restart",
    ]
    assert host.tree()[f"{LIB}/a.py"][1] == b"A = 1\n"
    assert os.stat(host.path(f"{LIB}/deep/er/b.py")) == untouched
    assert sample.plan() == ()


def test_a_change_that_keeps_size_and_mtime_is_seen(host: BundleHost, sample: Bundle) -> None:
    sample.run()
    path = host.path(f"{LIB}/a.py")
    status = os.stat(path)
    Path(path).write_bytes(b"A = 2\n")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert f"{LIB}/a.py replace" in what(sample.plan())


def test_compiled_files_are_unchecked_and_part_of_the_state(host: BundleHost, sample: Bundle) -> None:
    sample.run()
    pyc = Path(importlib.util.cache_from_source(host.path(f"{LIB}/a.py")))
    assert int.from_bytes(pyc.read_bytes()[4:8], "little") == 0b01
    pyc.write_bytes(pyc.read_bytes()[:-1] + b"?")
    assert what(sample.run())[0] == f"{PYTHON.path} compile 1 files"
    pyc.unlink()
    assert what(sample.run())[0] == f"{PYTHON.path} compile 1 files"
    assert sample.plan() == ()


def test_a_source_that_does_not_compile_is_an_error_and_stays_one(host: BundleHost, sample: Bundle) -> None:
    sample.files[f"{LIB}/a.py"] = b"def\n"
    with pytest.raises(HostError, match="compileall"):
        sample.run()
    with pytest.raises(HostError, match="compileall"):
        sample.run()


def test_files_that_are_no_longer_asked_for_go_with_their_folders(host: BundleHost, sample: Bundle) -> None:
    sample.run()
    del sample.files[f"{LIB}/deep/er/b.py"]
    assert f"{LIB}/deep/er/b.py remove" in what(sample.run())
    assert f"{LIB}/deep" not in host.folders()
    assert sample.plan() == ()


def test_foreign_files_are_refused_all_at_once_and_nothing_changes(host: BundleHost, sample: Bundle) -> None:
    Path(host.path(UNIT)).write_bytes(b"theirs\n")
    Path(host.path("/usr/lib/baremetal-sriov/sample/deep")).mkdir(parents=True)
    Path(host.path(f"{LIB}/a.py")).symlink_to("/etc/passwd")
    before = host.tree()
    with pytest.raises(RefusedError) as caught:
        sample.run()
    assert [problem.target for problem in caught.value.problems] == [f"{LIB}/a.py", UNIT]
    assert (host.tree(), host.verbs) == (before, [])


@pytest.mark.parametrize("linked", [False, True])
def test_a_file_that_may_be_of_others_is_left_to_them(host: BundleHost, sample: Bundle, linked: bool) -> None:
    """Ours is made where there is none, kept right, and goes; theirs, and a link of theirs, is never touched."""
    sample.if_missing = True
    theirs = Path(host.path(f"{LIB}/a.py"))
    theirs.parent.mkdir(parents=True)
    if linked:
        theirs.symlink_to(Path(host.path("/theirs.py")))
    theirs.write_bytes(b"THEIRS = 1\n")
    sample.run()
    assert theirs.read_bytes() == b"THEIRS = 1\n"
    assert sample.plan() == ()
    ours = Path(host.path(f"{LIB}/deep/er/b.py"))
    ours.write_bytes(b"")
    sample.run()
    assert ours.read_bytes() == b"B = 2\n"
    sample.remove()
    assert (theirs.read_bytes(), theirs.is_symlink(), ours.exists()) == (b"THEIRS = 1\n", linked, False)


def test_an_adopted_file_is_given_back_with_its_mode(host: BundleHost, sample: Bundle) -> None:
    Path(host.path(UNIT)).write_bytes(b"theirs\n")
    os.chmod(host.path(UNIT), 0o640)
    before = host.tree()
    sample.adopt = True
    sample.run()
    assert host.tree()[UNIT] == (0o644, b"[Service]\n")
    assert sample.plan() == ()
    sample.remove()
    assert host.tree() == before


def test_removal_leaves_what_was_there_with_the_same_content(host: BundleHost, sample: Bundle) -> None:
    Path(host.path(UNIT)).write_bytes(b"[Service]\n")
    os.chmod(host.path(UNIT), 0o644)
    before = host.tree()
    sample.run()
    sample.remove()
    assert host.tree() == before


def test_removal_leaves_what_was_changed_since_and_says_so(host: BundleHost, sample: Bundle) -> None:
    sample.run()
    Path(host.path(f"{LIB}/a.py")).write_bytes(b"A = 'by somebody'\n")
    planned = sample.remove()
    assert planned.warnings == (f"{LIB}/a.py is left: it was changed since we shipped it",)
    assert list(host.tree()) == [f"{LIB}/a.py"]


def test_removal_stops_and_disables_before_it_takes_files(host: BundleHost, sample: Bundle) -> None:
    folders = host.folders()
    sample.run()
    host.verbs.clear()
    sample.remove()
    assert host.verbs == ["stop sample.service", "disable sample.service", "daemon-reload"]
    assert (host.tree(), host.folders()) == ({}, folders)
    assert bundle_plan.plan_absent(host, "sample").steps == ()


def test_two_bundles_share_a_folder(host: BundleHost, sample: Bundle) -> None:
    other = Bundle(host, "other")
    other.files = {"/usr/lib/baremetal-sriov/other/c": b"c"}
    folders = host.folders()
    sample.run()
    other.run()
    sample.remove()
    assert other.plan() == ()
    other.remove()
    assert (host.tree(), host.folders()) == ({}, folders)


@pytest.mark.parametrize(
    ("changed", "verbs"),
    [
        (f"{LIB}/a.py", ["restart sample.service"]),
        (UNIT, ["daemon-reload", "restart sample.service"]),
        ("/opt/elsewhere", []),
    ],
)
def test_a_restart_follows_from_the_files_that_changed(
    host: BundleHost, sample: Bundle, changed: str, verbs: list[str]
) -> None:
    sample.files["/opt/elsewhere"] = b""
    sample.run()
    host.verbs.clear()
    sample.files[changed] = b"# new\n"
    sample.run()
    assert host.verbs == verbs


def test_a_unit_that_was_stopped_is_started_and_one_left_alone_is_not(
    host: BundleHost, sample: Bundle
) -> None:
    sample.run()
    host.active.clear()
    assert what(sample.run()) == ["sample.service start"]
    host.active.clear()
    sample.units = (Unit("sample.service", True),)
    assert sample.plan() == ()


def test_a_unit_that_is_dropped_is_stopped_and_disabled(host: BundleHost, sample: Bundle) -> None:
    sample.run()
    host.verbs.clear()
    sample.units = ()
    del sample.files[UNIT]
    sample.run()
    assert host.verbs == ["stop sample.service", "disable sample.service", "daemon-reload"]


def test_a_unit_that_does_not_stay_up_is_an_error(host: BundleHost, sample: Bundle) -> None:
    host.broken.add("sample.service")
    with pytest.raises(HostError, match=r"journalctl -u sample\.service"):
        sample.run()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        '{"format": 2}',
        '{"format": 1, "files": []}',
        '{"format": 1, "name": "sample", "files": {"/a": {"odd": 1}}}',
    ],
)
def test_a_record_that_is_damaged_is_no_licence(host: BundleHost, sample: Bundle, text: str) -> None:
    host.write_file(f"{RECORDS}/sample.json", text.encode())
    with pytest.raises(StateFileError, match="adopt"):
        sample.plan()


def _with_theirs(root: Path) -> BundleHost:
    made = fresh(root)
    Path(made.path(UNIT)).write_bytes(b"theirs\n")
    return made


def test_being_killed_at_any_change_leaves_what_the_next_run_repairs_or_removes(tmp_path: Path) -> None:
    pristine = _with_theirs(tmp_path / "pristine")
    before = (pristine.tree(), pristine.folders())

    def act(host: BundleHost) -> None:
        _first(host).run()
        _second(host).run()

    for end in ("repair", "remove"):
        for host in killed_at_every_write(lambda number, end=end: _with_theirs(tmp_path / end / str(number)), act, 20):
            if end == "repair":
                _second(host).run()
                assert _second(host).plan() == ()
                assert not [path for path in host.tree() if "bundle-" in path]
                assert host.active == {"sample.service"}
                assert "sample.service" in host.loaded
            _second(host).remove()
            assert (host.tree(), host.folders()) == before


def _first(host: BundleHost) -> Bundle:
    made = Bundle(host)
    made.adopt = True
    made.files = {f"{LIB}/a.py": b"A = 1\n", f"{LIB}/gone/x": b"x", UNIT: b"[Service]\n"}
    made.units = (Unit("sample.service", True, True),)
    return made


def _second(host: BundleHost) -> Bundle:
    made = _first(host)
    made.files = {f"{LIB}/a.py": b"A = 2\n", f"{LIB}/new/y": b"y", UNIT: b"[Service]\n# 2\n"}
    return made


def test_being_killed_in_a_removal_is_finished_by_the_next_one(tmp_path: Path) -> None:
    before = _with_theirs(tmp_path / "pristine").tree()

    def make(number: int) -> BundleHost:
        host = _with_theirs(tmp_path / str(number))
        _first(host).run()
        return host

    for host in killed_at_every_write(make, lambda host: _first(host).remove(), 5):
        _first(host).remove()
        assert host.tree() == before
