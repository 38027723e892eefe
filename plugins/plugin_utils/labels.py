# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labels as the API server takes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..module_utils.model.errors import Mistake, mistakes_of
from .values import found_value

# source: Kubernetes, "Labels and Selectors", Syntax and character set.
_NAME = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]")
_PREFIX = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LONGEST_PREFIX = 253
# Labels whose owner is the API server or the kubelet: a node that loses one is another node to the scheduler.
_RESERVED = ("kubernetes.io/hostname", "kubernetes.io/os", "kubernetes.io/arch")


def mistakes(labels: Mapping[str, Any], path: str) -> list[Mistake]:
    """What the API server would refuse in labels that are texts."""
    found = []
    for key, value in labels.items():
        prefix, slash, name = key.rpartition("/")
        right = bool(_NAME.fullmatch(name)) and (
            not slash or (len(prefix) <= _LONGEST_PREFIX and bool(_PREFIX.fullmatch(prefix)))
        )
        found += mistakes_of(
            (
                not right,
                f"{path}[{key}]",
                f"expected the name of a label, NAME or PREFIX/NAME, found {found_value(key)}. Write at most 63 "
                "letters, digits, - _ . after the slash, and a DNS name before it.",
            ),
            (
                key in _RESERVED,
                f"{path}[{key}]",
                "expected a label of yours, found one that the kubelet sets. Remove it.",
            ),
            (
                value != "" and not _NAME.fullmatch(value),
                f"{path}[{key}]",
                f"expected the value of a label, found {found_value(value)}. Write at most 63 letters, digits, - _ . "
                "that begin and end with a letter or digit.",
            ),
        )
    return found
