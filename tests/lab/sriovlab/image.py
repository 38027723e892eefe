# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The node's pristine disk: base system + Kubernetes + the files of ../guest, booted once to settle.

That one boot lets the guest's own update-grub write grub.cfg and imports the container images, so that every
later boot starts from what an installed server would have on its disk.
"""

from __future__ import annotations

import os
import shutil
import struct
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from . import cache, cluster, containers, peers, pki, qemu, rootfs
from .command import run
from .kubeapi import KubeApi
from .peers import Built
from .pki import NODES
from .progress import LabError, say, step
from .release import RELEASES, Release
from .ssh import Ssh

GUEST = Path(__file__).resolve().parents[1] / "guest"
DISK_MIB = 6144
SECTOR = 512
FIRST_SECTOR = 2048
IMAGES_KEPT = 2 * len(RELEASES)
ENABLED = (
    "lab-identity",
    "systemd-networkd",
    "ssh",
    "etcd",
    "containerd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kube-proxy",
    "kubelet",
)
MASKED = (
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap",
    "fstrim.timer",
    "systemd-networkd-wait-online",
    "getty@tty1",
    "systemd-pcrphase",
    "systemd-pstore",
)
# There for the tests that start it: the node's own network is systemd-networkd's.
DISABLED = ("NetworkManager", "NetworkManager-dispatcher", "NetworkManager-wait-online")
OLDEST = (1, 27)  # the first release with containerRuntimeEndpoint in the kubelet's configuration
# What update-grub needs to have been booted by: replaced by its own output before the image is kept.
FIRST_GRUB_CFG = "linux /vmlinuz root=/dev/vda1 ro console=ttyS0 quiet\ninitrd /initrd.img\nboot\n"


class Programs(NamedTuple):
    """Those of peers.NODE."""

    kubernetes: Built
    etcd: Built
    cni_plugins: Built
    multus: Built


@dataclass(frozen=True)
class Image:
    """A cached image: `disk` is never written to, each run has an overlay."""

    folder: Path

    @property
    def disk(self) -> Path:
        return self.folder / "disk.raw"

    @property
    def kernel(self) -> Path:
        return self.folder / "vmlinuz"

    @property
    def identity(self) -> str:
        """Differs between two builds of one key: an overlay fits only the very disk that it was made on."""
        return (self.folder / "id").read_text()


def boot_sector(boot_img: bytes, sectors: int) -> bytes:
    """GRUB's boot code with one active Linux partition from FIRST_SECTOR to the end (MBR layout)."""
    if len(boot_img) < 440:
        raise LabError(f"GRUB's boot.img has {len(boot_img)} bytes, expected {SECTOR}")
    entry = struct.pack(
        "<B3sB3sII", 0x80, b"\xfe\xff\xff", 0x83, b"\xfe\xff\xff", FIRST_SECTOR, sectors - FIRST_SECTOR
    )
    return boot_img[:440] + uuid.uuid4().bytes[:4] + b"\0\0" + entry + bytes(48) + b"\x55\xaa"


def _extra_cni() -> list[Path]:
    """Files of $BAREMETAL_SRIOV_CNI_BIN."""
    given = os.environ.get("BAREMETAL_SRIOV_CNI_BIN")
    if not given:
        return []
    files = sorted(path for path in Path(given).iterdir() if path.is_file() and os.access(path, os.X_OK))
    if not files:
        raise LabError(f"BAREMETAL_SRIOV_CNI_BIN={given}: expected executables in it, found none")
    return files


def trees(release: Release) -> list[Path]:
    """The folders with a release's files: what all have, and over it what is its own."""
    return [folder for folder in (GUEST, GUEST.with_name(f"guest-{release.name}")) if folder.is_dir()]


def _install_tree(source: Path, tree: Path) -> None:
    """Copy the files of `source` over `tree`, owned by root, readable by all."""
    for path in sorted(source.rglob("*")):
        target = tree / path.relative_to(source)
        if path.is_dir():
            target.mkdir(exist_ok=True)
        else:
            target.unlink(missing_ok=True)
            shutil.copyfile(path, target)
            target.chmod(0o644)


