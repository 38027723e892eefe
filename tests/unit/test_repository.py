# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of the house that no linter knows: who may import whom, and what every file has or must not have."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from devtool.collection import ROOT, tracked_files

MAXIMUM_LINES = 450
THIS = "tests/unit/test_repository.py"


@dataclass(frozen=True)
class Program:
    """A package whose imports only point down.

    rooms: from the top to the bottom, names of files or folders in the package.
    others: the number of the room of everything that is not named.
    """

    folder: str
    rooms: tuple[frozenset[str], ...]
    others: int

    def room(self, module: str) -> int:
        first = module.split(".")[0]
        return next((number for number, room in enumerate(self.rooms) if first in room), self.others)


def _rooms(*rooms: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(room.split()) for room in rooms)


PROGRAMS = {
    "node library": Program(
        "plugins/module_utils",
        _rooms(*"import_cache entry node policy pf usage kernel bundle record host model shared".split()),
        others=0,
    ),
    "device plugin": Program(
        "files/device_plugin/sriov_device_plugin",
        _rooms(
            "__main__",
            "daemon explain",
            "server registration health metrics events",
            "pools allocation device_info cdi",
            "config convert selectors discovery device_types preference",
            "",
        ),
        others=5,
    ),
    "CNI plugin": Program(
        "files/cni/sriov_cni",
        _rooms(
            "main",
            "service",
            "commands people worker rehearsal",
            "attach check detach upkeep",
            "adopted",
            "restore",
            "vf announce releases",
            "ipam journal pod request trunk",
            "host pf",
            "config result",
            "rtnl vlans",
            "netlink",
            "",
            "meeting libc",
        ),
        others=11,
    ),
}


def _python_files(folder: str) -> list[str]:
    return [name for name in tracked_files() if name.startswith(f"{folder}/") and name.endswith(".py")]


def _text(name: str) -> str | None:
    """A file's text; None for what is not text, and for links (their target has its own turn)."""
    path = ROOT / name
    if path.is_symlink():
        return None
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def _modules(program: Program) -> dict[str, str]:
    """Module names inside the package, and their files."""
    prefix = len(program.folder) + 1
    return {
        name[prefix:].removesuffix(".py").removesuffix("/__init__").replace("/", "."): name
        for name in _python_files(program.folder)
    }


def _absolute(node: ast.ImportFrom, module: str, is_package: bool) -> str:
    """The name inside the package that a relative import starts from."""
    parts = module.split(".") if module != "__init__" else []
    keep = len(parts) - node.level + (1 if is_package else 0)
    return ".".join([*parts[: max(keep, 0)], *([node.module] if node.module else [])])


def _own_imports(program: Program, module: str, name: str) -> Iterator[str]:
    """Modules of the same package that a file imports, also inside functions."""
    known = _modules(program)
    package = Path(program.folder).name
    for node in ast.walk(ast.parse((ROOT / name).read_text())):
        if not isinstance(node, ast.ImportFrom):
            continue
        if node.level:
            start = _absolute(node, module, name.endswith("/__init__.py"))
        elif node.module and node.module.split(".")[0] == package:
            start = ".".join(node.module.split(".")[1:])
        else:
            continue
        for alias in node.names:
            longer = f"{start}.{alias.name}".strip(".")
            target = longer if longer in known else start
            if target in known and target != module:
                yield target


def _graph(program: Program) -> dict[str, set[str]]:
    return {module: set(_own_imports(program, module, name)) for module, name in _modules(program).items()}


