# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel arguments through GRUB: from what others left, to ours, and back to the very same bytes."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.kernel import cmdline
from ansible_collections.baremetal.sriov.plugins.module_utils.kernel.bootloaders import grub_d
from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import (
    HostError,
    InvalidSpecError,
    RefusedError,
)
from ansible_collections.baremetal.sriov.plugins.module_utils.model.plan import Plan
from ansible_collections.baremetal.sriov.plugins.module_utils.record import pending_reboot
from ansible_collections.baremetal.sriov.plugins.module_utils.record.record import ASKED
from support.fake_base import killed_at_every_write
from support.fake_boot import GrubHost
from support.node_runs import IOMMU, NONE, SHORTER, bring, bring_all, plan, running


@pytest.fixture
def host(tmp_path: Path) -> GrubHost:
    return GrubHost(tmp_path)


def test_a_plan_names_what_it_overrides_and_where_and_changes_nothing(host: GrubHost) -> None:
    before = host.tree()
    first, second = plan(host, IOMMU)
    assert (first.kind, first.target, first.before, first.after) == (
        "kernel_arguments", "grub", [], ["intel_iommu=on", "iommu=pt"],
    )  # fmt: skip
    for variable in ("GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT"):
        where = f"intel_iommu=off from {variable} in /etc/default/grub is overridden by our later token"
        assert where in first.reason
    assert (second.kind, second.after) == ("reboot", ["intel_iommu=on", "iommu=pt"])
    assert Plan((first, second)).reboot_required
    assert host.tree() == before


def test_ours_take_effect_with_one_reboot_and_then_there_is_nothing_to_do(host: GrubHost) -> None:
    assert bring(host, IOMMU) == ["kernel_arguments", "reboot"]
    assert bring(host, IOMMU) == ["reboot"]
    host.reboot()
    assert running(host)[-2:] == ("intel_iommu=on", "iommu=pt")
    assert running(host).count("intel_iommu=off") == 2
    assert plan(host, IOMMU) == []


def test_removal_gives_back_every_byte(host: GrubHost) -> None:
    before = host.tree()
    bring(host, IOMMU)
    host.reboot()
    assert bring(host, NONE) == ["kernel_arguments", "reboot"]
    assert host.tree() == before


def test_a_second_removal_still_owes_the_reboot(host: GrubHost) -> None:
    bring(host, IOMMU)
    host.reboot()
    bring(host, NONE)
    assert bring(host, NONE) == ["reboot"]
    assert plan(host, IOMMU)[-1].kind == "kernel_arguments"  # asked for again: the running kernel has them
    host.reboot()
    assert plan(host, NONE) == []


def test_nothing_is_owed_for_what_others_give_as_well(tmp_path: Path) -> None:
    host = GrubHost(tmp_path, 'GRUB_CMDLINE_LINUX="iommu=pt"\n')
    bring(host, IOMMU)
    host.reboot()
    bring(host, NONE)
    (step,) = plan(host, NONE)
    assert step.before == ["intel_iommu=on"]


def test_a_reboot_that_did_not_help_is_not_asked_for_again(host: GrubHost) -> None:
    pending_reboot.note(host, plan(host, IOMMU))
    bring(host, IOMMU)
    assert bring(host, IOMMU) == ["reboot"]  # nobody has rebooted it yet
    line = host.read_text("/proc/cmdline") or ""
    host.reboot()
    pending_reboot.settle(host, ("intel_iommu=on",))
    host.put("/proc/cmdline", line)  # another menu was used
    with pytest.raises(RefusedError) as caught:
        plan(host, IOMMU)
    (problem,) = caught.value.problems
    assert (problem.target, "'Debian'" in problem.found) == (f"boot loader grub, {grub_d.MENU}", True)
    assert "intel_iommu=on iommu=pt on the kernel's command line" in problem.expected
    assert plan(host, NONE)[0].kind == "kernel_arguments"  # and there is a way back
    host.reboot()
    assert plan(host, IOMMU) == []
    pending_reboot.settle(host, ())
    assert not host.exists(ASKED)


def test_a_damaged_memory_of_a_reboot_is_none(host: GrubHost) -> None:
    for text in ("{", "[]", '{"format": 2, "boot_id": "x", "arguments": ["iommu=pt"]}'):
        host.put(ASKED, text)
        assert pending_reboot.read(host).requested == ()


def test_a_menu_that_was_not_made_again_is_noticed(host: GrubHost) -> None:
    menu = host.read_text(grub_d.MENU) or ""
    bring(host, IOMMU)
    host.put(grub_d.MENU, menu)
    step = plan(host, IOMMU)[0]
    assert (step.action, step.before) == ("make the boot menu again", step.after)
    bring(host, IOMMU)
    host.reboot()
    assert plan(host, IOMMU) == []


def test_what_others_already_give_needs_no_file_of_ours(tmp_path: Path) -> None:
    host = GrubHost(tmp_path, 'GRUB_CMDLINE_LINUX="intel_iommu=on,sm_on iommu=pt"\n')
    assert plan(host, IOMMU) == []
    assert not host.exists(grub_d.OURS)


