# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that have versions: which folders are there, in what order they come and go; records of the first release."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.bundle import store
from ansible_collections.baremetal.sriov.plugins.module_utils.bundle.store import RECORDS, BundleRequest, Item
from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import HostError, InvalidSpecError
from support.bundle_host import PYTHON, Bundle, BundleHost, fresh
from support.fake_base import killed_at_every_write

LIB = "/usr/lib/baremetal-sriov/sample"
PROGRAM = f"{LIB}/program"


@pytest.fixture
def host(tmp_path: Path) -> BundleHost:
    return fresh(tmp_path)


def version(host: BundleHost, name: str) -> Bundle:
    """A program, and the version of its code that it names."""
    made = Bundle(host)
    made.compiled = True
    made.version = f"{LIB}/{name}"
    made.files = {PROGRAM: name.encode(), f"{LIB}/{name}/p/x.py": f"X = '{name}'\n".encode(),
                  f"{LIB}/{name}/p/__init__.py": b""}  # fmt: skip
    return made


def there(host: BundleHost) -> list[str]:
    """The versions that are there whole: each of their files, compiled."""
    files = host.tree()
    names = [name for name in "abcd" if files.get(f"{LIB}/{name}/p/x.py", (0, b""))[1] == f"X = '{name}'\n".encode()]
    compiled = [f"p/__pycache__/{stem}.{PYTHON.cache_tag}.pyc" for stem in ("__init__", "x")]
    return [name for name in names if all(f"{LIB}/{name}/{path}" in files for path in ("p/__init__.py", *compiled))]


# What is installed one after the other, and the versions that are there then.
@pytest.mark.parametrize(
    ("installed", "left"),
    [
        ("a", "a"),
        ("ab", "ab"),
        ("abc", "bc"),
        ("abcd", "cd"),
        pytest.param("aba", "ab", id="back-to-the-version-before"),
        pytest.param("abac", "ac", id="on-from-a-version-that-came-back"),
        pytest.param("abca", "ac", id="back-to-one-that-is-gone"),
        pytest.param("abb", "ab", id="nothing-to-change"),
    ],
)
def test_the_version_before_stays_until_the_next(host: BundleHost, installed: str, left: str) -> None:
    before = (host.tree(), host.folders())
    for name in installed:
        version(host, name).run()
        assert host.tree()[PROGRAM][1] == name.encode()
        assert version(host, name).plan() == ()
    assert "".join(there(host)) == left
    assert sorted(path.name for path in Path(host.path(LIB)).iterdir()) == [*left, "program"]
    version(host, installed[-1]).remove()
    assert (host.tree(), host.folders()) == before


def test_a_version_that_does_not_compile_is_not_led_to(host: BundleHost) -> None:
    version(host, "a").run()
    broken = version(host, "b")
    broken.files[f"{LIB}/b/p/x.py"] = b"def\n"
    for _turn in range(2):
        with pytest.raises(HostError, match="compileall"):
            broken.run()
        assert (there(host), host.tree()[PROGRAM][1]) == (["a"], b"a")
    version(host, "c").run()
    assert there(host) == ["a", "c"], "the one that never ran is no version before"


def test_what_was_changed_in_the_version_before_is_left(host: BundleHost) -> None:
    version(host, "a").run()
    Path(host.path(f"{LIB}/a/p/x.py")).write_text("X = 'by somebody'\n")
    version(host, "b").run()
    version(host, "c").run()
    assert Path(host.path(f"{LIB}/a/p/x.py")).read_text() == "X = 'by somebody'\n"


def test_a_bundle_whose_files_have_no_versions_any_more(host: BundleHost) -> None:
    version(host, "a").run()
    version(host, "b").run()
    plain = version(host, "a")
    plain.version, plain.files = "", {PROGRAM: b"plain"}
    plain.run()
    assert (there(host), plain.plan()) == ([], ())


def test_two_sets_have_versions_of_their_own() -> None:
    items = [Item(f"/opt/{path}/x", "", version=f"/opt/{path}") for path in ("one/b", "two/z")]
    request = BundleRequest("sample", tuple(items))
    known = ["/opt/one/a", "/opt/two/z", "/opt/two/y", "/opt/one/0", "/opt/else/q"]
    assert (request.versions, request.versions_before(known)) == (
        ["/opt/one/b", "/opt/two/z"], ["/opt/one/a", "/opt/two/y"]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "known", "before"),
    [
        ("n", "", ""),
        ("n", "a p", "a"),
        ("n", "n a", "a"),
        ("p", "a p", "a"),
        pytest.param("n", " n a", "a", id="killed-then-the-same"),
        pytest.param("m", " n a", "n a", id="killed-then-another"),
        pytest.param("m", "m n a", "n a", id="nothing-to-change-since"),
        pytest.param("k", " m n a", "m n a", id="killed-again"),
        pytest.param("k", "m n a", "m", id="all-is-known-again"),
    ],
)
def test_which_versions_stay(asked: str, known: str, before: str) -> None:
    """`known` begins with a space where an update did not come to its end: nobody knows what programs were led to."""
    paths = [f"/opt/{name}" if name else "" for name in known.split(" ")] if known else []
    found = BundleRequest("sample", (Item("", "", version=f"/opt/{asked}"),)).versions_before(paths)
    assert found == [f"/opt/{name}" for name in before.split()]


