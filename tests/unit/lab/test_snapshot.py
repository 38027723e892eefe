# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines that are kept as they run: when one is made, what a start from it shares, what is done where it fails."""

from __future__ import annotations

import dataclasses
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from sriovlab import cache, cli, deps, holder, image, kubeapi, node, power, qemu, qmp, snapshot, state
from sriovlab.progress import LabError, QemuEnded
from sriovlab.ssh import Ssh
from sriovlab.state import State

ACCEL = "tcg"


class World:
    """A lab whose QEMU is a list of what was asked for."""

    def __init__(self, folder: Path) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.alive: set[int] = set()
        self.refuses = ""  # why QEMU can't write its state
        self.dies = 0  # the process that ends before SSH answers
        image_folder = folder / "cache" / "image-1"
        image_folder.mkdir(parents=True)
        (image_folder / "id").write_text("one")
        (image_folder / "disk.raw").write_text("disk")
        (image_folder / "vmlinuz").write_text("kernel")
        self.image = image.Image(image_folder)

    def start(self, machine: qemu.Machine, _lock: int, memory: Path | None = None) -> int:
        pid = len(self.calls) + 1
        self.calls.append(("start", memory.parent.name if memory else None))
        self.alive.add(pid)
        return pid

    def stop(self, pid: int, _run_dir: Path, grace: float) -> None:
        if pid in self.alive:
            self.calls.append(("stop", grace))
        self.alive.discard(pid)

    def command(self, _path: Path, name: str, arguments: dict[str, Any] | None = None) -> Any:
        self.calls.append((name,))
        if name == "migrate" and arguments:
            Path(arguments["uri"].removeprefix("file:")).write_text("memory")
        if name == "query-migrate":
            return {"status": "failed", "error-desc": self.refuses} if self.refuses else {"status": "completed"}
        return {}

    def wait(self, current: State, _until: str, _started: float | None) -> State:
        if current.pid == self.dies:
            raise QemuEnded("the node's QEMU ended")
        return current

    def names(self) -> list[str]:
        """What was done, in order."""
        return [str(call[0]) for call in self.calls]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("BAREMETAL_SRIOV_CACHE", str(tmp_path / "cache"))
    found = World(tmp_path)
    monkeypatch.setattr(qemu, "start", found.start)
    monkeypatch.setattr(qemu, "stop", found.stop)
    monkeypatch.setattr(qemu, "alive", lambda pid, _run_dir: pid in found.alive)
    monkeypatch.setattr(qemu, "read_pid", lambda _run_dir: 0)
    monkeypatch.setattr(qemu, "accelerator", lambda _kernel: ACCEL)
    monkeypatch.setattr(qmp, "command", found.command)
    monkeypatch.setattr(image, "prepare", lambda _release: None)
    monkeypatch.setattr(image, "get", lambda *_asked: found.image)
    monkeypatch.setattr(holder, "start", lambda _run_dir, _descriptor: 1)
    monkeypatch.setattr(node.clients, "write", lambda _states: None)
    monkeypatch.setattr(node, "wait", found.wait)
    monkeypatch.setattr(deps, "require", lambda _nodes: None)
    monkeypatch.setattr(Ssh, "close", lambda _ssh: None)

    def run(argv: Sequence[Any]) -> str:
        if "--version" in argv:
            return "QEMU emulator version 10.0.2 (Debian 1)\n"
        Path(argv[-1]).write_text(f"over {argv[-2]} as {argv[argv.index('-F') + 1]}")
        return ""

    monkeypatch.setattr(node, "run", run)
    monkeypatch.setattr(snapshot, "run", run)
    return found


def overlay(name: str = "node1") -> str:
    return (state.node_dir(name) / "disk.qcow2").read_text()


def kept() -> list[Path]:
    return sorted(cache.root().glob("snapshot-*"))


def test_the_first_start_boots_and_keeps_and_all_later_ones_go_on_from_there(world: World) -> None:
    assert cli.main(["reset"]) == 0
    (folder,) = kept()
    keeping = ["stop", "migrate-set-parameters", "migrate", "query-migrate", "stop"]
    assert world.names() == ["start", *keeping, "start"]
    assert [call for call in world.calls if call[0] == "start"] == [("start", None), ("start", folder.name)]
    assert cli.main(["reset"]) == 0
    assert world.calls[-2:] == [("stop", 0), ("start", folder.name)]
    assert overlay() == f"over {folder / 'disk.qcow2'} as qcow2"
    assert (folder / "memory").read_text() == "memory"


def test_what_is_kept_can_not_be_written(world: World) -> None:
    assert cli.main(["reset"]) == 0
    assert (kept()[0] / "disk.qcow2").stat().st_mode & 0o222 == 0


def test_a_boot_is_one_where_it_is_asked_for(world: World) -> None:
    assert cli.main(["reset", "--from", "boot"]) == 0
    assert world.calls == [("start", None)]
    assert overlay().endswith("disk.raw as raw")
    assert kept() == []


def test_several_nodes_boot(world: World) -> None:
    assert cli.main(["reset", "--nodes", "2"]) == 0
    assert world.calls == [("start", None), ("start", None)]


def test_the_first_up_goes_on_from_there_too_and_a_later_one_keeps_its_disk(world: World) -> None:
    assert cli.main(["up"]) == 0
    assert world.calls[-1] == ("start", kept()[0].name)
    assert cli.main(["power", "off", "node1"]) == 0
    assert cli.main(["power", "on", "node1"]) == 0
    assert world.calls[-1] == ("start", None), "a machine that was powered off boots, on the disk that it had"
    assert overlay() == f"over {kept()[0] / 'disk.qcow2'} as qcow2"


