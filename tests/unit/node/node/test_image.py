# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An image that is prepared, and its first boot: once, twice, and on machines that can't become what it asks for."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.host.image_host import LIVE, ImageHost
from ansible_collections.baremetal.sriov.plugins.module_utils.kernel.bootloaders import grub_d
from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import HostError, RefusedError
from ansible_collections.baremetal.sriov.plugins.module_utils.node import boot, first_boot, image
from ansible_collections.baremetal.sriov.plugins.module_utils.policy.node_spec import node_spec, parse_spec
from ansible_collections.baremetal.sriov.plugins.module_utils.policy.rendered_files import FIRST_BOOT_PATH, NODE_PATH
from ansible_collections.baremetal.sriov.plugins.module_utils.record import record
from support.checkout import ROOT
from support.fake_base import Killed
from support.fake_boot import MENU
from support.fake_host import FakeHost
from support.fake_pci import GROUPS
from support.node_runs import DPDK, KERNEL, PF1, PF2, absent, drivers, present

GRUB = 'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\n'
OPTIONS: dict[str, Any] = {
    "reboot_ok": True,
    "kernel_modules": [{"name": "vfio-pci", "options": {"disable_idle_d3": "1"}}],
}


def wish(policies: list[dict[str, Any]] | None = None, cpu: str = "intel", **options: Any) -> image.ImageWish:
    value = node_spec([KERNEL, DPDK] if policies is None else policies, **{**OPTIONS, **options})
    return image.ImageWish(parse_spec(value), value, cpu)


def made(root: Path) -> ImageHost:
    """As an installer leaves it: GRUB's tools, and no menu yet."""
    FakeHost(root).fill({
        "/etc/default/grub": GRUB,
        "/usr/sbin/grub-mkconfig": "for x in ${sysconfdir}/default/grub.d/*.cfg ; do :; done\n",
        "/usr/sbin/update-grub": "exec grub-mkconfig -o /boot/grub/grub.cfg\n",
    })  # fmt: skip
    return ImageHost(str(root))


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


class BiosOff(FakeHost):
    """Its firmware announces no IOMMU, whatever the kernel is asked for."""

    def reboot(self) -> None:
        super().reboot()
        self.iommu = False
        shutil.rmtree(self.real(GROUPS), ignore_errors=True)
        self.put("/sys/firmware/acpi/tables/FACP", "")


def booted(root: Path, menu: bool = True, kind: type[FakeHost] = FakeHost) -> FakeHost:
    """The machine that the image was written to. menu: its installer makes the boot menu, with what the image says."""
    shutil.rmtree(root / GROUPS)  # the build machine's
    host = kind(root, iommu=False)
    host.add_pf(PF1, "enp1s0")
    host.add_pf(PF2, "enp2s0")
    if menu:
        host.make_menu()
    else:
        host.put(grub_d.MENU, MENU.format(line="quiet", recovery="single"))
    host.put("/proc/self/mounts", "/dev/sda1 / ext4 rw 0 0\n")
    host.reboot()
    return host


def test_what_an_image_can_have_is_written_and_a_second_run_changes_nothing(tmp_path: Path) -> None:
    host = made(tmp_path)
    before = files(tmp_path)
    told = image.prepare(host, wish(), check=True)
    assert files(tmp_path) == before and told.plan.pending
    done = image.prepare(host, wish(), check=False)
    assert [step.as_dict() for step in done.plan.steps] == [step.as_dict() for step in told.plan.steps]
    after = files(tmp_path)
    assert after["etc/modprobe.d/baremetal-sriov.conf"].endswith(b"options vfio-pci disable_idle_d3=1\n")
    assert b"vfio-pci" in after["etc/modules-load.d/baremetal-sriov.conf"]
    assert b"intel_iommu=on iommu=pt" in after["etc/default/grub.d/zz-baremetal-sriov.cfg"]
    assert json.loads(after[FIRST_BOOT_PATH[1:]])["spec"]["policies"][0]["name"] == "kernel"
    again = image.prepare(host, wish(), check=False)
    assert not again.plan.pending and files(tmp_path) == after and again.left == done.left
    assert not done.plan.reboot_required


