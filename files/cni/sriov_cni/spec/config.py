# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The network configuration: everything that can be judged without looking at the machine.

The keys are sriov-cni's, plus `mtu`, `allmulticast`, `promisc`, `ipv6_dad` and `vlan_trunk`. All mistakes are reported
at once, each with its path, what was expected and what was found. Unknown keys are left alone: runtimes and Multus add
their own.
"""

from __future__ import annotations

from shared.pci import is_address

from ..netlink.addresses import parse_mac
from ..netlink.messages import IFF_ALLMULTI, IFF_PROMISC, PROTO_8021AD, PROTO_8021Q, VfState
from . import delegate
from .errors import CONFIG, ENVIRONMENT, CniError
from .result import parse_dns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

KEYS = (
    "cniVersion", "name", "prevResult", "runtimeConfig", "deviceID", "vlan", "vlanQoS", "vlanProto", "mac",
    "spoofchk", "trust", "link_state", "min_tx_rate", "max_tx_rate", "mtu", "allmulticast", "promisc", "ipv6_dad",
    "vlan_trunk", "ipam", "dns", "logLevel", "logFile",
)  # fmt: skip
_CANONICAL = {key.lower(): key for key in KEYS}
_VALID_KEYS = ("cni.dev/valid-attachments", "cni.dev/attachments")  # libcni sends both, the second is older
_LINK_STATES = {"auto": 0, "enable": 1, "disable": 2}
_PROTOS = {"802.1q": PROTO_8021Q, "802.1ad": PROTO_8021AD}
DAD_WAIT, DAD_OPTIMISTIC, DAD_OFF = "wait", "optimistic", "off"  # duplicate address detection, RFC 4862
_FLAGS = {"promisc": IFF_PROMISC, "allmulticast": IFF_ALLMULTI}
_TRUE = ("1", "t", "T", "true", "True", "TRUE")
_RATE_MAX = 0xFFFFFFFF  # Mb/s; the kernel's field has 32 bits
_MTU_MIN, _MTU_MAX = 68, 65535  # bytes; RFC 791's smallest link, the largest IP packet

MISSING_DEVICE = (
    "deviceID: expected the VF's PCI address, found none. Multus passes one only where the pod holds a "
    "device of the network attachment's resource: check that the pod requests it (resources.requests and "
    "limits, by the name in the attachment's annotation k8s.v1.cni.cncf.io/resourceName), or that the "
    "network-resources-injector, which adds this request to pods, is running"
)


class Config:
    """A valid configuration. `target` holds the VF settings asked for, `asked` their names for
    PfPort.apply.
    """

    def __init__(self) -> None:
        self.device = ""
        self.asked: list[str] = []
        self.target = VfState()
        self.mac = ""
        self.mtu = 0
        self.trunk = ""  # VLANs that the VF may tag by itself, as vlans.parse gives them
        self.flags = 0  # IFF_PROMISC, IFF_ALLMULTI
        self.dad = DAD_WAIT
        self.ipam_type = ""
        self.dns: dict[str, Any] = {}


def canonical(raw: dict[str, Any]) -> dict[str, Any]:
    """The configuration with our keys in their own spelling; as in Go, case does not count, and null is
    absent.
    """
    found: dict[str, Any] = {}
    for key, value in raw.items():
        name = _CANONICAL.get(key.lower(), key)
        if value is None and name in _VALID_KEYS:
            found[name] = []  # Go's form of an empty list: that nothing is valid is not that nothing was said
        elif value is None:
            found.pop(name, None)
        else:
            found[name] = value
    return found


def ipam_type(conf: dict[str, Any]) -> str:
    """The delegated IPAM plugin's name, "" where there is none or it is no name (DEL must go on)."""
    ipam = conf.get("ipam")
    kind = ipam.get("type") if isinstance(ipam, dict) else ""
    return kind if isinstance(kind, str) and delegate.is_name(kind) else ""


def valid_attachments(conf: dict[str, Any]) -> set[tuple[str, str]]:
    """Container and interface of the attachments that GC has to keep. Raises CniError (7) where the list is missing
    or not understood: it must not be taken for an empty one.
    """
    for key in _VALID_KEYS:
        if key not in conf:
            continue
        entries = conf[key]
        found: set[tuple[str, str]] = set()
        for entry in entries if isinstance(entries, list) else [None]:
            pair = [entry.get(name) if isinstance(entry, dict) else None for name in ("containerID", "ifname")]
            if not all(isinstance(text, str) and text for text in pair):
                raise CniError(CONFIG, f"{key}: expected a list of objects with containerID and ifname")
            found.add((str(pair[0]), str(pair[1])))
        return found
    raise CniError(CONFIG, f"{_VALID_KEYS[0]}: GC needs the list of attachments that are in use, found none")


