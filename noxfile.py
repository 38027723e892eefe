# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stages of `make test`; `make test ARGS="--only NAME"` runs one, with its log and JUnit file.

Two run at a time, in this order: first what leads to the emulated node, then the others beside it. `lab` tags what
needs that node; the other tags are names for several stages. antsibull-nox was tried and does not serve: it takes
ansible-core from a source archive and collections from Galaxy, anew in each run, and its sanity sessions want a
container engine. A site may have none of these.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import tempfile
from pathlib import Path

import nox

ROOT = Path(__file__).resolve().parent
sys.path[:0] = [str(ROOT / "tests" / name) for name in ("tools", "lab")]

from devtool import collection, deps
from devtool.collection import INSTALLED, OUTPUT, clean_copy, environment
from devtool.deps import MARKER, OWN, interpreter_path
from devtool.reports import unseen
from sriovlab import cache

signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that what a session started ends with it

nox.needs_version = ">=2026.10"
nox.options.error_on_missing_interpreters = False  # also where CI is set: the stage is skipped, and says so
nox.options.reuse_venv = "yes"
nox.options.envdir = str(deps.own_venvs())
nox.options.default_venv_backend = "none"

MEMORY = "/dev/shm"
# Tests of what runs in Ansible's own processes.
CONTROLLER = re.compile(
    r"^(?:from|import) ansible[. ]|ansible-playbook|ansible\.cli|plugins\.(?:filter|action|lookup|plugin_utils)", re.M
)


def run(session: nox.Session, *argv: str, env: dict[str, str] | None = None, seconds: int = 1800) -> None:
    """Run a program of the development environment, or another by its path; its output goes to the session's log.

    It is stopped with its children at its limit (then its exit status is 124), and when the session is.
    """
    argv = ("timeout", "--kill-after=20", str(seconds), *argv)
    with (OUTPUT / f"{session.name}.log").open("a") as log:
        log.write(f"$ {' '.join(argv)}\n")
        log.flush()
        session.run(*argv, env=env or environment(), include_outer_env=False, external=True, log=False, stdout=log)


def in_copy(session: nox.Session, *argv: str) -> None:
    """The same in a clean copy of the project, which finds itself and the collections that it needs."""
    with clean_copy() as copy, session.chdir(copy):
        run(session, *argv, env=environment(copy.parents[2]))


def venv(session: nox.Session) -> Path:
    """Where the session's environment is; one of its own is filled, once for its content."""
    if session.name not in OWN:
        return deps.dev_venv()
    whole = deps.own_venvs() / f"{session.name}{MARKER}"
    if not whole.exists():
        with (OUTPUT / f"{session.name}.log").open("a") as log:
            for words in OWN[session.name]:
                session.install(*words, silent=False, stdout=log)
        whole.touch()
    return Path(session.virtualenv.location)


def pytest(session: nox.Session, *words: str) -> None:
    """Run unit tests from the checkout; fake hosts are tens of thousands of files, so in memory where that has room."""
    found = os.statvfs(MEMORY) if Path(MEMORY).is_dir() else None
    # Two GiB: a tenth of that is used.
    good = found and found.f_bavail * found.f_frsize >= 2 << 30 and not found.f_flag & os.ST_NOEXEC
    with tempfile.TemporaryDirectory(prefix="unit-", dir=MEMORY if good else None) as folder:
        run(session, str(venv(session) / "bin" / "python"), "-m", "pytest", "-p", "no:cacheprovider", *words,
            f"--junit-xml={OUTPUT}/junit/{session.name}.xml", "-o", f"junit_suite_name={session.name}",
            env=environment(venv=venv(session), PYTHONDONTWRITEBYTECODE="1", TMPDIR=folder))  # fmt: skip


@nox.session(name="lab-deps", tags=["lab"])
def lab_deps(session: nox.Session) -> None:
    """what the emulated node needs is there: packages, Kubernetes, and the node's image"""
    run(session, sys.executable, str(deps.LAB), "install")
    run(session, sys.executable, str(deps.LAB), "build", seconds=3600)


@nox.session
def build(session: nox.Session) -> None:
    """the tarball builds, holds the project and no more, and installs"""
    tarball = collection.build()
    collection.install(tarball)
    session.log(f"{tarball.name}: {tarball.stat().st_size // 1024} KiB")
    env = environment(INSTALLED)
    run(session, "ansible-galaxy", "collection", "list", env=env)
    books = sorted(f"baremetal.sriov.{path.stem}" for path in (ROOT / "playbooks").glob("*.yml"))
    run(session, "ansible-playbook", "--syntax-check", "--inventory=localhost,", *books, env=env)


@nox.session(tags=["lab"], requires=["lab-deps", "build"])
def molecule(session: nox.Session) -> None:
    """the chain on the emulated node: the collection from the tarball, the tests from the checkout"""
    env = environment(collection.install(collection.build()))
    # Of a run that was killed Molecule would believe that its node is there.
    for word in ("reset", "test"):
        run(session, "molecule", word, "--scenario-name=default", env=env, seconds=4500)
    # The scenario's own tests leave their JUnit files beside this stage's; they are counted with it.
    scenario = ROOT / "extensions" / "molecule" / "default" / "molecule.yml"
    if problems := unseen(scenario.read_text(), OUTPUT / "molecule.log", OUTPUT / "junit"):
        session.error("\n".join(problems))


