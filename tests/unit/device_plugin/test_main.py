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

from sriov_device_plugin import __version__
from support.dp_daemon import PLUGIN, Daemon
from support.dp_host import FakeHost
from support.vector_ids import vectors

GOOD = {"resourceList": [{"resourceName": "vf", "selectors": {}, "colour": 1}]}
BAD = {"resourceList": [{"resourceName": "v.f", "selectors": None}]}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", str(PLUGIN / "run.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.json"


@pytest.mark.parametrize("dashes", ["-", "--"])
def test_check_config(path: Path, dashes: str) -> None:
    path.write_text(json.dumps(GOOD))
    done = run(f"{dashes}check-config", f"{dashes}config-file", str(path), f"{dashes}resource-prefix=a.example")
    assert done.returncode == 0
    assert done.stdout.splitlines()[0] == "a.example/vf: netDevice, 1 selector objects"
    assert "warning: resourceList[0].colour: unknown key" in done.stderr


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
        ["--log-level", "loud"],
        ["--use-cdi=perhaps"],
        ["--metrics-port", "65536"],
        ["--link-down-after", "-1"],
        ["--conf", "x"],
    ],
)
def test_wrong_options_are_status_two(arguments: list[str]) -> None:
    assert run(*arguments).returncode == 2


def test_logging_options_of_the_go_plugin_are_taken(path: Path) -> None:
    path.write_text(json.dumps(GOOD))
    done = run(
        "-config-file", str(path), "-check-config", "-logtostderr", "--alsologtostderr=true", "-v=1",
        "--log-dir=sriovdp", "--log-level=10", "--use-cdi", "-v", "9",
        "-log_dir", "/var/log/x", "-stderrthreshold=INFO", "-vmodule=a=1", "-log_link", "x",
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
    daemon.process.send_signal(signal.SIGHUP)
    assert "MONOTONIC_USEC=" in daemon.told("RELOADING=1")
    daemon.told("READY=1")
    daemon.process.send_signal(signal.SIGINT)
    daemon.told("STOPPING=1")
    assert daemon.process.wait(10) == 0


@vectors("dp", 61, differs=True)
def test_explain(path: Path, host: FakeHost) -> None:
    """The Go plugin logs product names cut to some length; ids can be searched for, and say the same."""
    host.add("0000:01:00.0", name="enp1s0", totalvfs=7)
    host.add_vfs("0000:01:00.0", 3)
    host.bind("0000:01:10.2", "vfio-pci")
    host.add("0000:05:00.0", klass="0x120000", driver="")
    host.add("0000:06:00.0", klass="0x030000")
    resources = [
        {"resourceName": "a", "selectors": [{"drivers": ["vfio-pci"]}, {"pfNames": ["enp1s0#0"]}]},
        {"resourceName": "b", "selectors": {"pfNames": ["enp1s0#0-1"], "needVhostNet": True}},
    ]
    path.write_text(json.dumps({"resourceList": resources}))
    done = run("--explain", "--config-file", str(path), "--root", str(host.root))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "0000:01:00.0 8086:10c9 igb enp1s0: in no pool",
        "    intel.com/a: it is a PF with 3 VFs",
        "    intel.com/b: it is a PF with 3 VFs",
        "0000:01:10.0 8086:10ca igbvf VF 0 of enp1s0: intel.com/a, selector object 2 of 2",
        "0000:01:10.2 8086:10ca vfio-pci VF 1 of enp1s0: intel.com/a, selector object 1 of 2",
        "    unhealthy: is bound to vfio-pci but in no IOMMU group, so /dev/vfio has no node for it; bind it again, "
        "or look whether the IOMMU is on",
        "0000:01:10.4 8086:10ca igbvf VF 2 of enp1s0: in no pool",
        "    intel.com/a: selector drivers (it has igbvf)",
        "    intel.com/b: selector pfNames (it has enp1s0, index 2)",
        "0000:05:00.0 8086:10c9 no driver: in no pool",
        "    no pool has a deviceType for it",
        "0000:06:00.0 8086:10c9 igb: in no pool",
        "    no deviceType covers its class 030000",
    ]
    path.write_text("{}")
    assert run("--explain", "--config-file", str(path)).returncode == 1


