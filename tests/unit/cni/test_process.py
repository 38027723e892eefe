# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program as a runtime starts it: launcher, interpreter flags, imports, streams."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cniworld import vector

from sriov_cni import SUPPORTED

FILES = Path(__file__).resolve().parents[3] / "files" / "cni"
# What the interpreter's C modules and its own start-up bring; anything else costs milliseconds per call.
ALLOWED = {
    "__future__",
    "_ctypes",
    "_json",
    "_signal",
    "_socket",
    "_stat",
    "struct",
    "_thread",
    "builtins",
    "errno",
    "fcntl",
    "gc",
    "marshal",
    "posix",
    "os",
    "select",
    "sys",
    "time",
}
LAZY = {"json.decoder", "json.encoder", "json.scanner"}  # for errors, or where _json is missing
ENVIRONMENT = {"CNI_CONTAINERID": "c", "CNI_NETNS": "/nowhere", "CNI_IFNAME": "net1", "CNI_PATH": "/nowhere"}


def start(program: Path, stdin: bytes = b"", **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [program], input=stdin, env=environment, capture_output=True, timeout=30, check=False
    )


@vector("75")
def test_version(program, vector):
    done = subprocess.run(
        [program], stdin=0, env={"CNI_COMMAND": "VERSION"}, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout) == {"cniVersion": "1.1.0", "supportedVersions": list(SUPPORTED)}


def test_error_on_stdout_log_on_stderr(program):
    conf = json.dumps({"cniVersion": "1.0.0", "name": "n", "deviceID": "0000:ff:1f.7"}).encode()
    done = start(program, conf, CNI_COMMAND="ADD", **ENVIRONMENT)
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["cniVersion"], answer["code"]) == (1, "1.0.0", 100)
    assert b"containerID=c" in done.stderr
    assert b"cniName=sriov-cni" in done.stderr
    assert list(program.parent.rglob("*.pyc"))


@pytest.mark.parametrize(
    "text",
    [b"{", b'{"a"', b'{"a": "', b"[1,", b'{"a": 01}', b"\xff", b"", b"nul", pytest.param(b"[" * 100000, id="deep")],
)
def test_broken_json(program, text):
    """In a process that never loaded the json package, where the C scanner cannot raise its own exception."""
    done = start(program, text, CNI_COMMAND="ADD", **ENVIRONMENT)
    assert (done.returncode, json.loads(done.stdout)["code"]) == (1, 6)


@vector("63")
def test_log_file(program, tmp_path, vector):
    """With logFile nothing goes to stderr; an unknown level is info; what cannot be opened falls back to
    stderr.
    """
    base = {"cniVersion": "1.0.0", "name": "n", "deviceID": "0000:ff:1f.7", "logLevel": "chatty"}
    file = tmp_path / "log"
    (program.parent / "cni.json").write_text(json.dumps({"format": 1, "log_dir": str(tmp_path)}))
    done = start(
        program, json.dumps({**base, "logFile": str(file)}).encode(), CNI_COMMAND="ADD", **ENVIRONMENT
    )
    assert done.stderr == b""
    assert "level=error" in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    other = {**base, "logFile": str(tmp_path / "no" / "log"), "secret": "hunter2"}
    done = start(program, json.dumps(other).encode(), CNI_COMMAND="ADD", **ENVIRONMENT)
    (program.parent / "cni.json").unlink()
    assert b"level=error" in done.stderr
    assert b"hunter2" not in done.stderr + done.stdout


def test_imports_are_c_modules_and_ours():
    """Each costs milliseconds on every call, thirteen-fold under emulation."""
    for file in sorted((FILES / "sriov_cni").glob("*.py")):
        for node in ast.walk(_without_type_checking(ast.parse(file.read_text()))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module]
            for name in names:
                assert name in ALLOWED | LAZY, f"{file.name} imports {name}"


def _without_type_checking(tree: ast.Module) -> ast.Module:
    tree.body = [
        node for node in tree.body
        if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    ]  # fmt: skip
    return tree


def test_what_an_add_loads(program):
    """All modules of one ADD, measured: no package of the standard library beside what start-up brings."""
    code = (
        "import sys; before = set(sys.modules); sys.path.insert(0, sys.argv[1]); import sriov_cni.attach, "
        "sriov_cni.main, sriov_cni.config, sriov_cni.libc as c; c.function('setns'); "
        "print(' '.join(sorted(set(sys.modules) - before)))"
    )
    out = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(program.parent / "lib")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    at_start = {
        "abc",
        "genericpath",
        "os.path",
        "posixpath",
        "stat",
        "types",
    }  # by versions that load os late
    foreign = {name for name in out if not name.startswith(("sriov_cni", "_"))}
    assert foreign <= ALLOWED | at_start