@nox.session(tags=["lint"])
def changelog(session: nox.Session) -> None:
    """the change log's fragments are well-formed"""
    run(session, "antsibull-changelog", "lint")


@nox.session(tags=["lint"])
def ruff(session: nox.Session) -> None:
    """style and common errors of Python, and its format of imports"""
    run(session, "ruff", "check", "--no-cache", "--output-format", "concise", ".")


@nox.session(tags=["lint"])
def mypy(session: nox.Session) -> None:
    """types, strict, each program with its own lowest Python and the imports that it has where it runs"""
    failed = []
    with clean_copy() as copy:
        kinds = ("module_utils", "modules", "plugin_utils", "filter", "action", "lookup")
        # Node code must pass with the lowest Python that mypy knows; programs of the controller with Debian 12's.
        targets = {
            "collection": (copy.parents[2], "3.10", [f"{copy}/plugins/{kind}" for kind in kinds]),
            **{name: (copy / "files" / name, "3.10", ["."]) for name in ("device_plugin", "cni", "node")},
            **{name: (copy / "tests" / name, "3.11", ["."]) for name in ("lab", "tools")},
            "noxfile": (copy, "3.11", ["noxfile.py"]),
        }
        for name, (base, level, paths) in targets.items():
            # The programs find the facts that they share as they do where they are installed.
            shared = ["plugins/module_utils"] if base.parent.name == "files" else ["tests/tools", "tests/lab"]
            env = environment(MYPYPATH=os.pathsep.join(f"{copy}/{folder}" for folder in shared))
            try:
                with session.chdir(base):
                    run(session, "mypy", f"--config-file={copy}/pyproject.toml", f"--python-version={level}",
                        f"--cache-dir={OUTPUT}/mypy/{name}", *paths, env=env)  # fmt: skip
            except nox.command.CommandFailed:
                failed.append(name)
    if failed:
        session.error(f"mypy found errors in: {', '.join(failed)}")


@nox.session(tags=["unit"])
def unit(session: nox.Session) -> None:
    """unit tests under the controller's Python"""
    pytest(session, "tests/unit")


@nox.session(name="unit-py39", tags=["unit"], python="3.9", venv_backend="venv")
def unit_node(session: nox.Session) -> None:
    """unit tests of node code under Python 3.9, where it is present"""
    # Those that build their own environments have done so in the stage before.
    pytest(session, "tests/unit", "-m", "not levels")


def sanity(session: nox.Session) -> None:
    """ansible-test sanity, with no entry in an ignore file"""
    if ignored := sorted((ROOT / "tests" / "sanity").glob("ignore*.txt")):
        session.error(f"{ignored[0]} exists: mend what it ignores instead")
    # Its environments go to the cache, not to the user's home.
    programs, home = venv(session) / "bin", cache.root() / "ansible-test" / session.name
    # Real interpreters behind PATH; a shim of pyenv that exists but fails would abort the tests.
    env = environment(venv=programs.parent, HOME=str(home), PATH=f"{programs}{os.pathsep}{interpreter_path()}")
    with cache.locked(f"ansible-test-{session.name}"), clean_copy() as copy, session.chdir(copy):
        deps.prepare_ansible_test(programs / "python", home)
        run(session, str(programs / "ansible-test"), "sanity", "--color", "no", env=env)


def unit_core(session: nox.Session) -> None:
    """unit tests that meet Ansible, with another release of ansible-core"""
    # What is asked of an API server is the same with each of them: the stage before has tried it.
    paths = sorted(path for path in (ROOT / "tests" / "unit").rglob("test_*.py") if path.parent.name != "cluster")
    pytest(session, *(str(path) for path in paths
                      if path.parent.name in ("plugins", "roles") or CONTROLLER.search(path.read_text())))  # fmt: skip


nox.session(name="sanity-2.19", tags=["sanity"])(sanity)  # with every Python that is present
for kind, work in (("unit", unit_core), ("sanity", sanity)):
    for core in deps.NEWER:
        nox.session(name=f"{kind}-{core}", tags=[kind], python=">=3.12,<3.15", venv_backend="venv")(work)


@nox.session(name="ansible-lint", tags=["lint"])
def ansible_lint(session: nox.Session) -> None:
    """ansible-lint with the production profile, which Automation Hub asks for"""
    in_copy(session, "ansible-lint", "--offline", "--strict", "--profile", "production", "--nocolor")


@nox.session(tags=["lint"])
def docs(session: nox.Session) -> None:
    """antsibull-docs: the documentation of modules, plugins and roles, and the references among them"""
    in_copy(session, "antsibull-docs", "lint-collection-docs", "--plugin-docs", "--validate-collection-refs=self", ".")
