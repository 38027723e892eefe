# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A node whose Python is changed, as an upgrade of the distribution does: its services, its pods, and what verify says.

There is no other version on the node: the folder of its libraries is put away, and the units name another interpreter.
"""

from __future__ import annotations

from collections.abc import Iterator

import chain
import pytest
import standalone
from pod import Pod

from sriovlab.guest import Lab

HOME = "/usr/lib/baremetal-sriov/device-plugin"
UNITS = ["baremetal-sriov-cni.service", chain.PLUGIN]
ABI = 'import sys; print(f"cp{sys.version_info[0]}{sys.version_info[1]}")'
NODE = "baremetal-sriov-node.service"
PINNED = "/usr/bin/python3.0"  # that the units name from now on, and that is not there


@pytest.fixture
def own(lab: Lab) -> Iterator[str]:
    """The folder with the libraries of the node's Python; it is back at the end, and all runs again."""
    path = f"{HOME}/site/{lab.run(['python3', '-I', '-c', ABI]).stdout.strip()}"
    yield path
    lab.run(["sh", "-c", f"[ ! -d {path}.away ] || mv {path}.away {path}"])
    lab.run(["systemctl", "restart", *UNITS])
    chain.wait_offered(lab, standalone.WANTED)


def test_the_libraries_of_the_next_pythons_are_there(lab: Lab, own: str) -> None:
    found = lab.run(["ls", f"{HOME}/site"]).stdout.split()
    assert own.rpartition("/")[2] in found and len(found) >= 2


def test_without_libraries_it_is_one_line_and_no_loop(lab: Lab, own: str) -> None:
    lab.run(["mv", own, f"{own}.away"])
    since = chain.stamp(lab)
    lab.run(["systemctl", "restart", chain.PLUGIN], check=False)
    lab.wait_for("the unit to fail", lambda: chain.unit(lab, chain.PLUGIN, "ActiveState")["ActiveState"] == "failed")
    found = chain.unit(lab, chain.PLUGIN, "ExecMainStatus", "NRestarts", "StatusText")
    assert (found["ExecMainStatus"], found["NRestarts"]) == ("78", "0"), since
    log = lab.run(["journalctl", "--unit", chain.PLUGIN, "--output=cat", "--no-pager", "--lines=20"]).stdout
    assert log.count("no gRPC and protobuf for Python") >= 1 and "Traceback" not in log
    run = chain.playbook("verify")
    assert run.status != 0 and "no gRPC and protobuf for Python" in run.output


def test_another_interpreter_takes_the_place_of_one_that_is_gone(lab: Lab, own: str) -> None:
    """All but the pods' own way goes by the launchers; the shell of the CNI plugin has the same."""
    files = [f"{HOME}/python.sh", "/usr/lib/baremetal-sriov/node/python.sh"]
    program = "/usr/lib/baremetal-sriov/cni/sriov"
    kept = {path: lab.read(path) for path in [*files, program]}
    python = next(line for line in kept[files[0]].splitlines() if line.startswith("pinned=")).partition("=")[2]
    try:
        for path in kept:
            lab.run(["sed", "-i", f"s#{python}#{PINNED}#", path])
        lab.run(["systemctl", "stop", UNITS[0]])
        lab.run(["systemctl", "restart", NODE, chain.PLUGIN], timeout=300.0)
        chain.wait_offered(lab, standalone.WANTED)
        log = lab.run(["journalctl", "--unit", NODE, "--output=cat", "--no-pager", "--lines=50"]).stdout
        assert f"{PINNED} is gone" in log
        pod = Pod(lab, "upgraded", {"dpdk": 1})
        try:
            assert len(pod.create().devices("dpdk")) == 1
        finally:
            pod.delete()
    finally:
        for path, text in kept.items():
            lab.put(text.encode(), path, 0o755 if path == program else 0o644)
        lab.run(["systemctl", "restart", NODE], timeout=300.0)
