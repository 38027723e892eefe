# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of a run whose steps fail, and of VFs that somebody takes while it is at work."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.host.host import Completed
from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import HostError, RefusedError, TakenError
from ansible_collections.baremetal.sriov.plugins.module_utils.node import boot
from ansible_collections.baremetal.sriov.plugins.module_utils.record import record
from support.fake_host import FakeHost
from support.fake_kubelet import GROUPS, allocate
from support.fake_pci import Net
from support.node_runs import DPDK, KERNEL, PF1, PF2, absent, drivers, make_host, present

SEVEN = {**KERNEL, "num_vfs": 7}
SECOND: dict[str, Any] = {**DPDK, "device_type": "netdevice", "num_vfs": 4}


# One that fails does not keep the others (K4).


@pytest.mark.parametrize("code", [
    pytest.param(5, id="finding-node-13-EIO"),
    pytest.param(28, id="finding-node-13-ENOSPC"),
])  # fmt: skip
def test_a_pf_that_fails_at_site(host: FakeHost, code: int) -> None:
    """The next PF has its VFs, and the next boot makes both: what is right is kept."""
    host.refusals = {f"{PF1}/sriov_numvfs=4": code}
    with pytest.raises(HostError, match=rf"{PF1}: create 4 VFs"):
        present(host, [KERNEL, DPDK])
    assert drivers(host, PF2) == ["vfio-pci"] * 7 and host.numvfs(PF1) == 0
    host.reboot()
    assert boot.main(host) == 1
    assert drivers(host, PF2) == ["vfio-pci"] * 7
    host.refusals.clear()
    host.reboot()
    assert boot.main(host) == 0 and host.numvfs(PF1) == 4


@pytest.mark.parametrize("index", [pytest.param(i, id=f"finding-node-13-vf-{i}") for i in (0, 1, 6)])
def test_a_vf_that_fails(host: FakeHost, index: int) -> None:
    """The others get their driver, at site and at boot."""
    host.refusals = {f"/drivers_probe={host.vf_address(PF2, index)}": 5}
    with pytest.raises(HostError, match=rf"{PF2} vf {index}: bind vfio-pci"):
        present(host, [DPDK])
    expected: list[str | None] = ["vfio-pci"] * 7
    expected[index] = None
    assert drivers(host, PF2) == expected
    host.reboot()
    assert boot.main(host) == 1 and drivers(host, PF2) == expected
    assert host.get(f"sys/bus/pci/devices/{PF2}/sriov_drivers_autoprobe").strip() == "1"


@pytest.mark.parametrize("what", [pytest.param("two", id="finding-node-13-all-are-named")])
def test_all_that_failed_are_named(host: FakeHost, what: str) -> None:
    host.refusals = {f"/drivers_probe={host.vf_address(PF2, i)}": 5 for i in (1, 4)}
    host.refusals[f"{PF1}/sriov_numvfs=4"] = 5
    with pytest.raises(HostError) as caught:
        present(host, [KERNEL, DPDK])
    for words in (f"{PF1}: create 4 VFs", f"{PF2} vf 1: bind", f"{PF2} vf 4: bind"):
        assert words in str(caught.value), what


@pytest.mark.parametrize("what", [pytest.param("teardown", id="finding-node-13-teardown")])
def test_a_teardown_keeps_what_it_knows_of_a_pf_that_fails(host: FakeHost, what: str) -> None:
    present(host, [KERNEL, SECOND])
    host.refusals = {f"{PF1}/sriov_numvfs=0": 5}
    with pytest.raises(HostError, match=rf"{PF1}: remove 4 VFs"):
        absent(host)
    assert host.numvfs(PF2) == 0 and set(record.load(host).pfs) == {PF1}, what
    host.refusals.clear()
    absent(host)
    assert host.numvfs(PF1) == 0 and not host.exists(record.ORIGINAL)


