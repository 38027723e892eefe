# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks themselves: what each stage runs, and where."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from pathlib import Path

from . import images
from .cache import locked
from .collection import INSTALLED, OUTPUT, build, environment, install, tool
from .console import show
from .context import Context, StageFailed, StageSkipped
from .deps import (
    LAB,
    NODE_PYTHON,
    ROOT,
    ansible_test_home,
    dev_venv,
    ensure_lab,
    ensure_programs,
    ensure_tools,
    node_venv,
)
from .pythons import path_without_shims, pyenv_folders

SCENARIO = "default"
_VERIFY = re.compile(r"^\s*- verify (\w+)\.yml\s*$", re.MULTILINE)
_MISSING = re.compile(r"\bmissing=[1-9]|Missing playbook")
MEMORY = "/dev/shm"
MEMORY_BYTES = 2 << 30  # wanted: a tenth of it is used
MOLECULE_LIMIT_SECONDS = 4500.0
# Node code must pass with the lowest Python that mypy knows; programs of the controller with Debian 12's.
NODE_LEVEL, CONTROLLER_LEVEL = "3.10", "3.11"


def tools(context: Context) -> None:
    """Install what is missing; what is said goes to the terminal, since it asks for patience."""
    ensure_tools()


def lab_tools(context: Context) -> None:
    """The same for the emulated node, and for the image that it gets."""
    ensure_lab()
    ensure_programs(images.TOOLS)


def changelog(context: Context) -> None:
    """Lint the fragments, as a release would read them."""
    context.run([tool("antsibull-changelog"), "lint"], env=environment())


def ruff(context: Context) -> None:
    """Lint all Python of the project."""
    context.run([tool("ruff"), "check", "--no-cache", "--output-format", "concise", "."], env=environment())


def _mypy_targets(copy: Path) -> list[tuple[str, Path, str, list[str]]]:
    """Name, base folder of imports, Python level and paths of each program that is there."""
    top = copy.parents[2]
    plugins = [
        f"ansible_collections/baremetal/sriov/plugins/{kind}"
        for kind in ("module_utils", "modules", "plugin_utils", "filter", "action", "lookup")
    ]
    targets = [
        ("collection", top, NODE_LEVEL, plugins),
        ("device plugin", copy / "files" / "device_plugin", NODE_LEVEL, ["."]),
        ("CNI plugin", copy / "files" / "cni", NODE_LEVEL, ["."]),
        ("boot service", copy / "files" / "node", NODE_LEVEL, ["."]),
        ("lab", copy / "tests" / "lab", CONTROLLER_LEVEL, ["."]),
        ("tools", copy / "tests" / "tools", CONTROLLER_LEVEL, ["."]),
    ]
    present = []
    for name, base, level, paths in targets:
        held = [path for path in paths if any((base / path).rglob("*.py"))]
        if held:
            present.append((name, base, level, held))
    return present


def mypy(context: Context) -> None:
    """Check each program on its own, with the imports that it has where it runs."""
    failed = []
    for name, base, level, paths in _mypy_targets(context.copy):
        config = ["--config-file", str(context.copy / "pyproject.toml"), "--python-version", level]
        cache = ["--cache-dir", str(OUTPUT / "mypy" / name.replace(" ", "-"))]
        try:
            # The programs find the facts that they share as they do where they are installed.
            shared = str(context.copy / "plugins" / "module_utils") if base.parent.name == "files" else ""
            context.run([tool("mypy"), *config, *cache, *paths], env=environment(MYPYPATH=shared), cwd=base)
        except StageFailed:
            failed.append(name)
    if failed:
        raise StageFailed(f"mypy found errors in: {', '.join(failed)}")


def _memory() -> str | None:
    """The file system in memory, where it has room and lets programs run: fake hosts are tens of thousands of files."""
    try:
        found = os.statvfs(MEMORY)
    except OSError:
        return None
    good = found.f_bavail * found.f_frsize >= MEMORY_BYTES and not found.f_flag & os.ST_NOEXEC
    return MEMORY if good else None


def _pytest(context: Context, python: Path, *words: str) -> None:
    arguments = [str(python), "-m", "pytest", "-p", "no:cacheprovider", "tests/unit", *words]
    arguments += [f"--junit-xml={context.junit}", "-o", f"junit_suite_name={context.name}"]
    with tempfile.TemporaryDirectory(prefix="unit-", dir=_memory()) as folder:
        context.run(arguments, env=environment(PYTHONDONTWRITEBYTECODE="1", TMPDIR=folder), cwd=ROOT)


