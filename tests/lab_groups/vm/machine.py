# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A virtual machine of a few MiB for a pod: QEMU with its libraries, the node's own kernel, busybox and a driver."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

from sriovlab.guest import Lab

FOLDER = "/var/tmp/vm"
ADDRESS, PEER = "203.0.113.2", "203.0.113.1"
BEGIN, END = "GUEST BEGIN", "GUEST END"
# source: QEMU's documentation, "Options: machine, vfio-pci"; the machine has no firmware but SeaBIOS, and no disk.
_FIRMWARE = ("bios-256k.bin", "kvmvapic.bin", "linuxboot_dma.bin")
_PLACES = ("/usr/share/seabios", "/usr/share/qemu")
# Its first process: what it sees of the VF, then a ping, then its end.
_INIT = """#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev
/bin/busybox mount -t proc proc /proc; /bin/busybox mount -t sysfs sys /sys; /bin/busybox mount -t devtmpfs dev /dev
/bin/busybox insmod /igbvf.ko
echo "{begin}"
for path in /sys/class/net/*/device; do
    name=${{path%/device}}; name=${{name##*/}}
    echo "id $(/bin/busybox cat $path/vendor) $(/bin/busybox cat $path/device)"
    echo "mac $(/bin/busybox cat /sys/class/net/$name/address)"
    /bin/busybox ip address add {address}/24 dev $name; /bin/busybox ip link set $name up
done
/bin/busybox ping -c 3 -w 60 {peer}
echo "{end}"
/bin/busybox poweroff -f
"""


def libraries(program: str) -> list[Path]:
    """What a program is linked with, by this machine's own linker."""
    told = subprocess.run(["ldd", program], capture_output=True, text=True, check=True, timeout=60).stdout
    return [Path(path) for path in re.findall(r"(?:=> |^\s*)(/\S+) \(0x", told, re.M)]


def initramfs(lab: Lab) -> None:
    """Make it on the node, as the kernel takes it: a cpio archive of the form newc."""
    module = lab.run(["modinfo", "-F", "filename", "igbvf"]).stdout.strip()
    script = f"""set -e
folder=$(mktemp -d); mkdir -p $folder/bin
cp /bin/busybox $folder/bin/busybox
case {module} in *.xz) xz -dc {module} ;; *) cat {module} ;; esac > $folder/igbvf.ko
cat > $folder/init; chmod 755 $folder/init
cd $folder; find . | cpio -o -H newc --quiet | gzip -1 > {FOLDER}/initramfs; rm -rf $folder"""
    text = _INIT.format(begin=BEGIN, end=END, address=ADDRESS, peer=PEER)
    lab.run(["sh", "-c", script], input=text.encode(), timeout=300.0)


def bring(lab: Lab) -> None:
    """Put all of it on the node, below FOLDER, where the pod sees it."""
    program = shutil.which("qemu-system-x86_64")
    if program is None:
        raise RuntimeError("qemu-system-x86_64: expected it on this machine, which runs the emulated node; found none")
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", dereference=True) as tar:
        tar.add(program, "qemu")
        for library in libraries(program):
            tar.add(library, f"lib/{library.name}")
        for name in _FIRMWARE:
            tar.add(next(Path(place, name) for place in _PLACES if Path(place, name).exists()), f"share/{name}")
    lab.run(["mkdir", "-p", FOLDER])
    lab.run(["tar", "-x", "--no-same-owner", "-C", FOLDER], input=content.getvalue(), timeout=600.0)
    lab.run(["sh", "-c", f"cp /boot/vmlinuz-$(uname -r) {FOLDER}/kernel"])
    initramfs(lab)


def command(address: str) -> list[str]:
    """QEMU in a pod, with the function that Allocate gave it; the console is its output."""
    loader = f"{FOLDER}/lib/ld-linux-x86-64.so.2"
    plain = ["-machine", "q35", "-accel", "tcg", "-cpu", "max", "-m", "192", "-nodefaults", "-no-reboot"]
    console = ["-display", "none", "-serial", "stdio", "-L", f"{FOLDER}/share"]
    boot = ["-kernel", f"{FOLDER}/kernel", "-initrd", f"{FOLDER}/initramfs", "-append", "console=ttyS0 quiet panic=-1"]
    program = [loader, "--library-path", f"{FOLDER}/lib", f"{FOLDER}/qemu"]
    return [*program, *plain, *console, *boot, "-device", f"vfio-pci,host={address}"]
