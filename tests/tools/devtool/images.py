# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The device plugin's container image, built without a registry: a base from Debian's packages, then its Containerfile.

Nothing of the machine's own images is touched: buildah's storage is a folder of ours, and it goes afterwards.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from pathlib import Path

from sriovlab import cache

from .collection import tracked_files
from .console import ToolError, call
from .deps import ROOT, needed

NAME = "localhost/baremetal-sriov/device-plugin"
TOOLS = ("buildah", "mmdebstrap")  # commands, and Debian's packages of them
PACKAGES = ("python3-minimal", "python3-grpcio", "python3-protobuf", "iproute2")
SUITE = "bookworm"
UNREAD = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")
# A base with /usr merged from the start; else a package does it, and brings 47 MB of Perl.
MMDEBSTRAP = ("mmdebstrap", "--variant=essential", "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
              f"--include={','.join(('usr-is-merged', *PACKAGES))}",
              *(f"--dpkgopt=path-exclude={pattern}" for pattern in UNREAD), SUITE)  # fmt: skip
CONTAINERFILE = ROOT / "files" / "device_plugin" / "Containerfile"


def version() -> str:
    """The version that the program in the checkout says."""
    return call([sys.executable, "-I", str(CONTAINERFILE.parent / "run.py"), "--version"]).strip()


def cached() -> Path:
    """The image of this checkout's program as an archive in the cache, for tests; built where its inputs are others."""
    copied = tuple(re.findall(r"^COPY (\S+)", CONTAINERFILE.read_text(), re.MULTILINE))
    files = [CONTAINERFILE, *(ROOT / name for name in tracked_files() if name.startswith(copied))]
    key = cache.digest(version(), *MMDEBSTRAP, *(f"{path} {path.read_text()}" for path in files))
    found = cache.artefact(f"device-plugin-image-{key}", build)
    for other in {*cache.root().glob("device-plugin-image*")} - {found}:  # one before is of no use to anybody
        shutil.rmtree(other)
    return next(found.glob("*.tar"))


def build(folder: Path, base: str = "") -> Path:
    """Build the image, have its program answer, and write it into a folder as an archive. Raises ToolError.

    base: an image to build on, which buildah may fetch; without one, a base is made from packages.
    """
    archive = folder / f"device-plugin-{version()}.tar"
    archive.unlink(missing_ok=True)
    needed(*TOOLS[: 1 if base else None])
    name = f"{NAME}:{version()}"
    with tempfile.TemporaryDirectory(prefix="image-") as work:
        # vfs and chroot: they need neither overlays nor namespaces, so this works in a container as well.
        buildah = ["buildah", "--root", f"{work}/root", "--runroot", f"{work}/run", "--storage-driver", "vfs"]
        make = [*buildah, "build", "--isolation", "chroot"]
        if not base:
            print(f"base: {', '.join(PACKAGES)} of {SUITE} (about half a minute)")
            base, context = "localhost/baremetal-sriov/base", Path(work) / "base"
            context.mkdir()
            call([*MMDEBSTRAP, str(context / "base.tar")])
            (context / "Containerfile").write_text("FROM scratch\nADD base.tar /\n")
            call([*make, "-t", base, str(context)])
        print(f"image: {name} on {base}")
        call([*make, "--build-arg", f"BASE={base}", "-f", str(CONTAINERFILE), "-t", name, str(ROOT)])
        container = call([*buildah, "from", name]).strip()
        program = ("python3", "-I", "/usr/lib/baremetal-sriov/files/device_plugin/run.py")
        told = call([*buildah, "run", "--isolation", "chroot", container, "--", *program, "--version"]).strip()
        if told != version():
            raise ToolError(f"the image's program says that it is {told!r}; expected {version()}")
        folder.mkdir(parents=True, exist_ok=True)
        call([*buildah, "push", name, f"docker-archive:{archive}:{name}"])
    return archive