def unit(context: Context) -> None:
    """The unit tests, from the checkout itself."""
    _pytest(context, dev_venv() / "bin" / "python")


def unit_node(context: Context) -> None:
    """The same under the lowest Python of nodes, without the parts that only run on the controller."""
    venv = node_venv()
    if venv is None:
        text = f"Python {NODE_PYTHON} was not found on PATH or in pyenv: node code was not tried under it here"
        context.note(text)
        raise StageSkipped(text)
    # Those that build their own environments have done so in the stage before.
    _pytest(context, venv / "bin" / "python", "-m", "not levels")


def build_and_install(context: Context) -> None:
    """Build from the checkout, install from the tarball, and ask Ansible for each thing by its full name."""
    tarball = build()
    install(tarball)
    context.note(f"{tarball.name}: {tarball.stat().st_size // 1024} KiB")
    context.run([tool("ansible-galaxy"), "collection", "list"], env=environment(INSTALLED))
    playbooks = sorted(path.stem for path in (ROOT / "playbooks").glob("*.yml"))
    for name in playbooks:
        argv = [
            tool("ansible-playbook"),
            "--syntax-check",
            "--inventory",
            "localhost,",
            f"baremetal.sriov.{name}",
        ]
        context.run(argv, env=environment(INSTALLED), cwd=OUTPUT)


def sanity(context: Context) -> None:
    """All of ansible-test's sanity tests, with no entry in an ignore file."""
    ignored = sorted(path.name for path in (context.copy / "tests" / "sanity").glob("ignore*.txt"))
    if ignored:
        raise StageFailed(f"tests/sanity/{ignored[0]} exists: mend what it ignores instead")
    env = environment(HOME=str(ansible_test_home()))
    # Real interpreters behind PATH; a shim of pyenv that exists but fails would abort the tests.
    folders = [str(dev_venv() / "bin"), *path_without_shims(), *map(str, pyenv_folders())]
    env["PATH"] = os.pathsep.join(folders)
    with locked("ansible-test"):
        context.run([tool("ansible-test"), "sanity", "--color", "no"], env=env)


def ansible_lint(context: Context) -> None:
    """The profile that Automation Hub asks for; collections come from the copy and the cache."""
    env = environment(context.copy.parents[2])
    context.run([tool("ansible-lint"), "--offline", "--strict", "--profile", "production", "--nocolor"], env=env)


def docs(context: Context) -> None:
    """Documentation of every plugin and role, and the references among them."""
    env = environment(context.copy.parents[2])
    argv = ["lint-collection-docs", "--plugin-docs", "--validate-collection-refs=self", "."]
    context.run([tool("antsibull-docs"), *argv], env=env)


def unseen(sequence: str, log: str, junit: Path) -> list[str]:
    """What a scenario's sequence names and its run did not do: Molecule calls a step without playbook a success."""
    problems = [f"Molecule passed over steps: {line.strip()}" for line in log.splitlines() if _MISSING.search(line)]
    for name in _VERIFY.findall(sequence):
        if not (junit / f"chain-{name}.xml").exists():
            problems.append(f"verify {name}.yml left no {junit.name}/chain-{name}.xml")
    return problems


def molecule(context: Context) -> None:
    """The chain, driven by Molecule: the collection comes from the tarball, the scenario from the checkout.

    The scenario's own tests leave their JUnit files beside this stage's; they are counted with it.
    """
    scenario = ROOT / "extensions" / "molecule" / SCENARIO / "molecule.yml"
    if not scenario.exists():
        raise StageFailed(f"{scenario.relative_to(ROOT)} is missing: the chain was not tested")
    env = environment(install(build()))
    # Of a run that was killed Molecule would believe that its node is there.
    context.run([tool("molecule"), "reset", "--scenario-name", SCENARIO], env=env, cwd=ROOT)
    argv = [tool("molecule"), "test", "--scenario-name", SCENARIO]
    context.run(argv, env=env, cwd=ROOT, limit_seconds=MOLECULE_LIMIT_SECONDS)
    problems = unseen(scenario.read_text(), context.log.read_text(errors="replace"), context.junit.parent)
    if problems:
        raise StageFailed("\n".join(problems))


def power_off() -> None:
    """Leave no emulated node behind. Raises ToolError."""
    show([sys.executable, str(LAB), "down"])
