# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes that are started, kept and ended, with processes that stand for QEMU."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sriovlab import holder, image, lock, node, power, qemu, state
from sriovlab.definition import USUAL, Definition
from sriovlab.pki import NODES
from sriovlab.progress import LabError
from sriovlab.snapshot import BOOT

# It goes to the background as QEMU does, and keeps its command line beside its number.
FAKE_QEMU = f"""\
#!{sys.executable}
import os, sys, time
pidfile = sys.argv[sys.argv.index("-pidfile") + 1]
if "fail" in os.listdir(os.path.dirname(__file__)):
    sys.exit("no such device")
there, ready = os.pipe()
if os.fork():
    os.close(ready)
    os.read(there, 1)
    sys.exit()
os.setsid()
with open(pidfile + ".argv", "w") as stream:
    stream.write("\\n".join(sys.argv))
with open(pidfile, "w") as stream:
    stream.write(str(os.getpid()))
for descriptor in (0, 1, 2, there, ready):
    os.close(descriptor)
time.sleep(600)
"""


@pytest.fixture(autouse=True)
def lab(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with an image and a QEMU that are none; all that was started is ended."""
    folder = Path(tempfile.mkdtemp(prefix="lab-"))  # short: sockets are in it
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("BAREMETAL_SRIOV_CACHE", str(folder / "cache"))
    program = folder / "bin/qemu"
    program.parent.mkdir()
    program.write_text(FAKE_QEMU)
    program.chmod(0o755)
    (folder / "image/pki").mkdir(parents=True)
    for name in ("id", "disk.raw", "pki/ca.crt", "pki/admin.crt", "pki/admin.key"):
        (folder / "image" / name).write_text(name)
    monkeypatch.setattr(qemu, "BINARY", str(program))
    monkeypatch.setattr(qemu, "accelerator", lambda _kernel: "tcg")
    monkeypatch.setattr(image, "prepare", lambda _release: None)
    monkeypatch.setattr(node, "_image", lambda _descriptor, _release: image.Image(folder / "image"))
    monkeypatch.setattr(node, "_overlay", lambda _pristine, overlay: overlay.write_text("fresh"))
    yield folder
    for name in NODES:
        qemu.stop(qemu.read_pid(state.node_dir(name)), state.node_dir(name), grace=0)
    holder.stop(state.run_dir())
    shutil.rmtree(folder)


def free() -> bool:
    """Whether another checkout can have the machine's lab, at once or when a killed process' files are closed."""
    try:
        with lock.held(Path("/other"), timeout=5):
            return True
    except LabError:
        return False


def up(count: int) -> list[state.State]:
    return node.up(count, "none", 1, BOOT)


def argv(name: str) -> list[str]:
    return (state.node_dir(name) / "qemu.pid.argv").read_text().splitlines()


def test_the_lab_is_held_until_down_whichever_nodes_are_on() -> None:
    assert [current.running() for current in up(2)] == [True, True]
    power.off("node1", hard=True)
    power.off("node2", hard=True)
    assert state.running() == []
    assert not free()
    with pytest.raises(LabError, match="in use by the checkout"), lock.held(Path("/other"), timeout=0):
        pass
    node.down()
    assert free()
    node.down()


def test_killed_as_a_whole_it_leaves_nothing_locked() -> None:
    found = up(2)
    os.kill(holder.pid(state.run_dir()), signal.SIGKILL)
    os.kill(found[0].pid, signal.SIGKILL)
    with pytest.raises(LabError, match="in use"), lock.held(Path("/other"), timeout=1):
        pass
    with pytest.raises(LabError, match="holds this lab is gone"):
        up(2)
    os.kill(found[1].pid, signal.SIGKILL)
    with lock.held(Path("/other"), timeout=10):
        pass
    assert all(current.running() for current in up(2))


def test_down_ends_nodes_without_their_holder() -> None:
    up(2)
    os.kill(holder.pid(state.run_dir()), signal.SIGKILL)
    node.down()
    assert state.running() == []
    assert free()


def test_down_gives_the_lab_free_though_its_files_are_nonsense() -> None:
    (found,) = up(1)
    (state.run_dir() / "lab.json").write_text("nonsense")
    with pytest.raises(LabError, match="not a state that this version wrote"):
        node.down()
    assert holder.pid(state.run_dir()) == 0
    qemu.stop(found.pid, found.folder, grace=0)
    assert free()


def test_a_start_that_fails_holds_nothing(lab: Path) -> None:
    (lab / "bin/fail").touch()
    with pytest.raises(LabError, match="no such device"):
        up(1)
    assert free()


def test_a_node_that_does_not_start_leaves_the_others_on(lab: Path) -> None:
    up(1)
    (lab / "bin/fail").touch()
    with pytest.raises(LabError, match="no such device"):
        up(2)
    assert [current.node for current in state.running()] == ["node1"]
    assert not free()


def test_what_an_interrupted_start_left_is_ended() -> None:
    (found,) = up(1)
    (found.folder / "state.json").unlink()
    (again,) = up(1)
    assert again.pid != found.pid
    assert not found.running()


def test_a_power_cycle_keeps_disk_and_ports_and_one_machine_is_not_the_next() -> None:
    before = up(2)[1]
    before.overlay.write_text("written to")
    assert "intel-iommu" in " ".join(argv("node2"))
    current = power.cycle("node2", Definition(iommu=False), True, "none", 1)
    assert "intel-iommu" not in " ".join(argv("node2"))
    assert current.overlay.read_text() == "written to"
    assert (current.ssh_port, current.definition) == (before.ssh_port, Definition(iommu=False))
    with pytest.raises(LabError, match="is on: expected it off"):
        power.on("node2", Definition(cpus=1), "none", 1)
    assert power.cycle("node2", USUAL, True, "none", 1).definition == USUAL
    assert "intel-iommu" in " ".join(argv("node2"))


def test_a_renewed_node_has_a_fresh_disk_and_the_others_keep_theirs() -> None:
    for current in up(2):
        current.overlay.write_text("written to")
    node.reset("node2", None, "none", 1, BOOT)
    assert [current.overlay.read_text() for current in state.running()] == ["written to", "fresh"]
    node.reset(None, None, "none", 1, BOOT)
    assert [current.overlay.read_text() for current in state.running()] == ["fresh", "fresh"]


def test_another_image_means_another_disk_but_not_for_a_lab_that_is_on(lab: Path) -> None:
    (current,) = up(1)
    current.overlay.write_text("written to")
    (lab / "image/id").write_text("another")
    power.off("node1", hard=True)
    with pytest.raises(LabError, match="expected the image that the lab's nodes stand on"):
        power.on("node1", USUAL, "none", 1)
    node.down()
    assert up(1)[0].overlay.read_text() == "fresh"


def test_clean_leaves_nothing() -> None:
    up(3)
    node.clean()
    assert not state.run_dir().exists()
    assert free()