def pack_of(program: Path) -> Path:
    return program.parent / "lib" / "sriov_cni" / "__pycache__" / "__init__.all.pyc"


def copy(program: Path, tmp_path: Path) -> Path:
    """A copy of the installed program that a test may change."""
    shutil.copytree(program.parent / "lib", tmp_path / "lib")
    made = tmp_path / "sriov"
    made.write_text(program.read_text().replace(str(program.parent), str(tmp_path)))
    made.chmod(0o755)
    return made


def test_modules_come_out_of_one_file(program, tmp_path):
    """Sources that are changed or gone do not count while it is there."""
    made = copy(program, tmp_path)
    for file in (tmp_path / "lib" / "sriov_cni").glob("*.py"):
        file.unlink()
    for file in (tmp_path / "lib" / "sriov_cni" / "__pycache__").glob("*.cpython-*"):
        file.unlink()
    done = start(made, b"{", CNI_COMMAND="ADD", **ENVIRONMENT)
    assert (done.returncode, json.loads(done.stdout)["code"]) == (1, 6)  # with the real os for the reason in words
    assert start(made, CNI_COMMAND="VERSION").returncode == 0


@pytest.mark.parametrize("pack", [None, b"", b"another Python's magic number"])
def test_without_the_one_file_the_modules_are_imported(program, tmp_path, pack):
    made = copy(program, tmp_path)
    pack_of(made).unlink()
    if pack is not None:
        pack_of(made).write_bytes(pack)
    assert json.loads(start(made, CNI_COMMAND="VERSION").stdout)["supportedVersions"] == list(SUPPORTED)


def test_a_call_is_not_hurt_by_an_update(program, tmp_path):
    """It has its version from the start to the end, with modules that it loads late."""
    made = copy(program, tmp_path)
    call = subprocess.Popen([made], env={"CNI_COMMAND": "ADD", **ENVIRONMENT}, stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    package = str(tmp_path / "lib" / "sriov_cni")
    for _turn in range(500):  # until it has the file open
        opened = [os.readlink(fd) for fd in Path(f"/proc/{call.pid}/fd").iterdir() if os.path.lexists(fd)]
        if any(name.startswith(package) for name in opened):
            break
        time.sleep(0.01)
    aside = tmp_path / "new"
    aside.write_bytes(b"the next version's")
    aside.rename(pack_of(made))
    shutil.rmtree(tmp_path / "lib" / "sriov_cni")
    out, _rest = call.communicate(b'{"cniVersion": "1.0.0", "name": "n", "type": "sriov", "vlan": "x"}', timeout=30)
    assert json.loads(out)["code"] == 7


def test_stand_in_for_os(program, tmp_path):
    """What it has not is the real one's."""
    made = copy(program, tmp_path)
    code = "import os; print(os.path.basename('/a/b'), os.path.isdir('/'), os.path.isfile('/'), os.environ['A']); " \
        "print(type(os).__name__, os.getcwdb(), os.cpu_count() > 0, os.fspath('x'), os.fsencode('y'))"
    text = made.read_text()
    made.write_text(text[: text.index("from sriov_cni.main")] + code + "\n")
    done = subprocess.run([made], env={"A": "\u00e4"}, capture_output=True, check=True, cwd="/", timeout=30)
    assert done.stdout.decode().splitlines() == ["b True False \u00e4", "_Os b'/' True x b'y'"]


def test_layers():
    """An import points down only. `start` is none of the modules: the launcher runs it."""
    order = [
        ["errors", "libc", "handoff"], ["addresses", "jsontext", "netlink", "netns", "log", "pci"], ["rtnl", "vlans"],
        ["result", "pf"], ["config", "host"], ["journal", "ipam", "trunk"], ["pod", "request"], ["announce", "vf"],
        ["restore"], ["adopted"], ["attach", "check", "detach", "upkeep"],
        ["commands", "people", "warm-up", "worker"], ["service"], ["main"],
    ]  # fmt: skip
    level = {name: i for i, names in enumerate(order) for name in names}
    for file in sorted((FILES / "sriov_cni").glob("*.py")):
        if file.stem in ("__init__", "start"):
            continue
        for node in ast.walk(_without_type_checking(ast.parse(file.read_text()))):
            if isinstance(node, ast.ImportFrom) and node.level == 1:
                names = (
                    [node.module]
                    if node.module
                    else [alias.name for alias in node.names if alias.name in level]
                )
                for name in names:
                    assert level[name] < level[file.stem], f"{file.stem} imports {name}"
