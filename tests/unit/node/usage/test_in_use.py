# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PFs and VFs have one list of reasons why the host needs them, and what is unknown is one of them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Callable

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import RefusedError
from ansible_collections.baremetal.sriov.plugins.module_utils.node import boot
from ansible_collections.baremetal.sriov.plugins.module_utils.node.concerns import RUNTIME
from ansible_collections.baremetal.sriov.plugins.module_utils.node.run import run
from ansible_collections.baremetal.sriov.plugins.module_utils.policy.narrow import vfs_goal
from support.fake_host import FakeHost
from support.fake_kubelet import GROUPS, UID, allocate
from support.fake_pci import Net
from support.in_use_table import ACTS, BOOT_MAKES_VFS, NO_USES, NOT_AWAY, PF_ALONE, PF_HOLDERS, UNKNOWN_PFS, USES
from support.interface_uses import USES as DO
from support.node_runs import DPDK, KERNEL, PF1, PF2, absent, actions, make_host, present, snapshot, somebody_makes

BY_ADDRESS: dict[str, Any] = {**KERNEL, "nic_selector": {"root_devices": [PF1]}}
SWITCHDEV: dict[str, Any] = {**BY_ADDRESS, "eswitch_mode": "switchdev"}
VF = "enp1s0v1"


def named(values: Any, *more: str) -> list[Any]:
    """Test parameters: the first column is what is done, and the end of the test's id."""
    rows = [value if isinstance(value, tuple) else (value,) for value in values]
    return [pytest.param(*row, id="-".join(["finding-node-02", *more, str(row[0])])) for row in rows]


def refusal(host: FakeHost, policies: list[dict[str, Any]]) -> str:
    """The text, alike in a check; nothing is changed."""
    before = snapshot(host)
    for check in (True, False):
        with pytest.raises(RefusedError) as caught:
            present(host, policies, check=check)
    assert snapshot(host) == before
    return str(caught.value)


def makes_first_vfs_by_the_word_alone(host: FakeHost, words: str) -> None:
    """And makes none of them anew by any word; the plan says what the PF carries."""
    text = refusal(host, [BY_ADDRESS])
    assert words in text and f"{PF1}" in text and "allow_in_use: true in the policy kernel" in text
    present(host, [{**DPDK, "num_vfs": 2}])
    allowed = {**BY_ADDRESS, "allow_in_use": True}
    checked = present(host, [allowed], check=True)
    assert any(words in told and "(allow_in_use)" in told for told in checked.plan.warnings)
    present(host, [allowed])
    assert host.numvfs(PF1) == 4 and not present(host, [allowed]).plan.warnings
    text = refusal(host, [{**allowed, "num_vfs": 5}])
    assert words in text and "made anew" in text


@pytest.mark.parametrize(("use", "words"), named(USES, "pf"))
def test_a_pf_that_the_host_uses(tmp_path: Path, use: str, words: str) -> None:
    host = make_host(tmp_path)
    host.nets["enp1s0"].up = True
    DO[use](host, "enp1s0")
    makes_first_vfs_by_the_word_alone(host, words.format(i="enp1s0"))
    absent(host)
    assert host.numvfs(PF1) == 0 and host.nets["enp1s0"].up


@pytest.mark.parametrize(("use", "words"), named([row for row in USES if row[0] not in PF_ALONE], "vf"))
def test_a_vf_that_the_host_uses(tmp_path: Path, use: str, words: str) -> None:
    host = make_host(tmp_path)
    present(host, [KERNEL])
    DO[use](host, VF)
    fewer = [{**KERNEL, "num_vfs": 2}]
    assert present(host, fewer, check=True).plan.drain_required
    with pytest.raises(RefusedError) as caught:
        present(host, fewer)
    text = str(caught.value)
    assert host.numvfs(PF1) == 4
    assert "needs drain: VF 1 (0000:01:10.2) by " in text and words.format(i=VF) in text


@pytest.mark.parametrize("use", named(NO_USES, "pf-free"))
def test_a_pf_that_is_free(tmp_path: Path, use: str) -> None:
    host = make_host(tmp_path)
    DO[use](host, "enp1s0")
    for count in (4, 5):
        assert not present(host, [{**KERNEL, "num_vfs": count}]).plan.warnings
        assert host.numvfs(PF1) == count


@pytest.mark.parametrize("use", named([use for use in NO_USES if use != "representors"], "vf-free"))
def test_a_vf_that_is_free(tmp_path: Path, use: str) -> None:
    host = make_host(tmp_path)
    present(host, [KERNEL])
    DO[use](host, VF)
    present(host, [{**KERNEL, "num_vfs": 2}])
    assert host.numvfs(PF1) == 2


def opened(host: FakeHost, path: str, folder: str = "") -> None:
    """A VM has one of PF1's device files open."""
    base = host.base / f"sys/bus/pci/devices/{PF1}"
    if folder:
        (base / folder).mkdir(parents=True)
    host.put("proc/99/comm", "qemu-kvm\n")
    (host.base / "proc/99/fd").mkdir()
    os.symlink(path, host.base / "proc/99/fd/17")


