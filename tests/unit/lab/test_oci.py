# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images of other projects' programs, as the OCI image specification has a layout, and as their manifests name them.

source: OCI image-spec 1.1: image-layout.md, image-index.md, manifest.md, config.md, layer.md, annotations.md.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.plugin_utils import injector, multus
from sriovlab import containers, oci, peer_images, peers

NAMES = ("ghcr.io/somebody/program:v1.2.3", "program:latest")
SHELL = containers.layer(b"busybox", ["sh", "busybox"])
# annotations.md: components of letters and digits, with one separator between them, and slashes between components.
REF_NAME = re.compile(r"[A-Za-z0-9]+(([-._:@+]|--)[A-Za-z0-9]+)*(/[A-Za-z0-9]+(([-._:@+]|--)[A-Za-z0-9]+)*)*")


@pytest.fixture
def layout(tmp_path: Path) -> dict[str, bytes]:
    """The contents of a layout with two images, one of which has a shell."""
    (tmp_path / "built").write_bytes(b"program")
    (tmp_path / "given").symlink_to("built")
    images = [
        oci.Image(NAMES, {"/usr/src/program": tmp_path / "built", "/other": tmp_path / "given"}, ("/other",)),
        oci.Image(("shell:1",), {"/other": tmp_path / "given"}, ("/other", "-x"), shell=True, user="1001"),
    ]
    oci.write(tmp_path / "images.tar", images, SHELL)
    with tarfile.open(tmp_path / "images.tar") as archive:
        found = {member.name: archive.extractfile(member) for member in archive}
        return {name: stream.read() for name, stream in found.items() if stream}


def blob(layout: dict[str, bytes], described: dict[str, Any]) -> bytes:
    """What a descriptor names, which has to be what it says."""
    algorithm, _colon, digest = described["digest"].partition(":")
    content = layout[f"blobs/{algorithm}/{digest}"]
    assert (algorithm, hashlib.sha256(content).hexdigest(), len(content)) == ("sha256", digest, described["size"])
    return content


def manifests(layout: dict[str, bytes]) -> list[dict[str, Any]]:
    """Those of the index, in its order."""
    found: list[dict[str, Any]] = json.loads(layout["index.json"])["manifests"]
    return found


