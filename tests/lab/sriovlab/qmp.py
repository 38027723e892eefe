# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One command to a running QEMU over its QMP socket (docs/interop/qmp-spec in QEMU's tree)."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

from .progress import LabError


def command(path: Path, name: str, arguments: dict[str, Any] | None = None, timeout: float = 10.0) -> Any:
    """Run one QMP command and return its answer. Raises LabError if QEMU refuses or does not answer."""
    request: dict[str, Any] = {"execute": name}
    if arguments:
        request["arguments"] = arguments
    try:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(timeout)
            sock.connect(str(path))
            with sock.makefile("rwb") as stream:
                stream.readline()  # the greeting
                for message in ({"execute": "qmp_capabilities"}, request):
                    stream.write(json.dumps(message).encode() + b"\n")
                    stream.flush()
                    answer = _answer(stream)
    except (OSError, ValueError) as exc:
        raise LabError(f"QMP {name} over {path}: {exc}") from exc
    if "error" in answer:
        raise LabError(f"QMP {name}: {answer['error'].get('desc', answer['error'])}")
    return answer["return"]


def _answer(stream: Any) -> dict[str, Any]:
    """The next message that is not an event. Raises ConnectionError at end of file."""
    while True:
        line = stream.readline()
        if not line:
            raise ConnectionError("QEMU closed the connection")
        message: dict[str, Any] = json.loads(line)
        if "event" not in message:
            return message
