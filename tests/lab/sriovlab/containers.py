# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Container images for the node, made from Debian's busybox-static: there is no registry to pull from.

The layout is the archive of `docker save` (manifest.json, one config per image, layer.tar), which
`ctr images import` reads.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Sequence
from pathlib import Path

# Name -> what a container of it runs unless the pod says otherwise. The sandbox is ended by SIGKILL.
IMAGES = {
    "localhost/pause:lab": ("/bin/busybox", "sleep", "2147483647"),
    "localhost/busybox:lab": ("/bin/sh",),
}
FILES = {"etc/passwd": b"root:x:0:0:root:/root:/bin/sh\n", "etc/group": b"root:x:0:\n"}


def _member(
    name: str, mode: int, data: bytes | None = None, link: str = ""
) -> tuple[tarfile.TarInfo, bytes | None]:
    info = tarfile.TarInfo(name)
    info.mode = mode
    if link:
        info.type, info.linkname = tarfile.SYMTYPE, link
    elif data is None:
        info.type = tarfile.DIRTYPE
    else:
        info.size = len(data)
    return info, data


def _tar(members: Sequence[tuple[tarfile.TarInfo, bytes | None]]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data) if data is not None else None)
    return stream.getvalue()


def layer(busybox: bytes, applets: Sequence[str]) -> bytes:
    """The one file system layer: busybox, a link per applet, and the folders that a container expects."""
    members = [_member(name, 0o755) for name in ("bin", "dev", "etc", "proc", "root", "sys")]
    members.append(_member("tmp", 0o1777))
    members.append(_member("bin/busybox", 0o755, busybox))
    members += [_member(f"bin/{name}", 0o777, link="busybox") for name in sorted(set(applets) - {"busybox"})]
    members += [_member(name, 0o644, data) for name, data in FILES.items()]
    return _tar(members)


def write_archive(target: Path, busybox: bytes, applets: Sequence[str]) -> None:
    """Write one archive with all of IMAGES to `target`."""
    content = layer(busybox, applets)
    diff_id = f"sha256:{hashlib.sha256(content).hexdigest()}"
    members = [_member("layer.tar", 0o644, content)]
    manifest = []
    for name, command in IMAGES.items():
        config = json.dumps({
            "architecture": "amd64", "os": "linux",
            "config": {"Cmd": list(command), "Env": ["PATH=/bin"], "WorkingDir": "/"},
            "rootfs": {"type": "layers", "diff_ids": [diff_id]},
        }).encode()  # fmt: skip
        config_name = f"{hashlib.sha256(config).hexdigest()}.json"
        members.append(_member(config_name, 0o644, config))
        manifest.append({"Config": config_name, "RepoTags": [name], "Layers": ["layer.tar"]})
    members.append(_member("manifest.json", 0o644, json.dumps(manifest).encode()))
    target.write_bytes(_tar(members))
