# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plugin does not delegate to itself: by name, by file, or through another plugin; cold and warm."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sriov_cni import cli
from sriov_cni.spec.delegate import MARK
from sriov_cni.spec.errors import CniError
from sriov_cni.vf.config import parse
from support import cni_code
from support.cni_warm import CONF
from support.cni_world import VF, World
from support.expected_delegation import ACCEPTED_NAMES, CODES, REFUSED_NAMES, SAME_FILE, SELF, WRAPPERS

MISSING = {"cniVersion": "1.1.0", "cni.dev/valid-attachments": [], "prevResult": {"cniVersion": "1.1.0"}}


def cases(table, prefix: str = "finding-cni-01"):
    return [pytest.param(entry, id=f"{prefix}-{str(entry).replace(' ', '-')}") for entry in table]


def answered(answer: tuple[int, str]) -> int:
    status, text = answer
    return json.loads(text)["code"] if status else 0


def place(kind: str, folder: Path, program: Path) -> Path:
    """Put what is the program itself into a folder of CNI_PATH, as `delegate`. Returns that folder."""
    folder.mkdir()
    target = folder / "delegate"
    if kind == "symbolic link":
        target.symlink_to(program)
    elif kind == "symbolic link to a link":
        (folder / "between").symlink_to(program)
        target.symlink_to("between")
    elif kind == "hard link":
        os.link(program, target)
    elif kind == "copy of the client":
        target.write_text(cni_code.client(str(program), str(program.parent / "lib" / cni_code.VERSION), "/nowhere"))
    else:
        shutil.copy(program, target)
    target.chmod(0o755)
    if kind == "folder that is a link":
        (folder.parent / "link").symlink_to(folder)
        return folder.parent / "link"
    if kind == "link beside a folder of that name":
        (folder.parent / "first" / "delegate").mkdir(parents=True)
        return Path(f"{folder.parent / 'first'}:{folder}")
    return folder


@pytest.mark.parametrize("case", cases(REFUSED_NAMES))
def test_a_name_that_is_no_ipam_plugins(world, tmp_path, case):
    kind, words = REFUSED_NAMES[case]
    conf = {**world.conf, "ipam": {"type": kind}}
    before = world.snapshot()
    status, text = world.raw_call("ADD", conf)
    answer = json.loads(text)
    assert (status, answer["code"]) == (1, 7)
    assert words in answer["msg"]
    assert "'net'" in answer["msg"]
    assert world.raw_call("DEL", conf) == (0, "")
    assert world.snapshot() == before
    (mistake,) = cli._judge(conf)
    assert words in mistake


@pytest.mark.parametrize("kind", cases(ACCEPTED_NAMES))
def test_names_that_only_look_alike(kind):
    assert parse({"deviceID": VF, "name": "net", "type": "sriov", "ipam": {"type": kind}}).ipam_type == kind


def test_the_name_that_the_network_calls_this_plugin_by():
    with pytest.raises(CniError, match=SELF):
        parse({"deviceID": VF, "name": "net", "type": "our-sriov", "ipam": {"type": "our-sriov"}})


@pytest.mark.parametrize("command", cases(CODES))
def test_no_command_starts_itself(world, program, command):
    """By name and by file; CNI_PATH has the program, which would leave its log."""
    folder = place("copy", world.root / "own", program)
    (folder / "sriov").symlink_to("delegate")
    before = world.snapshot()
    for kind in ("sriov", "delegate"):
        conf = {**world.conf, **MISSING, "ipam": {"type": kind}}
        assert answered(world.raw_call(command, conf, CNI_PATH=str(folder))) == CODES[command]
    assert world.snapshot() == before


@pytest.mark.parametrize("kind", cases(SAME_FILE))
def test_a_file_that_is_ours(world, program, tmp_path, kind, monkeypatch):
    folder = str(place(kind, tmp_path / "own", program))
    conf = {**world.conf, "ipam": {"type": "delegate"}}
    before = world.snapshot()
    status, text = world.raw_call("ADD", conf, CNI_PATH=folder)
    assert (status, json.loads(text)["code"]) == (1, 7)
    assert SELF in json.loads(text)["msg"]
    assert world.raw_call("DEL", conf, CNI_PATH=folder) == (0, "")
    assert world.snapshot() == before
    monkeypatch.setenv("CNI_PATH", folder)
    assert [SELF in mistake for mistake in cli._judge(conf)] == [True]


def test_an_attachment_of_before_goes(world):
    """Made with another ipam.type; the network was changed meanwhile."""
    before = world.snapshot()
    world.call("ADD", {**world.conf, "vlan": 5})
    assert world.raw_call("DEL", {**world.conf, "ipam": {"type": "sriov"}}) == (0, "")
    assert world.snapshot() == before


@pytest.mark.parametrize("wrapper", cases(WRAPPERS))
@pytest.mark.parametrize("command", ["DEL", "GC", "STATUS"])
def test_a_plugin_that_starts_ours(way, tmp_path, command, wrapper):
    calls = tmp_path / "calls"
    file = tmp_path / "wrap"
    file.write_text(WRAPPERS[wrapper].format(calls=calls, program=way, python=sys.executable))
    file.chmod(0o755)
    conf = {**CONF, **MISSING, "ipam": {"type": "wrap"}}
    environment = {"CNI_COMMAND": command, "CNI_CONTAINERID": "c", "CNI_IFNAME": "net1", "CNI_PATH": str(tmp_path)}
    done = subprocess.run([way], input=json.dumps(conf).encode(), env={**environment, "PATH": os.environ["PATH"]},
                          capture_output=True, timeout=60, check=False)
    assert calls.read_text().split() == [command]
    assert b"from within a plugin that this one had started" in done.stdout + done.stderr


@pytest.mark.parametrize("command", cases([*CODES]))
def test_the_mark_is_heard_by_every_command(way, command):
    environment = {"CNI_COMMAND": command, "CNI_CONTAINERID": "c", "CNI_IFNAME": "net1", "CNI_NETNS": "/nowhere"}
    done = subprocess.run([way], input=json.dumps({**CONF, **MISSING}).encode(), env={**environment, MARK: "1"},
                          capture_output=True, timeout=60, check=False)
    assert (done.returncode, json.loads(done.stdout)["code"]) == (1, 7)


def test_version_is_answered_within_a_delegation(way):
    environment = {"CNI_COMMAND": "VERSION", MARK: "1"}
    assert subprocess.run([way], env=environment, capture_output=True, timeout=60, check=True).stdout


def test_other_plugins_are_no_copies(world: World):
    """Neither a program that tells of ours, nor one that is no script."""
    for text in ("#!/bin/sh\n# calls /opt/cni/bin/sriov\n", "\x7fELF /sriov_cni/__pycache__/__init__.all.pyc"):
        (world.root / "bin" / "other").write_text(text)
        (world.root / "bin" / "other").chmod(0o755)
        status, answer = world.raw_call("ADD", {**world.conf, "ipam": {"type": "other"}})
        assert (status, json.loads(answer)["code"] != 7) == (1, True)
