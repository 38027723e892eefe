# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pass of the drift timer on a fake root, by the library that is installed there, as the unit starts it.

A command is still a process: one that prints what `ip` would say of that root.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any


def main(root: str, links: str) -> int:
    """Exit status of the pass."""
    sys.path.insert(0, f"{root}/usr/lib/baremetal-sriov/lib")
    boot: Any = importlib.import_module("baremetal_sriov.node.boot")

    class FakeRoot(boot.Host):  # type: ignore[misc]
        """Says that it is running."""

        is_running = True

        def run(self, argv: Any, **options: Any) -> Any:
            if list(argv[:2]) != ["ip", "-j"]:
                raise RuntimeError(f"a pass that changes nothing needs no {' '.join(argv)}")
            return super().run(["cat", links], **options)

    return int(boot.main(FakeRoot(root), [boot.DRIFT]))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
