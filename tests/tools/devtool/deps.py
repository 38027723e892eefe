# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the checks need: said first, installed once into the cache, found again in no time."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .cache import cache_folder, key_of, locked, published
from .console import ToolError, call, duration, run_logged, say, show
from .junit import tail
from .pythons import find_python

ROOT = Path(__file__).resolve().parents[3]
LAB = ROOT / "tests" / "lab" / "lab.py"

# The wheel of this release, the last one for Python 3.11, carries kubernetes.core: Galaxy is not needed.
ANSIBLE_BUNDLE = "12.3.0"
# Modules run under the node's Python with the controller's module_utils, which still know 3.9.
MODULE_UTILS = "ansible-core>=2.19.11,<2.20"
NODE_PYTHON = "3.9"
# Written last: what lacks it is half done.
MARKER = ".complete"
INSTALL_LIMIT_SECONDS = 1800.0

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


@dataclass(frozen=True)
class Item:
    """One thing that the checks need; the marker file exists when it is whole."""

    name: str
    marker: Path
    install: Callable[[], None]


def _venv_folder(name: str, python: str, requirements: Path) -> Path:
    version = call([python, "-I", "-c", "import sys; print(sys.executable, sys.version)"])
    return cache_folder() / "venvs" / f"{name}-{key_of(version, requirements.read_text(), MODULE_UTILS)}"


def dev_venv() -> Path:
    """The environment that the checks run in, of this interpreter."""
    return _venv_folder("dev", sys.executable, ROOT / "requirements-dev.txt")


def node_venv() -> Path | None:
    """The environment with the lowest Python of nodes; None where this machine lacks that Python."""
    python = find_python(NODE_PYTHON)
    return _venv_folder("py39", str(python), ROOT / "requirements-py39.txt") if python else None


def collections_folder() -> Path:
    """Where the collections that ours depends on lie; for ANSIBLE_COLLECTIONS_PATH."""
    return cache_folder() / f"collections-{ANSIBLE_BUNDLE}"


def ansible_test_home() -> Path:
    """The home folder that ansible-test gets: its environments go to the cache, not to the user's home."""
    return cache_folder() / "ansible-test"


def _pip(python: Path, *words: str) -> None:
    log = cache_folder() / "pip.log"
    status = run_logged(
        [str(python), "-m", "pip", "--disable-pip-version-check", *words],
        log,
        limit_seconds=INSTALL_LIMIT_SECONDS,
    )
    if status != 0:
        raise ToolError(f"pip {' '.join(words)} failed; the end of {log}:\n{tail(log)[-3000:]}")