def test_what_is_left_for_the_first_boot_is_told(tmp_path: Path) -> None:
    left = image.prepare(made(tmp_path), wish(cpu="unknown", hugepages=[{"size": "2M", "count": 64}]), check=True).left
    assert left == (
        "VFs, their settings and drivers, and what the device plugin offers: kernel, dpdk",
        "the boot menu with the kernel arguments, unless it is made in the image",
        "the IOMMU's kernel arguments, for the node's CPU",
        "huge pages, for the node's memory",
    )
    (tmp_path / "empty").mkdir()
    left = image.prepare(ImageHost(str(tmp_path / "empty")), wish(kernel_arguments=["pci=realloc"]), check=True).left
    assert "kernel arguments: pci=realloc" in left and "the IOMMU's kernel arguments, for the node's CPU" in left


def test_it_is_taken_away_again(tmp_path: Path) -> None:
    host = made(tmp_path)
    (tmp_path / "etc" / "modprobe.d").mkdir()
    (tmp_path / "etc" / "modprobe.d" / "other.conf").write_text("blacklist pcspkr\n")
    before = files(tmp_path)
    image.prepare(host, wish(), check=False)
    image.prepare(host, image.ImageWish(), check=False)
    assert files(tmp_path) == before
    assert not image.prepare(host, image.ImageWish(), check=True).plan.pending


def test_another_wish_replaces_the_first(tmp_path: Path) -> None:
    host = made(tmp_path)
    image.prepare(host, wish(), check=False)
    image.prepare(host, wish([KERNEL], kernel_modules=[]), check=False)
    after = files(tmp_path)
    assert "etc/modprobe.d/baremetal-sriov.conf" not in after
    assert "etc/default/grub.d/zz-baremetal-sriov.cfg" not in after
    assert len(json.loads(after[FIRST_BOOT_PATH[1:]])["spec"]["policies"]) == 1


@pytest.mark.parametrize("path", ["/etc/modprobe.d/baremetal-sriov.conf", FIRST_BOOT_PATH])
def test_somebody_elses_file_is_not_replaced(tmp_path: Path, path: str) -> None:
    host = made(tmp_path)
    FakeHost(tmp_path).put(path, "theirs\n")
    before = files(tmp_path)
    with pytest.raises(RefusedError, match=path):
        image.prepare(host, wish(), check=False)
    assert files(tmp_path) == before


def test_the_disk_of_a_configured_node_is_no_image(tmp_path: Path) -> None:
    host = made(tmp_path)
    FakeHost(tmp_path).put(NODE_PATH, "{}")
    with pytest.raises(RefusedError, match=r"configured while it ran.*Run teardown"):
        image.prepare(host, wish(), check=False)


def test_a_first_boot_does_the_rest_without_a_reboot(tmp_path: Path) -> None:
    image.prepare(made(tmp_path), wish(), check=False)
    host = booted(tmp_path)
    assert boot.main(host, [boot.FIRST]) == 0
    assert host.numvfs(PF1) == 4 and drivers(host, PF2) == ["vfio-pci"] * 7
    assert not host.exists(FIRST_BOOT_PATH) and host.exists(NODE_PATH) and not reboots(host)
    assert not present(host, [KERNEL, DPDK], **OPTIONS).plan.pending
    assert boot.main(host, [boot.FIRST]) == 0  # nothing is left of it


def reboots(host: FakeHost) -> list[str]:
    return [verb for verb in host.verbs if "reboot" in verb]


def test_a_first_boot_reboots_once_where_it_must(tmp_path: Path) -> None:
    image.prepare(made(tmp_path), wish(cpu="unknown"), check=False)
    host = booted(tmp_path, menu=False)
    assert boot.main(host, [boot.FIRST]) == 0
    assert reboots(host) == ["reboot --no-block"] and host.exists(record.FIRST_BOOT)
    assert host.numvfs(PF1) == 4 and host.numvfs(PF2) == 0
    host.reboot()
    assert boot.main(host) == 0 and drivers(host, PF2) == ["vfio-pci"] * 7
    assert boot.main(host, [boot.FIRST]) == 0 and len(reboots(host)) == 1
    absent(host)
    assert not host.exists(record.FIRST_BOOT)


