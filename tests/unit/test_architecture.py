# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The packages of each program: how many, who imports whom, and that every import points down."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from devtool.collection import ROOT, tracked_files

MOST_PACKAGES = 12
# Of the node library, what another program uses: how a module ends, files and commands, errors and plans.
BORROWED = defaultdict(set, {"plugins/module_utils/bmc": {"entry", "host", "model"}})
SHARED = "shared"
# Of other files the shared facts may import nothing: each start of the CNI plugin pays for it.
SHARED_IMPORTS = {"__future__", "os"}
# Ansible looks for classes of these names in each plugin.
ANSIBLE_CLASSES = {"ActionModule", "FilterModule", "LookupModule"}


@dataclass(frozen=True)
class Program:
    """One program. order: its packages and single files, from the top to the bottom; without: folders below that are
    programs of their own.
    """

    folder: str
    order: str
    without: tuple[str, ...] = ()

    @property
    def packages(self) -> list[str]:
        return self.order.split()


PROGRAMS = {
    "node library": Program(
        "plugins/module_utils",
        "import_cache entry node policy pf usage kernel bundle record host model shared",
        ("bmc",),
    ),
    # What it takes of the node library stands below its own packages.
    "BMC client": Program(
        "plugins/module_utils/bmc",
        "nics_module bios_module power_module results fleet nics bios power redfish entry host model",
    ),
    "device plugin": Program(
        "files/device_plugin/sriov_device_plugin",
        "__main__ daemon metrics kubelet pool host api notify logs files errors shared",
    ),
    "CNI plugin": Program(
        "files/cni/sriov_cni",
        "main cli warm commands vf pod host spec netlink shared",
    ),
}


@dataclass(frozen=True)
class Import:
    """One import of a file: the module that imports, and the one that it imports; paths below the program."""

    source: tuple[str, ...]
    target: tuple[str, ...]

    @property
    def arrow(self) -> tuple[str, str]:
        return self.source[0], self.target[0]


@cache
def _modules(program: Program) -> dict[tuple[str, ...], Path]:
    """Each module's path from the program's folder, and its file; () is the program's own __init__."""
    found = {}
    for name in tracked_files():
        path = ROOT / name
        if path.suffix == ".py" and path.is_relative_to(ROOT / program.folder):
            parts = path.relative_to(ROOT / program.folder).with_suffix("").parts
            if parts[0] in program.without:
                continue
            found[parts[:-1] if parts[-1] == "__init__" else parts] = path
    return found


def _start(node: ast.ImportFrom, module: tuple[str, ...], is_package: bool, program: Program) -> tuple[str, ...] | None:
    """What an import statement names before the word import, from the program's folder; None for what is not ours."""
    named = tuple((node.module or "").split(".")) if node.module else ()
    if node.level:
        base = module if is_package else module[:-1]
        return (*base[: max(len(base) - node.level + 1, 0)], *named)
    if named[:1] == (SHARED,):
        return named
    return named[1:] if named[:1] == (Path(program.folder).name,) else None


@cache
def _imports(program: Program) -> tuple[Import, ...]:
    """Every import among the program's files and of the shared facts, those inside functions too."""
    return tuple(_found_imports(program))


def _found_imports(program: Program) -> Iterator[Import]:
    known = _modules(program)
    for module, path in known.items():
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.ImportFrom):
                continue
            start = _start(node, module, path.name == "__init__.py", program)
            for alias in node.names if start is not None else ():
                longer = (*start, alias.name)
                target = longer if longer in known or longer[:1] == (SHARED,) else start
                if target and target != module and module:
                    yield Import(module, target)


def _arrows(program: Program) -> dict[tuple[str, str], list[Import]]:
    found: dict[tuple[str, str], list[Import]] = {}
    for one in _imports(program):
        if one.arrow[0] != one.arrow[1]:
            found.setdefault(one.arrow, []).append(one)
    return found


