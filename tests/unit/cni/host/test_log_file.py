# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""logFile, and other paths that a configuration holds: what root does not write, open or wait for."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import time
from pathlib import Path

import pytest

from sriov_cni import cli
from sriov_cni.host.log import Log
from support.cni_warm import CONF
from support.cni_world import Refusal, WorldHost
from support.expected_log_files import (
    BAD_SETTINGS,
    CODES,
    FILE_BYTES,
    FIT_PATHS,
    FORBIDDEN,
    LINE_BYTES,
    MODE,
    NOT_NOW,
    OTHER_PATHS,
    REFUSED_OBJECTS,
    REFUSED_PATHS,
    SETTINGS,
)

VALID = {"cni.dev/valid-attachments": [{"containerID": "c1", "ifname": "net1"}]}


def cases(table):
    return [pytest.param(entry, id=f"finding-cni-05-{str(entry)[:40].replace(' ', '-')}") for entry in table]


@pytest.fixture
def folders(tmp_path):
    """The node's log folder, and one beside it."""
    made = tmp_path / "log", tmp_path / "other"
    for folder in (*made, tmp_path / "log-more", made[0] / "sub"):
        folder.mkdir()
    return made


def host(world, folder: Path) -> WorldHost:
    setting = world.root / "setting.json"
    setting.write_text(json.dumps({"format": 1, "log_dir": str(folder)}))
    made = WorldHost(world)
    made.setting = str(setting)
    return made


def judge(conf: dict, setting: str, monkeypatch) -> list[str]:
    """What check-config says."""
    monkeypatch.setattr("sriov_cni.cli.SETTING", setting)
    return cli._judge(conf)


@pytest.mark.parametrize("case", cases(REFUSED_PATHS))
def test_a_path_that_is_not_written(world, folders, case, monkeypatch):
    path, words = REFUSED_PATHS[case]
    path = path.format(folder=folders[0], other=folders[1])
    conf = {**world.conf, "logFile": path}
    before, here = world.snapshot(), host(world, folders[0])
    names = sorted(os.listdir(folders[1])), sorted(os.listdir(folders[0]))
    with pytest.raises(Refusal) as refused:
        world.call("ADD", conf, here)
    assert refused.value.code == 7
    for part in ("logFile: expected a regular file below", str(folders[0]), words):
        assert part in refused.value.answer["msg"]
    world.call("DEL", conf, host(world, folders[0]))
    assert world.snapshot() == before
    assert (sorted(os.listdir(folders[1])), sorted(os.listdir(folders[0]))) == names
    assert words in judge(conf, here.setting, monkeypatch)[0]


def make(kind: str, folder: Path, other: Path) -> Path:
    """The object. Returns the path for the configuration."""
    target, file = other / "target", folder / "file"
    target.write_text("kept")
    if kind.startswith("FIFO"):
        os.mkfifo(file)
    elif kind == "socket":
        socket.socket(socket.AF_UNIX).bind(str(file))
    elif kind == "character device":
        os.mknod(file, stat.S_IFCHR | 0o600, os.makedev(1, 3))
    elif kind == "block device":
        os.mknod(file, stat.S_IFBLK | 0o600, os.makedev(240, 99))
    elif kind == "folder":
        file.mkdir()
    elif kind == "symbolic link":
        file.symlink_to(target)
    elif kind == "symbolic link within":
        (folder / "real").write_text("kept")
        file.symlink_to("real")
    elif kind == "dangling link":
        file.symlink_to(other / "made")
    elif kind == "link in the way":
        (folder / "way").symlink_to(other)
        return folder / "way" / "target"
    elif kind == "link in the way, two levels up":
        (folder / "sub" / "way").symlink_to(other)
        (other / "below").mkdir()
        return folder / "sub" / "way" / "below" / "log"
    elif kind == "hard link":
        os.link(target, file)
    elif kind == "file in the way":
        file.write_text("kept")
        return file / "log"
    else:
        file.write_text("kept")
        os.chown(file, 1234 if kind == "of another user" else 0, 0)
        file.chmod(0o666 if kind == "writable by others" else 0o600)
    return file


