# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of the project that no linter knows: what every file has or must not have."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

import pytest

from devtool.collection import ROOT, tracked_files

MAXIMUM_LINES = 400
THIS = "tests/unit/test_repository.py"


def _python_files(folder: str) -> list[str]:
    return [name for name in tracked_files() if name.startswith(f"{folder}/") and name.endswith(".py")]


def _text(name: str) -> str | None:
    """A file's text; None for what is not text."""
    try:
        return (ROOT / name).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


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


def test_one_finding_of_a_linter_is_switched_off() -> None:
    """At the one gate for commands: ansible-test asks for AnsibleModule.run_command, which has no limits."""
    sources = [name for name in tracked_files() if name.endswith((".py", ".toml")) and name != THIS]
    found = _lines_with(sources, r"pylint:\s*(disable|skip)")
    assert [line.partition(":")[0] for line in found] == ["plugins/module_utils/host/host.py"]
    assert "disable-next=ansible-bad-function" in found[0]
    assert not [name for name in tracked_files() if re.match(r"tests/sanity/ignore", name)]


def test_files_are_short() -> None:
    long = {
        name: lines
        for name in tracked_files()
        if name.endswith((".py", ".yml", ".yaml")) and "_pb2" not in name
        if (lines := len((_text(name) or "").splitlines())) > MAXIMUM_LINES
    }
    assert not long, f"longer than {MAXIMUM_LINES} lines: {long}"


def test_there_are_no_links() -> None:
    """Packers, Windows checkouts and Galaxy each treat them in a way of their own."""
    wrong = [name for name in tracked_files() if (ROOT / name).is_symlink()]
    assert not wrong, f"symbolic links: {wrong}"


def test_no_file_picks_its_interpreter_with_options() -> None:
    """ansible-test accepts these lines alone; Python programs are called by an interpreter."""
    allowed = {"#!/bin/sh", "#!/usr/bin/env bash"}
    wrong = [
        f"{name}: {text.splitlines()[0]}"
        for name in tracked_files()
        if (text := _text(name)) and text.startswith("#!") and text.splitlines()[0] not in allowed
    ]
    assert not wrong, "\n".join(wrong)
