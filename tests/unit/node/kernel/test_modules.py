# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel modules: options, loading at boot and now, built-in ones, and the way back."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.host.host import Completed
from ansible_collections.baremetal.sriov.plugins.module_utils.kernel import modules as kernel_modules
from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import InvalidSpecError, RefusedError
from ansible_collections.baremetal.sriov.plugins.module_utils.model.goal import ModuleGoal
from ansible_collections.baremetal.sriov.plugins.module_utils.model.plan import Plan
from ansible_collections.baremetal.sriov.plugins.module_utils.model.state import NodeState
from ansible_collections.baremetal.sriov.plugins.module_utils.node.apply import carry_out
from ansible_collections.baremetal.sriov.plugins.module_utils.policy.node_spec import node_spec, parse_spec
from ansible_collections.baremetal.sriov.plugins.module_utils.record import pending_reboot
from ansible_collections.baremetal.sriov.plugins.module_utils.record.record import ORIGINAL
from support.fake_base import killed_at_every_write
from support.fake_boot import GrubHost

VFIO = ModuleGoal("vfio-pci", (("disable_idle_d3", "1"),))
DEP = "kernel/drivers/vfio/pci/vfio-pci.ko.xz: kernel/drivers/vfio/vfio.ko.xz\nkernel/x/igbvf.ko:\n"


@pytest.fixture
def host(tmp_path: Path) -> GrubHost:
    made = GrubHost(tmp_path)
    made.put("/proc/sys/kernel/osrelease", "6.12\n")
    made.put("/lib/modules/6.12/modules.dep", DEP)
    made.put("/lib/modules/6.12/modules.builtin", "kernel/drivers/pci/pci-stub.ko\n")
    return made


def bring(host: GrubHost, *specs: ModuleGoal) -> list[str]:
    steps = kernel_modules.plan(specs, kernel_modules.read(host, specs))
    for step in steps:
        step.apply(host)
    return [f"{step.kind} {step.target}" for step in steps]


def loaded(host: GrubHost, name: str, **parameters: tuple[str, int]) -> None:
    host.put(f"/sys/module/{name}/initstate", "live\n")
    for parameter, (value, mode) in parameters.items():
        host.put(f"/sys/module/{name}/parameters/{parameter}", value)
        os.chmod(host.path(f"/sys/module/{name}/parameters/{parameter}"), mode)


def test_a_module_is_loaded_now_and_at_boot_and_taken_back(host: GrubHost) -> None:
    before = set(host.tree())
    assert bring(host, VFIO) == [
        f"module_options {kernel_modules.OPTIONS_FILE}",
        f"module_boot_list {kernel_modules.BOOT_FILE}",
        "module_load vfio-pci",
    ]
    assert (host.read_text(kernel_modules.OPTIONS_FILE) or "").endswith("\noptions vfio-pci disable_idle_d3=1\n")
    assert (host.read_text(kernel_modules.BOOT_FILE) or "").endswith("\nvfio-pci\n")
    assert bring(host, VFIO) == []
    assert bring(host) == [
        f"module_options {kernel_modules.OPTIONS_FILE}", f"module_boot_list {kernel_modules.BOOT_FILE}",
    ]  # fmt: skip
    assert set(host.tree()) - before == {"/sys/module/vfio_pci/initstate"}