def test_a_disk_whose_base_is_gone_is_not_used_again(world: World) -> None:
    assert cli.main(["up"]) == 0
    assert cli.main(["power", "off", "node1"]) == 0
    (kept()[0] / "disk.qcow2").unlink()
    assert cli.main(["power", "on", "node1"]) == 0
    assert overlay().endswith("disk.raw as raw")


def test_qemu_that_can_not_be_kept_says_why_and_leaves_nothing(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.refuses = "State blocked by non-migratable device"
    assert cli.main(["reset"]) == 1
    assert "node1 can't be kept as it runs: State blocked by non-migratable device" in capsys.readouterr().err
    assert kept() == []


def test_a_machine_that_does_not_go_on_boots_from_a_fresh_disk(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["reset"]) == 0
    world.dies = len(world.calls) + 2
    assert cli.main(["reset"]) == 0
    assert world.calls[-2:] == [("start", kept()[0].name), ("start", None)]
    assert overlay().endswith("disk.raw as raw")
    assert "it did not go on from where it was kept" in capsys.readouterr().err


def test_its_name_holds_image_release_and_machine_not_ports_and_paths(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def name(beginning: str = snapshot.READY, accel: str = ACCEL) -> str:
        return snapshot.name(world.image, accel, beginning)

    first = name()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "other"))
    assert name() == first
    others = [name(snapshot.IOMMU), name(accel="kvm")]
    monkeypatch.setattr(snapshot, "USUAL", dataclasses.replace(snapshot.USUAL, memory_mib=2048))
    others.append(name())
    monkeypatch.setattr(snapshot, "run", lambda _argv: "QEMU emulator version 10.0.3\n")
    others.append(name())
    (world.image.folder / "id").write_text("two")
    others.append(name())
    assert len({first, *others}) == 6


def test_old_ones_are_forgotten(world: World) -> None:
    for number in range(snapshot.KEPT + 2):
        (world.image.folder / "id").write_text(str(number))
        assert cli.main(["reset"]) == 0
    assert len(kept()) == snapshot.KEPT


def test_times_are_compared_with_those_of_the_same_way_to_start() -> None:
    booted = State(1, ACCEL, "/image", 1, 2, ssh_seconds=25.0, ready_seconds=180.0)
    assert booted.time_scale() == 2.0
    assert dataclasses.replace(booted, ssh_seconds=8.0, ready_seconds=20.0, kept=True).time_scale() == 1.0


LEASE = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/node1"


@pytest.mark.parametrize(
    ("renewed", "taints", "missing"),
    [
        ("2026-01-01T00:00:10.000000Z", None, ""),
        ("2025-12-31T23:59:59.000000Z", None, "the lease of node1 is from before"),
        ("2026-01-01T00:00:10.000000Z", [{"key": "node.kubernetes.io/unreachable"}], "still tainted"),
        (None, None, "the lease of node1 is from before"),
    ],
)
def test_a_kept_node_is_ready_once_the_cluster_knows_that_it_lives(
    monkeypatch: pytest.MonkeyPatch, renewed: str | None, taints: Any, missing: str
) -> None:
    node1 = {"metadata": {"name": "node1"}, "spec": {"taints": taints} if taints else {},
             "status": {"nodeInfo": {"bootID": "b"}, "conditions": [{"type": "Ready", "status": "True"}]}}  # fmt: skip
    answers = {"/api/v1/nodes/node1": node1, LEASE: {"spec": {"renewTime": renewed}},
               "/api/v1/namespaces/default/serviceaccounts/default": {}}  # fmt: skip
    monkeypatch.setattr(kubeapi.KubeApi, "request", lambda _api, _method, path: answers[path])
    found = kubeapi.KubeApi(1, Path("/")).ready("b", "node1", 1767225600.0)  # 2026-01-01T00:00:00Z
    assert (missing in found) if missing else (found == "")


def test_an_nvme_is_plugged_into_a_node_that_is_on(world: World) -> None:
    with pytest.raises(LabError, match="node1 is off: expected it on"):
        power.plug("node1")
    assert cli.main(["reset"]) == 0
    assert cli.main(["power", "plug", "node1"]) == 0
    assert world.names()[-1:] == ["device_add"]


def test_qemu_reads_what_was_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told: list[list[str]] = []

    def run(argv: list[str], **_more: Any) -> subprocess.CompletedProcess[bytes]:
        told.append(argv)
        return subprocess.CompletedProcess(argv, 0, b"", b"")

    monkeypatch.setattr(subprocess, "run", run)
    states = iter(["inmigrate", "inmigrate", "paused"])

    def command(_path: Path, name: str) -> dict[str, str]:
        told.append([name])
        return {"status": next(states)} if name == "query-status" else {}

    monkeypatch.setattr(qmp, "command", command)
    monkeypatch.setattr(qemu, "alive", lambda _pid, _run_dir: True)
    machine = qemu.Machine(tmp_path, tmp_path / "disk.qcow2", "qcow2", 1, 2, ACCEL)
    qemu.start(machine, 0)
    qemu.start(machine, 0, Path("/kept/memory"))
    assert told[2:] == [*[["query-status"]] * 3, ["cont"]], "it was stopped when it was kept"
    assert told[1][-2:] == ["-incoming", "file:/kept/memory"]
    assert "-incoming" not in told[0]
