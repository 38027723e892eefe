# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel arguments through the other boot loaders: on recorded hosts, and with the real kernel-install."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.entry import kernel_modules
from ansible_collections.baremetal.sriov.plugins.module_utils.kernel import arguments as kernel_arguments
from ansible_collections.baremetal.sriov.plugins.module_utils.kernel import cmdline
from ansible_collections.baremetal.sriov.plugins.module_utils.kernel.bootloaders import appended_arguments, table
from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import (
    HostError,
    RefusedError,
    SriovError,
    StateFileError,
)
from ansible_collections.baremetal.sriov.plugins.module_utils.policy.node_spec import node_spec, parse_spec
from support.fake_base import killed_at_every_write
from support.fake_boot import ID, RHEL8_ENTRY, GrubHost, booted
from support.node_runs import IOMMU, NONE, SHORTER, bring, bring_all, plan, ran, running

LOADER_ENTRY = Path("/usr/lib/kernel/install.d/90-loaderentry.install")

LOADERS = {
    "rhel8": "grub-bls",
    "rhel9": "grub-bls",
    "systemd-boot": "systemd-boot",
    "rpm-ostree": "rpm-ostree",
    "suse": "grub-mkconfig",
    "arch": "grub-mkconfig",
    "no-variable": "grub-mkconfig",
    "proxmox": "proxmox-boot-tool",
}
NEW = ("suse", "arch", "no-variable", "proxmox")
every_system = pytest.mark.parametrize(
    "system", [pytest.param(name, id=f"finding-node-29-{name}" if name in NEW else name) for name in LOADERS]
)


def test_every_back_end_can_be_named() -> None:
    names = [loader.name for loader in table.BOOT_LOADERS]
    assert ("auto", *sorted(set(names))) == table.NAMES and len(set(names)) == len(names)
    for name in table.NAMES:
        assert parse_spec(node_spec([], boot_loader=name)).options.boot_loader == name


@every_system
def test_there_with_one_reboot_and_back_to_every_byte(tmp_path: Path, system: str) -> None:
    host = booted(tmp_path, system)
    before = host.tree()
    foreign = running(host)
    assert plan(host, IOMMU)[0].target == LOADERS[system]
    assert host.tree() == before
    assert bring(host, IOMMU) == ["kernel_arguments", "reboot"]
    assert bring(host, IOMMU) == ["reboot"]
    host.reboot()
    assert running(host) == (*foreign, "intel_iommu=on", "iommu=pt")
    assert plan(host, IOMMU) == []
    longer = (*IOMMU, "hugepages=8")
    assert bring(host, longer) == ["kernel_arguments", "reboot"]
    host.reboot()
    assert plan(host, longer) == []
    assert bring(host, NONE) == ["kernel_arguments", "reboot"]
    assert host.tree() == before
    host.reboot()
    assert plan(host, NONE) == []


@every_system
def test_being_killed_at_any_change_loses_nothing_of_others(tmp_path: Path, system: str) -> None:
    pristine = booted(tmp_path / "pristine", system).tree()
    for goal in (IOMMU, SHORTER, NONE):
        folder = tmp_path / str(len(goal))
        for host in killed_at_every_write(
            lambda number, folder=folder: booted(folder / str(number), system), bring_all, 6
        ):
            bring(host, goal)
            host.reboot()
            assert plan(host, goal) == []
            assert cmdline.lacking(running(host), goal) == ()
            bring(host, NONE)
            assert host.tree() == pristine


@every_system
def test_a_change_that_fails_is_undone(tmp_path: Path, system: str) -> None:
    host = booted(tmp_path, system)
    before = host.tree()
    what = next(path for path in ("/etc/kernel/cmdline", "/boot/grub2/grubenv", "/etc/default/grub", "rpm-ostree")
                if path == "rpm-ostree" or host.exists(path))  # fmt: skip
    host.faults = {what: errno.ENOSPC}
    with pytest.raises(HostError, match="No space left"):
        bring(host, IOMMU)
    assert host.tree() == before


