# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A checkout's run state, and what it hands to SSH, Ansible and Kubernetes clients."""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
from pathlib import Path

import pytest

from sriovlab import cli, clients, deps, pki, state
from sriovlab.definition import Definition
from sriovlab.progress import LabError
from sriovlab.state import Members, State


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("BAREMETAL_SRIOV_CACHE", str(tmp_path / "cache"))
    return tmp_path


def make_states(folder: Path, count: int = 1) -> list[State]:
    """A lab of so many nodes, saved; none is on."""
    (folder / "image/pki").mkdir(parents=True)
    pki.make_certificates(folder / "image/pki")
    Members(count, str(folder / "image"), "some-id").save()
    first = State(1, "tcg", str(folder / "image"), 2201, 6401, 40.0, 135.0, "some-id")
    more = [dataclasses.replace(first, ssh_port=2200 + number, api_port=0, ssh_seconds=None, node=f"node{number}")
            for number in range(2, count + 1)]  # fmt: skip
    for current in (first, *more):
        current.save()
    return [first, *more]


def test_two_checkouts_never_share_a_folder() -> None:
    assert state.run_dir(Path("/home/one")) != state.run_dir(Path("/home/two"))


def test_a_saved_state_is_loaded_again(own_folders: Path) -> None:
    assert state.load() is None
    saved = State(1, "tcg", "/image", 2201, 6401, 40.0, None)
    saved.save()
    assert state.load() == saved
    assert not saved.running(), "process 1 is not this folder's QEMU"
    assert state.run_dir().stat().st_mode & 0o777 == 0o700
    second = dataclasses.replace(saved, node="node2", definition=Definition(iommu=False, cpus=1))
    second.save()
    assert (state.load("node2"), state.load()) == (second, saved)


def test_the_lab_has_the_nodes_that_it_was_started_with(own_folders: Path) -> None:
    assert (state.members(), state.states()) == (None, [])
    found = make_states(own_folders, 2)
    assert state.members() == Members(2, str(own_folders / "image"), "some-id")
    dataclasses.replace(found[0], node="node3").save()  # of an earlier lab
    assert state.states() == found
    assert state.running() == []


@pytest.mark.parametrize("text", ["", "[]", '{"format": 0}', '{"format": 2, "pid": 3}', '{"pid": 3}'])
def test_a_state_of_another_version_is_refused_in_words(text: str) -> None:
    (state.make_node_dir("node1") / "state.json").write_text(text)
    (state.run_dir() / "lab.json").write_text(text)
    for read in (state.load, state.members):
        with pytest.raises(LabError, match="not a state that this version wrote"):
            read()


def test_somebody_elses_link_in_the_run_folders_place_is_refused(own_folders: Path) -> None:
    (own_folders / "elsewhere").mkdir()
    state.run_dir().symlink_to(own_folders / "elsewhere")
    with pytest.raises(LabError, match="remove it, or set TMPDIR"):
        state.make_run_dir()


@pytest.mark.parametrize(
    ("ssh", "ready", "scale"),
    [(None, None, 1.0), (10.0, 45.0, 1.0), (50.0, None, 2.0), (50.0, 270.0, 3.0)],
)
def test_timeouts_grow_with_the_measured_boot_and_never_shrink(
    ssh: float | None, ready: float | None, scale: float
) -> None:
    assert State(1, "tcg", "/image", 1, 2, ssh, ready).time_scale() == scale


def test_status_names_every_way_in_and_says_off_by_its_exit_status(
    own_folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["status", "--json"]) == 3
    assert json.loads(capsys.readouterr().out) == {"format": 2, "running": False, "nodes": {}}
    make_states(own_folders, 2)
    assert cli.main(["status", "--json"]) == 3
    found = json.loads(capsys.readouterr().out)
    assert (found["ssh"]["port"], found["api"]["port"], found["time_scale"]) == (2201, 6401, 1.6)
    assert [node["ssh"]["port"] for node in found["nodes"].values()] == [2201, 2202]
    for key in ("kubeconfig", "inventory"):
        assert Path(found[key]).parent == state.run_dir()
    for name, node in found["nodes"].items():
        for key in ("qmp", "serial", "overlay"):
            assert Path(node[key]).parent == state.run_dir() / name
    assert {key: found[key] for key in ("qmp", "serial", "overlay", "ssh", "seconds")}.items() <= (
        found["nodes"]["node1"].items()
    )
    assert cli.main(["status"]) == 3
    assert "node1 is off\nnode2 is off\n" in capsys.readouterr().out


def test_the_clients_files_let_ansible_and_kubectl_in(own_folders: Path) -> None:
    current, second = make_states(own_folders, 2)
    clients.write([current, second])
    hosts = json.loads(current.inventory.read_text())["sriov_nodes"]["hosts"]
    assert list(hosts) == ["node1", "node2"]
    for node, name in ((current, "node1"), (second, "node2")):
        host = hosts[name]
        assert (host["ansible_host"], host["ansible_port"]) == ("127.0.0.1", node.ssh_port)
        assert host["ansible_user"] == "root"
        assert "ControlPersist" in host["ansible_ssh_args"]
        known = node.ssh().known_hosts
        assert f"UserKnownHostsFile={known}" in host["ansible_ssh_args"]
        assert known.read_text().startswith(f"[127.0.0.1]:{node.ssh_port} ssh-ed25519 ")
        assert os.access(host["ansible_ssh_private_key_file"], os.R_OK)
    assert current.kubeconfig.stat().st_mode & 0o777 == 0o600
    config = json.loads(current.kubeconfig.read_text())
    assert config["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:6401"


def test_every_node_asks_the_one_api_server(own_folders: Path) -> None:
    first, second = make_states(own_folders, 2)
    assert second.api() == first.api()
    assert first.api().port == 6401


def test_a_machine_that_lacks_something_is_told_what_and_nothing_is_skipped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(deps, "NEEDS", (deps.Need("some-package", "no-such-program"),))
    assert cli.main(["check"]) == 1
    assert "missing: no-such-program (package some-package)" in capsys.readouterr().out
    for command in ("up", "reset", "build"):
        assert cli.main([command]) == 1
        assert "no-such-program (package some-package)" in capsys.readouterr().err
