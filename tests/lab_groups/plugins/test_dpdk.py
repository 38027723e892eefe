# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""dpdk-testpmd on a VF, in the pod of docs/device_plugin.md: a memory lock and huge pages, and no privilege."""

from __future__ import annotations

from collections.abc import Iterator

import chain
import pytest
from pod import PROGRAMS, Extras, Pod

from sriovlab.guest import Lab

WANTED = {"kernel": 4, "dpdk": 7}
PAGES = 80  # of 2 MiB
NUMBER = "/proc/sys/vm/nr_hugepages"
EXTRAS = Extras(
    resources={"hugepages-2Mi": f"{2 * PAGES}Mi", "memory": "256Mi"},
    volumes={**PROGRAMS, "/dev/hugepages": {"emptyDir": {"medium": "HugePages"}}, "/var/run": {"emptyDir": {}}},
    capabilities=("IPC_LOCK",),
)
COMMANDS = "show port info all\\nquit\\n"


def set_pages(lab: Lab, count: int) -> None:
    """Have this many huge pages, and a kubelet that knows: it counts them when it starts."""
    vm = "/proc/sys/vm"

    def there() -> bool:
        # What pins a page at one moment may have let it go at the next.
        lab.run(["sh", "-c", f"echo 3 > {vm}/drop_caches; echo 1 > {vm}/compact_memory; echo {count} > {NUMBER}"])
        return int(lab.read(NUMBER)) == count

    lab.wait_for(f"{count} huge pages (is the node's memory too fragmented?)", there, 60.0, every=2.0)
    lab.run(["systemctl", "restart", "kubelet.service"])
    wanted = f"{2 * count}Mi" if count else "0"
    lab.wait_for(f"{wanted} of huge pages", lambda: lab.allocatable().get("hugepages-2Mi") == wanted, 120.0, every=2.0)
    chain.wait_offered(lab, WANTED)


@pytest.fixture(scope="module")
def dpdk_pod(lab: Lab) -> Iterator[Pod]:
    """The pod, on a node with huge pages; all is gone at the end in any case."""
    before = int(lab.read(NUMBER))
    pod = Pod(lab, "testpmd", {"dpdk": 1}, EXTRAS)
    try:
        set_pages(lab, PAGES)
        yield pod.create()
    finally:
        pod.delete()
        set_pages(lab, before)


def test_testpmd_starts_on_the_vf(dpdk_pod: Pod) -> None:
    (address,) = dpdk_pod.devices("dpdk")
    argv = f"/usr/bin/dpdk-testpmd -l 0-1 -n 1 -a {address} -m 128 -- -i --total-num-mbufs=2048 --no-mlockall"
    told = dpdk_pod.execute(["sh", "-c", f"printf '{COMMANDS}' | {argv} 2>&1"], timeout=120.0)
    assert "VFIO support initialized" in told
    assert f"net_e1000_igb_vf (8086:10ca) device: {address}" in told
    assert "Driver name: net_e1000_igb_vf" in told