def test_a_layout_has_its_version_an_index_and_blobs_alone(layout: dict[str, bytes]) -> None:
    assert json.loads(layout["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    index = json.loads(layout["index.json"])
    assert (index["schemaVersion"], index["mediaType"]) == (2, "application/vnd.oci.image.index.v1+json")
    assert {name.partition("/")[0] for name in layout} == {"oci-layout", "index.json", "blobs"}
    blobs = layout.keys() - {"oci-layout", "index.json"}
    assert all(re.fullmatch(r"blobs/sha256/[0-9a-f]{64}", name) for name in blobs)


def test_each_name_is_one_entry_of_the_index(layout: dict[str, bytes]) -> None:
    found = manifests(layout)
    assert {one["mediaType"] for one in found} == {"application/vnd.oci.image.manifest.v1+json"}
    names = [one["annotations"]["org.opencontainers.image.ref.name"] for one in found]
    assert names == [*NAMES, "shell:1"] == [one["annotations"]["io.containerd.image.name"] for one in found]
    assert found[0]["digest"] == found[1]["digest"] != found[2]["digest"]


def test_a_manifest_has_a_configuration_and_its_layers(layout: dict[str, bytes]) -> None:
    for described, layers, user in zip(manifests(layout)[1:], (1, 2), ("", "1001")):
        manifest = json.loads(blob(layout, described))
        assert (manifest["schemaVersion"], manifest["mediaType"]) == (2, described["mediaType"])
        assert manifest["config"]["mediaType"] == "application/vnd.oci.image.config.v1+json"
        assert [one["mediaType"] for one in manifest["layers"]] == ["application/vnd.oci.image.layer.v1.tar"] * layers
        config = json.loads(blob(layout, manifest["config"]))
        # of an uncompressed layer that is its own digest
        assert config["rootfs"] == {"type": "layers", "diff_ids": [one["digest"] for one in manifest["layers"]]}
        assert (config["architecture"], config["os"], config["config"]["User"]) == ("amd64", "linux", user)
        for layer in manifest["layers"]:
            blob(layout, layer)


def test_a_layer_has_the_programs_with_the_folders_they_lie_in(layout: dict[str, bytes]) -> None:
    (layer,) = json.loads(blob(layout, manifests(layout)[0]))["layers"]
    with tarfile.open(fileobj=io.BytesIO(blob(layout, layer))) as archive:
        assert [(one.name, one.isdir()) for one in archive] == [
            ("usr", True), ("usr/src", True), ("other", False), ("usr/src/program", False),
        ]  # fmt: skip
        assert {(one.mode, one.uid, one.gid, one.mtime) for one in archive} == {(0o755, 0, 0, 0)}
        stream = archive.extractfile("other")
        assert stream is not None and stream.read() == b"program", "what a link leads to"


def test_equal_contents_are_there_once_and_two_runs_are_the_same(tmp_path: Path) -> None:
    (tmp_path / "built").write_bytes(b"program")
    images = [oci.Image((name,), {"/p": tmp_path / "built"}, ("/p",), shell=True) for name in ("a:1", "b:1")]
    for name in ("first", "second"):
        oci.write(tmp_path / name, images, SHELL)
    with tarfile.open(tmp_path / "first") as archive:
        files = [one for one in archive if one.isfile()]
    assert len(files) == 6, "layout, index, two layers, one configuration, manifest"
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["built", "first", "second"]


def by_name() -> dict[str, oci.Image]:
    """All images by each of their names, without a program that is built."""
    images = peer_images.images(lambda group: peers.Built(Path(group.name), ""))
    return {name: image for image in images for name in image.names}


def test_images_have_the_names_that_manifests_use() -> None:
    """Those of the roles, and of the projects' own manifests at the pinned releases."""
    names = by_name().keys()
    assert all(REF_NAME.fullmatch(name) for name in names)
    repository = "ghcr.io/k8snetworkplumbingwg"
    roles = {multus.Multus(kind=kind).uses for kind in (multus.THIN, multus.THICK)} | {injector.IMAGE}
    theirs = {f"{repository}/{name}" for name in (
        "multus-cni:snapshot", "multus-cni:snapshot-thick", "whereabouts:latest")}  # fmt: skip
    assert names == roles | theirs


def test_images_have_what_the_roles_containers_run() -> None:
    for wanted in (multus.objects(multus.Multus(kind=multus.THIN)), multus.objects(multus.Multus(kind=multus.THICK)),
                   injector.objects(injector.Injector("", ""))):  # fmt: skip
        (pod,) = [item["spec"]["template"]["spec"] for item in wanted if item["kind"] in ("DaemonSet", "Deployment")]
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            program = container["command"][0]
            files = by_name()[container["image"]].files
            assert program in files or f"/usr/bin/{program}" in files


def test_images_have_programs_that_are_built() -> None:
    groups = {group.name: group for group in (peers.MULTUS, peers.CLUSTER, peers.WHEREABOUTS)}
    files = {path: name for image in by_name().values() for name, path in image.files.items()}
    assert not [path for path in files if path.name not in groups[str(path.parent)].names]


def test_whereabouts_has_what_its_own_image_has() -> None:
    """source: whereabouts 0.9.2, Dockerfile, and the command in doc/crds/daemonset-install.yaml."""
    image = by_name()["ghcr.io/k8snetworkplumbingwg/whereabouts:latest"]
    scripts = {"/install-cni.sh", "/lib.sh", "/token-watcher.sh"}
    assert image.files.keys() == {"/whereabouts", "/ip-control-loop"} | scripts
    assert image.shell
    assert peers.WHEREABOUTS.pinned(peers.WHEREABOUTS.module) == peers.CLUSTER.pinned(peers.CLUSTER.module)