@pytest.mark.parametrize("case", ["finding-cni-16-explain"])
def test_explain_tells_interface_and_address(path: Path, host: FakeHost, case: str) -> None:
    host.add("0000:01:00.0", name="enp1s0", totalvfs=7)
    host.add_vfs("0000:01:00.0", 2)
    host.addresses(("enp1s0v1", "2001:db8::7"), ("enp1s0v0", "fe80::7"))
    path.write_text(json.dumps({"resourceList": [{"resourceName": "a", "selectors": {}}]}))
    done = run("--explain", "--config-file", str(path), "--root", str(host.root))
    assert done.stdout.splitlines()[2:] == [
        "0000:01:10.0 8086:10ca igbvf VF 0 of enp1s0: intel.com/a",
        "0000:01:10.2 8086:10ca igbvf VF 1 of enp1s0: in no pool",
        "    intel.com/a: the host uses its interface enp1s0v1 (the address 2001:db8::7/64)",
    ]


OLDEST = {
    "resourceList": [
        {"resourceName": "a", "rootDevices": ["02:00.0", "02:00.2"], "sriovMode": True, "deviceType": "netdevice"},
        {"resourceName": "b", "rootDevices": ["02:00.1"], "sriovMode": True, "deviceType": "vfio"},
        {"resourceName": "c", "rootDevices": ["0000:3B:00.1"], "sriovMode": False, "deviceType": "uio"},
        {"resourceName": "d", "selectors": {}},
    ]
}


def test_the_oldest_form_is_converted(path: Path) -> None:
    path.write_text(json.dumps(OLDEST))
    done = run("--convert-config", "--config-file", str(path))
    assert done.returncode == 0
    net = {"deviceType": "netDevice"}
    assert json.loads(done.stdout)["resourceList"] == [
        {"resourceName": "a", **net, "selectors": {"rootDevices": ["0000:02:00.0", "0000:02:00.2"]}},
        {"resourceName": "b", **net, "selectors": {"rootDevices": ["0000:02:00.1"], "drivers": ["vfio-pci"]}},
        {"resourceName": "c", **net, "selectors": {
            "pciAddresses": ["0000:3b:00.1"], "drivers": ["uio", "igb_uio", "uio_pci_generic"]}},
        {"resourceName": "d", "selectors": {}},
    ]  # fmt: skip
    assert done.stderr.splitlines()[0] == "resourceList[0]: the VFs of 0000:02:00.0, 0000:02:00.2"
    path.write_text(done.stdout)
    assert run("--check-config", "--config-file", str(path)).stderr == ""


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[]", "expected a JSON object"),
        ("junk", "expected a JSON object"),
        ('{"resourceList": [{"rootDevices": "x"}]}', "resourceList[0].rootDevices: expected a list"),
        ('{"resourceList": [{"rootDevices": ["x"], "deviceType": "gpu"}]}', "resourceList[0].deviceType: 'gpu'"),
    ],
)
def test_what_is_no_old_form_is_refused(path: Path, content: str, words: str) -> None:
    path.write_text(content)
    done = run("--convert-config", "--config-file", str(path))
    assert (done.returncode, done.stdout) == (1, "")
    assert words in done.stderr and "Traceback" not in done.stderr


def test_json_logs(daemon: Daemon) -> None:
    daemon.configure({"resourceName": "vf", "selectors": {}})
    daemon.start("--log-format", "json")
    daemon.told("READY=1")
    assert daemon.stop() == 0
    entries = [json.loads(line) for line in daemon.logged().splitlines()]
    assert [entry["level"] for entry in entries] == ["warning", "info"]
    assert entries[0]["message"].startswith("intel.com/vf: 0 devices; not taken:")
    assert entries[0]["time"].endswith("Z")
