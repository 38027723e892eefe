# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever read of the host the kernel holds: registration, Allocate, /healthz and the watchdog go on.

Sources: Linux drivers/pci/pci-sysfs.c and iov.c (sriov_numvfs under the device's lock), net/core/net-sysfs.c (the
attributes that wait for rtnl), drivers/infiniband/core/sysfs.c (what asks the firmware).
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from support import dp_daemon, fake_kubelet
from support.dp_daemon import PF1, PF2, Daemon, get
from support.fake_kubelet import FakeKubelet, next_ids
from support.processes import eventually
from support.vector_ids import finding

HELD = Path(dp_daemon.__file__).with_name("dp_held.py")
LIMIT = 0.1  # seconds, where the program has one
SCALED = {"host.beside:LIMIT": LIMIT, "host.beside:AGAIN": 0.02, "daemon:STUCK_AFTER": 5.0}
# The reads that a kernel may hold, each as a part of a path: what sysfs tells of functions, interfaces and RDMA.
READS = (
    "sriov_numvfs", f"{PF1}/class", f"{PF1}/vendor", f"{PF1}/net", f"{PF1}/physfn", f"{PF1}/numa_node",
    f"{PF1}/acpi_index", f"{PF1}/driver", f"{PF1}/iommu_group", "0000:01:10.0/class", "0000:01:10.0/driver",
    "0000:01:10.0/physfn", "0000:01:10.0/net", "0000:01:10.0", "enp1s0/phys_port_name", "enp1s0/type",
    "enp1s0/operstate", "enp1s0/flags", "sys/class/net", "proc/net", "sys/bus/pci/devices", "sys/bus/vdpa",
    "sys/kernel/iommu_groups", "ports/1/pkeys", "ports/1/state", "infiniband", "/dev/", "/cni/sriov/withheld",
    "sys/",
)  # fmt: skip


def program(folder: Path, **more: Any) -> Sequence[str]:
    return (sys.executable, str(HELD), str(folder), json.dumps({**SCALED, **more}))


@pytest.fixture
def mixed(node: Daemon) -> Daemon:
    """The node's two pools, and an InfiniBand PF with two VFs."""
    node.host.add("0000:03:00.0", name="ib0", totalvfs=4, klass="0x020700", driver="mlx5_core")
    node.host.rdma("0000:03:00.0", "mlx5_0", 0)
    node.host.add_vfs("0000:03:00.0", 2, driver="mlx5_core")
    for name in ("enp1s0", "enp2s0", "ib0"):
        node.host.link(name)
    return node


def hold(node: Daemon, *parts: str) -> None:
    path = node.folder / "held"
    path.with_suffix(".new").write_text("\n".join(parts))
    path.with_suffix(".new").rename(path)


@finding("finding-dp-02-every-read-held")
def test_no_held_read_keeps_the_kubelet_waiting(mixed: Daemon, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "400000")
    mixed.start("--metrics-port", str(port), program=program(mixed.folder))
    with FakeKubelet(mixed.kubelet_root) as kubelet:
        kubelet.both_registered()
        for part in READS:
            hold(mixed, part)
            kubelet.close()
            kubelet.start()  # one that restarts while the read is held, and wipes our sockets
            names = kubelet.both_registered()
            with kubelet.plugin(names["intel.com/vfio"]) as plugin:
                assert next_ids(plugin.watch()) == dp_daemon.VFIO, part
                began = time.monotonic()
                (granted,) = plugin.allocate([dp_daemon.VFIO[1]])
                assert granted.envs["PCIDEVICE_INTEL_COM_VFIO"] == dp_daemon.VFIO[1], part
                assert time.monotonic() - began < fake_kubelet.DEADLINE / 3, part
            assert get(port, "/healthz") == (200, "ok\n"), part
            mixed.told("WATCHDOG=1")
            hold(mixed)
    eventually(lambda: "the host does not answer for" in mixed.logged(), "what is held is said")
    eventually(lambda: "the host answers again" in mixed.logged(), "and that it is over")
    assert "Traceback" not in mixed.logged()
    assert mixed.stop() == 0
    seen = (mixed.folder / "seen").read_text()
    assert "sriov_numvfs" not in seen, "its reading waits for a creation of VFs"
    left = [path for path in seen.splitlines() if not any(part.strip("/") in path for part in READS)]
    assert all(re.match(r"(var|run|proc/sys)(/|$)", path) for path in left), f"reads that no row holds: {left}"


@finding("finding-dp-02-start")
def test_a_start_while_a_pf_is_held_offers_the_other(mixed: Daemon, kubelet: FakeKubelet) -> None:
    hold(mixed, PF1, "0000:01:10.")
    mixed.start(program=program(mixed.folder))
    assert kubelet.registered().resource_name == "intel.com/vfio"
    mixed.told("READY=1")
    eventually(lambda: "the host does not answer for" in mixed.logged(), "what is held is said")
    hold(mixed)
    assert kubelet.registered().resource_name == "intel.com/kernel"
    assert mixed.stop() == 0


@finding("finding-dp-02-unknown-use")
def test_what_the_kernel_does_not_tell_counts_as_in_use(mixed: Daemon, kubelet: FakeKubelet) -> None:
    hold(mixed, "proc/net")
    mixed.start(program=program(mixed.folder))
    assert kubelet.registered().resource_name == "intel.com/vfio"
    eventually(lambda: "the kernel does not tell what its interface" in mixed.logged(), "the reason")
    hold(mixed)
    assert kubelet.registered().resource_name == "intel.com/kernel"


@finding("finding-dp-02-stop")
def test_a_stop_does_not_wait_for_a_held_read(mixed: Daemon, kubelet: FakeKubelet) -> None:
    mixed.start(program=program(mixed.folder))
    kubelet.both_registered()
    hold(mixed, "sys/")
    eventually(lambda: "the host does not answer" in mixed.logged(), "the read is held")
    began = time.monotonic()
    assert mixed.stop() == 0
    assert time.monotonic() - began < fake_kubelet.DEADLINE / 2


@finding("finding-dp-02-ddp")
def test_programs_that_do_not_answer_keep_nobody(
    mixed: Daemon, kubelet: FakeKubelet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """devlink and ddptool of sixteen PFs took 4 s each, one after the other."""
    for name in ("devlink", "ddptool"):
        (tmp_path / name).write_text("#!/bin/sh\nexec sleep 1000\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    mixed.configure(*dp_daemon.POOLS, {"resourceName": "ddp", "selectors": {"ddpProfiles": ["GTP"]}})
    mixed.start(program=program(mixed.folder, **{"host.ddp:FIRST": 0.2, "host.ddp:TIMEOUT": 30.0}))
    assert set(kubelet.both_registered()) == {"intel.com/kernel", "intel.com/vfio"}
    mixed.told("READY=1")


@finding("finding-dp-02-pf")
def test_a_pfs_vfs_are_counted_by_their_links(mixed: Daemon) -> None:
    from sriov_device_plugin.host.discovery import Scanner

    (mixed.host.pci(PF2) / "sriov_numvfs").unlink()
    (found,) = (device for device in Scanner(str(mixed.host.root)).scan(["02"]) if device.id == PF2)
    assert found.num_vfs == 4