@pytest.mark.parametrize(("system", "tool"), [
    pytest.param("suse", "grub2-mkconfig", id="finding-node-29-maker-fails"),
    pytest.param("proxmox", "proxmox-boot-tool", id="finding-node-29-refresh-fails"),
])  # fmt: skip
def test_a_tool_that_fails_leaves_all_as_it_was(tmp_path: Path, system: str, tool: str) -> None:
    host = booted(tmp_path, system)
    before = host.tree()
    host.faults = {tool: errno.ENOSPC}
    with pytest.raises(HostError, match=tool):
        bring(host, IOMMU)
    assert host.tree() == before


@pytest.mark.parametrize("version", [pytest.param("4.18.0-553.el8.x86_64", id="finding-node-27-later-kernel")])
def test_a_kernel_that_is_installed_later_on_rhel_8(tmp_path: Path, version: str) -> None:
    """Its entry names the line that all share, so that is the one which has ours."""
    host = booted(tmp_path, "rhel8")
    before = host.tree()
    bring(host, IOMMU)
    assert [path for path, file in host.tree().items() if before.get(path) != file and path.startswith("/boot")] == [
        "/boot/grub2/grubenv"
    ]
    path = f"/boot/loader/entries/{ID}-{version}.conf"
    host.put(path, RHEL8_ENTRY.format(version=version))
    host.reboot()
    assert running(host)[-2:] == IOMMU and plan(host, IOMMU) == []
    bring(host, NONE)
    host.real(path).unlink()
    assert host.tree() == before


@pytest.mark.parametrize("size", [pytest.param(1024, id="finding-node-27-block")])
def test_the_environment_keeps_its_form(tmp_path: Path, size: int) -> None:
    """Whole blocks, through the link that points to the firmware's partition; more blocks where it is full."""
    host = booted(tmp_path, "rhel8")
    text = host.get("/boot/grub2/grubenv")
    host.put("/boot/efi/EFI/redhat/grubenv", text)
    host.symlink("/boot/grub2/grubenv", "../efi/EFI/redhat/grubenv")
    before = host.tree()
    bring(host, IOMMU)
    assert host.read_link("/boot/grub2/grubenv") == "../efi/EFI/redhat/grubenv"
    written = host.get("/boot/efi/EFI/redhat/grubenv")
    assert len(written) == size and "quiet iommu=pt intel_iommu=on iommu=pt \n###" in written
    bring(host, NONE)
    assert host.tree() == before
    bring(host, tuple(f"module.option{number:04d}=1" for number in range(60)))
    assert len(host.get("/boot/efi/EFI/redhat/grubenv")) == 3 * 512 and plan(host, NONE)[0].action


@pytest.mark.parametrize("menu", [
    pytest.param('if [ -z "$kernelopts" ]; then\n  set kernelopts="root=/dev/x ro "\nfi\n', id="finding-node-27-menu"),
])  # fmt: skip
def test_entries_that_share_a_line_of_the_menu(tmp_path: Path, menu: str) -> None:
    """Without one in the environment the menu's own counts, and entries have ours on their own."""
    host = booted(tmp_path, "rhel8")
    host.put("/boot/grub2/grubenv", "# GRUB Environment Block\nsaved_entry=x\n".ljust(1024, "#"))
    host.put("/boot/grub2/grub.cfg", f"{menu}blscfg\n")
    (step, _reboot) = plan(host, IOMMU)
    step.apply(host)
    assert f"$kernelopts $tuned_params {' '.join(IOMMU)}" in host.get(
        f"/boot/loader/entries/{ID}-4.18.0-513.el8.x86_64.conf"
    )


@pytest.mark.parametrize(("settings", "words"), [
    pytest.param('GRUB_CMDLINE_LINUX_DEFAULT="a"\nGRUB_CMDLINE_LINUX_DEFAULT+=" b"\n', "put together of several",
                 id="finding-node-29-several-lines"),
    pytest.param('GRUB_CMDLINE_LINUX_DEFAULT="quiet iommu=off"\n', "no argument that a later one can't take back",
                 id="finding-node-29-final"),
])  # fmt: skip
def test_settings_that_are_refused(tmp_path: Path, settings: str, words: str) -> None:
    host = booted(tmp_path, "suse")
    host.put("/etc/default/grub", settings)
    with pytest.raises(RefusedError, match=words):
        plan(host, IOMMU)


