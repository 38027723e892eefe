# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An image that is prepared without any node, and what the node is at its first boot from it, without a controller."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import chain
import pytest
import standalone

from sriovlab import apt
from sriovlab.guest import Lab
from sriovlab.progress import LabError

FIRST = "baremetal-sriov-first-boot.service"
SPEC = "/etc/baremetal-sriov/first-boot.json"


def prepare(root: Path, **more: Any) -> chain.Run:
    """The playbook image, for the chain's node and its policies."""
    wanted = {"sriov_target_root": str(root), "sriov_target_cpu": "intel", "sriov_reboot_ok": True, **more}
    run = chain.playbook("image", wanted)
    assert run.status == 0, run.output
    return run


@pytest.fixture(scope="module")
def lab() -> Lab:
    """The node from its pristine disk, with an IOMMU."""
    return standalone.start(pristine=True)


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root file system as debootstrap makes it: by mmdebstrap, which the lab has, and as cloud images have it."""
    root = tmp_path_factory.mktemp("debootstrap") / "root"
    packages = "--include=python3,grub2-common,systemd-sysv,cloud-init"
    sources = apt.source_lines(*apt.mirrors(), apt.SUITE)
    subprocess.run(["mmdebstrap", "--variant=minbase", packages, apt.SUITE, str(root), *sources], check=True)
    return root


def files(root: Path) -> dict[str, bytes]:
    found = {}
    for path in root.rglob("*"):
        name = str(path.relative_to(root))
        if path.is_symlink():
            found[name] = str(path.readlink()).encode()
        elif path.is_file():
            found[name] = path.read_bytes()
    return found


def test_an_image_of_debootstrap(lab: Lab, system: Path) -> None:
    """All but what needs a machine, the device plugin's libraries included; twice the same, and taken away again."""
    before = files(system)
    first = prepare(system)
    after = files(system)
    assert first.recap["node1"]["changed"] == 1 and "do not tell for which Python" not in first.output
    assert f"etc/systemd/system/multi-user.target.wants/{FIRST}" in after
    assert b"intel_iommu=on" in after["etc/default/grub.d/zz-baremetal-sriov.cfg"]
    assert any("/site/cp311/" in name for name in after)
    assert prepare(system).recap["node1"]["changed"] == 0 and files(system) == after
    prepare(system, sriov_target_absent=True)
    assert files(system) == before


def test_the_snippet_is_one_for_cloud_init(lab: Lab, system: Path, tmp_path: Path) -> None:
    """By cloud-init's own schema."""
    (tmp_path / "root").mkdir()
    archive = {"sriov_target_archive": str(tmp_path / "sriov.tar.gz"), "sriov_target_url": "http://192.0.2.1/a"}
    prepare(tmp_path / "root", **archive)
    (system / "tmp/user-data").write_bytes((tmp_path / "user-data").read_bytes())
    words = ["chroot", str(system), "cloud-init", "schema", "--config-file", "/tmp/user-data"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "Valid" in done.stdout, done.stdout + done.stderr


def has_booted(lab: Lab, boots: int) -> bool:
    """Whether the node knows of so many boots; one that is on its way up or down does not tell."""
    try:
        return chain.boots(lab) >= boots
    except LabError:
        lab.state.ssh().close()
        return False


def first_boot(lab: Lab) -> None:
    """A boot, and the one that the first boot's work asks for: the kernel has no arguments before."""
    boots, running = chain.boots(lab), lab.boot_id()
    lab.run(["systemctl", "--no-block", "reboot"], check=False)
    lab.state.ssh().close()
    try:
        lab.wait_for("two boots", lambda: has_booted(lab, boots + 2), 400.0, every=3.0)
    except LabError as error:
        told = lab.run(["journalctl", "--unit", FIRST, "--no-pager", "--output=short-monotonic"], check=False)
        raise AssertionError(f"{error}\n{told.stdout}") from error
    lab.wait_rebooted(running)
    assert chain.boots(lab) == boots + 2


def test_a_node_is_right_at_its_first_boot(lab: Lab, tmp_path: Path) -> None:
    """The archive goes onto the node's bare disk as an installer would bring it; nothing connects until it is right."""
    root, archive = tmp_path / "root", tmp_path / "sriov.tar.gz"
    root.mkdir()
    python = {"version": "3.11", "machine": "x86_64", "libc": "glibc 2.36"}
    prepare(root, sriov_target_python=python, sriov_target_archive=str(archive), sriov_target_url="http://192.0.2.1/a")
    lab.put(archive.read_bytes(), "/var/tmp/baremetal-sriov.tar.gz")
    words = ["tar", "-xzf", "/var/tmp/baremetal-sriov.tar.gz", "-C", "/", "--no-overwrite-dir"]
    lab.run([*words, "--keep-directory-symlink"])
    first_boot(lab)
    chain.wait_allocatable(lab, standalone.WANTED, 300.0)
    assert lab.run(["test", "-e", SPEC], check=False).returncode == 1
    assert chain.unit(lab, FIRST, "Result")["Result"] == "success"
    assert chain.playbook("site", {"sriov_reboot_ok": True}).status == 0
    assert not lab.run(["systemctl", "is-enabled", FIRST], check=False).stdout.startswith("enabled")