def process_with_vfio_group(host: FakeHost) -> None:
    on_another_driver(host, "vfio-pci")
    group = host.base / "sys/kernel/iommu_groups/77/devices"
    group.mkdir(parents=True)
    os.symlink("../../../../kernel/iommu_groups/77", host.base / f"sys/bus/pci/devices/{PF1}/iommu_group")
    opened(host, "/dev/vfio/77")


def process_with_vfio_device(host: FakeHost) -> None:
    on_another_driver(host, "vfio-pci")
    opened(host, "/dev/vfio/devices/vfio3", "vfio-dev/vfio3")


def second_port(host: FakeHost) -> None:
    """Some NICs have both ports on one PCI function."""
    host.add_net(Net("enp1s0d1", "52:54:00:00:00:98", addresses=["192.0.2.7"]), PF1)


def on_another_driver(host: FakeHost, driver: str) -> None:
    """No driver of the kernel's, and so no interface."""
    host._unbind(PF1)
    (host.base / f"sys/bus/pci/devices/{PF1}/net").rmdir()
    host._driver_dir(driver)
    host._bind(PF1, driver)


HOLDERS: dict[str, Callable[[FakeHost], None]] = {
    "process_with_vfio_group": process_with_vfio_group,
    "process_with_vfio_device": process_with_vfio_device,
    "process_with_uio": lambda host: opened(host, "/dev/uio4", "uio/uio4"),
    "process_with_verbs": lambda host: opened(host, "/dev/infiniband/uverbs0", "infiniband_verbs/uverbs0"),
    "second_port": second_port,
}


@pytest.mark.parametrize(("holder", "words"), named([row for row in PF_HOLDERS if row[0] in HOLDERS], "holder"))
def test_a_pf_that_somebody_holds(tmp_path: Path, holder: str, words: str) -> None:
    host = make_host(tmp_path)
    host.nets["enp1s0"].up = True
    HOLDERS[holder](host)
    makes_first_vfs_by_the_word_alone(host, f"it carries {words}")


@pytest.mark.parametrize(("holder", "words"), named([row for row in PF_HOLDERS if row[0] not in HOLDERS], "holder"))
def test_a_pf_that_a_pod_holds(tmp_path: Path, holder: str, words: str) -> None:
    """Somebody's device plugin offers whole PFs."""
    host = make_host(tmp_path)
    host.nets["enp1s0"].up = True
    allocate(host, PF1)
    host.fill({f"sys/fs/cgroup/{GROUPS[0]}/": "", f"var/log/pods/default_whole_{UID}/": ""})
    makes_first_vfs_by_the_word_alone(host, f"it carries {words}")


def away(host: FakeHost) -> None:
    host.move_away(PF1)


def away_but_for_representors(host: FakeHost) -> None:
    away(host)
    host.add_net(Net("rep0", "52:54:00:00:00:97"), PF1)
    host.put("sys/class/net/rep0/phys_port_name", "pf0vf0\n")


def no_interface_at_all(host: FakeHost) -> None:
    """Its driver is bound, and has failed to bring the NIC up."""
    away(host)
    (host.base / f"sys/bus/pci/devices/{PF1}/net").rmdir()


UNKNOWN = {use.__name__: use for use in (away, away_but_for_representors, no_interface_at_all)}


@pytest.mark.parametrize(("use", "words", "remedy"), named(UNKNOWN_PFS, "unknown"))
def test_a_pf_whose_uses_nobody_can_tell(tmp_path: Path, use: str, words: str, remedy: str) -> None:
    host = make_host(tmp_path)
    UNKNOWN[use](host)
    text = refusal(host, [BY_ADDRESS])
    assert words in text and "what it carries is unknown" in text and remedy in text
    allowed = {**BY_ADDRESS, "allow_in_use": True}
    present(host, [allowed])
    text = refusal(host, [{**allowed, "num_vfs": 5}])
    assert words in text and "made anew" in text and remedy in text
    absent(host)
    assert host.numvfs(PF1) == 0


@pytest.mark.parametrize("driver", named(NOT_AWAY, "no-interface-to-miss"))
def test_a_pf_that_has_no_interface_by_nature(tmp_path: Path, driver: str) -> None:
    host = make_host(tmp_path)
    base = f"sys/bus/pci/devices/{PF1}"
    on_another_driver(host, {"infiniband": "mlx5_core", "accelerator": "qat"}.get(driver, driver))
    kind = {"infiniband": "0x020700", "accelerator": "0x0b4000", "nvme": "0x010802"}.get(driver)
    if kind:
        host.put(f"{base}/class", f"{kind}\n")
    told = present(host, [BY_ADDRESS], check=True)
    assert f"{PF1}: create 4 VFs" in actions(told)
    assert not any("unknown" in warning or "carries" in warning for warning in told.plan.warnings)


def view(host: FakeHost, count: int, allow: bool) -> None:
    pfs = [{"pf": PF1, "num_vfs": count, "allow_in_use": allow}]
    run(host, lambda state: vfs_goal(pfs, state), RUNTIME, check=False)


