# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the checks need: said first, installed once into the cache, found again in no time."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import tempfile
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path

from sriovlab import cache

from .console import ToolError, call, duration, show

ROOT = Path(__file__).resolve().parents[3]
LAB = ROOT / "tests" / "lab" / "lab.py"

# The wheel of this release, the last one for Python 3.11, carries kubernetes.core: Galaxy is not needed.
ANSIBLE_BUNDLE = "12.3.0"
# Written last: what lacks it is half done.
MARKER = ".complete"
# Debian packages by what they bring; the lab lists its own. Tests call the files, which need not be on a PATH.
PACKAGES = {"git": "git", "ssh": "openssh-client", "/usr/lib/cni/host-local": "containernetworking-plugins",
            "/usr/bin/ip": "iproute2", "/usr/bin/strace": "strace", "/usr/bin/ipmitool": "ipmitool",
            "/usr/bin/ipmi_sim": "openipmi"}  # fmt: skip
NEWER = ("2.20", "2.21")  # the development environment has 2.19, the last for Python 3.11
# What nox installs for the stages that have environments of their own: the arguments of pip's calls.
OWN: dict[str, list[list[str]]] = {
    # Modules run under the node's Python with the controller's module_utils, which still know 3.9.
    "unit-py39": [["--requirement=requirements-py39.txt"],
                  ["--no-deps", "--ignore-requires-python", "ansible-core>=2.19.11,<2.20"]],
    **{f"unit-{core}": [["--requirement=requirements-unit.txt", f"ansible-core~={core}.0"]] for core in NEWER},
    **{f"sanity-{core}": [[f"ansible-core~={core}.0"]] for core in NEWER},
}  # fmt: skip


def _key(*files: str) -> str:
    """A short name for this interpreter and what files ask for: other inputs, other folder."""
    return cache.digest(
        sys.base_prefix, sys.version, *((ROOT / f"requirements-{file}.txt").read_bytes() for file in files)
    )


def dev_venv() -> Path:
    """The environment that the checks run in, of this interpreter."""
    return cache.root() / "venvs" / f"dev-{_key('unit', 'dev')}"


def own_venvs() -> Path:
    """Where nox keeps those of stages; one that is whole has a file NAME.complete there."""
    return cache.root() / "venvs" / f"nox-{cache.digest(_key('unit', 'py39'), repr(OWN))}"


def to_install(stage: str) -> str:
    """What is still missing for a stage, as a sentence; "" for nothing."""
    if stage not in OWN or (own_venvs() / f"{stage}{MARKER}").exists():
        return ""
    return f"Python packages for {stage}, {' '.join(OWN[stage][0])} (at most 150 MB, into {own_venvs()})"


def collections_folder() -> Path:
    """Where the collections that ours depends on lie; for ANSIBLE_COLLECTIONS_PATH."""
    return cache.root() / f"collections-{ANSIBLE_BUNDLE}"


def interpreter_path() -> str:
    """A PATH that finds the machine's real interpreters, its own first, then pyenv's, newest first.

    pyenv's shims are left out: there is one for each version, and it fails where that is switched off.
    """
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    names = sorted((folder.name for folder in root.glob("*") if folder.name.replace(".", "").isdecimal()),
                   key=lambda name: [int(part) for part in name.split(".")], reverse=True)  # fmt: skip
    own = [entry for entry in os.environ.get("PATH", os.defpath).split(os.pathsep) if not entry.endswith("/shims")]
    return os.pathsep.join([*own, *(f"{root}/{name}/bin" for name in names)])


def _make_dev() -> None:
    """Environments can't be moved, so they are made in place. nox is in this one: it makes the others."""
    folder = dev_venv()
    show([sys.executable, "-m", "venv", "--clear", str(folder)])
    show([str(folder / "bin" / "python"), "-m", "pip", "install", f"--requirement={ROOT}/requirements-unit.txt",
          f"--requirement={ROOT}/requirements-dev.txt"])  # fmt: skip
    (folder / MARKER).touch()


