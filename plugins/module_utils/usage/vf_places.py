# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where programs and administrators set VFs: one row for each place, with what in it says so. Pure."""

from __future__ import annotations

from ..model.frozen import dataclass
from .vf_lines import (
    CRON,
    DROP_IN,
    IFCFG,
    KEYS,
    LINK,
    MORE,
    OPTIONS,
    SECTION,
    SHELL,
    STANZAS,
    UDEV,
    UNIT,
    YAML,
)  # fmt: skip

SIZE_LIMIT = 1 << 20  # bytes; a settings file that is longer is not one
SCRIPT_LIMIT = 64 << 10  # bytes; a longer program is no script of an administrator's


@dataclass(frozen=True)
class Place:
    """One of them. what: the program, in words; folders: /* before an ending stands for all folders that end so; names:
    of the files; sign: its last group is what is named. Both are regular expressions, compiled where there are files.
    syntax: by which lines that set VFs and do nothing else are known (see `vf_lines`); MORE: by none.
    """

    what: str
    folders: tuple[str, ...]
    names: str
    sign: str
    limit: int = SIZE_LIMIT
    syntax: str = MORE


def _sign(pattern: str) -> str:
    """In a line that is no comment, nor a command that does nothing before one."""
    return rf"(?m)^(?!\s*[#;]|:\s+#).*?({pattern})"


def _end(text: str) -> str:
    return text.replace(".", r"\.") + r"\Z"


# What brings VFs, by the name of its file: of the many that packages and images have none other is read.
NAMED = r"(?i)(?:sr-?iov|(?<![a-z])n?vfs?(?![a-z]))[\w@.-]*"
SCRIPT = r"\A[\w.@-]+(?<!\.bak)(?<!~)\Z"
COUNT = _sign(r"sriov_numvfs|\bip\s+(?:-\S+\s+)*link\s+set\s+(?:dev\s+)?[\w${}.\"'-]+\s+vf\s+[\w${}]+")

_NETPLAN = r"virtual-function-count|embedded-switch-mode"
# An entry of `ethernets` with `link: PF` is a VF, which its `apply` makes (netplan's YAML reference); in another
# section, such as vlans, it is none.
_NETPLAN_VF = (
    r"(?m)^( *)ethernets:[^\n]*\n(?:\1 +[^\s#][^\n]*\n|[ \t]*\n|[ \t]*#[^\n]*\n)*?"
    r"\1 +(?:[^\s#{]+:[ \t]*\{[^\n}]*?)?(link:[ \t]*[^\s,}]+)"
)

