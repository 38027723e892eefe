# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts in templates that go over several lines: YAML folds only lines that are indented alike."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2 import Environment

ROOT = Path(__file__).resolve().parents[3]
FILES = sorted(path for folder in ("roles", "playbooks") for path in (ROOT / folder).rglob("*.yml"))


def values(node: Any) -> Iterator[str]:
    """All texts below a YAML node."""
    if isinstance(node, str):
        yield node
    for item in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from values(item)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_literal_of_a_template_is_broken(path: Path) -> None:
    """systemd took a unit's second line for nonsense, and ignored it: each name in it was lost."""
    broken = [text for value in values(yaml.safe_load(path.read_text())) if "{{" in value or "{%" in value
              for _line, kind, text in Environment().lex(value) if kind == "string" and "\n " in text]  # fmt: skip
    assert broken == []
