# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs of other projects on the nodes: what pins them, what a user's own take the place of, what is missing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sriovlab import cache, deps, image, peers
from sriovlab.progress import LabError

GROUPS = [*peers.NODE, peers.CLUSTER, peers.WHEREABOUTS, peers.DEVICE_PLUGIN, peers.SRIOV_CNI]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, no Go, nothing given; a folder for programs."""
    monkeypatch.setenv("BAREMETAL_SRIOV_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("shutil.which", lambda *_words, **_more: None)
    for name in (peers.K8S_BIN, peers.PEERS_BIN):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "given"
    folder.mkdir()
    return folder


def programs(folder: Path, names: tuple[str, ...], version: str = "1.37.2") -> None:
    for name in names:
        (folder / name).write_text(f"#!/bin/sh\necho Kubernetes v{version}\n")
        (folder / name).chmod(0o755)


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.name)
def test_each_is_pinned_with_its_checksums(group: peers.Group) -> None:
    version = group.pinned(group.module)
    # The one module that its old path is replaced for keeps its checksum under the new one.
    assert re.search(rf"\S+ v{re.escape(version)}\S* h1:", group.text("go.sum"))
    assert not [line for line in group.text().splitlines() if "=> ." in line or "latest" in line]


def test_kubernetes_is_todays_and_says_so() -> None:
    assert peers.KUBERNETES.pinned("k8s.io/kubernetes") == "1.37.2"
    flags = peers.KUBERNETES.ldflags()
    for stamp in ("gitVersion=v1.37.2", "gitMajor=1", "gitMinor=37"):
        assert f"-X=k8s.io/component-base/version.{stamp}" in flags.split()


def test_staging_modules_have_kubernetes_own_number() -> None:
    replaced = re.findall(r"^\s*(k8s\.io/\S+) => (\S+) v(\S+)$", peers.KUBERNETES.text(), re.M)
    assert len(replaced) == 33
    assert {(new, version) for _old, new, version in replaced} == {(old, "0.37.2") for old, _new, _version in replaced}


@pytest.mark.parametrize(("text", "version"), [("Kubernetes v1.37.2\n", (1, 37)), ("Kubernetes v1.36.0-rc.1", (1, 36))])
def test_kubelets_version(text: str, version: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "run", lambda _argv: text)
    assert peers.version(Path("kubelet")) == version


def test_a_kubelet_that_says_something_else_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "run", lambda _argv: "hello\n")
    with pytest.raises(LabError, match="found 'hello'"):
        peers.version(Path("kubelet"))


def test_given_binaries_are_used_and_their_change_is_another_image(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(peers.K8S_BIN, str(elsewhere))
    programs(elsewhere, peers.KUBERNETES.names)
    first = peers.built(peers.KUBERNETES)
    assert first.program("kubelet").resolve() == elsewhere / "kubelet"
    (elsewhere / "kubelet").write_text("#!/bin/sh\necho Kubernetes v1.37.10\n")
    assert peers.built(peers.KUBERNETES).key != first.key


def test_a_folder_without_all_of_kubernetes_is_refused_by_name(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(peers.K8S_BIN, str(elsewhere))
    programs(elsewhere, ("kubelet", "kube-apiserver", "kube-proxy"))
    with pytest.raises(LabError, match="missing: kube-controller-manager, kube-scheduler"):
        peers.built(peers.KUBERNETES)


def test_a_folder_that_is_not_there_is_refused(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(peers.PEERS_BIN, str(elsewhere / "nowhere"))
    with pytest.raises(LabError, match=f"{peers.PEERS_BIN}=.*nowhere: expected a folder of built programs"):
        peers.built(peers.ETCD)


def test_one_newer_program_takes_the_place_of_ours(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(peers.PEERS_BIN, str(elsewhere))
    programs(elsewhere, ("multus",))
    ours = elsewhere.parent / "ours"
    ours.mkdir()
    programs(ours, peers.MULTUS.names)
    monkeypatch.setattr(peers, "_ours", lambda _group: ours)
    found = peers.built(peers.MULTUS)
    assert found.program("multus").resolve() == elsewhere / "multus"
    assert found.program("passthru").resolve() == ours / "passthru"


@pytest.mark.parametrize("group", peers.NODE, ids=lambda group: group.name)
def test_without_go_and_folders_one_line_says_what_to_install(group: peers.Group) -> None:
    (line,) = [text for text in deps.problems() if f"in {group.given}" in text and group.names[0] in text]
    assert "\n" not in line and "(found: none): install it from go.dev/dl" in line
    with pytest.raises(LabError, match=r"missing: Go 1\.26"):
        peers.built(group)


def test_go_that_is_too_old_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *_words, **_more: "/usr/bin/go")
    monkeypatch.setattr(peers, "run", lambda _argv: "go1.24.4\n")
    assert "Go 1.26.0 or newer to build etcd (found: 1.24.4)" in peers.problem(peers.ETCD)
    monkeypatch.setattr(peers, "run", lambda _argv: "go1.27rc1\n")
    assert peers.problem(peers.ETCD) == ""


def test_what_is_built_needs_no_go() -> None:
    (cache.root() / f"peers-etcd-{peers.ETCD.key()}").mkdir(parents=True)
    assert peers.problem(peers.ETCD) == ""


def test_a_kubernetes_that_the_guest_is_too_new_for_is_refused(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (peers.K8S_BIN, peers.PEERS_BIN):
        monkeypatch.setenv(name, str(elsewhere))
    programs(elsewhere, tuple(name for group in peers.NODE for name in group.names), "1.26.3")
    with pytest.raises(LabError, match=r"expected Kubernetes 1\.27 or newer, found 1\.26"):
        image.programs()