PLACES = (
    Place(
        "a udev rule",
        ("/etc/udev/rules.d", "/run/udev/rules.d", "/usr/local/lib/udev/rules.d"), _end(".rules"), COUNT, syntax=UDEV,
    ),
    Place("a udev rule", ("/usr/lib/udev/rules.d", "/lib/udev/rules.d"), NAMED + _end(".rules"), COUNT),
    Place("a systemd unit", ("/usr/lib/systemd/system", "/lib/systemd/system"), NAMED + _end(".service"), COUNT),
    Place(
        "a systemd unit",
        ("/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system"),
        _end(".service"),
        COUNT,
        syntax=UNIT,
    ),
    Place(
        "a drop-in of a systemd unit",
        tuple(f"{above}/*.d" for above in ("/etc/systemd/system", "/run/systemd/system", "/etc/systemd/system.control",
                                           "/usr/local/lib/systemd/system")),
        _end(".conf"),
        COUNT,
        syntax=DROP_IN,
    ),
    Place("netplan", ("/etc/netplan", "/run/netplan"), _end(".yaml"), _sign(_NETPLAN), syntax=YAML),
    Place("netplan", ("/etc/netplan", "/run/netplan"), _end(".yaml"), _NETPLAN_VF),
    Place("nmstate", ("/etc/nmstate",), r"\.ya?ml\Z", _sign(r"sr-iov:|total-vfs:")),
    Place(
        "NetworkManager",
        ("/etc/NetworkManager/system-connections", "/run/NetworkManager/system-connections"),
        _end(".nmconnection"),
        _sign(r"^\[sriov\]|^total-vfs="),
        syntax=SECTION,
    ),
    Place("NetworkManager", ("/etc/NetworkManager",), r"\ANetworkManager\.conf\Z", _sign("sriov-num-vfs"), syntax=KEYS),
    Place(
        "NetworkManager",
        ("/etc/NetworkManager/conf.d", "/run/NetworkManager/conf.d"),
        _end(".conf"),
        _sign("sriov-num-vfs"),
        syntax=KEYS,
    ),
    Place(
        "a script of NetworkManager's dispatcher",
        ("/etc/NetworkManager/dispatcher.d", "/etc/NetworkManager/dispatcher.d/*.d"),
        SCRIPT,
        COUNT,
        syntax=SHELL,
    ),
    Place("a script of networkd-dispatcher", ("/etc/networkd-dispatcher/*.d",), SCRIPT, COUNT, syntax=SHELL),
    Place(
        "systemd-udevd",
        ("/etc/systemd/network", "/run/systemd/network"),
        _end(".link"),
        _sign(r"SR-IOVVirtualFunctions|^\[SR-IOV\]"),
        syntax=LINK,
    ),
    Place(
        "a drop-in of systemd-udevd's or systemd-networkd's",
        ("/etc/systemd/network/*.d", "/run/systemd/network/*.d"),
        _end(".conf"),
        _sign(r"SR-IOVVirtualFunctions|^\[SR-IOV\]"),
        syntax=LINK,
    ),
    Place(
        "systemd-networkd",
        ("/etc/systemd/network", "/run/systemd/network"),
        _end(".network"),
        _sign(r"^\[SR-IOV\]"),
        syntax=SECTION,
    ),
    Place(
        "the NIC's driver",
        ("/etc/modprobe.d", "/run/modprobe.d", "/usr/local/lib/modprobe.d"),
        _end(".conf"),
        _sign(r"\bmax_vfs=|\bnum_vfs=|sriov_numvfs"),
        syntax=OPTIONS,
    ),
    Place(
        "the NIC's driver",
        ("/usr/lib/modprobe.d", "/lib/modprobe.d"), _end(".conf"), _sign(r"\bmax_vfs=|\bnum_vfs=|sriov_numvfs"),
    ),
    Place("the NIC's driver", ("/etc",), r"\Amodprobe\.conf\Z", _sign(r"\bmax_vfs=|\bnum_vfs="), syntax=OPTIONS),
    Place("sysfsutils", ("/etc",), r"\Asysfs\.conf\Z", COUNT, syntax=KEYS),
    Place("sysfsutils", ("/etc/sysfs.d",), _end(".conf"), COUNT, syntax=KEYS),
    Place("systemd-tmpfiles", ("/etc/tmpfiles.d", "/run/tmpfiles.d"), _end(".conf"), COUNT, syntax=KEYS),
    Place("a profile of TuneD", ("/etc/tuned/*", "/etc/tuned/profiles/*"), r"\Atuned\.conf\Z", COUNT, syntax=KEYS),
    Place(
        "a script of a profile of TuneD",
        ("/etc/tuned/*", "/etc/tuned/profiles/*"), _end(".sh"), COUNT, SCRIPT_LIMIT, SHELL,
    ),
    Place("ifupdown", ("/etc/network",), r"\Ainterfaces\Z", COUNT, syntax=STANZAS),
    Place("ifupdown", ("/etc/network/interfaces.d",), SCRIPT, COUNT, syntax=STANZAS),
    Place(
        "a script of ifupdown",
        tuple(f"/etc/network/if-{when}.d" for when in ("pre-up", "up", "post-up")),
        SCRIPT,
        COUNT,
        syntax=SHELL,
    ),
    Place("cron", ("/etc",), r"\A(?:ana)?crontab\Z", COUNT, syntax=CRON),
    Place("cron", ("/etc/cron.d", "/var/spool/cron", "/var/spool/cron/crontabs"), SCRIPT, COUNT, syntax=CRON),
    Place(
        "cron",
        tuple(f"/etc/cron.{often}" for often in ("hourly", "daily", "weekly", "monthly")),
        SCRIPT,
        COUNT,
        syntax=SHELL,
    ),
    Place(
        "an ifcfg file",
        ("/etc/sysconfig/network-scripts", "/etc/sysconfig/network"),
        r"\Aifcfg-.*(?<!\.bak)\Z",
        _sign(r"SRIOV_TOTAL_VFS=|sriov_numvfs"),
        syntax=IFCFG,
    ),
    Place(
        "a script of network-scripts",
        ("/etc/sysconfig/network-scripts", "/etc/sysconfig/network/scripts", "/sbin"),
        r"\Aif(up|down)-?(local|post|pre-local)\Z",
        COUNT,
        SCRIPT_LIMIT,
        SHELL,
    ),
    Place(
        "a script of wicked",
        ("/etc/wicked/scripts", "/etc/sysconfig/network/if-up.d"), SCRIPT, COUNT, SCRIPT_LIMIT, SHELL,
    ),
    Place("DPDK's service", ("/etc/dpdk",), r"\Ainterfaces\Z", r"(?m)^[ \t]*(pci\s+\S+)(?=[ \t]+\S)"),
    Place(
        "os-net-config",
        ("/etc/os-net-config", "/var/lib/os-net-config"), r"sriov_config\.ya?ml\Z", _sign("numvfs"),
    ),
    Place("driverctl", ("/etc/driverctl.d",), r"\Apci-[0-9a-f:.]+\Z", r"^\s*(\S+)"),
    Place("a script at boot", ("/etc", "/etc/rc.d"), r"\Arc\.local\Z", COUNT, syntax=SHELL),
    Place(
        "a script at boot",
        ("/etc/init.d", "/etc/local.d", "/etc/rc.d/init.d", "/var/lib/cloud/scripts/per-boot"),
        SCRIPT,
        COUNT,
        SCRIPT_LIMIT,
        SHELL,
    ),
    Place("cloud-init", ("/etc/cloud", "/etc/cloud/cloud.cfg.d"), _end(".cfg"), COUNT),
    Place(
        "a hook of libvirt",
        ("/etc/libvirt/hooks", "/etc/libvirt/hooks/*.d"), SCRIPT, COUNT, SCRIPT_LIMIT, SHELL,
    ),
    Place("a hook of Proxmox VE", ("/var/lib/vz/snippets",), SCRIPT, COUNT, SCRIPT_LIMIT, SHELL),
    Place("a script of the initial RAM disk", ("/etc/initramfs-tools/scripts/*init-bottom",
                                               "/etc/initramfs-tools/scripts/*local-bottom",
                                               "/etc/initramfs-tools/scripts/*init-premount"), SCRIPT, COUNT),
    Place(
        "a script",
        ("/usr/local/bin", "/usr/local/sbin", "/opt/bin", "/root/bin", "/root"), SCRIPT, COUNT, SCRIPT_LIMIT, SHELL,
    ),
)  # fmt: skip