@pytest.mark.parametrize("name", PROGRAMS)
def test_imports_point_down(name: str) -> None:
    program = PROGRAMS[name]
    wrong = [
        f"{program.folder}/{module}.py imports {target}, which stands above it"
        for module, targets in _graph(program).items()
        for target in sorted(targets)
        if program.room(target) < program.room(module)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", PROGRAMS)
def test_imports_go_in_no_circle(name: str) -> None:
    left = _graph(PROGRAMS[name])
    while True:
        leaves = [module for module, targets in left.items() if not targets & left.keys()]
        if not leaves:
            break
        for module in leaves:
            del left[module]
    assert not left, f"these import each other in a circle, or stand on one: {sorted(left)}"


def _imported_names(name: str) -> Iterator[str]:
    for node in ast.walk(ast.parse((ROOT / name).read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module


@pytest.mark.parametrize("folder", ["plugins/module_utils", "files"])
def test_node_code_runs_without_ansible(folder: str) -> None:
    wrong = [
        f"{name} imports {imported}"
        for name in _python_files(folder)
        for imported in _imported_names(name)
        if imported.split(".")[0] in ("ansible", "ansible_collections")
    ]
    assert not wrong, "\n".join(wrong)


def test_the_shared_pci_model_imports_os_alone() -> None:
    imported = set(_imported_names("plugins/module_utils/shared/pci.py")) - {"__future__"}
    assert imported == {"os"}


def _lines_with(names: Iterable[str], pattern: str) -> list[str]:
    expression = re.compile(pattern)
    return [
        f"{name}:{number}: {line.strip()[:120]}"
        for name in names
        for number, line in enumerate((_text(name) or "").splitlines(), 1)
        if expression.search(line)
    ]


def test_the_project_speaks_of_itself_alone() -> None:
    pattern = (
        r"(?<!\w)/work/|/root/\.(cache|pyenv)|/opt/(wheels|pypi)|\.library\b|/tmp/brief"
        r"|\b[Ii]ssue #?\d|\bissues show\b|\bthis session\b"
    )
    wrong = _lines_with((name for name in tracked_files() if name != THIS), pattern)
    assert not wrong, "\n".join(wrong)


PLAYS = ("roles/", "playbooks/", "extensions/")


@pytest.mark.parametrize(
    ("what", "pattern"),
    [
        ("a shell", r"^\s*(-\s+)?(ansible\.(builtin|legacy)\.)?(shell|raw)\s*:"),
        ("errors ignored", r"^\s*(-\s+)?ignore_(errors|unreachable)\s*:"),
        ("failures hidden", r"^\s*(-\s+)?failed_when\s*:\s*(false|no|\[\])\b"),
        ("a change claimed", r"^\s*(-\s+)?changed_when\s*:\s*(true|yes)\b"),
        ("a task left out of the idempotence check", r"molecule-(idempotence-)?notest"),
    ],
)
def test_plays_hide_nothing(what: str, pattern: str) -> None:
    plays = [name for name in tracked_files() if name.startswith(PLAYS) and name.endswith((".yml", ".yaml"))]
    wrong = _lines_with(plays, pattern)
    assert not wrong, f"{what}:\n" + "\n".join(wrong)


def test_variables_of_roles_have_a_prefix() -> None:
    """sriov_ is for those that the roles of the collection share; a role's own start with its name."""
    wrong = [
        line
        for name in tracked_files()
        if (found := re.fullmatch(r"roles/(\w+)/defaults/\w+\.yml", name))
        for line in _lines_with([name], rf"^(?!sriov_|{found[1]}_)\w+\s*:")
    ]
    assert not wrong, "\n".join(wrong)


def test_every_source_names_its_licence() -> None:
    kinds = (
        ".py",
        ".pyi",
        ".yml",
        ".yaml",
        ".toml",
        ".j2",
        ".sh",
        ".proto",
        ".service",
        ".md",
        "Makefile",
        ".ci/run",
    )
    # A generated file, and a text that must be left as it is.
    exempt = {"changelogs/changelog.yaml", "CHANGELOG.md"}
    wrong = [
        name
        for name in tracked_files()
        if name.endswith(kinds) and name not in exempt
        for text in [_text(name)]
        if text and "SPDX-License-Identifier: GPL-3.0-or-later" not in "\n".join(text.splitlines()[:6])
    ]
    assert not wrong, f"without an SPDX line at the top: {wrong}"


def test_modules_name_the_licence_in_words() -> None:
    wrong = [
        name
        for name in _python_files("plugins")
        if (text := _text(name)) and "GNU General Public License v3.0" not in "\n".join(text.splitlines()[:20])
    ]
    assert not wrong, f"without the words that ansible-test looks for: {wrong}"


def test_files_are_short() -> None:
    long = {
        name: lines
        for name in tracked_files()
        if name.endswith((".py", ".yml", ".yaml")) and "_pb2" not in name
        if (lines := len((_text(name) or "").splitlines())) > MAXIMUM_LINES
    }
    assert not long, f"longer than {MAXIMUM_LINES} lines: {long}"


def test_links_lead_to_files_of_the_project() -> None:
    wrong = []
    for name in tracked_files():
        path = ROOT / name
        if not path.is_symlink():
            continue
        target = path.resolve()
        if os.path.isabs(os.readlink(path)) or not target.is_file() or not target.is_relative_to(ROOT):
            wrong.append(f"{name} -> {os.readlink(path)}")
    assert not wrong, "\n".join(wrong)


def test_no_file_picks_its_interpreter_with_options() -> None:
    """ansible-test accepts these lines alone; Python programs are called by an interpreter."""
    allowed = {"#!/bin/sh", "#!/usr/bin/env bash"}
    wrong = [
        f"{name}: {text.splitlines()[0]}"
        for name in tracked_files()
        if (text := _text(name)) and text.startswith("#!") and text.splitlines()[0] not in allowed
    ]
    assert not wrong, "\n".join(wrong)