@pytest.mark.parametrize("path", [pytest.param("/boot/grub2/grub.cfg", id="finding-node-29-by-hand")])
def test_a_menu_by_hand_is_refused(tmp_path: Path, path: str) -> None:
    host = booted(tmp_path, "suse")
    host.put(path, "menuentry 'mine' {\n linux /vmlinuz root=/dev/sda1\n}\n")
    with pytest.raises(RefusedError, match="written by hand"):
        plan(host, IOMMU)


@pytest.mark.parametrize("grub", [pytest.param("grub", id="finding-node-29-proxmox-grub")])
def test_proxmox_with_grub(tmp_path: Path, grub: str) -> None:
    """GRUB started it: its settings count, and the tool carries the menu to the partitions."""
    host = GrubHost(tmp_path, 'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\n')
    host.put("/etc/kernel/proxmox-boot-uuids", "1234-ABCD\n")
    host.put("/usr/sbin/proxmox-boot-tool", "#!/bin/sh\n")
    refreshed: list[str] = []

    def act(argv: list[str]) -> int:
        if "proxmox" not in argv[0]:
            return GrubHost.act(host, argv)
        refreshed.append(argv[1])
        return 0

    host.act = act  # type: ignore[method-assign]
    assert plan(host, IOMMU)[0].target == grub
    bring(host, IOMMU)
    assert refreshed == ["refresh"]


def test_what_others_give_already_needs_nothing_of_ours(tmp_path: Path) -> None:
    host = booted(tmp_path, "rpm-ostree")
    assert plan(host, ("iommu=pt",)) == []
    assert not host.exists(appended_arguments.MEMORY)


def test_a_token_that_was_there_before_stays(tmp_path: Path) -> None:
    host = booted(tmp_path, "rpm-ostree")
    bring(host, IOMMU)
    assert host.kargs.split().count("iommu=pt") == 2
    bring(host, NONE)
    assert host.kargs.split().count("iommu=pt") == 1


def test_the_reason_names_what_is_overridden(tmp_path: Path) -> None:
    step = plan(booted(tmp_path, "rhel9"), IOMMU)[0]
    assert f"intel_iommu=off from /boot/loader/entries/{ID}-5.14.0-284.el9.x86_64.conf is overridden" in step.reason


def test_words_that_somebody_adds_between_and_behind_ours(tmp_path: Path) -> None:
    host = booted(tmp_path, "rhel9")
    bring(host, IOMMU)
    path = f"/boot/loader/entries/{ID}-5.14.0-362.el9.x86_64.conf"
    text = host.read_text(path) or ""
    host.put(path, text.replace("intel_iommu=on iommu=pt", "intel_iommu=on quiet iommu=pt intel_iommu=off"))
    host.reboot()
    assert bring(host, IOMMU) == ["kernel_arguments", "reboot"]
    host.reboot()
    assert running(host)[-4:] == ("quiet", "intel_iommu=off", "intel_iommu=on", "iommu=pt")
    bring(host, NONE)
    left = (host.read_text(path) or "").partition("\noptions ")[2].splitlines()[0]
    assert left.split()[-2:] == ["quiet", "intel_iommu=off"]
    assert left.split().count("intel_iommu=off") == 2


def test_the_rescue_entry_is_left_alone(tmp_path: Path) -> None:
    host = booted(tmp_path, "rhel9")
    bring(host, IOMMU)
    rescue = next(name for name in host.list_dir("/boot/loader/entries") if "rescue" in name)
    assert "intel_iommu=on" not in (host.read_text(f"/boot/loader/entries/{rescue}") or "")


