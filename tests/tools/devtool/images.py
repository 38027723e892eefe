# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The device plugin's container image, built without a registry: a base from Debian's packages, then its Containerfile.

Nothing of the machine's own images is touched: buildah's storage is a folder of ours, and it goes afterwards.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from .collection import OUTPUT
from .console import ToolError, call, say
from .deps import ROOT

PACKAGES = ("python3-minimal", "python3-grpcio", "python3-protobuf", "iproute2")
SUITE = "bookworm"
UNREAD = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")
NAME = "localhost/baremetal-sriov/device-plugin"
BASE = "localhost/baremetal-sriov/base"
CONTAINERFILE = ROOT / "files" / "device_plugin" / "Containerfile"
PROGRAM = ["python3", "-I", "/usr/lib/baremetal-sriov/files/device_plugin/run.py"]


def version() -> str:
    """The version that the program in the checkout says."""
    return call([sys.executable, "-I", str(CONTAINERFILE.parent / "run.py"), "--version"]).strip()


def image(base: str = "") -> Path:
    """Build the image, have its program answer, and write it to tests/output as an archive. Raises ToolError.

    base: an image to build on, which buildah may fetch; without one, a base is made from packages.
    """
    missing = [name for name in ("buildah", *(() if base else ("mmdebstrap",))) if shutil.which(name) is None]
    if missing:
        install = f"apt-get install --no-install-recommends {' '.join(missing)}"
        raise ToolError(f"{' and '.join(missing)} can't be found: {install}")
    OUTPUT.mkdir(parents=True, exist_ok=True)
    name, archive = f"{NAME}:{version()}", OUTPUT / f"device-plugin-{version()}.tar"
    with tempfile.TemporaryDirectory(prefix="image-") as folder:
        # vfs and chroot: they need neither overlays nor namespaces, so this works in a container as well.
        buildah = ["buildah", "--root", f"{folder}/root", "--runroot", f"{folder}/run", "--storage-driver", "vfs"]
        build = [*buildah, "build", "--isolation", "chroot"]
        if not base:
            base = _base(build, Path(folder))
        say(f"image: {name} on {base}")
        call([*build, "--build-arg", f"BASE={base}", "-f", str(CONTAINERFILE), "-t", name, str(ROOT)])
        _check(buildah, name)
        archive.unlink(missing_ok=True)
        call([*buildah, "push", name, f"docker-archive:{archive}:{name}"])
    return archive


def _base(build: list[str], folder: Path) -> str:
    say(f"base: {', '.join(PACKAGES)} of {SUITE} (about a minute)")
    context = folder / "base"
    context.mkdir()
    excluded = [f"--dpkgopt=path-exclude={pattern}" for pattern in UNREAD]
    include = f"--include={','.join(PACKAGES)}"
    call(["mmdebstrap", "--variant=minbase", include, *excluded, SUITE, str(context / "base.tar")])
    (context / "Containerfile").write_text("FROM scratch\nADD base.tar /\n")
    call([*build, "-t", BASE, str(context)])
    return BASE


def _check(buildah: list[str], name: str) -> None:
    """The program in the image says its version."""
    container = call([*buildah, "from", name]).strip()
    told = call([*buildah, "run", "--isolation", "chroot", container, "--", *PROGRAM, "--version"]).strip()
    if told != version():
        raise ToolError(f"the image's program says that it is {told!r}; expected {version()}")
