# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program as a runtime starts it: launcher, interpreter flags, imports, streams."""

from __future__ import annotations

import ast
import fcntl
import json
import shutil
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from sriov_cni import SUPPORTED
from support import cni_code
from support.cni_warm import ADD, CONF, launcher_with
from support.vector_ids import vectors

FILES = Path(__file__).resolve().parents[3] / "files" / "cni"
# What the interpreter's C modules and its own start-up bring; anything else costs milliseconds per call.
ALLOWED = {
    "__future__",
    "_collections_abc",
    "_ctypes",
    "_json",
    "_signal",
    "_socket",
    "_stat",
    "_thread",
    "builtins",
    "errno",
    "fcntl",
    "gc",
    "os",
    "posix",
    "select",
    "shared",
    "struct",
    "sys",
    "time",
}
LAZY = {"json.decoder", "json.encoder", "json.scanner"}  # for errors, or where _json is missing
ENVIRONMENT = {"CNI_CONTAINERID": "c", "CNI_NETNS": "/nowhere", "CNI_IFNAME": "net1", "CNI_PATH": "/nowhere"}


def start(program: Path, stdin: bytes = b"", **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [program], input=stdin, env=environment, capture_output=True, timeout=30, check=False
    )


@vectors("cni", 75)
def test_version(program):
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
    ("command", "conf", "code", "version"),
    [
        ("ADD", {"cniVersion": "1.0.0", "name": "a/b"}, 7, "1.0.0"),
        ("CHECK", {"cniVersion": "0.3.1", "name": "n"}, 1, "0.3.1"),
        ("GC", {"cniVersion": "1.0.0", "name": "n"}, 1, "1.0.0"),
        ("ADD", {"name": "a/b"}, 7, "0.1.0"),
        ("ADD", {"cniVersion": "1.0.7", "name": "n"}, 1, "1.1.0"),  # the newest, where its own is not known
    ],
)
def test_error_has_the_version_in_use(program, command, conf, code, version):
    """CNI specification 1.1.0, Error: cniVersion."""
    done = start(program, json.dumps(conf).encode(), CNI_COMMAND=command, **ENVIRONMENT)
    answer = json.loads(done.stdout)
    assert (answer["code"], answer["cniVersion"]) == (code, version)


@pytest.mark.parametrize(
    "text",
    [b"{", b'{"a"', b'{"a": "', b"[1,", b'{"a": 01}', b"\xff", b"", b"nul", pytest.param(b"[" * 100000, id="deep")],
)
def test_broken_json(program, text):
    """In a process that never loaded the json package, where the C scanner cannot raise its own exception."""
    done = start(program, text, CNI_COMMAND="ADD", **ENVIRONMENT)
    assert (done.returncode, json.loads(done.stdout)["code"]) == (1, 6)


@vectors("cni", 63)
def test_log_file(program, tmp_path):
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
    for file in sorted((FILES / "sriov_cni").rglob("*.py")):
        for node in ast.walk(_without_type_checking(ast.parse(file.read_text()))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module]
            for name in names:
                assert name in ALLOWED | LAZY or name.startswith("shared."), f"{file.name} imports {name}"


def _without_type_checking(tree: ast.Module) -> ast.Module:
    tree.body = [
        node for node in tree.body
        if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    ]  # fmt: skip
    return tree


def test_what_an_add_loads(program):
    """All modules of one ADD, measured: no package of the standard library beside what start-up brings."""
    code = (
        "import sys; before = set(sys.modules); sys.path.insert(0, sys.argv[1]); import sriov_cni.commands.add, "
        "sriov_cni.main, sriov_cni.spec.config, sriov_cni.host.libc as c; c.function('setns'); "
        "print(' '.join(sorted(set(sys.modules) - before)))"
    )
    out = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(program.parent / "lib" / cni_code.VERSION)],
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
    foreign = {name for name in out if not name.startswith(("sriov_cni", "shared", "_"))}
    assert foreign <= ALLOWED | at_start


def copy(program: Path, tmp_path: Path) -> Path:
    """A copy of the installed program that a test may change."""
    shutil.copytree(program.parent / "lib", tmp_path / "lib")
    return cni_code.put(tmp_path / "sriov", program.read_text().replace(str(program.parent), str(tmp_path)))


def test_compiled_files_serve_and_none_are_written(program, tmp_path):
    """The installer's record has the checksums of those that it made."""
    made = copy(program, tmp_path)
    assert list((tmp_path / "lib").rglob("*.pyc"))
    for compiled in (tmp_path / "lib").rglob("__pycache__"):
        shutil.rmtree(compiled)
    assert json.loads(start(made, CNI_COMMAND="VERSION").stdout)["supportedVersions"] == list(SUPPORTED)
    assert json.loads(start(made, b"{", CNI_COMMAND="ADD", **ENVIRONMENT).stdout)["code"] == 6
    assert not list((tmp_path / "lib").rglob("*.pyc"))


def test_a_call_is_not_hurt_by_an_update(tmp_path):
    """It has its version from the start to the end, with modules that it loads late."""
    made = cni_code.install(tmp_path, sys.executable)
    conf = b'{"cniVersion": "1.0.0", "name": "n", "type": "sriov", "vlan": "x"}'
    call = subprocess.Popen([made], env={"CNI_COMMAND": "ADD", **ENVIRONMENT}, stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0)  # fmt: skip
    call.stdin.write(conf[:1])
    wait_until_it_was_read(call.stdin)
    cni_code.install(tmp_path, sys.executable, "ba9876543210")
    config = tmp_path / "lib" / "ba9876543210" / "sriov_cni" / "spec" / "config.py"
    config.write_text("raise ImportError('another version')\n")
    for compiled in config.parent.glob("__pycache__/config.*"):
        compiled.unlink()
    assert json.loads(call.communicate(conf[1:], timeout=30)[0])["code"] == 7
    assert "another version" in json.loads(start(made, conf, CNI_COMMAND="ADD", **ENVIRONMENT).stdout)["msg"]


def wait_until_it_was_read(pipe) -> None:
    """What the call has not loaded by then is loaded late."""
    end = time.monotonic() + 20
    while any(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4))):
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("gone", ["main.py", "spec/errors.py", "host/host.py", "commands/add.py", "netlink"])
def test_no_exit_without_json_where_the_version_is_damaged(program, tmp_path, gone):
    """As by a disk that is full, or somebody who cleans up."""
    damaged = launcher_with(program, tmp_path, "")
    (code,) = (tmp_path / "lib").iterdir()
    lost = code / "sriov_cni" / gone
    lost.rename(tmp_path / "lost")
    done = subprocess.run([damaged], env=ADD, input=json.dumps(CONF).encode(), capture_output=True, check=False)
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["code"], "Error" in answer["msg"]) == (1, 999, True)
    if gone == "main.py":
        done = subprocess.run([damaged, "attachments"], env={}, capture_output=True, check=False)
        assert (done.returncode, done.stdout) == (1, b"")