def _fetch_collections(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as wheels:
        show([str(dev_venv() / "bin" / "python"), "-m", "pip", "download", "--no-deps", "--dest", wheels,
              f"ansible=={ANSIBLE_BUNDLE}"])  # fmt: skip
        with zipfile.ZipFile(next(Path(wheels).glob("ansible-*.whl"))) as wheel:
            wheel.extractall(folder, [name for name in wheel.namelist()
                                      if name.startswith("ansible_collections/kubernetes/core/")])  # fmt: skip


_STAND_IN = '''\
"""Do what get-pip.py does for ansible-test, from the wheel beside this file instead of a download."""
import glob
import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, glob.glob(os.path.join(here, "pip-{version}-*.whl"))[0])
sys.argv[1:] = ["install"] + [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]

import runpy
runpy.run_module("pip", run_name="__main__", alter_sys=True)
'''
_PIP_OF_ANSIBLE_TEST = """\
from types import SimpleNamespace as N
from ansible_test._internal.python_requirements import get_venv_packages
print(get_venv_packages(N(version="3.12"))["pip"])
"""


def prepare_ansible_test(python: Path, home: Path) -> None:
    """ansible-test would fetch get-pip.py from a server of its own, which a site may not reach."""
    version = call([str(python), "-c", _PIP_OF_ANSIBLE_TEST]).strip()
    folder = home / ".ansible" / "test" / "cache"
    script = folder / f"get_pip_{version.replace('.', '_')}.py"
    if not script.exists():
        folder.mkdir(parents=True, exist_ok=True)
        call([str(python), "-m", "pip", "download", "--no-deps", "--dest", str(folder), f"pip=={version}"])
        script.write_text(_STAND_IN.format(version=version))


def absent(*programs: str, **packages: str) -> list[str]:
    """The Debian packages of programs that are missing: one has the program's name, or the one that is given."""
    wanted = {**{program: program for program in programs}, **packages}
    return sorted({package for program, package in wanted.items() if shutil.which(program) is None})


def needed(*programs: str, **packages: str) -> None:
    """Raises ToolError where a program is missing; the arguments are those of absent."""
    if missing := absent(*programs, **packages):
        raise ToolError(f"missing: apt-get install --no-install-recommends {' '.join(missing)}")


def ensure_packages(packages: Sequence[str]) -> None:
    """Install Debian packages, after saying which; nothing for none. Raises ToolError."""
    if not packages:
        return
    if shutil.which("apt-get") is None:
        raise ToolError(f"missing: {', '.join(packages)} (Debian's names); install them by hand, then try again")
    print(f"    will install with apt-get: {', '.join(packages)}")
    sudo = [] if os.geteuid() == 0 else ["sudo"]
    show([*sudo, "apt-get", "update", "--quiet"])
    show([*sudo, "apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *packages])


def ensure_tools() -> None:
    """Install what is missing of the checks' tools, after saying so. Raises ToolError."""
    print(f"    tools are kept in {cache.root()} (another place: BAREMETAL_SRIOV_CACHE)")
    ensure_packages(absent(**PACKAGES) + ["python3-venv"] * (importlib.util.find_spec("ensurepip") is None))
    venv, folder = dev_venv(), collections_folder()
    items = (
        (venv / MARKER, f"Python packages of requirements-dev.txt and -unit.txt (about 350 MB, into {venv})",
         _make_dev),
        (folder, f"kubernetes.core, out of the wheel ansible=={ANSIBLE_BUNDLE} (into {folder})",
         lambda: cache.artefact(folder.name, _fetch_collections)),
    )  # fmt: skip
    with cache.locked("tools"):
        wanted = [item for item in items if not item[0].exists()]
        for _proof, what, _install in wanted:
            print(f"    will install {what}")
        for _proof, what, install in wanted:
            started = time.monotonic()
            install()
            print(f"    installed {what} in {duration(time.monotonic() - started)}")


def lab(word: str) -> None:
    """A command of the emulated node's program: `install` what it needs, which it says itself. Raises ToolError."""
    show([sys.executable, str(LAB), word])
