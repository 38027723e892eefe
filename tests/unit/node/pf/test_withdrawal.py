# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is about to be changed is taken back from the device plugin first, and given again in every end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import HostError, RefusedError, TakenError
from ansible_collections.baremetal.sriov.plugins.module_utils.pf.withdrawal import SHOWN_SECONDS, NotTakenBackError
from ansible_collections.baremetal.sriov.plugins.module_utils.record import record
from support.fake_base import killed_at_every_write
from support.fake_kubelet import UID, allocate
from support.fake_offers import FOLDER, THEIRS, WITHDRAWN, HostWithKubelet
from support.node_runs import DPDK, KERNEL, PF1, PF2, absent, drivers, make_host, present

SECOND: dict[str, Any] = {**DPDK, "device_type": "netdevice", "num_vfs": 4}
POOLS = {"baremetal.sriov/kernel": [PF1], "baremetal.sriov/dpdk": [PF2]}
CHANGES: dict[str, tuple[list[dict[str, Any]], str]] = {
    "count": ([KERNEL, {**SECOND, "num_vfs": 7}], f"{PF2}/sriov_numvfs=0"),
    "driver": ([KERNEL, {**DPDK, "num_vfs": 4}], "driver/unbind"),
    "gone": ([KERNEL], f"{PF2}/sriov_numvfs=0"),
    "mac": ([KERNEL, {**SECOND, "vfs": [{"indices": 0, "mac": "02:00:00:00:aa:01"}]}], "vf 0 mac"),
    "mtu": ([KERNEL, {**SECOND, "mtu": 9000}], "enp2s0 mtu"),
}


def serving(root: Path, pid: int = 600, **options: Any) -> HostWithKubelet:
    """Two PFs of four VFs each, offered to a kubelet."""
    host = make_host(root, kind=HostWithKubelet, **options)
    assert isinstance(host, HostWithKubelet)
    present(host, [KERNEL, SECOND])
    host.serve(POOLS, pid)
    host.log.clear()
    return host


@pytest.mark.parametrize("change", [pytest.param(name, id=f"finding-node-01-withdrawn-{name}") for name in CHANGES])
def test_nothing_is_changed_before_the_kubelet_knows(tmp_path: Path, change: str) -> None:
    """The first write comes when the kubelet's note has none of it; at the end all is offered again."""
    policies, write = CHANGES[change]
    host = serving(tmp_path)
    vf = host.vf_address(PF2, 0)
    told: list[bool] = []

    def look(number: int, what: str) -> bool:
        if write in what:
            told.append(vf in host.withdrawn() and vf not in host._as_of(1.5)["baremetal.sriov/dpdk"])
        return False

    host.when, host.wanted = look, vf  # type: ignore[assignment]
    present(host, policies)
    assert told and all(told), "withdrawn, and noted by the kubelet, at each of these writes"
    assert not host.exists(WITHDRAWN) and not host.exists(record.JOURNAL)


@pytest.mark.parametrize("change", [pytest.param(name, id=f"finding-node-01-any-call-{name}") for name in CHANGES])
def test_a_kubelet_that_gives_at_any_call(tmp_path: Path, change: str) -> None:
    """A pod that asks before call N gets what is offered then, or is refused: what it has is not touched, and it has
    neither a control group nor a folder yet.
    """
    policies, write = CHANGES[change]
    given = refused = 0
    for number in range(1 + len(change) % 4, 200, 4):  # a sample of the calls
        host = serving(tmp_path / str(number))
        host.calls, host.wanted = 0, host.vf_address(PF2, 0)
        host.when = lambda at, what, number=number: at >= number  # type: ignore[misc, assignment]
        try:
            present(host, policies)
            taken = False
        except (TakenError, RefusedError):
            taken = True
        if host.calls < number:
            break
        assert not host.exists(WITHDRAWN)
        if host.given and taken:
            given += 1
            assert not [line for line in host.log if write in line], number
        elif not host.given:
            refused += 1
        else:
            late = f"{change}: given before call {host.given} of {host.calls}, and the run went on"
            assert host.given > host.calls - 12, late  # after the end of the steps, when it is offered again
    assert given and refused


@pytest.mark.parametrize("seconds", [pytest.param(SHOWN_SECONDS + 5, id="finding-node-01-never-shown")])
def test_a_kubelet_that_does_not_show_it(tmp_path: Path, seconds: float) -> None:
    """A refusal in words when the time is over: nothing is changed, and all is offered again."""
    host = serving(tmp_path, kubelet_seconds=seconds)
    with pytest.raises(NotTakenBackError, match=r"within 30 s; found it still notes as healthy baremetal\.sriov/dpdk"):
        present(host, CHANGES["count"][0])
    assert not [line for line in host.log if "sys/bus" in line or line.startswith("ip ")]
    assert not host.exists(WITHDRAWN) and not host.exists(record.JOURNAL)
    present(host, CHANGES["count"][0], drained=True)  # as with a device plugin of an earlier release
    assert host.numvfs(PF2) == 7 and not host.exists(WITHDRAWN)


@pytest.mark.parametrize("what", [pytest.param("failure", id="finding-node-01-given-back-after-a-failure")])
def test_a_step_that_fails(tmp_path: Path, what: str) -> None:
    host = serving(tmp_path)
    host.refusals = {f"{PF2}/sriov_numvfs=7": 5}
    with pytest.raises(HostError, match=f"{PF2}: create 7 VFs"):
        present(host, CHANGES["count"][0])
    assert not host.exists(WITHDRAWN), what