@pytest.mark.parametrize("kind", cases(REFUSED_OBJECTS))
def test_an_object_that_is_not_written(world, folders, kind, monkeypatch):
    path = make(kind, *folders)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK) if kind == "FIFO that is read" else -1
    conf, here = {**world.conf, "logFile": str(path)}, host(world, folders[0])
    before, start = world.snapshot(), time.monotonic()
    with pytest.raises(Refusal) as refused:
        world.call("ADD", conf, here)
    assert refused.value.code == 7
    assert REFUSED_OBJECTS[kind] in refused.value.answer["msg"]
    world.call("DEL", conf, host(world, folders[0]))
    assert REFUSED_OBJECTS[kind] in judge(conf, here.setting, monkeypatch)[0]
    assert time.monotonic() - start < 5
    assert world.snapshot() == before
    assert (folders[1] / "target").read_text() == "kept"
    assert sorted(set(os.listdir(folders[1])) - {"below"}) == ["target"]
    if reader >= 0:
        assert os.read(reader, 100) == b""
        os.close(reader)


@pytest.mark.parametrize("path", cases(FIT_PATHS))
def test_a_path_that_is_written(world, folders, path, monkeypatch, capfd):
    conf, here = {**world.conf, "logFile": path.format(folder=folders[0])}, host(world, folders[0])
    assert judge(conf, here.setting, monkeypatch) == []
    assert not os.path.exists(conf["logFile"])  # judging makes nothing
    world.call("ADD", conf, here)
    world.call("DEL", conf, host(world, folders[0]))
    assert capfd.readouterr().err == ""
    assert stat.S_IMODE(os.stat(conf["logFile"]).st_mode) == MODE
    assert Path(conf["logFile"]).read_text().count("cniName=sriov-cni") == 2


@pytest.mark.parametrize("path", cases(NOT_NOW))
def test_a_path_that_cannot_be_written_now(world, folders, path, capfd):
    conf = {**world.conf, "logFile": path.format(folder=folders[0])}
    world.call("ADD", conf, host(world, folders[0]))
    told = capfd.readouterr().err
    assert "cannot be written" in told
    assert "is net1 of the pod now" in told
    world.call("DEL", conf, host(world, folders[0]))


@pytest.mark.parametrize("command", cases(CODES))
def test_who_refuses(world, folders, command):
    world.call("ADD")
    conf = {**world.conf, **VALID, "logFile": "/etc/cron.d/x"}
    code, text = world.raw_call(command, conf, host(world, folders[0]), CNI_CONTAINERID="c1")
    assert (json.loads(text)["code"] if code else 0) == CODES[command]
    assert not os.path.exists("/etc/cron.d/x")


def test_a_line_is_one_line_and_not_long(folders, tmp_path):
    log, file = Log(), folders[0] / "log"
    setting = tmp_path / "setting"
    setting.write_text(json.dumps({"format": 1, "log_dir": str(folders[0])}))
    log.configure("debug", str(file), str(setting))
    text = "".join([f"a{c}time=now level=error" for c in FORBIDDEN])
    log.fields = {"ifname": f"x{text}"}
    log.info(text)
    log.error("\u00e4" * LINE_BYTES)
    lines = file.read_text().split("\n")
    assert len(lines) == 3 and lines[2] == ""
    assert not set(FORBIDDEN) - {"\n"} & set(file.read_text())
    assert all(len(line.encode()) < LINE_BYTES for line in lines)


def test_a_file_does_not_grow_for_ever(world, folders, capfd):
    file = folders[0] / "log"
    file.touch(0o600)
    os.truncate(file, FILE_BYTES)
    conf = {**world.conf, "logFile": str(file)}
    world.call("ADD", conf, host(world, folders[0]))
    assert "have it rotated" in capfd.readouterr().err
    assert file.stat().st_size == FILE_BYTES
    world.call("DEL", conf, host(world, folders[0]))


@pytest.mark.parametrize("case", cases(BAD_SETTINGS))
def test_a_setting_that_is_no_good(world, folders, case, capfd):
    here = host(world, folders[1])
    Path(here.setting).write_text(BAD_SETTINGS[case].format(other=folders[1]))
    world.call("ADD", {**world.conf, "logFile": f"{folders[1]}/log"}, here)  # the network is not at fault
    assert "the node's setting" in capfd.readouterr().err
    assert list(folders[1].iterdir()) == []


