# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The device plugin on a host that holds some reads: `python dp_held.py FOLDER CONSTANTS ARGUMENTS`.

A read of a path hangs while a line of the file FOLDER/held is found in it, as a kernel's lock would have it; each path
that is read is put into FOLDER/seen. CONSTANTS is JSON, MODULE:NAME -> value, for limits that a test can't wait for.
"""

from __future__ import annotations

import builtins
import importlib
import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any, Callable

PLUGIN = Path(__file__).resolve().parents[2] / "files" / "device_plugin"
sys.path[:0] = [str(PLUGIN), str(PLUGIN.parents[1] / "plugins" / "module_utils")]

FOLDER, CONSTANTS = Path(sys.argv[1]), json.loads(sys.argv[2])
HOST = os.fsencode(sys.argv[sys.argv.index("--root") + 1]).decode() + "/"
HELD = str(FOLDER / "held")
SEEN = os.open(FOLDER / "seen", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
REAL_OPEN = builtins.open
_seen: set[str] = set()
_inside = threading.local()


def _held(path: str) -> bool:
    try:
        with REAL_OPEN(HELD) as stream:
            lines = stream.read().split()
    except OSError:
        return False
    return any(line in path for line in lines)


def _patched(real: Callable[..., Any]) -> Callable[..., Any]:
    def read(path: Any, *arguments: Any, **more: Any) -> Any:
        text = os.fspath(path) if isinstance(path, (str, os.PathLike)) else ""
        if str(text).startswith(HOST) and not getattr(_inside, "busy", False):
            _inside.busy = True
            try:
                if text not in _seen:
                    _seen.add(str(text))
                    os.write(SEEN, f"{text[len(HOST):]}\n".encode())
                while _held(str(text)[len(HOST) - 1 :]):
                    time.sleep(0.01)
            finally:
                _inside.busy = False
        return real(path, *arguments, **more)

    return read


for name in ("open", "listdir", "readlink", "stat", "lstat"):
    setattr(os, name, _patched(getattr(os, name)))
builtins.open = _patched(REAL_OPEN)
for place, value in CONSTANTS.items():
    module, _colon, constant = place.partition(":")
    loaded = importlib.import_module(f"sriov_device_plugin.{module}")
    assert hasattr(loaded, constant), place
    setattr(loaded, constant, value)

from sriov_device_plugin.__main__ import main  # noqa: E402

sys.exit(main(sys.argv[3:]))
