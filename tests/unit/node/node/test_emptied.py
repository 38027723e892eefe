# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From some policies to none: by the user's word alone, on every host on its own, also in a check."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import InvalidSpecError, RefusedError
from ansible_collections.baremetal.sriov.plugins.module_utils.node import boot
from ansible_collections.baremetal.sriov.plugins.module_utils.node.concerns import RUNTIME, WHOLE
from ansible_collections.baremetal.sriov.plugins.module_utils.node.run import run
from ansible_collections.baremetal.sriov.plugins.module_utils.policy.narrow import driver_goal, vfs_goal
from ansible_collections.baremetal.sriov.plugins.module_utils.policy.node_spec import node_spec, parse_spec
from ansible_collections.baremetal.sriov.plugins.module_utils.policy.rendered_files import NODE_PATH
from ansible_collections.baremetal.sriov.plugins.module_utils.policy.resolve import resolve
from ansible_collections.baremetal.sriov.plugins.module_utils.record.record import ORIGINAL
from support.emptied_table import ALLOWED, ELSEWHERE, REFUSED
from support.fake_host import FakeHost
from support.node_runs import (
    DPDK,
    KERNEL,
    PF1,
    PF2,
    absent,
    drivers,
    make_host,
    present,
    snapshot,
    somebody_makes,
)

WORD = "sriov_policies_may_be_empty: true"


def nothing(host: FakeHost) -> None:
    """No run before."""


def two_pools(host: FakeHost) -> None:
    present(host, [KERNEL, DPDK])


def one_pool(host: FakeHost) -> None:
    present(host, [KERNEL])


def no_device_plugin(host: FakeHost) -> None:
    present(host, [KERNEL], device_plugin=False)


def node_json_deleted(host: FakeHost) -> None:
    one_pool(host)
    (host.base / NODE_PATH.lstrip("/")).unlink()


def node_json_damaged(host: FakeHost) -> None:
    one_pool(host)
    host.put(NODE_PATH.lstrip("/"), '{"format": 1, "pfs": {}')


def record_deleted(host: FakeHost) -> None:
    one_pool(host)
    (host.base / ORIGINAL.lstrip("/")).unlink()


def adopted_vfs(host: FakeHost) -> None:
    """They fitted, so no PF was changed."""
    somebody_makes(host, 4)
    one_pool(host)
    assert not json.loads(host.get(ORIGINAL.lstrip("/")))["pfs"]


def adopted_vfs_and_node_json_deleted(host: FakeHost) -> None:
    adopted_vfs(host)
    (host.base / NODE_PATH.lstrip("/")).unlink()


def externally_managed(host: FakeHost) -> None:
    somebody_makes(host, 4)
    present(host, [{**KERNEL, "externally_managed": True}])


def waiting_for_a_reboot(host: FakeHost) -> None:
    """The arguments of the IOMMU are not in the running kernel, so no VF was made yet."""
    host.add_grub('GRUB_CMDLINE_LINUX_DEFAULT="quiet"\n')
    host.put("proc/cmdline", f"root=/dev/vda1 ro {host.grub_line()}\n")
    host.real("sys/kernel/iommu_groups/0").rmdir()
    assert present(host, [DPDK]).plan.reboot_required and host.numvfs(PF2) == 0


def nic_taken_out(host: FakeHost) -> None:
    one_pool(host)
    host.reboot()
    host.base.joinpath(f"sys/bus/pci/devices/{PF1}").rename(host.base / "gone")
    del host.pfs[PF1], host.nets["enp1s0"]


def vfs_lost(host: FakeHost) -> None:
    one_pool(host)
    host._set_numvfs(PF1, "0")


def kernel_arguments_alone(host: FakeHost) -> None:
    present(host, [], kernel_arguments=["isolcpus=2"])


def huge_pages_alone(host: FakeHost) -> None:
    host.add_memory(1, 4096, 2048, 2 << 20)
    present(host, [], hugepages=[{"size": "2M", "count": 8, "at": "runtime"}])
    assert host.exists(NODE_PATH)


def vfs_of_another_module(host: FakeHost) -> None:
    run(host, lambda s: vfs_goal([{"pf": "enp1s0", "num_vfs": 3}], s), RUNTIME, check=False)


def vfs_of_somebody_else(host: FakeHost) -> None:
    somebody_makes(host, 4)


def torn_down(host: FakeHost) -> None:
    two_pools(host)
    absent(host)


PASTS: dict[str, Callable[[FakeHost], None]] = {
    past.__name__: past
    for past in (
        nothing, two_pools, one_pool, no_device_plugin, node_json_deleted, node_json_damaged, record_deleted,
        adopted_vfs, adopted_vfs_and_node_json_deleted, externally_managed, waiting_for_a_reboot, nic_taken_out,
        vfs_lost, kernel_arguments_alone, huge_pages_alone, vfs_of_another_module, vfs_of_somebody_else, torn_down,
    )
}  # fmt: skip


