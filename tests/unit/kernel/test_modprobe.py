# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel modules: options, loading at boot and now, built-in ones, and the way back."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from kernel.grub_host import GrubHost

from ansible_collections.baremetal.sriov.plugins.module_utils import kernel_reboot, modprobe
from ansible_collections.baremetal.sriov.plugins.module_utils.apply import carry_out
from ansible_collections.baremetal.sriov.plugins.module_utils.errors import InvalidSpecError, RefusedError
from ansible_collections.baremetal.sriov.plugins.module_utils.model import NodeState
from ansible_collections.baremetal.sriov.plugins.module_utils.modprobe import ModuleSpec
from ansible_collections.baremetal.sriov.plugins.module_utils.record import ORIGINAL
from ansible_collections.baremetal.sriov.plugins.module_utils.steps import Plan

VFIO = ModuleSpec("vfio-pci", (("disable_idle_d3", "1"),))
DEP = "kernel/drivers/vfio/pci/vfio-pci.ko.xz: kernel/drivers/vfio/vfio.ko.xz\nkernel/x/igbvf.ko:\n"


@pytest.fixture
def host(tmp_path: Path) -> GrubHost:
    made = GrubHost(tmp_path)
    made.put("/proc/sys/kernel/osrelease", "6.12\n")
    made.put("/lib/modules/6.12/modules.dep", DEP)
    made.put("/lib/modules/6.12/modules.builtin", "kernel/drivers/pci/pci-stub.ko\n")
    return made


def bring(host: GrubHost, *specs: ModuleSpec) -> list[str]:
    steps = modprobe.plan(specs, modprobe.read(host, specs))
    for step in steps:
        modprobe.apply(host, step)
    return [f"{step.kind} {step.target}" for step in steps]


def loaded(host: GrubHost, name: str, **parameters: tuple[str, int]) -> None:
    host.put(f"/sys/module/{name}/initstate", "live\n")
    for parameter, (value, mode) in parameters.items():
        host.put(f"/sys/module/{name}/parameters/{parameter}", value)
        os.chmod(host.path(f"/sys/module/{name}/parameters/{parameter}"), mode)


def test_a_module_is_loaded_now_and_at_boot_and_taken_back(host: GrubHost) -> None:
    before = set(host.tree())
    assert bring(host, VFIO) == [
        f"module_options {modprobe.OPTIONS_FILE}",
        f"module_boot_list {modprobe.BOOT_FILE}",
        "module_load vfio-pci",
    ]
    assert (host.read_text(modprobe.OPTIONS_FILE) or "").endswith("\noptions vfio-pci disable_idle_d3=1\n")
    assert (host.read_text(modprobe.BOOT_FILE) or "").endswith("\nvfio-pci\n")
    assert bring(host, VFIO) == []
    assert bring(host) == [
        f"module_options {modprobe.OPTIONS_FILE}", f"module_boot_list {modprobe.BOOT_FILE}",
    ]  # fmt: skip
    assert set(host.tree()) - before == {"/sys/module/vfio_pci/initstate"}


def test_a_module_may_have_options_and_not_be_loaded(host: GrubHost) -> None:
    assert bring(host, ModuleSpec("igbvf", (("debug", "3"),), load=False)) == [
        f"module_options {modprobe.OPTIONS_FILE}"
    ]


@pytest.mark.parametrize(
    ("value", "mode", "steps"),
    [
        ("Y\n", 0o444, []),
        ("1\n", 0o444, []),
        ("0x1\n", 0o444, []),
        ("N\n", 0o644, ["module_parameter vfio_pci.disable_idle_d3"]),
        ("N\n", 0o444, ["reboot module vfio-pci"]),
    ],
)
def test_a_loaded_modules_parameter_is_set_or_needs_a_reboot(
    host: GrubHost, value: str, mode: int, steps: list[str]
) -> None:
    loaded(host, "vfio_pci", disable_idle_d3=(value, mode))
    assert bring(host, VFIO)[2:] == steps
    if mode & 0o200:
        assert bring(host, VFIO) == []


