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
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CNI = ROOT / "files" / "cni"
PARTS = {"sriov_cni": CNI / "sriov_cni", "shared": ROOT / "plugins" / "module_utils" / "shared"}
NODE_FOLDER = "/usr/lib/baremetal-sriov/cni"
NODE_CODE = f"{NODE_FOLDER}/@CNI_VERSION@"
HANDOFF = "/run/baremetal-sriov/cni"
VERSION = "0123456789ab"
OPTIONS = "-BIS"
UNCHECKED = ["-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]


def sources() -> dict[str, Path]:
    """Each file of a version: its path below the version's folder, and where it is in the checkout."""
    return {f"{part}/{path.relative_to(folder)}": path for part, folder in PARTS.items()
            for path in sorted(folder.rglob("*")) if path.is_file() and "__pycache__" not in path.parts}


def install(
    base: Path, interpreter: str, version: str = VERSION, moved: Mapping[str, str] | None = None
) -> Path:
    """One version below base/lib, compiled, and its launcher base/sriov in the place of whatever is there.

    moved: folders of the host that this installation has elsewhere, and where.
    """
    code, interpreter = base / "lib" / version, os.path.realpath(interpreter)
    for name, path in sources().items():
        (code / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, code / name)
    paths = code / "sriov_cni" / "host" / "host.py"
    text = paths.read_text()
    for folder, place in (moved or {}).items():
        assert f'= "{folder}' in text, f"{paths} has no constant below {folder}"
        text = text.replace(folder, place)
    paths.write_text(text)
    subprocess.run([interpreter, *UNCHECKED, str(code)], check=True)
    return put(base / "sriov", launcher(interpreter, str(code)))


def put(path: Path, text: str) -> Path:
    """A program at `path`, by a rename as the installer does it."""
    aside = path.with_name(f"{path.name}.new")
    aside.write_text(text)
    aside.chmod(0o755)
    aside.rename(path)
    return path


def launcher(interpreter: str, code: str) -> str:
    """The text of the program, for the code in this folder."""
    text = (CNI / "launcher.py").read_text()
    return f"#!{interpreter} {OPTIONS}\n{text.replace(NODE_CODE, code)}"


def client(program: str, code: str, handoff: str) -> str:
    """The text of the shell that a runtime calls, for a launcher, its code's folder and the one of the service."""
    text = (CNI / "client.sh").read_text().replace(NODE_CODE, code).replace(f"{NODE_FOLDER}/sriov", program)
    return "#!/bin/sh\n" + text.replace(HANDOFF, handoff)
