# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Made by generate_stubs.py with grpcio-tools 1.51.1; do not edit.
# sha256 of pluginregistration.proto: 52b2966103621c80f2e57b21b44a2ef6deb4e2cfd794ec1ef1abd2fa97b5ee08
# ruff: noqa
# mypy: disable-error-code="type-arg, var-annotated"
"""Messages of pluginregistration.proto."""

from google.protobuf import descriptor_pool
from google.protobuf.internal import builder

DESCRIPTOR = descriptor_pool.Default().AddSerializedFile(
    b'\n\x18pluginregistration.pro'
    b'to\x12\x12pluginregistration"\r'
    b'\n\x0bInfoRequest"\x7f\n\nPluginI'
    b'nfo\x12\x12\n\x04type\x18\x01 \x01(\tR\x04type\x12'
    b'\x12\n\x04name\x18\x02 \x01(\tR\x04name\x12\x1a\n\x08e'
    b'ndpoint\x18\x03 \x01(\tR\x08endpoint\x12'
    b'-\n\x12supported_versions\x18\x04 '
    b'\x03(\tR\x11supportedVersions"W'
    b'\n\x12RegistrationStatus\x12+\n\x11'
    b'plugin_registered\x18\x01 \x01(\x08R'
    b'\x10pluginRegistered\x12\x14\n\x05err'
    b'or\x18\x02 \x01(\tR\x05error"\x1c\n\x1aRegis'
    b'trationStatusResponseb\x06p'
    b'roto3'
)

builder.BuildMessageAndEnumDescriptors(DESCRIPTOR, globals())
builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, __name__, globals())
