# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection as a tarball, as an installed tree, and as a clean copy for tools that want one."""

from __future__ import annotations

import os
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .console import ToolError, call
from .deps import ROOT, collections_folder, dev_venv

OUTPUT = ROOT / "tests" / "output"
INSTALLED = OUTPUT / "collections"
# `ansible-galaxy collection build` lists files as the file system tells them, which differs from one disk to the next.
# Told in the order of their names they give the same FILES.json, with the same checksum, on each machine.
_BUILD = """
import os, sys
listdir = os.listdir
os.listdir = lambda *words: sorted(listdir(*words))
from ansible.cli.galaxy import main
sys.argv = ["ansible-galaxy", "collection", "build", "--force", "--output-path", sys.argv[1]]
sys.exit(main())
"""


def environment(collections: Path | None = None, venv: Path | None = None, **extra: str) -> dict[str, str]:
    """The environment for Ansible's tools: ours first on PATH, nobody's Ansible settings, no terminal."""
    venv = venv or dev_venv()
    env = {name: text for name, text in os.environ.items() if not name.startswith(("ANSIBLE_", "MOLECULE_", "PYTEST_"))}
    env |= {"VIRTUAL_ENV": str(venv), "PATH": os.pathsep.join([str(venv / "bin"), env.get("PATH", os.defpath)]),
            "LC_ALL": "C.UTF-8", "PY_COLORS": "0", "NO_COLOR": "1", "ANSIBLE_NOCOLOR": "1"}  # fmt: skip
    if collections is not None:
        env["ANSIBLE_COLLECTIONS_PATH"] = os.pathsep.join([str(collections), str(collections_folder())])
    return {**env, **extra}


def tool(name: str) -> str:
    """The path of a program of the development environment."""
    return str(dev_venv() / "bin" / name)


def git(*words: str, folder: Path = ROOT) -> str:
    """What git says of a repository, whoever owns it. Raises ToolError."""
    return call(["git", "-c", f"safe.directory={folder}", *words], cwd=folder).strip()


def tracked_files() -> list[str]:
    """What belongs to the project: files that git knows, and new ones that it does not ignore."""
    listed = git("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    return sorted({name for name in listed.split("\0") if name and os.path.lexists(ROOT / name)})


@contextmanager
def clean_copy() -> Iterator[Path]:
    """A folder that holds the project as ansible_collections/baremetal/sriov, a git work tree of its own.

    ansible-test accepts no other place, and walks every file where git does not tell it which ones count.
    """
    with tempfile.TemporaryDirectory(prefix="baremetal-sriov-test-") as temporary:
        copy = Path(temporary) / "ansible_collections" / "baremetal" / "sriov"
        copy.mkdir(parents=True)
        call(["cp", "--parents", "--no-dereference", "--preserve=mode", *tracked_files(), str(copy)], cwd=ROOT)
        for words in (
            "init --quiet --initial-branch=main",
            "add --all",
            "-c user.name=check -c user.email=check@localhost commit --quiet -n --message=copy",
        ):
            git(*words.split(), folder=copy)
        yield copy


def build_tree(tree: Path, output: Path) -> Path:
    """Build the tarball of the collection in `tree`, as a user does; the same tree gives the same FILES.json."""
    # Within the environment itself, as in a unit test, it is this interpreter.
    python = tool("python") if Path(tool("python")).exists() else sys.executable
    call([python, "-I", "-c", _BUILD, str(output)], cwd=tree, env=environment())
    return max(output.glob("baremetal-sriov-*.tar.gz"), key=lambda path: path.stat().st_mtime)


def build() -> Path:
    """Build the tarball from the checkout itself, as a user does; it must hold the project and no more."""
    tarball = build_tree(ROOT, OUTPUT)
    with tarfile.open(tarball) as archive:
        held = {member.name for member in archive.getmembers() if not member.isdir()}
    # The build adds two files; galaxy.yml leaves out two that git knows.
    ours = {name for name in tracked_files() if not name.startswith(".ci/")}
    wanted = ours - {".gitignore", "galaxy.yml"} | {"MANIFEST.json", "FILES.json"}
    if held != wanted:
        raise ToolError(
            f"{tarball.name} differs from the project: droppings in it {sorted(held - wanted)[:10]}, "
            f"missing {sorted(wanted - held)[:10]}; mend build_ignore in galaxy.yml and .gitignore"
        )
    return tarball


def install(tarball: Path) -> Path:
    """Install the tarball into a fresh collections folder, from nothing but itself and the cache."""
    shutil.rmtree(INSTALLED, ignore_errors=True)
    words = ("collection", "install", "--offline", "--no-deps", "-p", str(INSTALLED), str(tarball))
    call(["ansible-galaxy", *words], env=environment(INSTALLED))
    return INSTALLED