@pytest.mark.parametrize("spoil", cases(["link", "FIFO", "another user", "writable"]))
def test_a_setting_that_others_made(world, folders, spoil, capfd):
    here = host(world, folders[1])
    file = Path(here.setting)
    if spoil == "link":
        file.rename(f"{file}.real")
        file.symlink_to(f"{file}.real")
    elif spoil == "FIFO":
        file.unlink()
        os.mkfifo(file)
    elif spoil == "writable":
        file.chmod(0o666)
    else:
        os.chown(file, 1234, 0)
    world.call("ADD", {**world.conf, "logFile": f"{folders[1]}/log"}, here)
    assert "the node's setting" in capfd.readouterr().err
    assert list(folders[1].iterdir()) == []


@pytest.fixture
def way(way, program):
    """The program that a runtime would call, and the file with the node's setting."""
    setting = program.parent / "cni.json"
    yield way, setting
    setting.unlink(missing_ok=True)


def start(program: Path, conf: dict, **environment: str) -> tuple[dict, str]:
    environment = {"CNI_CONTAINERID": "c", "CNI_NETNS": "/nowhere", "CNI_IFNAME": "net1", **environment}
    done = subprocess.run([program], input=json.dumps(conf).encode(), env={"CNI_COMMAND": "ADD", **environment},
                          capture_output=True, timeout=30, check=False)
    return json.loads(done.stdout or "{}"), done.stderr.decode()


@pytest.mark.parametrize("case", cases(SETTINGS))
def test_the_node_names_another_folder(way, folders, case):
    """Cold and warm, from one call to the next."""
    program, setting = way
    text, other = SETTINGS[case]
    conf = {**CONF, "logFile": str(folders[1] / "log")}
    assert start(program, conf)[0]["code"] == 7  # without the file it is /var/log
    setting.write_text(text.format(other=folders[1]))
    answer, told = start(program, conf)
    assert (answer["code"], told == "") == ((100, True) if other else (7, False))
    assert (folders[1] / "log").exists() == other
    assert start(program, {**CONF, "logFile": "/etc/ld.so.preload"})[0]["code"] == 7


def test_neither_network_nor_environment_moves_the_folder(way, folders):
    program, setting = way
    setting.write_text(json.dumps({"format": 1, "log_dir": str(folders[0])}))
    keys = {"log_dir": "/etc", "sriov_cni_log_dir": "/etc", "logDir": "/etc", "format": 1}
    conf = {**CONF, **keys, "runtimeConfig": keys, "args": {"cni": keys}, "logFile": str(folders[1] / "log")}
    answer, _told = start(program, conf, RUNTIME_DIRECTORY=str(folders[1]), LOGS_DIRECTORY=str(folders[1]))
    assert answer["code"] == 7
    assert list(folders[1].iterdir()) == []


@pytest.mark.parametrize("case", cases(OTHER_PATHS))
def test_other_paths_that_root_uses(world, case):
    keys, environment, add, delete = OTHER_PATHS[case]
    os.mkfifo(world.root / "fifo")
    environment = {name: value.format(root=world.root) for name, value in environment.items()}
    before, start = world.snapshot(), time.monotonic()
    with pytest.raises(Refusal) as refused:
        world.call("ADD", {**world.conf, **keys}, **environment)
    assert refused.value.code == add
    status, text = world.raw_call("DEL", {**world.conf, **keys}, **environment)
    assert (json.loads(text)["code"] if status else 0) == delete
    assert time.monotonic() - start < 5
    assert world.snapshot() == before


@pytest.mark.parametrize("device", cases(["../../../../etc", "/etc", "0000:01:10.0\0"]))
def test_status_takes_no_path_for_a_device(world, device):
    with pytest.raises(Refusal, match="deviceID: expected a PCI address") as refused:
        world.call("STATUS", {**world.conf, "deviceID": device})
    assert refused.value.code == 50