def test_a_parameter_that_is_not_shown_proves_nothing(host: GrubHost) -> None:
    loaded(host, "vfio_pci")
    bring(host, VFIO)
    assert bring(host, VFIO) == []


def test_a_built_in_module_takes_its_options_from_the_kernels_command_line(host: GrubHost) -> None:
    stub = ModuleSpec("pci-stub", (("ids", "8086:10ca"),))
    host.put("/sys/module/vfio_pci/uevent", "")  # no initstate: built in
    for spec in (stub, VFIO):
        assert bring(host, spec) == []
    state = modprobe.read(host, [stub, VFIO])
    assert modprobe.kernel_arguments([stub, VFIO], state) == (
        "pci-stub.ids=8086:10ca", "vfio-pci.disable_idle_d3=1",
    )  # fmt: skip


def test_what_can_not_be_done_is_refused_at_once(host: GrubHost) -> None:
    host.put(modprobe.OPTIONS_FILE, "options igb max_vfs=7\n")
    with pytest.raises(RefusedError) as caught:
        bring(host, VFIO, ModuleSpec("no_such_module"))
    assert [problem.target for problem in caught.value.problems] == [
        modprobe.OPTIONS_FILE, "module no_such_module",
    ]  # fmt: skip


def test_every_mistake_is_named() -> None:
    specs = [ModuleSpec("a b"), ModuleSpec("x", (("o=", "1"), ("p", "1 2"))), ModuleSpec("x")]
    with pytest.raises(InvalidSpecError) as caught:
        modprobe.validate(specs)
    assert [mistake.path for mistake in caught.value.mistakes] == [
        "modules[0].name", "modules[1].options", "modules[1].options.p", "modules[2].name",
    ]  # fmt: skip


def carried_out(host: GrubHost, *specs: ModuleSpec) -> list[str]:
    plan = Plan(tuple(modprobe.plan(specs, modprobe.read(host, specs))))
    carry_out(host, plan, NodeState())
    return [f"{step.kind} {step.target}" for step in plan.steps]


def test_a_parameter_that_is_no_longer_asked_for_gets_its_value_of_before(host: GrubHost) -> None:
    loaded(host, "vfio_pci", disable_idle_d3=("N\n", 0o644))
    before = host.tree()
    target = "module_parameter vfio_pci.disable_idle_d3"
    assert carried_out(host, VFIO)[2:] == [target]
    assert carried_out(host, VFIO) == []
    assert carried_out(host)[2:] == [target, f"record {target}"]
    assert {path: text for path, text in host.tree().items() if path != ORIGINAL} == before
    host.put("/sys/module/vfio_pci/parameters/disable_idle_d3", "Y\n")  # somebody else's, from now on
    assert carried_out(host) == []


def test_a_module_that_is_gone_has_no_parameter_to_give_back(host: GrubHost) -> None:
    loaded(host, "vfio_pci", disable_idle_d3=("N\n", 0o644))
    carried_out(host, VFIO)
    shutil.rmtree(host.path("/sys/module/vfio_pci"))
    assert carried_out(host)[2:] == ["record module_parameter vfio_pci.disable_idle_d3"]


def test_an_option_that_no_reboot_brings_is_refused(host: GrubHost) -> None:
    loaded(host, "vfio_pci", disable_idle_d3=("N\n", 0o444))
    for turn in range(2):
        steps = modprobe.plan([VFIO], modprobe.read(host, [VFIO]))
        assert [step.kind for step in steps][-1] == "reboot", turn
        kernel_reboot.note(host, steps)
    host.boot()
    with pytest.raises(RefusedError, match=r"vfio_pci\.disable_idle_d3"):
        modprobe.plan([VFIO], modprobe.read(host, [VFIO]))
