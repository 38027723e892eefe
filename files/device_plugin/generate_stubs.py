# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write sriov_device_plugin/api/*_pb2.py and .pyi from proto/*.proto.

Run it with a Python that has grpcio-tools 1.51.1: its compiler knows the oldest protobuf that nodes have, and
what it describes is understood by every later one. The descriptor is the compiler's; the few lines around it
are ours, since the compiler's own layout does not pass the checks that the rest of the code passes.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile

COMPILER = "grpcio-tools 1.51.1"
HERE = os.path.dirname(os.path.abspath(__file__))
PROTO = os.path.join(HERE, "proto")
API = os.path.join(HERE, "sriov_device_plugin", "api")

HEADER = """\
# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Made by generate_stubs.py with {compiler}; do not edit.
# sha256 of {proto}: {digest}
# ruff: noqa
# mypy: disable-error-code="type-arg, var-annotated"
"""

MODULE = '''\
"""Messages of {proto}."""

from google.protobuf import descriptor_pool
from google.protobuf.internal import builder

DESCRIPTOR = descriptor_pool.Default().AddSerializedFile(
{literal})

builder.BuildMessageAndEnumDescriptors(DESCRIPTOR, globals())
builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, __name__, globals())
'''


def proto_names() -> list[str]:
    """The file names of the .proto files, sorted."""
    return sorted(name for name in os.listdir(PROTO) if name.endswith(".proto"))


def digest(proto: str) -> str:
    """The sha256 of one .proto file, as its stub records it."""
    with open(os.path.join(PROTO, proto), "rb") as stream:
        return hashlib.sha256(stream.read()).hexdigest()


def render(proto: str) -> dict[str, str]:
    """File name -> text of the stubs of one .proto file. Raises SystemExit where the compiler refuses it."""
    from grpc_tools import protoc  # type: ignore[import-untyped,import-not-found,unused-ignore]

    with tempfile.TemporaryDirectory() as scratch:
        described = os.path.join(scratch, "described")
        outputs = [f"--descriptor_set_out={described}", f"--pyi_out={scratch}"]
        if protoc.main(["protoc", f"-I{PROTO}", *outputs, proto]) != 0:
            raise SystemExit(f"{proto}: the compiler refused it; its message stands above.")
        with open(described, "rb") as stream:
            serialized = _only_file(stream.read())
        stub = proto.replace(".proto", "_pb2.py")
        with open(os.path.join(scratch, stub + "i"), encoding="utf-8") as text:
            hints = text.read()
    header = HEADER.format(compiler=COMPILER, proto=proto, digest=digest(proto))
    literal = "".join(f"    {serialized[i : i + 24]!r}\n" for i in range(0, len(serialized), 24))
    return {stub: header + MODULE.format(proto=proto, literal=literal), stub + "i": header + hints}


def _only_file(described: bytes) -> bytes:
    from google.protobuf import descriptor_pb2

    files = descriptor_pb2.FileDescriptorSet.FromString(described)
    return files.file[0].SerializeToString(deterministic=True)


def main() -> int:
    """Write all stubs; 1 where the compiler is another one."""
    try:
        from importlib.metadata import version

        found = f"grpcio-tools {version('grpcio-tools')}"
    except ImportError:
        found = "none"
    if found != COMPILER:
        print(f"The stubs are made by {COMPILER}; this Python has {found}. Nothing written.", file=sys.stderr)
        return 1
    for proto in proto_names():
        for name, text in render(proto).items():
            with open(os.path.join(API, name), "w", encoding="utf-8") as stream:
                stream.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
