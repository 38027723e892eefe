# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options and exit statuses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from device_plugin.dp_daemon import PLUGIN, Daemon

from sriov_device_plugin import __version__

GOOD = {"resourceList": [{"resourceName": "vf", "selectors": {"colour": 1}}]}
BAD = {"resourceList": [{"resourceName": "v.f", "selectors": None}]}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", str(PLUGIN / "run.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.json"


@pytest.mark.parametrize("dashes", ["-", "--"])
def test_check_config(path: Path, dashes: str) -> None:
    path.write_text(json.dumps(GOOD))
    done = run(f"{dashes}check-config", f"{dashes}config-file", str(path), f"{dashes}resource-prefix=a.example")
    assert done.returncode == 0
    assert done.stdout.splitlines()[0] == "a.example/vf: netDevice, 1 selector objects"
    assert "warning: resourceList[0].selectors.colour: unknown key" in done.stderr


def test_check_config_fails_with_all_mistakes(path: Path) -> None:
    path.write_text(json.dumps(BAD))
    done = run("--check-config", "-config-file", str(path))
    assert done.returncode == 1
    assert f"{path}: 2 mistakes" in done.stderr


@pytest.mark.parametrize("content", [None, "junk", json.dumps(BAD)])
def test_a_wrong_configuration_is_never_status_zero(path: Path, content: str | None) -> None:
    if content is not None:
        path.write_text(content)
    done = run("-config-file", str(path))
    assert done.returncode == 78
    assert str(path) in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["--resource-prefix", "Not_A_Domain"],
        ["--rescan-interval", "0"],
        ["--no-such-option"],
        ["--conf", "x"],
    ],
)
def test_wrong_options_are_status_two(arguments: list[str]) -> None:
    assert run(*arguments).returncode == 2


def test_logging_options_of_the_go_plugin_are_taken(path: Path) -> None:
    path.write_text(json.dumps(GOOD))
    done = run(
        "-config-file", str(path), "-check-config", "-logtostderr", "--alsologtostderr=true", "-v=1",
        "-v", "9", "-log_dir", "/var/log/x", "-stderrthreshold=INFO", "-vmodule=a=1", "-log_link", "x",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_version() -> None:
    assert run("--version").stdout.strip() == __version__


def test_the_default_prefix_is_the_go_plugins(path: Path) -> None:
    path.write_text(json.dumps(GOOD))
    assert run("--check-config", "--config-file", str(path)).stdout.startswith("intel.com/vf:")


def test_systemd_hears_of_reload_and_stop(daemon: Daemon) -> None:
    import signal

    daemon.configure()
    daemon.start()
    assert "STATUS=nothing to offer" in daemon.told("READY=1")
    daemon.signal(signal.SIGHUP)
    assert "MONOTONIC_USEC=" in daemon.told("RELOADING=1")
    daemon.told("READY=1")
    daemon.signal(signal.SIGINT)
    daemon.told("STOPPING=1")
    assert daemon.process is not None and daemon.process.wait(10) == 0