def test_being_killed_at_any_change(tmp_path: Path) -> None:
    """What the program names is there whole at each moment; the next run, of this version or the one after it, mends
    the rest, and a removal leaves nothing.
    """
    ready = fresh(tmp_path / "ready")
    before = (ready.tree(), ready.folders())
    version(ready, "a").run()
    version(ready, "b").run()
    for later in ("c", "d"):

        def copy(number: int, folder: Path = tmp_path / later) -> BundleHost:
            made = BundleHost(shutil.copytree(ready.root, folder / str(number)))
            made.compiles_itself = True
            return made

        for host in killed_at_every_write(copy, lambda host: version(host, "c").run(), 20):
            named = host.tree()[PROGRAM][1].decode()
            assert named in there(host)
            version(host, later).run()
            assert version(host, later).plan() == ()
            assert {named, later} <= set(there(host)), "what ran until now stays for programs that run"
            assert not [path for path in host.tree() if store.STAGED in path]
            version(host, later).remove()
            assert (host.tree(), host.folders()) == before


# The record of a bundle with `pack: true` as release 0.1.0 writes it.
PACK = f"{LIB}/p/__pycache__/__init__.all.pyc"


def release_0_1_0(host: BundleHost) -> None:
    """As release 0.1.0 leaves it."""
    plain = Bundle(host)
    plain.compiled = True
    plain.files = {PROGRAM: b"old", f"{LIB}/p/__init__.py": b"", f"{LIB}/p/x.py": b"X = 1\n"}
    plain.run()
    host.write_file(PACK, b"all modules")
    path = Path(host.path(f"{RECORDS}/sample.json"))
    record = json.loads(path.read_text())
    assert set(record) == {"compiled", "compiled_by", "files", "folders", "format", "name", "pending", "units"}
    stamp = store.stamp_of(os.lstat(host.path(PACK)))
    record["compiled"][PACK] = ["", hashlib.sha256(b"all modules").hexdigest(), stamp]
    path.write_text(json.dumps(record))


def test_the_first_release_is_replaced(host: BundleHost) -> None:
    before = (host.tree(), host.folders())
    release_0_1_0(host)
    Path(host.path(f"{LIB}/p/__pycache__/{store.STAGED}0123456789abcdef")).write_bytes(b"it was killed there")
    new = version(host, "a")
    new.run()
    assert (new.plan(), there(host)) == ((), ["a"])
    assert not os.path.exists(host.path(f"{LIB}/p"))
    new.remove()
    assert (host.tree(), host.folders()) == before


def test_the_first_release_is_removed(host: BundleHost) -> None:
    before = (host.tree(), host.folders())
    release_0_1_0(host)
    Bundle(host).remove()
    assert (host.tree(), host.folders()) == before


def test_the_first_release_reads_records_of_bundles_without_versions(host: BundleHost) -> None:
    release_0_1_0(host)
    plain = version(host, "a")
    plain.version = ""
    plain.run()
    assert "versions" not in json.loads(Path(host.path(f"{RECORDS}/sample.json")).read_text())


def test_what_a_compiler_left_that_was_killed_goes(host: BundleHost) -> None:
    """It writes beside the compiled file, with a number at the end (importlib._bootstrap_external._write_atomic)."""
    before = (host.tree(), host.folders())
    version(host, "a").run()
    Path(host.path(f"{LIB}/a/p/__pycache__/x.{PYTHON.cache_tag}.pyc.140223")).write_bytes(b"half")
    version(host, "a").remove()
    assert (host.tree(), host.folders()) == before


@pytest.mark.parametrize("path", ["/opt/x.py", "/opt/@X@", "/opt/a@X@/x.py", "/opt/@Y@/x.py", "/opt/@X@x.py"])
def test_a_version_needs_a_folder_of_its_name(path: str) -> None:
    manifest = {"files": [{"path": path, "sha256": "", "version": "X"}]}
    with pytest.raises(InvalidSpecError) as caught:
        store.request_from("sample", manifest, [], {"X": "1", "Y": "2"}, False)
    assert [mistake.problem for mistake in caught.value.mistakes] == ["write a dest below a folder @X@"]


def test_texts_and_paths_name_the_version() -> None:
    manifest = {"files": [{"path": "/opt/@X@/x.py", "sha256": "0", "version": "X"},
                          {"path": "/opt/program", "text": "@X@"}]}  # fmt: skip
    request = store.request_from("sample", manifest, [], {"X": "12ab"}, False)
    assert [(item.path, item.version, item.text) for item in request.items] == [
        ("/opt/12ab/x.py", "/opt/12ab", None), ("/opt/program", "", "12ab")
    ]  # fmt: skip