@pytest.mark.parametrize("what", [pytest.param("kill", id="finding-node-01-given-back-after-a-kill")])
def test_a_run_that_is_killed_anywhere(tmp_path: Path, what: str) -> None:
    """What it had taken back stays so until the next run, which gives it again."""
    left = 0
    for host in killed_at_every_write(lambda number: serving(tmp_path / str(number)),
                                      lambda host: present(host, CHANGES["count"][0]), 5):  # fmt: skip
        left += host.exists(WITHDRAWN)
        present(host, CHANGES["count"][0])
        assert not host.exists(WITHDRAWN) and host.numvfs(PF2) == 7, what
    assert left > 3


@pytest.mark.parametrize("what", [pytest.param("one", id="finding-node-01-one-vf")])
def test_one_vf_is_taken_back_alone(tmp_path: Path, what: str) -> None:
    """The others of its pool are offered all the time."""
    host = serving(tmp_path)
    vf = host.vf_address(PF2, 2)
    seen: list[set[str]] = []
    host.when, host.wanted = (lambda number, line: seen.append(host.withdrawn()) or False), vf  # type: ignore[assignment, func-returns-value]
    present(host, [KERNEL, {**SECOND, "vfs": [{"indices": 2, "mac": "02:00:00:00:aa:01"}]}])
    assert {vf} in seen and all(one <= {vf} for one in seen), what


# Whoever else offers VFs.


@pytest.mark.parametrize("name", [
    pytest.param("baremetal.sriov_dpdk.sock", id="finding-node-01-foreign-by-its-socket"),
    pytest.param("mine.sock", id="finding-node-01-foreign-by-another-name"),
])  # fmt: skip
def test_another_device_plugin_needs_a_drain(tmp_path: Path, name: str) -> None:
    """Nobody can have it take back what it offers. It is named, and goes on by the user's word, or when it is gone."""
    host = serving(tmp_path, THEIRS)
    host.stop_listening("_dpdk.sock")
    host.listeners[f"{FOLDER}/{name}"] = THEIRS
    host.put(f"{FOLDER}/{name}", "")
    policies = CHANGES["count"][0]
    checked = present(host, policies, check=True)
    assert checked.plan.drain_required
    assert "process 700 (sriovdp) of the pod with the UID 11111111-2222-3333-4444-555555555555 offers it" in str(
        checked.plan.held[0])  # fmt: skip
    with pytest.raises(RefusedError, match=r"sriov_drained"):
        present(host, policies)
    assert host.numvfs(PF2) == 4
    assert not present(host, policies, check=True, drained=True).plan.drain_required
    host.stop_listening(name)
    present(host, policies)
    assert host.numvfs(PF2) == 7


@pytest.mark.parametrize("end", [pytest.param("kubelet.sock", id="finding-node-01-no-kubelet"),
                                 pytest.param(".sock", id="finding-node-01-nobody")])  # fmt: skip
def test_what_nobody_would_give_is_not_waited_for(tmp_path: Path, end: str) -> None:
    """The kubelet's note stays when it, or the device plugin, is stopped."""
    host = serving(tmp_path)
    host.stop_listening(end)
    present(host, CHANGES["count"][0])
    assert host.numvfs(PF2) == 7 and host.clock < 5


@pytest.mark.parametrize("what", [pytest.param("teardown", id="finding-node-01-teardown")])
def test_a_teardown_after_the_device_plugin_is_gone(tmp_path: Path, what: str) -> None:
    host = serving(tmp_path)
    host.stop_listening("_dpdk.sock")
    host.stop_listening("_kernel.sock")
    host.active.clear()
    absent(host)
    assert host.numvfs(PF1) == host.numvfs(PF2) == 0 and not host.exists(WITHDRAWN), what


# A pod that is admitted and has no control group yet.

FOLDER_OF_POD = f"var/lib/kubelet/pods/{UID}/"


@pytest.mark.parametrize(("path", "held"), [
    pytest.param(FOLDER_OF_POD, True, id="finding-node-01-no-group-yet"),
    pytest.param("var/lib/kubelet/pods/other/", False, id="finding-node-01-without-a-trace"),
    pytest.param(f"var/log/pods/default_web-0_{UID}/ {FOLDER_OF_POD}", True, id="finding-node-01-before-its-network"),
    pytest.param(f"var/log/pods/default_web-0_{UID}/app/0.log {FOLDER_OF_POD}", False, id="finding-node-01-finished"),
    pytest.param(f"var/log/pods/default_web-0_{UID}/", False, id="finding-node-01-deleted"),
])  # fmt: skip
def test_a_pod_without_a_control_group(tmp_path: Path, path: str, held: bool) -> None:
    """One that begins has a folder, and perhaps an empty one for logs; one that has ended has logs, or nothing."""
    host = make_host(tmp_path)
    present(host, [KERNEL, SECOND])
    allocate(host, host.vf_address(PF2, 1))
    host.fill(dict.fromkeys(path.split(), ""))
    assert bool(present(host, CHANGES["count"][0], check=True).plan.held) is held
    if held:
        with pytest.raises(RefusedError, match=f"pod (with the UID {UID}|default/web-0)"):
            present(host, CHANGES["count"][0])
    else:
        present(host, CHANGES["count"][0])
        assert drivers(host, PF2) == ["igbvf"] * 7
