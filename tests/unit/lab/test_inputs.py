# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes into the node: packages, Kubernetes, certificates, container images; and when it is Ready."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from sriovlab import apt, command, containers, pki
from sriovlab.kubeapi import KubeApi
from sriovlab.progress import LabError


def test_the_first_address_of_each_release_is_the_mirror() -> None:
    text = "http://a.example/debian/|bookworm\nhttp://b.example/debian|bookworm\nfile:/x|local\n\nhttp://c.example|\n"
    assert apt.parse_targets(text) == {"bookworm": "http://a.example/debian"}


def test_security_updates_are_used_where_the_machine_has_them() -> None:
    assert len(apt.source_lines("http://a.example/debian", None)) == 3
    assert (
        "http://s.example/sec bookworm-security main"
        in apt.source_lines("http://a", "http://s.example/sec")[3]
    )


def test_another_release_comes_from_the_mirrors_of_the_machines_own() -> None:
    here = {"bookworm": "http://a/debian", "bookworm-security": "http://s/sec"}
    assert apt.chosen(here, "trixie") == ("http://a/debian", "http://s/sec")
    assert apt.chosen({**here, "trixie": "http://b/debian", "trixie-security": "http://t/sec"}, "trixie") == (
        "http://b/debian", "http://t/sec")  # fmt: skip
    assert apt.chosen({}, "trixie") == (apt.DEFAULT_MIRROR, None)
    assert [line.split("] ")[1] for line in apt.source_lines("http://a", "http://s", "trixie")] == [
        "http://a trixie main", "http://a trixie-updates main", "http://a trixie-backports main",
        "http://s trixie-security main"]  # fmt: skip


def test_certificates_say_who_may_do_what(tmp_path: Path) -> None:
    pki.make_certificates(tmp_path)
    for name in (*pki.CLIENTS, "apiserver"):
        command.run(["openssl", "verify", "-CAfile", tmp_path / "ca.crt", tmp_path / f"{name}.crt"])
    for node in ("node1", "node2", "node3"):
        kubelet = command.run(["openssl", "x509", "-in", tmp_path / f"{node}.crt", "-noout", "-text"])
        assert f"O = system:nodes, CN = system:node:{node}\n" in kubelet
        assert "TLS Web Client Authentication" in kubelet
    server = command.run(["openssl", "x509", "-in", tmp_path / "apiserver.crt", "-noout", "-text"])
    assert "IP Address:127.0.0.1" in server
    assert "IP Address:10.99.0.1" in server


def test_the_image_archive_has_both_images_on_one_layer(tmp_path: Path) -> None:
    containers.write_archive(tmp_path / "images.tar", b"binary", ["sh", "busybox", "ip"])
    with tarfile.open(tmp_path / "images.tar") as archive:
        files = {member.name: archive.extractfile(member) for member in archive}
        manifest = json.load(files["manifest.json"])  # type: ignore[arg-type]
        assert [entry["RepoTags"] for entry in manifest] == [
            ["localhost/pause:lab"],
            ["localhost/busybox:lab"],
        ]
        assert all(entry["Layers"] == ["layer.tar"] and entry["Config"] in files for entry in manifest)
        layer = files["layer.tar"]
        assert layer is not None
        with tarfile.open(fileobj=io.BytesIO(layer.read())) as content:
            assert content.getmember("bin/sh").linkname == "busybox"
            assert content.getmember("bin/busybox").mode == 0o755


def test_ready_asks_for_the_node_that_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def request(_api: KubeApi, _method: str, path: str) -> Any:
        asked.append(path)

    monkeypatch.setattr(KubeApi, "request", request)
    assert KubeApi(1, Path("/")).ready("now", "node2") == "the kubelet has not registered node2"
    assert asked == ["/api/v1/nodes/node2"]


def node(boot: str, ready: str) -> dict[str, Any]:
    return {
        "status": {
            "nodeInfo": {"bootID": boot},
            "conditions": [{"type": "Ready", "status": ready, "message": "m"}],
        }
    }


@pytest.mark.parametrize(
    ("answers", "missing"),
    [
        ([None], "has not registered"),
        ([node("before", "True")], "since this boot"),
        ([node("now", "False")], "not Ready: m"),
        ([node("now", "True"), None], "service account"),
        ([node("now", "True"), {}], ""),
    ],
)
def test_ready_means_ready_in_this_boot(
    monkeypatch: pytest.MonkeyPatch, answers: list[Any], missing: str
) -> None:
    left = list(answers)
    monkeypatch.setattr(KubeApi, "request", lambda *_args, **_more: left.pop(0))
    found = KubeApi(1, Path("/")).ready("now")
    assert (missing in found) if missing else not found


def test_a_command_that_fails_shows_its_own_words() -> None:
    with pytest.raises(LabError, match=r"(?s)exit status 3.*the reason"):
        command.run(["sh", "-c", "echo the reason >&2; exit 3"])
    with pytest.raises(LabError, match="no-such-program is not installed"):
        command.run(["no-such-program"])
    with pytest.raises(LabError, match="no end after"):
        command.run(["sleep", "10"], timeout=0.1)
