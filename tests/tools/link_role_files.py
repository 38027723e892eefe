# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Links what a role ships into its files folder, one relative link per file.

A role can only ship what stands below it, and neither Ansible's sanity tests nor its linter accept a link
to a folder or a path that leaves the role. Run without options to make the links; `--check` only tells which
are missing, wrong or too many.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Shipment:
    """Files below `source` with one of the suffixes appear below `target`, but for the excluded names."""

    source: str
    target: str
    suffixes: tuple[str, ...]
    exclude: tuple[str, ...] = ()


SHIPMENTS = (
    # wheels.py runs on the controller alone.
    Shipment("plugins/module_utils", "roles/node/files/lib/baremetal_sriov", (".py",), ("wheels.py",)),
    Shipment("files/node", "roles/node/files/node", (".py", ".service", ".timer")),
    Shipment(
        "files/device_plugin",
        "roles/device_plugin/files/device_plugin",
        (".py", ".in", ".txt"),
        ("generate_stubs.py",),
    ),
    Shipment("files/cni", "roles/cni/files/cni", (".py", ".sh", ".service")),
)


def wanted(root: Path) -> dict[Path, str]:
    """Link -> the relative path that it holds."""
    links = {}
    for shipment in SHIPMENTS:
        for source in sorted((root / shipment.source).rglob("*")):
            inside = source.relative_to(root / shipment.source)
            if (
                not source.is_file()
                or source.suffix not in shipment.suffixes
                or inside.name in shipment.exclude
            ):
                continue
            if "__pycache__" in inside.parts:
                continue
            link = root / shipment.target / inside
            links[link] = os.path.relpath(source.resolve(), link.parent)
    return links


def found(root: Path) -> dict[Path, str]:
    """Link -> the path that it holds, for every entry below the targets; a plain file holds ''."""
    entries = (entry for shipment in SHIPMENTS for entry in (root / shipment.target).rglob("*"))
    return {
        entry: os.readlink(entry) if entry.is_symlink() else ""
        for entry in entries
        if entry.is_symlink() or not entry.is_dir()
    }


def differences(root: Path) -> list[str]:
    """Sentences about links that are missing, wrong or too many."""
    should, are = wanted(root), found(root)
    lines = [f"{link.relative_to(root)} is missing" for link in should if link not in are]
    lines += [
        f"{link.relative_to(root)} should hold {should[link]!r}"
        for link in should
        if link in are and are[link] != should[link]
    ]
    lines += [
        f"{link.relative_to(root)} is not shipped by any table entry" for link in are if link not in should
    ]
    return lines


def repair(root: Path) -> None:
    """Make the links that should be, and remove the others."""
    should = wanted(root)
    for link, target in found(root).items():
        if should.get(link) != target:
            link.unlink()
    for link, target in should.items():
        if not link.is_symlink():
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(target)


def main() -> int:
    """0 when the links are right (now)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing, only tell what is wrong")
    options = parser.parse_args()
    if not options.check:
        repair(ROOT)
    lines = differences(ROOT)
    print("\n".join(lines) if lines else f"{len(wanted(ROOT))} links are right")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
