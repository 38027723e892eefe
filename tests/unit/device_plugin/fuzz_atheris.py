# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bytes from outside, led by the coverage that they reach: a program for atheris, which is no requirement of the tests.

    pip install atheris
    export PYTHONPATH=files/device_plugin:plugins/module_utils
    python tests/unit/device_plugin/fuzz_atheris.py TARGET -max_total_time=60

TARGET is config, convert or route; what follows is for libFuzzer. It ends at the first input that is answered by
anything but a result or the error for a wrong configuration.
"""

from __future__ import annotations

import contextlib
import json
import sys
from typing import Any, Callable

import atheris

with atheris.instrument_imports(include=["sriov_device_plugin"]):
    from sriov_device_plugin.errors import ConfigError
    from sriov_device_plugin.host import network
    from sriov_device_plugin.pool import config, legacy_config


KEYS = (
    "resourceList", "resourceName", "resourcePrefix", "deviceType", "selectors", "excludeTopology", "additionalInfo",
    "preferredAllocation", "vendors", "drivers", "pfNames", "rootDevices", "pciAddresses", "isRdma", "vdpaType",
    "auxTypes", "pKeys", "sriovMode", "*", "0000:01:10.0",
)  # fmt: skip
TEXTS = ("netDevice", "accelerator", "auxNetDevice", "vfio", "sf", "vhost", "packed", "8086", "p0#0-3", "0x1", "r")


def _value(source: Any, depth: int) -> Any:
    """A JSON value: bytes alone would hardly ever be one."""
    kind = source.ConsumeIntInRange(0, 7)
    if depth == 0 or kind < 3:
        text = TEXTS[source.ConsumeIntInRange(0, len(TEXTS) - 1)]
        return (text, source.ConsumeUnicode(6), source.ConsumeBool(), None, source.ConsumeInt(8))[kind % 5]
    size = source.ConsumeIntInRange(0, 3)
    if kind < 5:
        return [_value(source, depth - 1) for _item in range(size)]
    return {KEYS[source.ConsumeIntInRange(0, len(KEYS) - 1)]: _value(source, depth - 1) for _item in range(size)}


def _document(content: bytes) -> bytes:
    """Half of the inputs are taken as they are, half say what the list of resources holds."""
    if not content or content[0] & 1:
        return content
    source = atheris.FuzzedDataProvider(content[1:])
    return json.dumps({"resourceList": [_value(source, 4) for _item in range(2)]}).encode()


def _config(content: bytes) -> None:
    with contextlib.suppress(ConfigError):
        config.parse(_document(content), "intel.com")


def _convert(content: bytes) -> None:
    with contextlib.suppress(ConfigError):
        text, _notes = legacy_config.convert(_document(content))
        json.loads(text)


def _route(content: bytes) -> None:
    network.parse_route(content)
    network.parse_address(content)
    list(network.split(content, network.HEADER))


TARGETS: dict[str, Callable[[bytes], None]] = {"config": _config, "convert": _convert, "route": _route}

if __name__ == "__main__":
    atheris.Setup([sys.argv[0], *sys.argv[2:]], TARGETS[sys.argv[1]])
    atheris.Fuzz()