@pytest.mark.parametrize(
    ("past", "asked", "words"),
    [pytest.param(past, asked, words, id=f"finding-node-03-{name}") for name, past, asked, words in REFUSED],
)
def test_a_host_that_had_policies(tmp_path: Path, past: str, asked: dict[str, Any], words: list[str]) -> None:
    """Refused alike in a check, with nothing changed; the word lets it, and is needed once."""
    host = make_host(tmp_path)
    PASTS[past](host)
    before, writes = snapshot(host), len(host.log)
    for check in (True, False):
        with pytest.raises(RefusedError) as caught:
            present(host, check=check, **asked)
        text = str(caught.value)
        for part in (*words, "sriov_policies: expected a policy for this host", WORD, "state: absent"):
            assert part in text
    assert (snapshot(host), len(host.log)) == (before, writes)
    made_by_others = host.numvfs(PF1) if "adopted" in past or past == "externally_managed" else 0
    if past != "record_deleted":  # then nothing is known that could be given back
        present(host, policies_may_be_empty=True, **asked)
        assert [host.numvfs(pf) for pf in host.pfs] == [made_by_others, 0][-len(host.pfs):]
        assert not host.exists("/etc/pcidp/config.json")
        again = present(host, **asked)
        assert not again.plan.pending


@pytest.mark.parametrize(
    ("past", "asked"), [pytest.param(past, asked, id=f"finding-node-03-{name}") for name, past, asked in ALLOWED]
)
def test_a_host_that_had_none(tmp_path: Path, past: str, asked: dict[str, Any]) -> None:
    """No word is asked for, no VF is touched, and the second run changes nothing."""
    host = make_host(tmp_path)
    PASTS[past](host)
    vfs = [drivers(host, pf) for pf in host.pfs]
    for _run in range(2):
        present(host, check=True, **asked)
        done = present(host, **asked)
        assert [drivers(host, pf) for pf in host.pfs] == vfs
    assert not done.plan.pending


def without_policies(spec: dict[str, Any], how: str) -> dict[str, Any]:
    """The specification as somebody may have written it by hand."""
    found = {key: value for key, value in spec.items() if key != "policies"}
    return found if how == "missing" else {**found, "policies": {"null": None, "empty": []}[how]}


@pytest.mark.parametrize(
    "how", [pytest.param(how, id=f"finding-node-03-policies-{how}") for how in ("missing", "null", "empty")]
)
def test_a_specification_without_policies(tmp_path: Path, how: str) -> None:
    """The module is asked as well as the roles are."""
    host = make_host(tmp_path)
    one_pool(host)
    spec = parse_spec(without_policies(node_spec([]), how))
    with pytest.raises(RefusedError, match="no policy at all"):
        run(host, lambda state: resolve(spec, state), WHOLE, check=False)
    assert host.numvfs(PF1) == 4


@pytest.mark.parametrize("value", [pytest.param("yes please", id="finding-node-03-the-word-is-true-or-false")])
def test_the_word_is_a_boolean(value: Any) -> None:
    with pytest.raises(InvalidSpecError, match="policies_may_be_empty"):
        parse_spec({**node_spec([]), "policies_may_be_empty": value})


@pytest.mark.parametrize("what", [pytest.param(boot.ALL, id="finding-node-03-boot-after-the-word")])
def test_the_boot_service_after_an_allowed_emptying(tmp_path: Path, what: str) -> None:
    """Nothing is made at boot, by the early unit, the late one or the timer, and nothing is refused."""
    host = make_host(tmp_path)
    two_pools(host)
    pages: dict[str, Any] = {"hugepages": [{"size": "2M", "count": 8, "at": "runtime"}]}
    host.add_memory(1, 4096, 2048, 2 << 20)
    present(host, [], policies_may_be_empty=True, **pages)
    host.reboot()
    assert boot.main(host, [boot.EARLY]) == 0 and boot.main(host) == 0 and boot.main(host) == 0
    assert [host.numvfs(pf) for pf in host.pfs] == [0, 0]
    assert not present(host, [], **pages).plan.pending


@pytest.mark.parametrize("times", [pytest.param(2, id="finding-node-03-boot-after-a-refusal")])
def test_the_boot_service_after_a_refusal(tmp_path: Path, times: int) -> None:
    """It brings what the last run that was allowed left."""
    host = make_host(tmp_path)
    two_pools(host)
    with pytest.raises(RefusedError):
        present(host, [ELSEWHERE])
    for _boot in range(times):
        host.reboot()
        assert boot.main(host, [boot.EARLY]) == 0 and boot.main(host) == 0
        assert [host.numvfs(pf) for pf in host.pfs] == [4, 7]


@pytest.mark.parametrize("what", [pytest.param("views", id="finding-node-03-empty-lists-of-the-narrow-modules")])
def test_the_narrow_modules_take_nothing_for_an_empty_list(tmp_path: Path, what: str) -> None:
    """Theirs to take is what they name: a PF with num_vfs 0 is a wish, no PF is none, nor are no settings."""
    host = make_host(tmp_path)
    vfs_of_another_module(host)
    for goal in (lambda s: vfs_goal([], s), lambda s: driver_goal([])):
        assert not run(host, goal, RUNTIME, check=False).plan.steps
    bare = [{"pf": "enp1s0", "num_vfs": 3, "vfs": []}]
    assert not run(host, lambda s: vfs_goal(bare, s), RUNTIME, check=False).plan.steps
    assert host.numvfs(PF1) == 3


@pytest.mark.parametrize("count", [pytest.param(1, id="finding-node-03-one-policy-of-two-goes")])
def test_a_policy_that_goes_while_another_stays(tmp_path: Path, count: int) -> None:
    """The usual change of an inventory needs no word."""
    host = make_host(tmp_path)
    two_pools(host)
    present(host, [KERNEL, DPDK][:count])
    assert [host.numvfs(pf) for pf in host.pfs] == [4, 0]