def test_a_module_may_have_options_and_not_be_loaded(host: GrubHost) -> None:
    assert bring(host, ModuleGoal("igbvf", (("debug", "3"),), load=False)) == [
        f"module_options {kernel_modules.OPTIONS_FILE}"
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
    stub = ModuleGoal("pci-stub", (("ids", "8086:10ca"),))
    host.put("/sys/module/vfio_pci/uevent", "")  # no initstate: built in
    for spec in (stub, VFIO):
        assert bring(host, spec) == []
    state = kernel_modules.read(host, [stub, VFIO])
    assert kernel_modules.kernel_arguments([stub, VFIO], state) == (
        "pci-stub.ids=8086:10ca", "vfio-pci.disable_idle_d3=1",
    )  # fmt: skip


def test_what_can_not_be_done_is_refused_at_once(host: GrubHost) -> None:
    host.put(kernel_modules.OPTIONS_FILE, "options igb max_vfs=7\n")
    with pytest.raises(RefusedError) as caught:
        bring(host, VFIO, ModuleGoal("no_such_module"))
    assert [problem.target for problem in caught.value.problems] == [
        kernel_modules.OPTIONS_FILE, "module no_such_module",
    ]  # fmt: skip


def test_every_mistake_is_named() -> None:
    specs = [ModuleGoal("a b"), ModuleGoal("x", (("o=", "1"), ("p", "1 2"))), ModuleGoal("x")]
    with pytest.raises(InvalidSpecError) as caught:
        kernel_modules.validate(specs)
    assert [mistake.path for mistake in caught.value.mistakes] == [
        "modules[0].name", "modules[1].options", "modules[1].options.p", "modules[2].name",
    ]  # fmt: skip


def carried_out(host: GrubHost, *specs: ModuleGoal) -> list[str]:
    plan = Plan(tuple(kernel_modules.plan(specs, kernel_modules.read(host, specs))))
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


@pytest.mark.parametrize("text", ["theirs\n", "options\n\n", "options vfio-pci x=1\n", "\x00\n"])
def test_somebody_elses_file_under_our_name_is_refused_in_words(host: GrubHost, text: str) -> None:
    """Also where its lines are none of modprobe's."""
    host.put(kernel_modules.OPTIONS_FILE, text)
    with pytest.raises(RefusedError, match="one of somebody else's under our name"):
        bring(host, VFIO)
    assert host.get(kernel_modules.OPTIONS_FILE) == text


def test_an_option_that_no_reboot_brings_is_refused(host: GrubHost) -> None:
    loaded(host, "vfio_pci", disable_idle_d3=("N\n", 0o444))
    for turn in range(2):
        steps = kernel_modules.plan([VFIO], kernel_modules.read(host, [VFIO]))
        assert [step.kind for step in steps][-1] == "reboot", turn
        pending_reboot.note(host, steps)
    host.reboot()
    with pytest.raises(RefusedError, match=r"vfio_pci\.disable_idle_d3"):
        kernel_modules.plan([VFIO], kernel_modules.read(host, [VFIO]))


class WithInitramfs(GrubHost):
    """Debian's, dracut's or Arch's; made: how often it was made again."""

    holds = "usr/lib/modules/6.12/kernel/drivers/vfio/pci/vfio-pci.ko.xz\n"
    made = 0

    def show(self, argv: tuple[str, ...]) -> str | Completed | None:
        if argv[0] not in ("lsinitramfs", "lsinitrd", "lsinitcpio"):
            return super().show(argv)
        assert self.exists(argv[1])
        return f"Image: {argv[1]}: 9M\n\n-rw-r--r-- 1 root root 9 {self.holds}"

    def act(self, argv: tuple[str, ...]) -> int:
        if argv[0] not in ("update-initramfs", "dracut", "mkinitcpio"):
            return super().act(argv)
        assert {"-u", "--force", "-P"} & set(argv)
        self.made += 1
        return 0


@pytest.fixture(params=["debian", "dracut", pytest.param("suse", id="finding-node-29-suse-initrd"),
                        pytest.param("arch", id="finding-node-29-arch-initrd")])  # fmt: skip
def initramfs_host(request: pytest.FixtureRequest, tmp_path: Path) -> WithInitramfs:
    made = WithInitramfs(tmp_path)
    made.put("/proc/sys/kernel/osrelease", "6.12\n")
    made.put("/usr/lib/modules/6.12/pkgbase", "linux-lts\n")
    program, image = {
        "debian": ("/usr/sbin/update-initramfs", "/boot/initrd.img-6.12"),
        "dracut": ("/usr/bin/dracut", "/boot/initramfs-6.12.img"),
        "suse": ("/usr/bin/dracut", "/boot/initrd-6.12"),
        "arch": ("/usr/bin/mkinitcpio", "/boot/initramfs-linux-lts.img"),
    }[request.param]
    made.put(program, "")
    made.put(image, "")
    return made


def test_the_initramfs_is_made_again_only_where_it_holds_a_module_that_changes(initramfs_host: WithInitramfs) -> None:
    host = initramfs_host
    carried_out(host, ModuleGoal("igbvf", (("debug", "3"),)))
    assert host.made == 0
    assert "module_initramfs initramfs" in carried_out(host, VFIO, ModuleGoal("igbvf", (("debug", "3"),)))
    assert host.made == 1
    assert carried_out(host, VFIO, ModuleGoal("igbvf", (("debug", "4"),)))
    assert host.made == 1
    carried_out(host)
    assert host.made == 2
    assert carried_out(host) == []


def test_a_run_that_is_killed_before_the_initramfs_is_made_is_finished(initramfs_host: WithInitramfs) -> None:
    host = initramfs_host
    for killed in killed_at_every_write(lambda _number: host, lambda host: carried_out(host, VFIO), 4):
        before = killed.made
        carried_out(killed, VFIO)
        assert killed.made > 0
        assert carried_out(killed, VFIO) == []
        carried_out(killed)
        assert killed.made > before
        killed.made = 0


def test_blacklists_and_soft_dependencies(host: GrubHost) -> None:
    spec = ModuleGoal("igbvf", load=False, blacklist=True)
    around = ModuleGoal("vfio-pci", (), False, before=("vfio", "x_y"), after=("z",))
    assert bring(host, spec, around) == [f"module_options {kernel_modules.OPTIONS_FILE}"]
    assert (host.read_text(kernel_modules.OPTIONS_FILE) or "").splitlines()[1:] == [
        "blacklist igbvf", "softdep vfio-pci pre: vfio x_y post: z",
    ]  # fmt: skip
    assert bring(host, spec, around) == []
    assert bring(host) == [f"module_options {kernel_modules.OPTIONS_FILE}"]
    with pytest.raises(InvalidSpecError) as caught:
        kernel_modules.validate([ModuleGoal("a", blacklist=True, before=("b c",))])
    assert [mistake.path for mistake in caught.value.mistakes] == ["modules[0].softdep", "modules[0].blacklist"]


def test_a_policys_list_may_blacklist_and_order_modules() -> None:
    modules = [{"name": "igbvf", "blacklist": True}, {"name": "vfio-pci", "softdep_pre": ["vfio"]}]
    spec = parse_spec(node_spec([], kernel_modules=modules))
    assert [(one.name, one.load, one.blacklist, one.before) for one in spec.options.kernel_modules] == [
        ("igbvf", False, True, ()), ("vfio-pci", True, False, ("vfio",)),
    ]  # fmt: skip
    with pytest.raises(InvalidSpecError, match="contradicts load: true"):
        node_spec([], kernel_modules=[{"name": "igbvf", "blacklist": True, "load": True}])
