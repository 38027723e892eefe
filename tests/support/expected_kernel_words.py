# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Expected: which kernel arguments are taken only on request, since the node would not come back as it was.

They start a rescue mode or a debugger, another program in init's place, or another root; or they wait for somebody at
the console. Not among them is what only changes how the usual system runs.
"""

from __future__ import annotations

# Argument, and where it is documented that the usual system does not come up with it.
UNSAFE: list[tuple[str, str]] = [
    ("emergency", "source: kernel-command-line(7); systemd, runlevel_to_target()"),
    ("rescue", "source: kernel-command-line(7); systemd, runlevel_to_target()"),
    ("single", "source: kernel-command-line(7); systemd, runlevel_to_target()"),
    ("s", "source: kernel-command-line(7); systemd, runlevel_to_target()"),
    ("S", "source: kernel-command-line(7); kernel-parameters.txt: run init in single mode"),
    ("1", "source: kernel-command-line(7); systemd, runlevel_to_target()"),
    ("2", "source: kernel-command-line(7): multi-user.target, whatever the default is"),
    ("3", "source: kernel-command-line(7): multi-user.target, whatever the default is"),
    ("4", "source: kernel-command-line(7): multi-user.target, whatever the default is"),
    ("5", "source: kernel-command-line(7): graphical.target, whatever the default is"),
    ("rd.emergency", "source: kernel-command-line(7)"),
    ("rd.rescue", "source: kernel-command-line(7)"),
    ("systemd.unit=rescue.target", "source: systemd(1), KERNEL COMMAND LINE"),
    ("systemd.unit=multi-user.target", "source: systemd(1), KERNEL COMMAND LINE"),
    ("rd.systemd.unit=emergency.target", "source: systemd(1), KERNEL COMMAND LINE"),
    ("systemd.run=/bin/true", "source: systemd-run-generator(8): runs a command in place of the default target"),
    ("systemd.confirm_spawn", "source: systemd(1): asks on the console before it starts a process"),
    ("systemd.confirm-spawn=1", "source: systemd, proc_cmdline_key_streq(): - and _ are the same"),
    ("systemd.volatile=yes", "source: kernel-command-line(7): the root directory is a tmpfs"),
    ("systemd.volatile=overlay", "source: kernel-command-line(7): changes are lost at reboot"),
    ("root=/dev/sdb1", "source: kernel-parameters.txt"),
    ("root=UUID=5c1a", "source: kernel-parameters.txt"),
    ("rootfstype=xfs", "source: kernel-parameters.txt"),
    ("rootflags=subvol=@old", "source: kernel-parameters.txt; btrfs(5), subvol="),
    ("nfsroot=192.0.2.1:/srv", "source: kernel-parameters.txt; Documentation/admin-guide/nfs/nfsroot.rst"),
    ("roothash=0123", "source: systemd-veritysetup-generator(8)"),
    ("usrhash=0123", "source: systemd-veritysetup-generator(8)"),
    ("mount.usr=/dev/sdb2", "source: systemd-fstab-generator(8)"),
    ("mount.usrflags=subvol=@old", "source: systemd-fstab-generator(8)"),
    ("mount.usrfstype=xfs", "source: systemd-fstab-generator(8)"),
    ("ostree=/ostree/boot.0/a/b/0", "source: ostree, ostree-prepare-root(1): which deployment is booted"),
    ("overlayroot=tmpfs", "source: Ubuntu's overlayroot: changes are lost at reboot"),
    ("boot=nfs", "source: initramfs-tools(7): which scripts find the root"),
    ("boot=live", "source: live-boot(7)"),
    ("boot=casper", "source: casper(7): Ubuntu's live system"),
    ("init=/bin/sh", "source: kernel-parameters.txt"),
    ("rdinit=/bin/sh", "source: kernel-parameters.txt"),
    ("initrd=/other.img", "source: kernel-parameters.txt: location of the initial ramdisk"),
    ("noinitrd", "source: kernel-parameters.txt"),
    ("systemd.break=pre-mount", "source: systemd-debug-generator(8): stops at a shell"),
    ("systemd.break", "source: systemd-debug-generator(8): stops at a shell"),
    ("rd.systemd.break=pre-switch-root", "source: systemd-debug-generator(8): stops at a shell"),
    ("rd.break", "source: dracut.cmdline(7): drops to a shell"),
    ("rd.break=pre-mount", "source: dracut.cmdline(7): drops to a shell"),
    ("break", "source: initramfs-tools(7): drops to a shell"),
    ("break=premount", "source: initramfs-tools(7): drops to a shell"),
    ("rd.cmdline=ask", "source: dracut.cmdline(7): asks on the console"),
    ("recovery", "source: Ubuntu's friendly-recovery: a menu on the console"),
    ("kgdbwait", "source: kernel-parameters.txt: stops and waits for a debugger"),
    # What a text leaves when it is taken apart into its letters.
    ("n", "source: no parameter of the kernel or of systemd has one character but those above"),
    ("0", "source: as above"),
    ("6", "source: as above"),
    ("=", "source: as above"),
    # What "isolcpus=10,12" leaves in a module's list, which Ansible splits at commas.
    ("12", "source: no parameter of the kernel or of systemd is a number; ansible-core, check_type_list()"),
    ("192", "source: as above"),
    # Quotes are dropped before a word is compared.
    ('"single"', "source: Linux, lib/cmdline.c, next_arg()"),
    ('root="/dev/sdb1"', "source: Linux, lib/cmdline.c, next_arg()"),
    ("single\n", "source: Linux, lib/cmdline.c, next_arg(): blanks end a token"),
]

# What looks like one of them and is none.
SAFE: list[tuple[str, str]] = [
    ("nosmt", "source: kernel-parameters.txt"),
    ("Single", "source: systemd, runlevel_to_target(): streq(), which tells cases apart"),
    ("RESCUE", "source: systemd, runlevel_to_target()"),
    ("Root=/dev/sdb1", "source: Linux, kernel/params.c, parameq(): cases are told apart"),
    ("rd.emergency=reboot", "source: dracut.cmdline(7): what a failed boot does; with a value systemd ignores it"),
    ("single=1", "source: systemd, parse_proc_cmdline_item(): the words count without a value alone"),
    ("rd.shell=0", "source: dracut.cmdline(7): whether a failed boot gets a shell"),
    ("panic=10", "source: kernel-parameters.txt"),
    ("rootwait", "source: kernel-parameters.txt: waits for the usual root"),
    ("rootdelay=5", "source: kernel-parameters.txt"),
    ("ro", "source: kernel-parameters.txt: the usual root, which init mounts again as fstab says"),
    ("rw", "source: kernel-parameters.txt"),
    ("selinux=0", "source: kernel-parameters.txt: the usual system"),
    ("boot=/dev/sda1", "source: dracut.cmdline(7): where /boot is, for FIPS"),
    ("systemd.unified_cgroup_hierarchy=0", "source: kernel-command-line(7), HISTORY"),
    ("systemd.debug_shell", "source: systemd-debug-generator(8): one shell more, beside the usual system"),
    ("overlayroot=disabled", "source: Ubuntu's overlayroot: the usual root"),
    ("isolcpus=10,12", "source: kernel-parameters.txt"),
    ("8250.nr_uarts=4", "source: kernel-parameters.txt: a key that begins with a number"),
    ("initcall_debug", "source: kernel-parameters.txt"),
    ("console=ttyS0", "source: kernel-parameters.txt"),
    ("intel_iommu=on", "source: kernel-parameters.txt"),
    ("net.ifnames=0", "source: kernel-command-line(7)"),
    ("hugepages=4", "source: kernel-parameters.txt"),
]