@pytest.mark.parametrize(("log", "code", "words"), [
    pytest.param("ice 0000:01:00.0: Only 3 MSI-X interrupts available for SR-IOV. Unable to support minimum of 2 MSI-X "
                 "interrupts per VF for 4 VFs", 28, ["MSI-X", "Only 3 MSI-X"], id="finding-node-20-ENOSPC"),
    pytest.param("igb 0000:01:00.0: not enough MMIO resources for SR-IOV", 12, ["BIOS", "not enough MMIO"],
                 id="finding-node-20-ENOMEM"),
    pytest.param("igb 0000:01:00.0: can't enable 4 VFs (bus 02 out of range of [bus 01])", 12, ["pci=assign-busses"],
                 id="finding-node-20-buses"),
    pytest.param("i40e 0000:01:00.0: VF resources are short", 22, ["VF resources are short"], id="finding-node-20-any"),
])  # fmt: skip
def test_the_cause_of_a_failed_write_is_said(host: FakeHost, log: str, code: int, words: list[str]) -> None:
    """From the kernel's log, of that function alone."""
    host.kernel_log = f"[    1.0] x 0000:09:00.0: not this one\n[    9.5] {log}\n"
    host.refusals = {f"{PF1}/sriov_numvfs=4": code}
    with pytest.raises(HostError) as caught:
        present(host, [KERNEL])
    assert all(word in str(caught.value) for word in words) and "not this one" not in str(caught.value)


@pytest.mark.parametrize("setting", [pytest.param("mtu 9000", id="finding-node-20-mtu"),
                                     pytest.param("vf 0 vlan", id="finding-node-20-setting")])  # fmt: skip
def test_the_cause_of_a_refused_setting_is_said(host: FakeHost, setting: str) -> None:
    host.kernel_log = "[    9.5] igb 0000:01:00.0 enp1s0: no, for a reason\n[    9.6] eth7: other\n"
    host.refusals = {f"enp1s0 {setting}": 22}
    with pytest.raises(HostError, match="no, for a reason"):
        present(host, [{**KERNEL, "mtu": 9000, "vfs": [{"indices": 0, "vlan": 4}]}])


# A disk that takes nothing (K7).


def full_disk(host: FakeHost) -> None:
    """Nothing below /var can be written."""
    host.refusals = {"write /var/": 28, "remove /var/": 30}


@pytest.mark.parametrize("what", [pytest.param("boot", id="finding-node-30-boot")])
def test_a_full_disk_keeps_no_pf_from_its_vfs_at_boot(host: FakeHost, what: str) -> None:
    present(host, [KERNEL, DPDK])
    host.reboot()
    full_disk(host)
    assert boot.main(host, [boot.EARLY]) == 0 and boot.main(host) == 0, what
    assert drivers(host, PF2) == ["vfio-pci"] * 7 and host.numvfs(PF1) == 4


@pytest.mark.parametrize("what", [pytest.param("site", id="finding-node-30-site")])
def test_a_full_disk_ends_a_run_before_its_first_change(host: FakeHost, what: str) -> None:
    """The original would be lost."""
    full_disk(host)
    with pytest.raises(HostError, match="No space left"):
        present(host, [KERNEL])
    assert host.numvfs(PF1) == 0, what


@pytest.mark.parametrize("count", [
    pytest.param(7, id="finding-node-33-7-vfs"),
    pytest.param(64, id="finding-node-33-64-vfs"),
])  # fmt: skip
def test_the_journal_is_written_once(tmp_path: Path, count: int) -> None:
    """At the start, and taken away at the end: however many steps there are."""
    host = make_host(tmp_path)
    host.pfs[PF2].total = 64
    host.put(f"sys/bus/pci/devices/{PF2}/sriov_totalvfs", "64\n")
    present(host, [{**DPDK, "num_vfs": count}])
    assert sum(record.JOURNAL in line for line in host.log) == 2
    durable = [line for line in host.log if line.startswith(("write ", "remove "))]
    assert len(durable) <= 10


