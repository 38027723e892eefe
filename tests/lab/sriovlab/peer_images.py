# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Multus, the network-resources-injector and whereabouts as container images, for nodes that can't pull them.

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
from .peers import CLUSTER, MULTUS, WHEREABOUTS, Built, Group

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
    addresses = {"/whereabouts": others.program("whereabouts")}
    addresses |= {f"/{name}": built(WHEREABOUTS).program(name) for name in WHEREABOUTS.names if ".yaml" not in name}
    return [
        oci.Image(_names("multus-cni", f"v{version}", "snapshot"), _programs(multus, thin), ("/thin_entrypoint",)),
        oci.Image(_names("multus-cni", f"v{version}-thick", "snapshot-thick"), _programs(multus, thick),
                  (f"{_MULTUS_BIN}/multus-daemon",), shell=True),
        oci.Image(_names("network-resources-injector", f"v{CLUSTER.pinned(injector)}"),
                  _programs(others, {"/usr/bin/webhook": "webhook"}), ("webhook",), shell=True, user="1001"),
        oci.Image(_names("whereabouts", "latest"), addresses, ("/install-cni.sh",), shell=True),
    ]  # fmt: skip


def _names(name: str, *tags: str) -> tuple[str, ...]:
    return tuple(f"{_REPOSITORY}/{name}:{tag}" for tag in tags)


def _programs(built: Built, names: Mapping[str, str]) -> dict[str, Path]:
    return {path: built.program(name) for path, name in names.items()}


def write(target: Path) -> None:
    """Write all images to one file, which `ctr images import` reads."""
    busybox = rootfs.content(release.named(release.USUAL), _BUSYBOX)
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "busybox"
        program.write_bytes(busybox)
        os.chmod(program, 0o755)
        applets = run([program, "--list"]).split()
    oci.write(target, images(), containers.layer(busybox, applets))
