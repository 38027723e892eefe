# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles' argument specs say of the `sriov_*` variables: the one place of their types, choices and defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

PREFIX = "sriov_"
_ROLES = Path(__file__).resolve().parents[2] / "roles"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # a tenth of the time, where PyYAML has it


@dataclass(frozen=True)
class Option:
    """One variable of the roles or playbooks. default: None where the spec has none."""

    name: str
    type: str
    choices: tuple[str, ...] = ()
    default: Any = None


@lru_cache(maxsize=1)
def options() -> Mapping[str, Option]:
    """Every variable by its name; roles that share one say the same of it."""
    found: dict[str, Option] = {}
    for path in sorted(_ROLES.glob("*/meta/argument_specs.yml")):
        specs = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)["argument_specs"]
        for entry in specs.values():
            for name, spec in entry["options"].items():
                choices = tuple(map(str, spec.get("choices", ())))
                found.setdefault(name, Option(name, spec["type"], choices, spec.get("default")))
    return found
