# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that are derived from the goal: their paths and their content. Pure."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

NODE_PATH = "/etc/baremetal-sriov/node.json"
CONFIG_PATH = "/etc/pcidp/config.json"
UDEV_PATH = "/etc/udev/rules.d/86-baremetal-sriov.rules"
HOTPLUG_PATH = "/etc/udev/rules.d/86-baremetal-sriov-hotplug.rules"
HOTPLUG_UNIT = "baremetal-sriov-hotplug@{pf}.service"
# Before 80-net-setup-link.rules, which gives names to interfaces that have none yet.
REPRESENTORS_PATH = "/etc/udev/rules.d/79-baremetal-sriov-representors.rules"
# What an image asks of the first boot; see node/first_boot.py.
FIRST_BOOT_PATH = "/etc/baremetal-sriov/first-boot.json"
PATHS = (NODE_PATH, CONFIG_PATH, UDEV_PATH, HOTPLUG_PATH, REPRESENTORS_PATH)  # every file that a goal may name


class Pool:
    """One resource."""

    def __init__(self, name: str, exclude_topology: bool, link_health: bool) -> None:
        self.name = name
        self.exclude_topology = exclude_topology
        self.link_health = link_health
        self.count = 0  # of all its VFs
        # (driver or "", RDMA, vhost-net) -> `rootDevices` entries, and `pciAddresses` of VFs without their PF
        self.devices: dict[tuple[str, bool, bool], list[str]] = {}
        self.functions: dict[tuple[str, bool, bool], list[str]] = {}


def device_plugin_config(prefix: str, pools: Sequence[Pool]) -> dict[str, Any]:
    """config.json of the device plugin, in the SR-IOV network device plugin's format.

    A pool of userspace VFs names its driver, so that a VF which is not bound yet is not offered.
    """
    resources = []
    for pool in pools:
        selectors = []
        named = [("rootDevices", *item) for item in sorted(pool.devices.items())]
        named += [("pciAddresses", *item) for item in sorted(pool.functions.items())]
        for name, (driver, rdma, vhost), devices in named:
            more = {"drivers": [driver] if driver else [], "isRdma": rdma, "needVhostNet": vhost}
            selectors.append(_given({name: sorted(devices), **more}))
        resource = {"resourceName": pool.name, "resourcePrefix": prefix, "selectors": selectors}
        resource.update(_given({"excludeTopology": pool.exclude_topology}))
        resources.append(resource if pool.link_health else {**resource, "linkHealth": False})
    return {"resourceList": resources}


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    """What is empty or false is left out of config.json."""
    return {name: value for name, value in fields.items() if value}


def udev_rules(pfs: Mapping[str, Collection[int]]) -> str:
    """Rules that tell NetworkManager and systemd-networkd to leave the VFs of these PFs alone, but for the VFs of some
    indices.

    For each event but the removal: an interface that comes back from a pod is added or moved, not new (udev(7);
    NM_UNMANAGED: NetworkManager(8); ID_NET_MANAGED_BY: systemd-networkd leaves to others what names another manager).
    """
    lines = [
        "# Made by baremetal.sriov; changes here are lost.",
        'ACTION=="remove", GOTO="baremetal_sriov_end"',
        'SUBSYSTEM!="net", GOTO="baremetal_sriov_end"',
        'TEST!="device/physfn", GOTO="baremetal_sriov_end"',
        'PROGRAM!="/usr/bin/readlink /sys$devpath/device/physfn", GOTO="baremetal_sriov_end"',
    ]
    alone = 'ENV{NM_UNMANAGED}="1", ENV{ID_NET_MANAGED_BY}="baremetal.sriov"'
    for pf, others in sorted(pfs.items(), key=lambda item: (bool(item[1]), item[0])):
        if not others:
            lines.append(f'RESULT=="*/{pf}", {alone}')
            continue
        # A PROGRAM changes RESULT, so these come last.
        test = 'PROGRAM=="/usr/bin/test /sys$devpath/device -ef /sys$devpath/device/physfn/virtfn{}", GOTO="{}"'
        lines.append(f'RESULT!="*/{pf}", GOTO="baremetal_sriov_{pf}"')
        lines += [test.format(index, "baremetal_sriov_end") for index in sorted(others)]
        lines += [alone, 'GOTO="baremetal_sriov_end"', f'LABEL="baremetal_sriov_{pf}"']
    return "\n".join([*lines, 'LABEL="baremetal_sriov_end"']) + "\n"


def hotplug_rules(pfs: Sequence[str]) -> str:
    """A rule for each PF that starts a unit when the PF appears or gets its driver: its VFs are gone by then.

    Sources: systemd.device(5) (SYSTEMD_WANTS), Linux drivers/base/driver.c (the event "bind").
    """
    rules = [
        f'ACTION=="add|bind", SUBSYSTEM=="pci", KERNEL=="{pf}", TAG+="systemd", '
        f'ENV{{SYSTEMD_WANTS}}+="{HOTPLUG_UNIT.format(pf=pf)}"'
        for pf in sorted(pfs)
    ]
    return "\n".join(["# Made by baremetal.sriov; changes here are lost.", *rules]) + "\n"


def representor_name(pf: str, index: int) -> str:
    """The name of the representor of a VF: the PF's, and the index."""
    return f"{pf}_{index}"


def representor_rules(pfs: Sequence[tuple[str, str, int]]) -> str:
    """Rules that name the representors of PFs (address, name, number of VFs), and keep the PFs' own names.

    A PF and its representors hang on one PCI function; phys_port_name tells them apart: pN, and pfNvfM (Linux
    Documentation/networking/switchdev.rst).
    """
    lines = ["# Made by baremetal.sriov; changes here are lost."]
    for address, name, count in sorted(pfs):
        start = f'ACTION=="add", SUBSYSTEM=="net", KERNELS=="{address}", ATTR{{phys_port_name}}=='
        lines.append(f'{start}"p[0-9]*", NAME="{name}"')
        lines += [
            f'{start}"pf[0-9]*vf{index}", NAME="{representor_name(name, index)}"' for index in range(count)
        ]
    return "\n".join(lines) + "\n"


def json_text(value: Any) -> str:
    """JSON for a file: stable order, readable."""
    return json.dumps(value, indent=2, sort_keys=True) + "\n"
