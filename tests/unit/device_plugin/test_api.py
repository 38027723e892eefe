# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The committed stubs are what the .proto files say, with the names and numbers that the kubelet knows."""

from __future__ import annotations

import runpy
from importlib import metadata

import pytest

from sriov_device_plugin.api import deviceplugin_pb2 as api
from sriov_device_plugin.api import pluginregistration_pb2, podresources_pb2
from support.dp_daemon import PLUGIN

GENERATOR = runpy.run_path(str(PLUGIN / "generate_stubs.py"))
API = PLUGIN / "sriov_device_plugin" / "api"


def _compiler() -> str:
    try:
        return f"grpcio-tools {metadata.version('grpcio-tools')}"
    except metadata.PackageNotFoundError:
        return "none"


@pytest.mark.parametrize("proto", GENERATOR["proto_names"]())
def test_stubs_are_those_of_the_proto_file(proto: str) -> None:
    """Byte for byte where the compiler is here; elsewhere by the checksum that the stub holds."""
    for stub in (proto.replace(".proto", "_pb2.py"), proto.replace(".proto", "_pb2.pyi")):
        text = (API / stub).read_text()
        assert f"# sha256 of {proto}: {GENERATOR['digest'](proto)}" in text, "run generate_stubs.py"
        if _compiler() == GENERATOR["COMPILER"]:
            assert GENERATOR["render"](proto)[stub] == text


def _numbers(message: object) -> dict[str, int]:
    return {field.name: field.number for field in message.DESCRIPTOR.fields}  # type: ignore[attr-defined]


def test_wire_numbers() -> None:
    assert api.RegisterRequest.DESCRIPTOR.full_name == "v1beta1.RegisterRequest"
    assert _numbers(api.RegisterRequest) == {"version": 1, "endpoint": 2, "resource_name": 3, "options": 4}
    assert _numbers(api.Device) == {"ID": 1, "health": 2, "topology": 3}
    assert _numbers(api.ContainerAllocateResponse) == {
        "envs": 1, "mounts": 2, "devices": 3, "annotations": 4, "cdi_devices": 5,
    }  # fmt: skip
    assert _numbers(api.DeviceSpec) == {"container_path": 1, "host_path": 2, "permissions": 3}
    assert _numbers(api.ContainerPreferredAllocationRequest) == {
        "available_deviceIDs": 1, "must_include_deviceIDs": 2, "allocation_size": 3,
    }  # fmt: skip
    info = pluginregistration_pb2.PluginInfo
    assert info.DESCRIPTOR.full_name == "pluginregistration.PluginInfo"
    assert _numbers(info) == {"type": 1, "name": 2, "endpoint": 3, "supported_versions": 4}
    assert podresources_pb2.ContainerDevices.DESCRIPTOR.full_name == "v1.ContainerDevices"