def parse(conf: dict[str, Any], args: str = "", log: str = "") -> Config:
    """Judge a configuration (as canonical() gives it) and CNI_ARGS; `log` is what is wrong with its logFile on this
    node.

    Raises CniError with code 7 that lists every mistake, or 4 for CNI_ARGS that are no KEY=VALUE list.
    """
    config = Config()
    problems: list[str] = []
    config.device = _device(conf, problems)
    _vlan(conf, config, problems)
    _trunk(conf, config, problems)
    config.mac = _mac(conf, parse_args(args), problems)
    if config.mac:
        config.target.mac = config.mac
        config.asked.append("mac")
    _rates(conf, config, problems)
    for key in ("spoofchk", "trust"):
        value = _text(conf, key, problems)
        if value:
            setattr(config.target, key, 1 if value == "on" else 0)  # upstream: any other text is off
            config.asked.append(key)
    _link_state(conf, config, problems)
    config.mtu = _number(conf, "mtu", _MTU_MIN, _MTU_MAX, problems) or 0
    _flags_and_dad(conf, config, problems)
    _ipam_and_dns(conf, config, problems)
    for key in ("logLevel", "logFile"):
        _text(conf, key, problems)
    problems += [log] if log else []
    if problems:
        raise CniError(CONFIG, "invalid network configuration: " + "; ".join(problems))
    return config


def parse_args(args: str) -> dict[str, str]:
    """CNI_ARGS (`K=V;K=V`). Raises CniError (4) for a pair that is none, or a key that is not ours to
    know.
    """
    pairs: dict[str, str] = {}
    for pair in args.split(";") if args else []:
        key, equals, value = pair.partition("=")
        if not key or not equals or "=" in value:
            raise CniError(
                ENVIRONMENT, f"CNI_ARGS: expected KEY=VALUE pairs with ';' between them, found '{pair}'"
            )
        pairs[key] = value
    unknown = [key for key in pairs if key not in ("MAC", "IgnoreUnknown")]
    if unknown and pairs.get("IgnoreUnknown", "") not in _TRUE:
        raise CniError(
            ENVIRONMENT,
            f"CNI_ARGS: unknown {', '.join(unknown)}; expected MAC, "
            "or IgnoreUnknown=true beside what is for others",
        )
    return pairs


def shown(value: object) -> str:
    """A value as it stands in an error: short, and of JSON's types."""
    if isinstance(value, (list, dict)):
        return "a list" if isinstance(value, list) else "an object"
    text = f"'{value}'" if isinstance(value, str) else str(value).lower()
    return text if len(text) <= 60 else text[:57] + "..."


def _text(conf: dict[str, Any], key: str, problems: list[str]) -> str:
    value = conf.get(key, "")
    if isinstance(value, str):
        return value
    problems.append(f"{key}: expected a string, found {shown(value)}")
    return ""


def _number(conf: dict[str, Any], key: str, low: int, high: int, problems: list[str]) -> int | None:
    value = conf.get(key)
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
        return value
    problems.append(f"{key}: expected a number from {low} to {high}, found {shown(value)}")
    return None


def _device(conf: dict[str, Any], problems: list[str]) -> str:
    known = len(problems)
    device = _text(conf, "deviceID", problems).lower()
    if len(problems) > known:
        return ""
    if not device:
        problems.append(MISSING_DEVICE)
    elif not is_address(device):
        problems.append(
            f"deviceID: expected a PCI address like 0000:3b:02.1, found {shown(conf['deviceID'])}"
        )
    return device


def _vlan(conf: dict[str, Any], config: Config, problems: list[str]) -> None:
    vlan = _number(conf, "vlan", 0, 4094, problems)
    qos = _number(conf, "vlanQoS", 0, 7, problems)
    proto_text = _text(conf, "vlanProto", problems)
    proto = _PROTOS.get(proto_text.lower(), 0)
    if proto_text and not proto:
        problems.append(f"vlanProto: expected 802.1q or 802.1ad, found {shown(proto_text)}")
    if "vlan" not in conf:
        for key, given in (("vlanQoS", "vlanQoS" in conf), ("vlanProto", bool(proto_text))):
            if given:
                problems.append(f"{key}: needs vlan, which is absent")
        return
    if vlan == 0 and qos:
        problems.append(f"vlanQoS: with vlan 0 expected 0, found {qos}")
    if vlan == 0 and proto == PROTO_8021AD:
        problems.append("vlanProto: 802.1ad needs a vlan other than 0")
    config.target.vlan, config.target.qos = vlan or 0, qos or 0
    config.target.proto = proto or PROTO_8021Q
    config.asked.append("vlan")


