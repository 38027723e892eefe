# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CNI plugin as the role `cni` lays it out, in a folder of its own: for unit tests, benchmarks and long loops.

tests/unit/roles/test_cni_code.py compares it with the role.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CNI = ROOT / "files" / "cni"
NODE_FOLDER = "/usr/lib/baremetal-sriov/cni"
NODE_CODE = f"{NODE_FOLDER}/@CNI_VERSION@"
HANDOFF = "/run/baremetal-sriov/cni"
VERSION = "0123456789ab"
UNCHECKED = ["-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
# By interpreter, what it compiled: each file's path below the version's folder. They don't depend on where they are.
_COMPILED: dict[str, dict[str, bytes]] = {}


def sources() -> dict[str, Path]:
    """Each file of a version: its path below the version's folder, and where it is in the checkout."""
    return {f"{path.relative_to(folder.parent)}": path
            for folder in (CNI / "sriov_cni", ROOT / "plugins" / "module_utils" / "shared")
            for path in sorted(folder.rglob("*")) if path.is_file() and "__pycache__" not in path.parts}


def install(base: Path, interpreter: str, version: str = VERSION, seam: str = "") -> Path:
    """One version below base/lib, compiled, and its launcher base/sriov in the place of whatever is there."""
    code, interpreter = base / "lib" / version, os.path.realpath(interpreter)
    for name, path in sources().items():
        (code / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, code / name)
    for name, data in _COMPILED.get(interpreter, {}).items():
        (code / name).parent.mkdir(exist_ok=True)
        (code / name).write_bytes(data)
    if interpreter not in _COMPILED:
        subprocess.run([interpreter, *UNCHECKED, str(code)], check=True)
        _COMPILED[interpreter] = {f"{path.relative_to(code)}": path.read_bytes() for path in code.rglob("*.pyc")}
    return put(base / "sriov", launcher(interpreter, str(code), seam))


def put(path: Path, text: str, mode: int = 0o755) -> Path:
    """A program at `path`, by a rename as the installer does it."""
    aside = path.with_name(f"{path.name}.new")
    aside.write_text(text)
    aside.chmod(mode)
    return aside.rename(path)


def launcher(interpreter: str, code: str, seam: str = "") -> str:
    """The text of the program, for the code in this folder; `seam`: what it does before it starts that."""
    text = (CNI / "launcher.py").read_text().replace(NODE_CODE, code)
    return f"#!{interpreter} -BIS\n" + text.replace("from sriov_cni.main", f"{seam}from sriov_cni.main")


def client(program: str, code: str, handoff: str) -> str:
    """The text of the shell that a runtime calls, for a launcher, its code's folder and the one of the service."""
    text = f"#!/bin/sh\n{(CNI / 'client.sh').read_text()}"
    return text.replace(NODE_CODE, code).replace(f"{NODE_FOLDER}/sriov", program).replace(HANDOFF, handoff)
