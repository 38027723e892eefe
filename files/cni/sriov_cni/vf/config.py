# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a network asks for an attachment: everything that can be judged without looking at the machine."""

from __future__ import annotations

from shared.pci import is_address

from ..host.log import LEVELS
from ..netlink.messages import IFF_ALLMULTI, IFF_PROMISC
from ..spec import delegate
from ..spec.config import DAD_OFF, DAD_OPTIMISTIC, DAD_WAIT, Keys, shown
from ..spec.delegate import ipam_type
from ..spec.errors import CONFIG, CniError
from ..spec.json_text import Json
from ..spec.result import parse_dns
from .settings import SETTINGS
from .settings.setting import State

_FLAGS = {"promisc": IFF_PROMISC, "allmulticast": IFF_ALLMULTI}
_DAD = (DAD_WAIT, DAD_OPTIMISTIC, DAD_OFF)
_MTU_MIN, _MTU_MAX = 68, 65535  # bytes; RFC 791's smallest link, the largest IP packet

MISSING_DEVICE = (
    "deviceID: expected the VF's PCI address, found none. Multus passes one only where the pod holds a "
    "device of the network attachment's resource: check that the pod requests it (resources.requests and "
    "limits, by the name in the attachment's annotation k8s.v1.cni.cncf.io/resourceName), or that the "
    "network-resources-injector, which adds this request to pods, is running"
)


class Config:
    """A valid configuration."""

    def __init__(self) -> None:
        self.device = ""  # the VF's PCI address
        self.asked: list[str] = []  # names of settings of the PF for the VF; those that netlink has not come last
        self.target: State = {}  # their values
        self.mtu = 0  # bytes, 0 where it is left as it is
        self.flags = 0  # IFF_PROMISC, IFF_ALLMULTI
        self.dad = DAD_WAIT
        self.ipam_type = ""
        self.dns: Json = {}
        self.doubts: list[str] = []  # values that are taken, and most likely not meant

    @property
    def mac(self) -> str:
        """The MAC address that is asked for, "" for none."""
        return str(self.target.get("mac", ""))


def parse(conf: Json, args: str = "", log: str = "") -> Config:
    """Judge a configuration (as canonical() gives it) and CNI_ARGS; `log` is what is wrong with its logFile on this
    node.

    Raises CniError with code 7 that lists every mistake, or 4 for CNI_ARGS that are no KEY=VALUE list.
    """
    config, problems = judge(conf, args, log)
    if problems:
        raise CniError(CONFIG, "invalid network configuration: " + "; ".join(problems))
    return config


def judge(conf: Json, args: str = "", log: str = "") -> tuple[Config, list[str]]:
    """As parse(), with every mistake beside what could be read."""
    config, keys = Config(), Keys(conf, args)
    config.device = _device(keys)
    for setting in SETTINGS.values():
        wanted = setting.parse(keys)
        if wanted is not None:
            config.target.update(wanted)
            config.asked.append(setting.name)
    config.asked.sort(key=lambda name: not SETTINGS[name].kind)
    config.mtu = keys.number("mtu", _MTU_MIN, _MTU_MAX) or 0
    for key, flag in _FLAGS.items():
        config.flags |= keys.choice(key, {"on": flag, "off": 0}) or 0
    if config.flags and config.target.get("trust") == 0:
        keys.problems.append("trust: promisc and allmulticast need a trusted VF, found trust off")
    config.dad = _DAD[keys.choice("ipv6_dad", {word: number for number, word in enumerate(_DAD)}) or 0]
    _ipam_and_dns(keys, config)
    level = keys.text("logLevel")
    if level and level not in LEVELS:
        keys.doubts.append(f"logLevel: expected {', '.join(LEVELS)}, found {shown(level)}, which means info")
    keys.text("logFile")
    config.doubts = keys.doubts
    return config, keys.problems + ([log] if log else [])


def _device(keys: Keys) -> str:
    device = keys.text("deviceID").lower()
    if not device and not keys.problems:
        keys.problems.append(MISSING_DEVICE)
    elif device and not is_address(device):
        keys.expected("deviceID", "a PCI address like 0000:3b:02.1", keys.conf["deviceID"])
    return device


def _ipam_and_dns(keys: Keys, config: Config) -> None:
    conf, ipam, dns = keys.conf, keys.conf.get("ipam", {}), keys.conf.get("dns", {})
    kind = ipam.get("type") or "" if isinstance(ipam, dict) else ""
    if not isinstance(ipam, dict):
        keys.expected("ipam", "an object", ipam)
    elif not isinstance(kind, str):
        keys.expected("ipam.type", "the name of an IPAM plugin", kind)
    elif kind:
        problem = delegate.problem(kind, str(conf.get("name", "")), conf.get("type"))
        keys.problems += [problem] if problem else []
    if isinstance(ipam, dict) and ipam.get("ranges_from", "node") != "node":
        keys.expected("ipam.ranges_from", "node", ipam["ranges_from"])
    config.ipam_type = ipam_type(conf)
    try:
        config.dns = parse_dns(dns)
    except ValueError as error:
        keys.problems.append(f"{error}, found {shown(dns)}")