# In use at the moment of the act (K1).


class Taking(FakeHost):
    """Somebody takes something right before a host call."""

    when: Callable[[str], bool] = staticmethod(lambda what: False)
    take: Callable[[], None] = staticmethod(lambda: None)
    taken = 0  # the number of that call, from 1
    calls: list[str]

    def _meanwhile(self, what: str) -> None:
        self.calls = [*getattr(self, "calls", []), what]
        if not self.taken and self.when(what):
            self.taken = len(self.calls)
            self.take()

    def run(self, argv: Any, **options: Any) -> Completed:
        self._meanwhile(" ".join(argv))
        return super().run(argv, **options)

    def write_attribute(self, path: str, value: str, seconds: float = 60.0) -> None:
        self._meanwhile(f"{path}={value.strip()}")
        super().write_attribute(path, value, seconds)


@pytest.fixture
def taking(tmp_path: Path) -> Taking:
    host = make_host(tmp_path, kind=Taking)
    assert isinstance(host, Taking)
    return host


def by_a_pod(host: FakeHost, vf: str) -> None:
    """A pod whose CNI plugin has not been called yet."""
    allocate(host, vf)
    host.fill({f"sys/fs/cgroup/{GROUPS[0]}/": ""})


def by_a_namespace(host: FakeHost, vf: str) -> None:
    host.move_away(vf)


def by_the_host(host: FakeHost, vf: str) -> None:
    """An address on its interface."""
    name = next(net for net in host.nets if host.exists(f"/sys/bus/pci/devices/{vf}/net/{net}"))
    host.nets[name].addresses = ["192.0.2.9"]


def by_a_program(host: FakeHost, vf: str) -> None:
    """RDMA verbs."""
    host.fill({f"sys/bus/pci/devices/{vf}/infiniband_verbs/uverbs3/": "", "proc/77/comm": "ibv\n"})
    host.symlink("proc/77/fd/5", "/dev/infiniband/uverbs3")


TAKERS = [by_a_pod, by_a_namespace, by_the_host, by_a_program]
CHANGES: dict[str, tuple[list[dict[str, Any]], str]] = {
    "count": ([SEVEN, {**SECOND, "num_vfs": 7}], "sriov_numvfs=0"),
    "driver": ([SEVEN, {**DPDK, "num_vfs": 4}], "driver/unbind"),
    "gone": ([SEVEN], "sriov_numvfs=0"),
    "mac": ([SEVEN, {**SECOND, "vfs": [{"indices": 0, "mac": "02:00:00:00:aa:01"}]}], "vf 0 mac"),
    "mtu": ([SEVEN, {**SECOND, "mtu": 9000}], "enp2s0 mtu"),
}


@pytest.mark.parametrize("change", [pytest.param(name, id=f"finding-node-01-{name}") for name in CHANGES])
@pytest.mark.parametrize("taker", TAKERS)
def test_a_vf_that_is_taken_while_the_run_is_at_work(
    taking: Taking, change: str, taker: Callable[[FakeHost, str], None]
) -> None:
    """While PF 1's new VFs are made somebody takes a VF of PF 2: it is not touched, and the run says so, what is done
    and what is left.
    """
    host = taking
    policies, write = CHANGES[change]
    present(host, [KERNEL, SECOND])
    vf = host.vf_address(PF2, 0)
    host.when = lambda what: f"{PF1}/sriov_numvfs=7" in what  # type: ignore[method-assign]
    host.take = lambda: taker(host, vf)  # type: ignore[method-assign]
    before = len(host.log)
    with pytest.raises(TakenError) as caught:
        present(host, policies)
    assert host.taken and host.numvfs(PF1) == 7, "what came before is done"
    assert not [line for line in host.log[before:] if write in line and (PF2 in line or "enp2s0" in line or vf in line)]
    assert host.numvfs(PF2) == 4 and host.driver(vf) == "igbvf"
    text = str(caught.value)
    assert vf in text and "not done:" in text and "Done:" in text


