# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The device plugin on arm64 and ppc64le, with Debian's Python and libraries of them; `make machines` runs this."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from machines import emulated

from sriov_device_plugin import __version__
from support.dp_daemon import PLUGIN, SHARED, Daemon, leaves, serves
from support.dp_host import FakeHost
from support.dp_wheels import LEVELS, wheels

WHEELS = ("aarch64",)  # machine types of MACHINES that grpcio has wheels for
SECONDS = 120.0  # for one start under emulation on a busy machine
RUN = ["-I", str(PLUGIN / "run.py")]
LIBRARY = """\
import json, platform
from grpc._cython import cygrpc
from google.protobuf.internal import api_implementation as protobuf
print(json.dumps([platform.machine(), cygrpc.__file__, protobuf.Type()]))
"""


@pytest.fixture(scope="module", params=emulated.MACHINES)
def machine(request: pytest.FixtureRequest) -> str:
    """A machine type that this one is not."""
    name: str = request.param
    assert name != platform.machine(), f"{name} needs no emulation here: the unit tests are the test"
    return name


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    with (
        tempfile.TemporaryDirectory(prefix="dp") as folder,  # a short name: sockets have long ones
        Daemon(Path(folder), FakeHost(Path(folder) / "host")) as running,
    ):
        yield running


def output(python: Sequence[str], *words: str, status: int = 0) -> str:
    """What a Python says on both streams."""
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    done = subprocess.run([*python, *words], **streams, text=True, timeout=SECONDS, check=False)  # type: ignore[call-overload]
    assert done.returncode == status, done.stdout
    return str(done.stdout)


def test_it_is_that_machine_with_its_own_libraries(machine: str) -> None:
    found, library, protobuf = json.loads(output(emulated.interpreter(machine), "-I", "-c", LIBRARY))
    assert found == machine
    assert Path(library).is_relative_to(emulated.packages(machine))
    assert protobuf in ("cpp", "upb"), "compiled, not the slow one"


def test_it_answers_as_here(machine: str, daemon: Daemon) -> None:
    daemon.host.add("0000:01:00.0", name="enp1s0", totalvfs=7)
    _first, second = daemon.host.add_vfs("0000:01:00.0", 2)
    good, bad = daemon.folder / "good.json", daemon.folder / "bad.json"
    daemon.configure({"resourceName": "vf", "selectors": {"pfNames": ["enp1s0#0"]}})
    daemon.config.rename(good)
    daemon.configure({"resourceName": "v f", "selectors": {"vendors": "8086"}})
    daemon.config.rename(bad)
    explain = ["--config-file", str(good), "--root", str(daemon.host.root), "--explain"]
    calls = [
        (["--version"], 0, __version__),
        (["--config-file", str(good), "--check-config"], 0, "1 pools, 0 warnings"),
        (["--config-file", str(bad), "--check-config"], 1, "resourceList[0].selectors.vendors"),
        (explain, 0, second),
    ]
    for words, status, expected in calls:
        found = output(emulated.interpreter(machine), *RUN, *words, status=status)
        assert found == output([sys.executable], *RUN, *words, status=status)
        assert expected in found


def test_it_serves_with_debians_packages(machine: str, daemon: Daemon) -> None:
    serves(daemon, [*emulated.interpreter(machine), *RUN], SECONDS)
    leaves(daemon)


@pytest.mark.parametrize("name", WHEELS)
def test_it_serves_with_the_wheels_that_the_role_ships(name: str, daemon: Daemon) -> None:
    installed = daemon.folder / "device-plugin"
    shutil.copytree(PLUGIN, installed)
    shutil.copytree(SHARED, installed / "shared")
    (installed / "site").mkdir()
    (installed / "site" / "cp311").symlink_to(wheels("3.11", LEVELS["3.12"], name))
    serves(daemon, [*emulated.interpreter(name), "-I", str(installed / "run.py")], SECONDS)
    leaves(daemon)
    where = f"import runpy; runpy.run_path({str(installed / 'run.py')!r}); from grpc._cython import cygrpc; "
    found = output(emulated.interpreter(name), "-I", "-c", where + "print(cygrpc.__file__)")
    assert Path(found.strip()).is_relative_to(installed / "site" / "cp311")