def _trunk(conf: dict[str, Any], config: Config, problems: list[str]) -> None:
    text = _text(conf, "vlan_trunk", problems)
    if not text:
        return
    from ..netlink.vlans import parse as parse_vlans

    try:
        config.trunk = parse_vlans(text)
    except ValueError as error:
        problems.append(f"vlan_trunk: expected VLANs and ranges like 10,20-30, found {shown(text)}: {error}")
    if config.target.vlan > 0:
        problems.append("vlan_trunk: with it expected no vlan, or 0: the PF tags for the VF, or the VF tags by itself")


def _mac(conf: dict[str, Any], args: dict[str, str], problems: list[str]) -> str:
    """runtimeConfig.mac before CNI_ARGS' MAC before mac; each one given must be right."""
    runtime = conf.get("runtimeConfig", {})
    if not isinstance(runtime, dict):
        problems.append(f"runtimeConfig: expected an object, found {shown(runtime)}")
        runtime = {}
    chosen = ""
    for path, value in (
        ("runtimeConfig.mac", runtime.get("mac") or ""),
        ("CNI_ARGS MAC", args.get("MAC", "")),
        ("mac", conf.get("mac", "")),
    ):
        if value == "":
            continue
        try:
            if not isinstance(value, str):
                raise ValueError("not a string")
            chosen = chosen or parse_mac(value)
        except ValueError as error:
            problems.append(f"{path}: {shown(value)} is {error}")
    return chosen


def _rates(conf: dict[str, Any], config: Config, problems: list[str]) -> None:
    low = _number(conf, "min_tx_rate", 0, _RATE_MAX, problems)
    high = _number(conf, "max_tx_rate", 0, _RATE_MAX, problems)
    if low and high and low > high:
        problems.append(f"min_tx_rate: expected at most max_tx_rate ({high}), found {low}")
    if low is not None or high is not None:
        # one IFLA_VF_RATE carries both; the one not given is 0, which is "no limit"
        config.target.min_rate, config.target.max_rate = low or 0, high or 0
        config.asked.append("rate")


def _link_state(conf: dict[str, Any], config: Config, problems: list[str]) -> None:
    state = _text(conf, "link_state", problems)
    if state in _LINK_STATES:
        config.target.link_state = _LINK_STATES[state]
        config.asked.append("link_state")
    elif state:
        problems.append(f"link_state: expected auto, enable or disable, found {shown(state)}")


def _flags_and_dad(conf: dict[str, Any], config: Config, problems: list[str]) -> None:
    for key, flag in _FLAGS.items():
        value = _text(conf, key, problems)
        if value == "on":
            config.flags |= flag
        elif value not in ("", "off"):
            problems.append(f"{key}: expected on or off, found {shown(value)}")
    if config.flags and "trust" in config.asked and not config.target.trust:
        problems.append("trust: promisc and allmulticast need a trusted VF, found trust off")
    dad = _text(conf, "ipv6_dad", problems)
    if dad in (DAD_WAIT, DAD_OPTIMISTIC, DAD_OFF):
        config.dad = dad
    elif dad:
        problems.append(f"ipv6_dad: expected wait, optimistic or off, found {shown(dad)}")


def _ipam_and_dns(conf: dict[str, Any], config: Config, problems: list[str]) -> None:
    ipam, dns = conf.get("ipam", {}), conf.get("dns", {})
    if not isinstance(ipam, dict):
        problems.append(f"ipam: expected an object, found {shown(ipam)}")
    else:
        kind = ipam.get("type") or ""
        if not isinstance(kind, str):
            problems.append(f"ipam.type: expected the name of an IPAM plugin, found {shown(kind)}")
        elif kind:
            problem = delegate.problem(kind, str(conf.get("name", "")), conf.get("type"))
            problems += [problem] if problem else []
    config.ipam_type = ipam_type(conf)
    try:
        config.dns = parse_dns(dns)
    except ValueError as error:
        problems.append(f"{error}, found {shown(dns)}")