def after(number: int) -> Callable[[str], bool]:
    """True from one call on, whatever it is."""
    seen: list[str] = []

    def counted(what: str) -> bool:
        seen.append(what)
        return len(seen) > number

    return counted


@pytest.mark.parametrize("change", [pytest.param(name, id=f"finding-node-01-window-{name}") for name in CHANGES])
def test_at_most_one_call_between_the_last_look_and_the_write(tmp_path: Path, change: str) -> None:
    """Taken at any call of the run: either the run stops, or that call was the write."""
    policies, write = CHANGES[change]
    for number in range(len(change) % 5, 200, 5):  # a sample of the calls
        host = make_host(tmp_path / str(number), kind=Taking)
        assert isinstance(host, Taking)
        present(host, [KERNEL, SECOND])
        vf = host.vf_address(PF2, 0)
        host.when = after(number)  # type: ignore[method-assign]
        host.take = lambda host=host, vf=vf: by_a_pod(host, vf)  # type: ignore[misc, method-assign]
        with contextlib.suppress(TakenError, RefusedError):
            present(host, policies)
        if not host.taken:
            return
        late = [place for place, call in enumerate(host.calls, 1) if write in call and place > host.taken + 1]
        assert not [place for place in late if any(name in host.calls[place - 1] for name in (PF2, "enp2s0", vf))]
    raise AssertionError("the runs never ended")


@pytest.mark.parametrize("use", [
    pytest.param("address", id="finding-node-01-pf-address"), pytest.param("bridge", id="finding-node-01-pf-bridge"),
])  # fmt: skip
def test_a_pf_that_the_host_comes_to_need(taking: Taking, use: str) -> None:
    """The same for the PF: it has no VFs yet."""
    host = taking

    def take() -> None:
        if use == "address":
            host.nets["enp2s0"].addresses = ["192.0.2.2"]
        else:
            host.add_net(Net("br0", "02:00:00:00:00:09", kind="bridge"))
            host.nets["enp2s0"].master = "br0"

    host.when = lambda what: f"{PF1}/sriov_numvfs=4" in what  # type: ignore[method-assign]
    host.take = take  # type: ignore[method-assign]
    with pytest.raises(TakenError, match=PF2):
        present(host, [KERNEL, SECOND])
    assert host.numvfs(PF2) == 0


@pytest.mark.parametrize("word", [pytest.param("allow_in_use", id="finding-node-01-pf-allowed")])
def test_a_pf_that_the_user_gave_his_word_for(taking: Taking, word: str) -> None:
    host = taking
    host.when = lambda what: f"{PF1}/sriov_numvfs=4" in what  # type: ignore[method-assign]
    host.take = lambda: host.nets["enp2s0"].addresses.append("192.0.2.2")  # type: ignore[method-assign]
    present(host, [KERNEL, {**SECOND, word: True}])
    assert host.numvfs(PF2) == 4


@pytest.mark.parametrize("taker", [pytest.param(one, id=f"finding-node-04-{one.__name__}") for one in TAKERS])
def test_the_mtu_of_a_pf_whose_vfs_are_held_needs_a_drain(
    host: FakeHost, taker: Callable[[FakeHost, str], None]
) -> None:
    """Some drivers set the PF and all its VFs up anew."""
    present(host, [KERNEL])
    taker(host, host.vf_address(PF1, 3))
    checked = present(host, [{**KERNEL, "mtu": 9000}], check=True)
    assert checked.plan.drain_required and f"{PF1}: set the PF's MTU to 9000" in str(checked.plan.held[0])[:400] + str(
        [f"{step.target}: {step.action}" for step in checked.plan.steps]
    )
    with pytest.raises(RefusedError, match="needs drain"):
        present(host, [{**KERNEL, "mtu": 9000}])
    assert host.nets["enp1s0"].mtu == 1500