def _install_executables(files: list[Path], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for path in files:
        shutil.copyfile(path, folder / path.name)
        (folder / path.name).chmod(0o755)


def _install_identity(tree: Path, certificates: Path) -> None:
    """SSH keys, machine id, certificates and kubeconfigs."""
    keys = pki.ssh_keys()
    root_ssh = tree / "root/.ssh"
    root_ssh.mkdir(mode=0o700, exist_ok=True)
    shutil.copyfile(keys / "id_ed25519.pub", root_ssh / "authorized_keys")
    for old in (tree / "etc/ssh").glob("ssh_host_*"):
        old.unlink()
    for suffix in ("", ".pub"):
        shutil.copyfile(keys / f"host_ed25519{suffix}", tree / f"etc/ssh/ssh_host_ed25519_key{suffix}")
    (tree / "etc/ssh/ssh_host_ed25519_key").chmod(0o600)
    (tree / "etc/machine-id").write_text(uuid.uuid4().hex + "\n")
    target = tree / "etc/kubernetes/pki"
    target.mkdir(mode=0o700)
    for path in certificates.iterdir():
        shutil.copyfile(path, target / path.name)
    (target.parent / "nodes").mkdir(mode=0o700)
    for user in pki.CLIENTS:
        config = target.parent / ("nodes" if user in NODES else ".") / f"{user}.conf"
        config.write_text(pki.kubeconfig(certificates, user, pki.SERVER))
        config.chmod(0o600)
    # Each node's own takes this place in its first boot; the image is node1's.
    shutil.copy(target.parent / "nodes/node1.conf", target.parent / "kubelet.conf")


def _install_programs(tree: Path, programs: Programs) -> None:
    """Kubernetes and etcd, the CNI plugins, and Multus with its way to the API server."""
    kubernetes = programs.kubernetes
    names = [name for name in peers.KUBERNETES.names if kubernetes.program(name).exists()]
    target = tree / "usr/local/bin"
    for name in names:
        real = kubernetes.program(name).resolve()
        if not (target / real.name).exists():
            _install_executables([real], target)
        if name != real.name:
            (target / name).symlink_to(real.name)
    _install_executables([programs.etcd.program("etcd")], target)
    plugins = [programs.cni_plugins.program(name) for name in peers.CNI_PLUGINS.names]
    plugins.append(programs.multus.program("multus"))
    _install_executables([*plugins, *_extra_cni()], tree / "opt/cni/bin")


def _populate(folder: Path, tree: Path, programs: Programs, release: Release) -> None:
    """Everything between the unpacked base system and the file system."""
    for source in trees(release):
        _install_tree(source, tree)
    _install_programs(tree, programs)
    (folder / "pki").mkdir(mode=0o700)
    pki.make_certificates(folder / "pki")
    _install_identity(tree, folder / "pki")
    run(["chroot", tree, "systemctl", "enable", *ENABLED])
    run(["chroot", tree, "systemctl", "disable", *DISABLED])
    run(["chroot", tree, "systemctl", "mask", *MASKED])
    applets = run(["chroot", tree, "/bin/busybox", "--list"]).split()
    containers.write_archive(tree / "root/images.tar", (tree / "bin/busybox").read_bytes(), applets)


def _make_disk(folder: Path, tree: Path) -> Path:
    """Write disk.raw: boot sector, GRUB's core image, one ext4 partition."""
    filesystem = str(uuid.uuid4())
    (tree / "etc/fstab").write_text(f"UUID={filesystem} / ext4 errors=remount-ro 0 1\n")
    modules = tree / "boot/grub/i386-pc"
    modules.mkdir(parents=True)
    for path in (tree / "usr/lib/grub/i386-pc").iterdir():
        if path.suffix in (".mod", ".lst"):
            shutil.copyfile(path, modules / path.name)
    (tree / "boot/grub/grub.cfg").write_text(FIRST_GRUB_CFG)
    core = modules / "core.img"
    run(
        [
            "chroot",
            tree,
            "grub-mkimage",
            "-O",
            "i386-pc",
            "-p",
            "(hd0,msdos1)/boot/grub",
            "-o",
            "/boot/grub/i386-pc/core.img",
            "biosdisk",
            "part_msdos",
            "ext2",
            "linux",
            "normal",
            "search",
            "configfile",
        ]
    )
    run(["chroot", tree, "grub-editenv", "/boot/grub/grubenv", "create"])
    code = core.read_bytes()
    if len(code) > (FIRST_SECTOR - 1) * SECTOR:
        raise LabError(f"GRUB's core image has {len(code)} bytes: more than fits before the partition")
    disk = folder / "disk.raw"
    with disk.open("wb") as stream:
        stream.truncate(DISK_MIB * 1024 * 1024)
        stream.write(boot_sector((tree / "usr/lib/grub/i386-pc/boot.img").read_bytes(), DISK_MIB * 2048))
        stream.write(code)
    run(
        [
            "mke2fs",
            "-q",
            "-F",
            "-t",
            "ext4",
            "-L",
            "root",
            "-U",
            filesystem,
            "-d",
            tree,
            "-E",
            f"offset={FIRST_SECTOR * SECTOR}",
            disk,
            f"{DISK_MIB - 1}M",
        ]
    )
    return disk


def _settle(folder: Path, disk: Path, run_dir: Path, lab_lock: int) -> None:
    """Boot the disk once; what the guest does there is part of the image."""
    run_dir.mkdir(mode=0o700, exist_ok=True)
    ssh_port = qemu.free_port()
    machine = qemu.Machine(
        run_dir, disk, "raw", ssh_port, qemu.free_port((ssh_port,)), qemu.accelerator(folder / "vmlinuz")
    )
    ssh = Ssh(ssh_port, pki.ssh_keys() / "id_ed25519", run_dir)
    ssh.write_known_hosts(pki.ssh_keys() / "host_ed25519.pub")
    pid = qemu.start(machine, lab_lock)

    def alive() -> bool:
        return qemu.alive(pid, run_dir)

    try:
        boot_id = ssh.wait(600, alive)
        ssh.run(["ctr", "-n", "k8s.io", "images", "import", "/root/images.tar"], timeout=600)
        ssh.run(["update-grub"], timeout=600)
        api = KubeApi(machine.api_port, folder / "pki")
        api.wait_ready(boot_id, 1200, alive)
        cluster.create(api)
        ssh.run(["rm", "/root/images.tar"])
        ssh.close()
        qemu.stop(pid, run_dir, grace=300)
    except BaseException:
        if machine.serial.is_file():
            shutil.copyfile(machine.serial, folder / "serial.log")
        raise
    finally:
        ssh.close()
        qemu.stop(pid, run_dir, grace=0)
        shutil.rmtree(run_dir)


def _build(folder: Path, programs: Programs, release: Release, run_dir: Path, lab_lock: int) -> None:
    if os.geteuid() != 0:
        raise LabError(
            "making the node's image needs root (file owners, chroot): run it as root once; the cache is "
            f"{cache.root()}"
        )
    tree, base = folder / "tree", rootfs.tar(release)
    tree.mkdir()
    with step(f"image: putting the disk of a node with {release.title} together"):
        run(["tar", "-C", tree, "--numeric-owner", "-xpf", base])
        _populate(folder, tree, programs, release)
        shutil.copyfile(next((tree / "boot").glob("vmlinuz-*")), folder / "vmlinuz")
        disk = _make_disk(folder, tree)
        (folder / "id").write_text(uuid.uuid4().hex)
        shutil.rmtree(tree)
    start = time.monotonic()
    with step("image: first boot (update-grub, container images, Kubernetes; a few minutes, once)"):
        _settle(folder, disk, run_dir, lab_lock)
    say(
        f"image: {disk.stat().st_blocks * 512 >> 20} MiB on disk, settled in {time.monotonic() - start:.0f} s"
    )


def programs() -> Programs:
    """The other projects' programs on the nodes, built if needed. Raises LabError for a Kubernetes that is too old."""
    found = Programs(*(peers.built(group) for group in peers.NODE))
    kubelet = found.kubernetes.program("kubelet")
    version = peers.version(kubelet)
    if version < OLDEST:
        wanted, there = (".".join(map(str, numbers)) for numbers in (OLDEST, version))
        raise LabError(f"{kubelet}: expected Kubernetes {wanted} or newer, found {there}")
    return found


def key(given: Programs, release: Release) -> str:
    """Names the cached image: all of its inputs, this package's image code included."""
    code = [Path(module.__file__ or "").read_bytes() for module in (cluster, containers, pki)]
    files = map(cache.tree_digest, trees(release))
    marks = [f"{path.name} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in _extra_cni()]
    keys = (pki.ssh_keys() / "id_ed25519.pub").read_bytes()
    peer_keys = [built.key for built in given]
    return cache.digest(
        rootfs.key(release), *peer_keys, *files, Path(__file__).read_bytes(), *code, keys, *marks
    )


def prepare(release: Release) -> None:
    """Do the slow builds that need no QEMU, and so no lab lock."""
    programs()
    rootfs.tar(release)
    pki.ssh_keys()


def get(release: Release, run_dir: Path, lab_lock: int) -> Image:
    """The image for this checkout's inputs, built if needed (its first boot keeps its files in `run_dir`).

    The caller holds the machine's lab lock.
    """
    found = programs()
    name = f"image-{key(found, release)}"
    folder = cache.artefact(name, lambda work: _build(work, found, release, run_dir, lab_lock))
    os.utime(folder)
    # Each change of the guest's files makes another one. A run whose image is gone starts from a fresh disk.
    images = sorted(cache.root().glob("image-*"), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in images[IMAGES_KEPT:]:
        if old != folder:
            shutil.rmtree(old)
    return Image(folder)