@pytest.mark.parametrize("reason", ["word", "done", "memory"])
def test_no_reboot_without_the_word_or_a_second_time_or_where_nothing_counts(
    tmp_path: Path, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    image.prepare(made(tmp_path), wish(cpu="unknown", reboot_ok=reason != "word"), check=False)
    host = booted(tmp_path, menu=False)
    if reason == "done":
        host.put(record.FIRST_BOOT, '{"format": 1, "reboots": 1}')
    if reason == "memory":
        host.put("/proc/self/mounts", "/dev/sda1 /media ext4 rw 0 0\noverlay / overlay rw 0 0\n")
    for _boot in range(3):
        assert boot.main(host, [boot.FIRST]) == 0
    assert not reboots(host)
    said = capsys.readouterr().out
    words = {"word": "sriov_reboot_ok is not set", "done": "was done at the first boot", "memory": "overlay"}
    assert words[reason] in said


def test_a_node_whose_bios_is_off_is_told_of_and_never_goes_round(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No ACPI table announces an IOMMU, and no boot brings one."""
    image.prepare(made(tmp_path), wish(cpu="intel"), check=False)
    host = booted(tmp_path, kind=BiosOff)
    for _boot in range(3):
        assert boot.main(host, [boot.FIRST]) == 1
        assert "VT-d" in capsys.readouterr().err and not reboots(host) and host.exists(FIRST_BOOT_PATH)
        host.reboot()


def test_a_kill_at_any_write_is_made_good_by_the_next_boot_with_one_reboot_at_most(tmp_path: Path) -> None:
    for at in range(1, 60, 7):
        root = tmp_path / str(at)
        image.prepare(made(root), wish(cpu="unknown"), check=False)
        host = booted(root, menu=False)
        try:
            with host.mortal(at):
                boot.main(host, [boot.FIRST])
        except Killed:
            host.reboot()
        for _boot in range(3):
            boot.main(host)
            boot.main(host, [boot.FIRST])
            host.reboot()
        boot.main(host)
        assert not host.exists(FIRST_BOOT_PATH) and len(reboots(host)) <= 1
        assert host.numvfs(PF1) == 4 and drivers(host, PF2) == ["vfio-pci"] * 7


def test_a_specification_of_another_version_ends_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    host = booted(made(tmp_path) and tmp_path)
    host.put(FIRST_BOOT_PATH, json.dumps({"format": first_boot.FORMAT + 1, "spec": {}}))
    before = list(host.log)
    assert boot.main(host, [boot.FIRST]) == 1
    assert FIRST_BOOT_PATH in capsys.readouterr().err and host.log == before


# Prepares, takes away, and prints what was opened, listed, changed or started meanwhile.
WATCHED = """
import json, sys
from pathlib import Path
sys.path[:0] = json.loads(sys.argv[2])
from support import checkout
checkout.name_the_checkout()
sys.path.insert(0, str(Path(sys.argv[3]).parent))
import test_image
host, wish = test_image.made(Path(sys.argv[1])), test_image.wish(cpu="unknown")
seen, on = [], False
def watch(event, arguments):
    if on and event.partition(".")[0] in ("open", "os", "shutil", "socket", "subprocess", "fcntl", "ctypes"):
        seen.append([event, str(arguments[0]) if arguments else ""])
sys.addaudithook(watch)
on = True
test_image.image.prepare(host, wish, check=False)
test_image.image.prepare(host, test_image.image.ImageWish(), check=False)
on = False
print(json.dumps(seen))
"""


def test_nothing_of_the_build_machine_is_opened_changed_or_started(tmp_path: Path) -> None:
    """By the interpreter's own audit events (PEP 578). What runs there is mounted in the image, too, as builders do."""
    root = tmp_path / "image"
    paths = json.dumps([str(ROOT / "tests"), str(ROOT / "tests" / "tools")])
    argv = [sys.executable, "-B", "-c", WATCHED, str(root), paths, __file__]
    done = subprocess.run(argv, capture_output=True, text=True, close_fds=False, check=True)
    seen = json.loads(done.stdout)
    assert len(seen) > 50
    ours = (f"{root}/", "/dev/null/", f"{ROOT}/", f"{sys.base_prefix}/", f"{sys.prefix}/")
    for event, what in seen:
        allowed = what.isdigit() or what == str(root) or what.startswith(ours)
        live = what.startswith(tuple(f"{root}/{name}/" for name in LIVE))
        assert allowed and not live and event.partition(".")[0] in ("open", "os", "fcntl"), (event, what)


def test_a_lock_is_the_images_own(tmp_path: Path) -> None:
    host = made(tmp_path)
    other = ImageHost(str(tmp_path)).lock("/run/lock", 0.0)
    with host.lock("/run/lock"), pytest.raises(HostError, match="another run holds it"):
        other.__enter__()
    assert not (tmp_path / "run").exists()
