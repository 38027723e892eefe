# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Made by generate_stubs.py with grpcio-tools 1.51.1; do not edit.
# sha256 of podresources.proto: c29dfd7bb682c3957bff08a0e0c8dcd39f2cf5b9d21060ca5881ef1abcd58f0b
# ruff: noqa
# mypy: disable-error-code="type-arg, var-annotated"
"""Messages of podresources.proto."""

from google.protobuf import descriptor_pool
from google.protobuf.internal import builder

DESCRIPTOR = descriptor_pool.Default().AddSerializedFile(
    b'\n\x12podresources.proto\x12\x02v1'
    b'"\x19\n\x17ListPodResourcesRequ'
    b'est"Q\n\x18ListPodResourcesR'
    b'esponse\x125\n\rpod_resources'
    b'\x18\x01 \x03(\x0b2\x10.v1.PodResources'
    b'R\x0cpodResources"x\n\x0cPodRes'
    b'ources\x12\x12\n\x04name\x18\x01 \x01(\tR\x04na'
    b'me\x12\x1c\n\tnamespace\x18\x02 \x01(\tR\tn'
    b'amespace\x126\n\ncontainers\x18\x03'
    b' \x03(\x0b2\x16.v1.ContainerResou'
    b'rcesR\ncontainers"X\n\x12Cont'
    b'ainerResources\x12\x12\n\x04name\x18\x01'
    b' \x01(\tR\x04name\x12.\n\x07devices\x18\x02 '
    b'\x03(\x0b2\x14.v1.ContainerDevice'
    b'sR\x07devices"V\n\x10ContainerD'
    b'evices\x12#\n\rresource_name\x18'
    b'\x01 \x01(\tR\x0cresourceName\x12\x1d\n\nd'
    b'evice_ids\x18\x02 \x03(\tR\tdeviceI'
    b'dsb\x06proto3'
)

builder.BuildMessageAndEnumDescriptors(DESCRIPTOR, globals())
builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, __name__, globals())
