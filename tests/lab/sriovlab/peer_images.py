# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Multus and the network-resources-injector as container images, for nodes that can't pull them.

Their files are where the projects' own images have them, and their names are those that manifests use: of the roles,
with the pinned release, and of the projects.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from . import containers, oci, peers, release, rootfs
from .command import run
from .peers import CLUSTER, MULTUS, Built, Group

_REPOSITORY = "ghcr.io/k8snetworkplumbingwg"
_MULTUS_BIN = "/usr/src/multus-cni/bin"
_BUSYBOX = "usr/bin/busybox"


def images(built: Callable[[Group], Built] = peers.built) -> list[oci.Image]:
    """All of them. built: gives a group's programs, which are built if needed."""
    injector = "github.com/k8snetworkplumbingwg/network-resources-injector"
    thin = {f"{_MULTUS_BIN}/{name}": name for name in ("multus", "passthru")}
    thin |= {f"/{name}": name for name in ("install_multus", "thin_entrypoint")}
    thick = {f"{_MULTUS_BIN}/{name}": name for name in ("install_multus", "multus-daemon", "multus-shim", "passthru")}
    version = MULTUS.pinned(MULTUS.module)
    multus, others = built(MULTUS), built(CLUSTER)
    return [
        _image(multus, "multus-cni", (f"v{version}", "snapshot"), thin, "/thin_entrypoint"),
        _image(multus, "multus-cni", (f"v{version}-thick", "snapshot-thick"), thick,
               f"{_MULTUS_BIN}/multus-daemon", shell=True),
        _image(others, "network-resources-injector", (f"v{CLUSTER.pinned(injector)}",),
               {"/usr/bin/webhook": "webhook"}, "webhook", shell=True, user="1001"),
    ]  # fmt: skip


def _image(
    built: Built, name: str, tags: tuple[str, ...], files: Mapping[str, str], entrypoint: str, *,
    shell: bool = False, user: str = "",
) -> oci.Image:
    found = {path: built.program(program) for path, program in files.items()}
    return oci.Image(tuple(f"{_REPOSITORY}/{name}:{tag}" for tag in tags), found, (entrypoint,), shell, user)


def write(target: Path) -> None:
    """Write all images to one file, which `ctr images import` reads."""
    busybox = rootfs.content(release.named(release.USUAL), _BUSYBOX)
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "busybox"
        program.write_bytes(busybox)
        os.chmod(program, 0o755)
        applets = run([program, "--list"]).split()
    oci.write(target, images(), containers.layer(busybox, applets))