def test_an_argument_that_nothing_takes_back_is_refused(tmp_path: Path) -> None:
    host = booted(tmp_path, "systemd-boot")
    host.put("/etc/kernel/cmdline", "root=UUID=1-2 iommu=off")
    with pytest.raises(RefusedError, match="/etc/kernel/cmdline: expected no argument that a later one"):
        plan(host, IOMMU)


def test_a_unified_kernel_image_is_refused_in_words(tmp_path: Path) -> None:
    host = booted(tmp_path, "systemd-boot")
    host.put("/efi/EFI/Linux/debian.efi", "MZ")
    with pytest.raises(RefusedError, match="unified kernel image"):
        plan(host, IOMMU)


def test_a_named_boot_loader_is_used_and_taken_back_without_its_name(tmp_path: Path) -> None:
    host = booted(tmp_path, "systemd-boot")
    host.put("/etc/default/grub", "GRUB_ENABLE_BLSCFG=true\n")
    host.put(f"/boot/loader/entries/{ID}-old.conf", "title old\nlinux /old\noptions ro\n")
    before = host.tree()
    steps = kernel_arguments.plan(IOMMU, kernel_arguments.read(host, "systemd-boot"))
    assert steps[0].target == "systemd-boot"
    steps[0].apply(host)
    with pytest.raises(HostError, match="expected the one that our kernel arguments are in; found systemd-boot"):
        kernel_arguments.read(host, "grub-bls")
    bring(host, NONE)
    assert host.tree() == before
    assert kernel_arguments.read(host).loader is not None and plan(host, IOMMU)[0].target == "grub-bls"


def test_the_module_of_kernel_arguments_names_one_too(tmp_path: Path) -> None:
    host = booted(tmp_path, "systemd-boot")
    host.put("/etc/default/grub", "GRUB_ENABLE_BLSCFG=true\n")
    host.put(f"/boot/loader/entries/{ID}-old.conf", "title old\nlinux /old\noptions ro\n")
    for name in ("grub-bls", "systemd-boot"):
        assert ran(host, kernel_modules.kernel_arguments, (), name, check=True).result["boot_loader"] == name


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": 9}', '{"format": 1, "tokens": 3}'])
def test_a_damaged_memory_is_refused(tmp_path: Path, text: str) -> None:
    host = booted(tmp_path, "rhel9")
    host.put(appended_arguments.MEMORY, text)
    with pytest.raises(StateFileError, match="Nothing was changed"):
        kernel_arguments.read(host)
    assert issubclass(StateFileError, SriovError)


@pytest.mark.skipif(not LOADER_ENTRY.exists(), reason="no kernel-install of systemd here")
def test_a_kernel_that_kernel_install_adds_has_ours_and_loses_them(tmp_path: Path) -> None:
    """The real kernel-install, with the machine's own plugin for entries."""
    host = booted(tmp_path, "systemd-boot")
    before = host.tree()
    bring(host, IOMMU)
    image = tmp_path / "vmlinuz"
    image.write_text("a kernel")
    program = shutil.which("kernel-install") or "/usr/bin/kernel-install"
    (tmp_path / "efi" / ID).mkdir()
    environment = {
        **os.environ,
        "BOOT_ROOT": str(tmp_path / "efi"),
        "MACHINE_ID": ID,
        "KERNEL_INSTALL_CONF_ROOT": str(tmp_path / "etc/kernel"),
        "KERNEL_INSTALL_PLUGINS": str(LOADER_ENTRY),
    }
    subprocess.run([program, "add", "6.1.0-9-amd64", str(image)], check=True, env=environment, capture_output=True)
    image.unlink()
    path = f"/efi/loader/entries/{ID}-6.1.0-9-amd64.conf"
    assert "ro quiet intel_iommu=on iommu=pt" in (host.read_text(path) or "")
    assert not [step for step in plan(host, IOMMU) if step.kind != "reboot"]
    bring(host, NONE)
    assert "iommu" not in (host.read_text(path) or "")
    Path(host.path(path)).unlink()
    (tmp_path / "efi" / ID / "6.1.0-9-amd64" / "linux").unlink()
    assert host.tree() == before
