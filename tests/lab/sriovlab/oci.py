# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Container images of programs that are here, as one OCI image layout in a tar: neither a registry nor a builder.

`ctr images import` reads it. Layers stay uncompressed, since an emulated node would have to unpack them.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

_TYPE = "application/vnd.oci.image"
INDEX, MANIFEST, CONFIG, LAYER = (f"{_TYPE}.{kind}" for kind in (
    "index.v1+json", "manifest.v1+json", "config.v1+json", "layer.v1.tar"))  # fmt: skip
REF_NAME = "org.opencontainers.image.ref.name"
# What the specification's own annotation holds is the tag alone for some programs: containerd asks for this one first.
IMAGE_NAME = "io.containerd.image.name"

Descriptor = dict[str, Any]


@dataclass(frozen=True)
class Image:
    """One image: its names, the files by their paths in it, and what a container of it runs."""

    names: tuple[str, ...]
    files: Mapping[str, Path]
    entrypoint: tuple[str, ...]
    shell: bool = False  # whether it has the layer with busybox too
    user: str = ""


def write(target: Path, images: Sequence[Image], shell: bytes) -> None:
    """Write the layout with all images to the file `target`. shell: the tar of the layer with busybox."""
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as name:
        folder = Path(name)
        blobs = _Blobs(folder)
        manifests = [described for image in images for described in _image(blobs, image, shell)]
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}
        (folder / "index.json").write_text(json.dumps(index))
        (folder / "oci-layout").write_text(json.dumps({"imageLayoutVersion": "1.0.0"}))
        with tarfile.open(target, "w", format=tarfile.USTAR_FORMAT) as archive:
            for entry in ("oci-layout", "index.json", "blobs"):
                archive.add(folder / entry, entry, filter=_plain)


class _Blobs:
    """The layout's contents, each in a file that has its digest for a name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "blobs" / "sha256"
        self.folder.mkdir(parents=True)

    def add(self, media_type: str, content: bytes | Path) -> Descriptor:
        """Keep a content; a file is moved. Returns what names it."""
        if isinstance(content, Path):
            with content.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
            shutil.move(content, self.folder / digest)
        else:
            digest = hashlib.sha256(content).hexdigest()
            (self.folder / digest).write_bytes(content)
        size = (self.folder / digest).stat().st_size
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": size}


def _image(blobs: _Blobs, image: Image, shell: bytes) -> list[Descriptor]:
    """Keep all that an image is; the manifest's descriptor, once for each name."""
    layers = [blobs.add(LAYER, shell)] if image.shell else []
    layers.append(blobs.add(LAYER, _layer(blobs.folder / "layer", image.files)))
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    settings = {"Entrypoint": list(image.entrypoint), "Env": [f"PATH={path}"], "WorkingDir": "/", "User": image.user}
    config = blobs.add(CONFIG, json.dumps({
        "architecture": "amd64", "os": "linux", "config": settings,
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"] for layer in layers]},
    }).encode())  # fmt: skip
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers}
    described = blobs.add(MANIFEST, json.dumps(manifest).encode())
    return [{**described, "annotations": {REF_NAME: name, IMAGE_NAME: name}} for name in image.names]


def _layer(target: Path, files: Mapping[str, Path]) -> Path:
    """The tar with the files, and before them the folders that they lie in."""
    folders = {parent for name in files for parent in PurePosixPath(name.lstrip("/")).parents}
    with tarfile.open(target, "w", format=tarfile.USTAR_FORMAT, dereference=True) as archive:
        for folder in sorted(folders - {PurePosixPath(".")}):
            info = tarfile.TarInfo(str(folder))
            info.type, info.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(info)
        for name, source in sorted(files.items()):
            archive.add(source, name.lstrip("/"), filter=_program)
    return target


def _plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
    """An entry without whose it was, and when."""
    info.uid = info.gid = info.mtime = 0
    info.uname = info.gname = ""
    return info


def _program(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.mode = 0o755
    return _plain(info)