def theirs_then_ours(host: FakeHost) -> None:
    """Three VFs of somebody else's, replaced by four."""
    somebody_makes(host, 3)
    present(host, [KERNEL])


Act = Callable[[FakeHost, bool], object]
EMPTY: Callable[[FakeHost], object] = lambda host: None  # noqa: E731
OURS: Callable[[FakeHost], object] = lambda host: present(host, [KERNEL])  # noqa: E731


def site(**changes: Any) -> Act:
    return lambda host, allow: present(host, [{**KERNEL, "allow_in_use": allow, **changes}])


# What was before the PF came into use, and what is done then.
DOING: dict[str, tuple[Callable[[FakeHost], object], Act]] = {
    "first_vfs": (EMPTY, site()),
    "new_mtu": (OURS, site(mtu=9000)),
    "another_count": (OURS, site(num_vfs=5)),
    "switchdev": (OURS, site(eswitch_mode="switchdev")),
    "first_vfs_in_switchdev": (EMPTY, site(eswitch_mode="switchdev")),
    "driver_of_vfs": (OURS, site(device_type="vfio-pci")),
    "settings_of_vfs": (OURS, site(vfs=[{"indices": "0-1", "trust": True}])),
    "view_first_vfs": (EMPTY, lambda host, allow: view(host, 4, allow)),
    "view_another_count": (lambda host: view(host, 4, False), lambda host, allow: view(host, 2, allow)),
    "view_no_vfs": (lambda host: view(host, 4, False), lambda host, allow: view(host, 0, allow)),
    "teardown": (OURS, lambda host, allow: absent(host)),
    "teardown_to_another_count": (theirs_then_ours, lambda host, allow: absent(host)),
    "teardown_of_switchdev": (lambda host: present(host, [SWITCHDEV]), lambda host, allow: absent(host)),
}


@pytest.mark.parametrize("use", ["address", "vlan", "macvlan", "static_route"])
@pytest.mark.parametrize(("act", "answer"), named(ACTS, "act"))
def test_what_is_done_to_a_pf_in_use(tmp_path: Path, act: str, answer: str, use: str) -> None:
    host = make_host(tmp_path, driver="ice")
    before, do = DOING[act]
    before(host)
    host.nets["enp1s0"].up = True
    DO[use](host, "enp1s0")
    for allow, wanted in ((False, answer == "free"), (True, answer != "refused")):
        if wanted:
            do(host, allow)
            return
        unchanged = snapshot(host)
        with pytest.raises(RefusedError) as caught:
            do(host, allow)
        assert snapshot(host) == unchanged
        assert ("made anew" if answer == "refused" else "Or set allow_in_use: true") in str(caught.value)


@pytest.mark.parametrize(("use", "comes_back"), named(BOOT_MAKES_VFS.items(), "boot"))
def test_a_boot_brings_back_what_the_last_run_left(tmp_path: Path, use: str, comes_back: bool) -> None:
    """No word was asked for: the VFs were there first."""
    host = make_host(tmp_path)
    policy = {**BY_ADDRESS, "mtu": 9000}
    present(host, [policy])
    host.reboot()
    host.nets["enp1s0"].up = True
    if use == "other_namespace":
        host.move_away(PF1)
    else:
        DO[use](host, "enp1s0")
    assert boot.main(host) == (0 if comes_back else 1)
    assert host.numvfs(PF1) == (4 if comes_back else 0)
    if comes_back:
        assert host.nets["enp1s0"].mtu == 9000 and not present(host, [policy]).plan.steps


@pytest.mark.parametrize("what", named(["every_reason"], "text"))
def test_every_reason_is_named(tmp_path: Path, what: str) -> None:
    """In one sentence, with what to do."""
    host = make_host(tmp_path)
    DO["address"](host, "enp1s0")
    DO["static_route"](host, "enp1s0")
    host.add_net(Net("enp1s0.100", "52:54:00:00:00:96", kind="vlan", lower="enp1s0", addresses=["10.5.0.1"]))
    assert (
        "it carries the vlan enp1s0.100 on it with the address 10.5.0.1/24, the address 192.0.2.7/24 and the route to "
        "203.0.113.0/24. Move that to another interface, or stop what uses it. Or set allow_in_use: true, if"
    ) in refusal(host, [KERNEL])


@pytest.mark.parametrize("what", named(["renamed"], "race"))
def test_an_interface_that_udev_renames_between_two_looks(tmp_path: Path, what: str) -> None:
    """It is looked for again, and is no unknown."""
    host = make_host(tmp_path)
    original = host._ip_json
    missing = ["enp1s0"] * 2

    def shown(words: list[str]) -> list[dict[str, Any]]:
        name = missing.pop() if "addr" in words and missing else ""
        return [item for item in original(words) if item["ifname"] != name] if "addr" in words else original(words)

    host._ip_json = shown  # type: ignore[method-assign]
    present(host, [KERNEL])
    assert host.numvfs(PF1) == 4 and host.numvfs(PF2) == 0