def _make_venv(folder: Path, python: str, requirements: Path, *, module_utils: bool = False) -> None:
    """Environments can't be moved, so they are made in place; the marker file comes last."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    call([python, "-m", "venv", str(folder)])
    own = folder / "bin" / "python"
    _pip(own, "install", "--quiet", "--requirement", str(requirements))
    if module_utils:
        _pip(own, "install", "--quiet", "--no-deps", "--ignore-requires-python", MODULE_UTILS)
    (folder / MARKER).touch()


def _fetch_collections() -> None:
    with published(collections_folder()) as folder:
        wheels = folder / "wheels"
        wanted = f"ansible=={ANSIBLE_BUNDLE}"
        _pip(dev_venv() / "bin" / "python", "download", "--quiet", "--no-deps", "--dest", str(wheels), wanted)
        with zipfile.ZipFile(next(wheels.glob("ansible-*.whl"))) as wheel:
            prefix = "ansible_collections/kubernetes/core/"
            wheel.extractall(folder, [name for name in wheel.namelist() if name.startswith(prefix)])
        shutil.rmtree(wheels)
        (folder / MARKER).touch()


def _pip_of_ansible_test() -> str:
    """The pip release that ansible-test puts into its environments."""
    code = (
        "from types import SimpleNamespace as N; from ansible_test._internal.python_requirements import "
        "get_venv_packages as f; print(f(N(version='3.11'))['pip'])"
    )
    return call([str(dev_venv() / "bin" / "python"), "-c", code]).strip()


def _prepare_ansible_test() -> None:
    """ansible-test would fetch get-pip.py from a server of its own, which a site may not reach."""
    version = _pip_of_ansible_test()
    folder = ansible_test_home() / ".ansible" / "test" / "cache"
    folder.mkdir(parents=True, exist_ok=True)
    python = dev_venv() / "bin" / "python"
    _pip(python, "download", "--quiet", "--no-deps", "--dest", str(folder), f"pip=={version}")
    script = folder / f"get_pip_{version.replace('.', '_')}.py"
    script.write_text(_STAND_IN.format(version=version))
    (ansible_test_home() / f"{MARKER}-{dev_venv().name}").touch()


def _python_items() -> list[Item]:
    dev = dev_venv()
    items = [
        Item(
            f"Python packages of requirements-dev.txt (about 350 MB, into {dev})",
            dev / MARKER,
            lambda: _make_venv(dev, sys.executable, ROOT / "requirements-dev.txt"),
        ),
        Item(
            f"kubernetes.core, out of the wheel ansible=={ANSIBLE_BUNDLE} (into {collections_folder()})",
            collections_folder() / MARKER,
            _fetch_collections,
        ),
        Item(
            f"pip for ansible-test's environments (into {ansible_test_home()})",
            ansible_test_home() / f"{MARKER}-{dev.name}",
            _prepare_ansible_test,
        ),
    ]
    node = node_venv()
    if node is not None:
        python = str(find_python(NODE_PYTHON))
        items.append(
            Item(
                f"Python packages of requirements-py39.txt (about 150 MB, into {node})",
                node / MARKER,
                lambda: _make_venv(node, python, ROOT / "requirements-py39.txt", module_utils=True),
            )
        )
    return items


def _missing_system_packages() -> list[str]:
    """Debian packages that the tools and the unit tests need; the lab lists its own."""
    commands = {"git": "git", "ssh": "openssh-client"}
    missing = [package for command, package in commands.items() if shutil.which(command) is None]
    # The CNI plugin's tests call these; they need not be on a person's PATH.
    files = {
        "/usr/lib/cni/host-local": "containernetworking-plugins",
        "/usr/bin/ip": "iproute2",
        "/usr/bin/strace": "strace",
    }
    missing += [package for path, package in files.items() if not Path(path).exists()]
    if importlib.util.find_spec("ensurepip") is None:
        missing.append("python3-venv")
    return missing


def _ensure_packages(packages: list[str]) -> None:
    """Install Debian packages, after saying which; nothing for none. Raises ToolError."""
    if not packages:
        return
    if shutil.which("apt-get") is None:
        raise ToolError(f"missing: {', '.join(packages)} (Debian's names); install them by hand, then try again")
    say(f"    will install with apt-get: {', '.join(packages)}")
    sudo = [] if os.geteuid() == 0 else ["sudo"]
    show([*sudo, "apt-get", "update", "--quiet"])
    show([*sudo, "apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *packages])


def ensure_programs(programs: Sequence[str]) -> None:
    """Install what is missing of programs whose Debian packages have their names. Raises ToolError."""
    _ensure_packages([program for program in programs if shutil.which(program) is None])


def ensure_tools() -> None:
    """Install what is missing of the checks' tools, after saying so. Raises ToolError."""
    say(f"    tools are kept in {cache_folder()} (another place: BAREMETAL_SRIOV_CACHE)")
    _ensure_packages(_missing_system_packages())
    missing = [item for item in _python_items() if not item.marker.exists()]
    for item in missing:
        say(f"    will install {item.name}")
    for item in missing:
        with locked("tools"):
            if item.marker.exists():
                continue
            say(f"    installing {item.name}")
            started = time.monotonic()
            item.install()
            say(f"    done in {duration(time.monotonic() - started)}")


def ensure_lab() -> None:
    """Let the lab install what the emulated node needs; it says so itself. Raises ToolError."""
    if not LAB.exists():
        raise ToolError(f"{LAB} is missing: the emulated node can't be prepared (without it: --fast)")
    show([sys.executable, str(LAB), "install"])
