# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one way in which the lab runs a program on the controller."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from .progress import LabError

# Messages are parsed and shown; sbin is where a plain user's PATH lacks mke2fs and sfdisk.
BASE_ENV = {"LC_ALL": "C.UTF-8", "PATH": os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"}


def run(
    argv: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    log: Path | None = None,
    input: bytes | None = None,
    timeout: float = 600.0,
) -> str:
    """Run argv to its end and return its stdout as text.

    With `log`, both streams are appended to that file and "" is returned. `timeout` is in seconds.
    Raises LabError with the end of the output if the program is missing, fails or takes too long.
    """
    args = [str(arg) for arg in argv]
    full_env = {**os.environ, **BASE_ENV, **(env or {})}
    try:
        if log is None:
            done = subprocess.run(
                args, cwd=cwd, env=full_env, input=input, capture_output=True, timeout=timeout, check=False
            )
            output = done.stdout.decode(errors="replace")
            tail = (done.stderr or done.stdout).decode(errors="replace")
        else:
            with log.open("ab") as stream:
                done = subprocess.run(
                    args,
                    cwd=cwd,
                    env=full_env,
                    input=input,
                    stdout=stream,
                    stderr=stream,
                    timeout=timeout,
                    check=False,
                )
            output, tail = "", log.read_text(errors="replace")
    except FileNotFoundError as exc:
        raise LabError(f"{args[0]} is not installed; `python3 tests/lab/lab.py check` lists what is missing") from exc
    except subprocess.TimeoutExpired as exc:
        raise LabError(f"{' '.join(args)}: no end after {timeout:.0f} s") from exc
    if done.returncode != 0:
        where = f" (all of it: {log})" if log else ""
        raise LabError(f"{' '.join(args)}: exit status {done.returncode}{where}\n{tail[-3000:].rstrip()}")
    return output