def _packages(program: Program) -> set[str]:
    return {module[0] for module in _modules(program) if module} | {
        target for _source, target in _arrows(program) if target == SHARED or target in BORROWED[program.folder]
    }


@pytest.mark.parametrize("name", PROGRAMS)
def test_packages_and_arrows(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    program = PROGRAMS[name]
    arrows = _arrows(program)
    with capsys.disabled():
        print(f"\n{name}: {len(_packages(program))} packages, {len(arrows)} arrows")
        for package in program.packages:
            below = [target for source, target in sorted(arrows) if source == package]
            print(f"  {package} -> {', '.join(below) or 'nothing'}")
    assert _packages(program) == set(program.packages), "the order must name each package, and no other"
    assert len(program.packages) <= MOST_PACKAGES


@pytest.mark.parametrize("name", PROGRAMS)
def test_imports_point_down(name: str) -> None:
    """Down the one list of packages: a circle among packages can't be then."""
    program = PROGRAMS[name]
    wrong = [
        f"{'/'.join(one.source)}.py imports {'.'.join(one.target)}, which stands above it"
        for (source, target), imports in _arrows(program).items()
        for one in imports
        if program.packages.index(target) < program.packages.index(source)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", PROGRAMS)
def test_files_import_each_other_in_no_circle(name: str) -> None:
    left: dict[tuple[str, ...], set[tuple[str, ...]]] = {module: set() for module in _modules(PROGRAMS[name])}
    for one in _imports(PROGRAMS[name]):
        left[one.source].add(one.target)
    while leaves := [module for module, targets in left.items() if not targets & left.keys()]:
        for module in leaves:
            del left[module]
    assert not left, f"these import each other in a circle, or stand on one: {sorted(left)}"


@pytest.mark.parametrize(
    "folder", ["plugins", *(one.folder for one in PROGRAMS.values() if one.folder.startswith("files/"))]
)
def test_a_class_name_stands_once(folder: str) -> None:
    """Within one program, whose node library is part of the collection's plugins."""
    found: dict[str, list[str]] = {}
    for name in tracked_files():
        if name.startswith(f"{folder}/") and name.endswith(".py"):
            for node in ast.walk(ast.parse((ROOT / name).read_text())):
                if isinstance(node, ast.ClassDef) and node.name not in ANSIBLE_CLASSES:
                    found.setdefault(node.name, []).append(name)
    assert {name: files for name, files in found.items() if len(files) > 1} == {}


def test_the_shared_facts_import_os_alone() -> None:
    imported = {
        name
        for path in (ROOT / "plugins/module_utils/shared").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or SHARED]
            if isinstance(node, ast.ImportFrom) and node.level != 1
            else []
        )
    }
    assert imported <= SHARED_IMPORTS


# The folders of unit tests, and the programs that they mirror.
MIRRORS = {"node": "node library", "bmc": "BMC client", "device_plugin": "device plugin", "cni": "CNI plugin"}


@pytest.mark.parametrize("folder", MIRRORS)
def test_unit_tests_mirror_the_sources(folder: str) -> None:
    """Each lies in the folder of a package, or beside them; one with a module's name in the folder of that module."""
    top = ROOT / "tests" / "unit" / folder
    modules = [module for module in _modules(PROGRAMS[MIRRORS[folder]]) if module]
    packages = {module[:1] for module in modules if len(module) > 1} | {()}
    wrong = []
    for path in top.rglob("test_*.py"):
        own = {module[:-1] for module in modules if f"test_{module[-1]}" == path.stem}
        homes = {home[:depth] for home in own for depth in (1, 2)} or packages  # or in its package's package
        if path.relative_to(top).parent.parts not in homes:
            names = sorted("/".join(home) or folder for home in homes)
            wrong.append(f"{path.relative_to(ROOT)}: expected in {' or '.join(names)}")
    assert not wrong, "\n".join(wrong)
