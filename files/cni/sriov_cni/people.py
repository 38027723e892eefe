# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For people at a terminal: `sriov --version` and `sriov check-config FILE`."""

from __future__ import annotations

import os

from . import SUPPORTED
from .config import MISSING_DEVICE, canonical, parse, shown
from .errors import CniError
from .jsontext import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

USAGE = """\
usage: sriov --version
       sriov check-config FILE   judge a network configuration, a list of plugins, or stdin for -
A container runtime calls this program with CNI_COMMAND in the environment instead.
"""
_LIMIT = 1 << 20  # bytes


def run(arguments: list[str]) -> tuple[int, str]:
    """Exit code (0 good, 1 mistakes, 2 wrong use) and what to print."""
    if arguments == ["--version"]:
        return 0, f"sriov, the CNI plugin of baremetal.sriov; CNI {', '.join(SUPPORTED)}\n"
    if len(arguments) != 2 or arguments[0] != "check-config":
        return 2, USAGE
    try:
        configurations = _read(arguments[1])
    except (OSError, ValueError) as error:
        return 1, f"{arguments[1]}: {error.strerror if isinstance(error, OSError) else error}\n"
    mistakes = [text for conf in configurations for text in _judge(conf)]
    if mistakes:
        return 1, "".join([f"{arguments[1]}: {text}\n" for text in mistakes])
    return 0, f"{arguments[1]}: good\n"


def _read(path: str) -> list[dict[str, Any]]:
    """The configurations of this plugin in a file. Raises OSError, ValueError."""
    fd = 0 if path == "-" else os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    raw = b""
    while len(raw) <= _LIMIT:
        part = os.read(fd, 65536)
        if not part:
            break
        raw += part
    if len(raw) > _LIMIT:
        raise ValueError(f"expected at most {_LIMIT} bytes, found more")
    conf = loads(raw)
    if not isinstance(conf, dict):
        raise ValueError("expected a JSON object")
    plugins = conf.get("plugins")
    if plugins is None:
        return [conf]
    if not isinstance(plugins, list) or not all(isinstance(plugin, dict) for plugin in plugins):
        raise ValueError("plugins: expected a list of objects")
    shared = {key: conf[key] for key in ("cniVersion", "name") if key in conf}
    ours = [{**plugin, **shared} for plugin in plugins if plugin.get("type") == "sriov"]
    if not ours:
        raise ValueError("plugins: expected one of type sriov, found none")
    return ours


def _judge(raw: dict[str, Any]) -> list[str]:
    """The mistakes; deviceID may be missing, as Multus adds it when a pod gets its VF."""
    conf = canonical(raw)
    found = []
    version = conf.get("cniVersion", "0.1.0")
    if version not in SUPPORTED:
        found.append(f"cniVersion: expected one of {', '.join(SUPPORTED)}, found {shown(version)}")
    if not isinstance(conf.get("name"), str) or not conf["name"]:
        found.append(f"name: expected the network's name, found {shown(conf.get('name', ''))}")
    if conf.get("type") != "sriov":
        found.append(f"type: expected sriov, found {shown(conf.get('type', ''))}")
    try:
        parse(conf)
    except CniError as error:
        rest = error.msg.partition(": ")[2].replace(MISSING_DEVICE, "")
        found += [text for text in rest.split("; ") if text]
    return found