def test_a_changed_list_replaces_ours_alone(host: GrubHost) -> None:
    bring(host, IOMMU)
    host.reboot()
    longer = (*IOMMU, "hugepages=8")
    assert bring(host, longer) == ["kernel_arguments", "reboot"]
    host.reboot()
    assert bring(host, IOMMU) == ["kernel_arguments", "reboot"]
    host.reboot()
    assert "hugepages=8" not in running(host)
    assert plan(host, IOMMU) == []


def test_being_killed_at_any_change_leaves_what_the_next_run_finishes(tmp_path: Path) -> None:
    pristine = GrubHost(tmp_path / "pristine").tree()
    for goal in (IOMMU, SHORTER, NONE):
        folder = tmp_path / str(len(goal))
        for host in killed_at_every_write(lambda number, folder=folder: GrubHost(folder / str(number)), bring_all, 8):
            bring(host, goal)
            host.reboot()
            assert plan(host, goal) == []
            assert cmdline.lacking(running(host), goal) == ()
            if goal == SHORTER:
                assert "iommu=pt" not in running(host)
            if goal == NONE:
                assert host.tree() == pristine


def test_a_failing_update_puts_our_settings_back(host: GrubHost) -> None:
    before = host.tree()
    host.faults["update-grub"] = errno.ENOSPC
    with pytest.raises(HostError, match="No space left"):
        bring(host, IOMMU)
    bring(host, NONE)
    assert host.tree() == before


def test_settings_that_would_drop_or_defeat_ours_are_refused_by_name(host: GrubHost) -> None:
    host.put("/etc/default/grub.d/zzz-late.cfg", 'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\n')
    host.put("/etc/default/grub.d/10-final.cfg", 'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX iommu=off -- x"\n')
    with pytest.raises(RefusedError) as caught:
        plan(host, IOMMU)
    found = [problem.target for problem in caught.value.problems]
    final = "GRUB_CMDLINE_LINUX in /etc/default/grub.d/10-final.cfg"
    assert found == ["/etc/default/grub.d/zzz-late.cfg", final, final]


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ('GRUB_CMDLINE_LINUX_DEFAULT="$GRUB_CMDLINE_LINUX_DEFAULT intel_iommu=off"\n', True),
        ('GRUB_CMDLINE_LINUX_DEFAULT="intel_iommu=off ${GRUB_CMDLINE_LINUX_DEFAULT}"\n', False),
        ('GRUB_CMDLINE_LINUX_DEFAULT="$GRUB_CMDLINE_LINUX_DEFAULT intel_iommu=on,sm_on"\n', False),
        ('GRUB_CMDLINE_LINUX="intel_iommu=off"\n', False),
    ],
)
def test_settings_after_ours_count_by_where_they_put_a_token(
    host: GrubHost, text: str, refused: bool
) -> None:
    host.put("/etc/default/grub.d/zzz.cfg", text)
    host.make_menu()
    if refused:
        with pytest.raises(RefusedError, match=r"GRUB_CMDLINE_LINUX_DEFAULT in /etc/default/grub\.d/zzz\.cfg"):
            plan(host, IOMMU)
        return
    bring(host, IOMMU)
    host.reboot()
    assert plan(host, IOMMU) == []


def test_an_override_that_the_settings_do_not_show_is_an_error_and_undone(host: GrubHost) -> None:
    host.put("/etc/default/grub.d/zzz.cfg", "eval GRUB_CMDLINE_LINUX_''DEFAULT=quiet\n")
    host.make_menu()
    before = host.tree()
    with pytest.raises(HostError, match="overrides"):
        bring(host, IOMMU)
    assert host.tree() == before


def test_a_menu_written_by_hand_is_not_lost(host: GrubHost) -> None:
    host.put(grub_d.MENU, "menuentry 'mine' {\n linux /boot/vmlinuz root=/dev/sda1\n}\n")
    with pytest.raises(RefusedError, match="40_custom"):
        plan(host, IOMMU)


def test_another_boot_loader_is_refused_only_where_a_change_is_needed(host: GrubHost) -> None:
    Path(host.path(grub_d.MENU)).unlink()
    with pytest.raises(RefusedError, match="intel_iommu=on iommu=pt"):
        plan(host, IOMMU)
    assert plan(host, NONE) == []
    host.put("/proc/cmdline", "intel_iommu=on iommu=pt\n")
    assert plan(host, IOMMU) == []


def test_bad_arguments_are_refused_before_anything_is_planned(host: GrubHost) -> None:
    with pytest.raises(InvalidSpecError, match=r"arguments\[0\]"):
        plan(host, ("a;reboot",))


def test_the_recovery_entry_and_the_memory_test_are_left_out() -> None:
    host_menu = (
        "menuentry 'D' $menuentry_id_option 'gnulinux-simple-x' {\n linux /vmlinuz a\n}\n"
        "menuentry 'R' $menuentry_id_option 'gnulinux-6-recovery-x' {\n linux /vmlinuz single\n}\n"
        "menuentry 'W' $menuentry_id_option 'osprober-gnulinux-x' {\n linux /vmlinuz b\n}\n"
        'menuentry "M" {\n linux16 /memtest.bin\n}\nmenuentry "own" {\n linux /vmlinuz c\n}\n'
    )
    assert [(entry.title, entry.tokens) for entry in grub_d.menu_entries(host_menu)] == [("D", ("a",))]
    own = host_menu.replace("'gnulinux-simple-x'", "'own'")
    assert [entry.title for entry in grub_d.menu_entries(own)] == ["D", "own"]
