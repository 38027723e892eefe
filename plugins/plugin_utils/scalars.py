# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables that are one value: of the type that their argument spec gives them, and in their range.

A text is taken for a number or a yes where its meaning is clear: fields of a survey, and -e NAME=VALUE, give texts.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Callable

from ..module_utils.bmc.redfish import wire
from ..module_utils.model.errors import Mistake
from .network_values import log_folder
from .rolling import gate
from .values import BOOLEAN, LIST, NULL, NUMBER, TEXT, found_value, kind_of
from .variable_specs import Option

YES = ("true", "yes", "on", "1")
NO = ("false", "no", "off", "0")
_QUOTES = "Put it in quotes: without them YAML does not read it as a text."
_UNIT = re.compile(r"[A-Za-z0-9@:_.\\-]{1,200}\.service( +[A-Za-z0-9@:_.\\-]{1,200}\.service)*")
# systemd.time(7), "Parsing time spans"; a number alone is of seconds.
_TIME_SPAN = re.compile(
    r"( *[0-9]+(\.[0-9]+)? *(usec|us|µs|msec|ms|seconds?|sec|s|minutes?|min|m|hours?|hr|h|days?|d|weeks?|w|months?|M"
    r"|years?|y)?)+ *"
)
_SHARE = re.compile(r"[1-9][0-9]{0,8}|(100|[1-9][0-9]?)%")
_FOLDER = re.compile(r"(/[^/\x00-\x20]+)+/?")
_PATH = re.compile(r"(/[^/\x00-\x1f]+)+/?")
NAMESPACE_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")  # RFC 1123 label
OBJECT_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")  # RFC 1123 subdomain, as the API server asks
# A reference of the OCI distribution specification: [HOST[:PORT]/]NAME[:TAG][@DIGEST].
_IMAGE = re.compile(
    r"([a-zA-Z0-9.-]+(:[0-9]{1,5})?/)?[a-z0-9]+([._/-]+[a-z0-9]+)*(:[\w][\w.-]{0,127})?(@sha256:[0-9a-f]{64})?"
)
_AN_IMAGE = "the reference of a container image"
_FILE_NAME = re.compile(r"[^/\x00-\x20]{1,255}")
_DIGEST = re.compile(r"([0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}")
_HOST_NAME = re.compile(r"[^\s,!&]{1,253}")
_DAY = 86400  # seconds


@dataclass(frozen=True)
class Rule:
    """What one variable may be. what: in words; example: a right value; fits: whether a value of its type is right."""

    what: str
    example: Any
    fits: Callable[[Any], bool]


def as_boolean(value: Any) -> bool | None:
    """The yes or no that a value clearly means, None where it means neither."""
    word = value.strip().lower() if isinstance(value, str) else str(value).lower()
    return True if word in YES else False if word in NO else None


def as_number(value: Any) -> int | None:
    """The whole number that a value clearly means, None where it means none."""
    if isinstance(value, str) and re.fullmatch(r" *[0-9]{1,12} *", value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _between(low: int, high: int, example: int) -> Rule:
    return Rule(f"a whole number from {low} to {high}", example, lambda value: low <= int(value) <= high)


def _text(what: str, example: str, *patterns: re.Pattern[str], empty: bool = False) -> Rule:
    def fits(value: Any) -> bool:
        return (empty and value == "") or any(pattern.fullmatch(value) for pattern in patterns)

    return Rule(what, example, fits)


def _is_share(value: Any) -> bool:
    """What Ansible's `serial` takes."""
    several = value if isinstance(value, (list, tuple)) else [value]
    return bool(several) and all(_SHARE.fullmatch(str(one)) and not isinstance(one, bool) for one in several)


def _is_pattern(value: Any) -> bool:
    """What a play's `hosts` takes."""
    several = value if isinstance(value, (list, tuple)) else [value]
    return bool(several) and all(isinstance(one, str) and one.strip() for one in several)


def _is_log_folder(value: Any) -> bool:
    try:
        return bool(log_folder(value))
    except ValueError:
        return False


def _are_there(value: str) -> bool:
    """True for a kubeconfig, or several with colons between them, of which one exists."""
    paths = [os.path.expanduser(path) for path in value.split(":") if path]
    return any(os.path.exists(path) for path in paths)


def _is_url(value: str) -> bool:
    """True for what an API server is reached by."""
    return re.fullmatch(r"https?://[^\s/]+(/\S*)?", value) is not None


def _is_there(value: str) -> bool:
    """True for a path on the controller that exists. A relative one may be found elsewhere: who reads it tells."""
    path = os.path.expanduser(value)
    return not os.path.isabs(path) or os.path.exists(path)


def _is_moment(value: str) -> bool:
    """True for the end of a window."""
    try:
        return gate.deadline(value, datetime.now().astimezone()) is not None
    except ValueError:
        return False


def _is_file(value: str) -> bool:
    """True for a file, from the folder where the run was started."""
    return os.path.isfile(os.path.expanduser(value))


def _has_folder(value: str) -> bool:
    """True for the path of a file that can be written: its folder exists, and it is none itself."""
    path = os.path.abspath(os.path.expanduser(value))
    return os.path.isdir(os.path.dirname(path)) and not os.path.isdir(path) and not value.endswith("/")


_SHARES = Rule("a number of nodes from 1, a percentage, or a list of these", "25%", _is_share)
_OUTPUT = Rule("the path of a file in a folder that exists on the controller", "plan.json", _has_folder)

RULES: dict[str, Rule] = {
    "sriov_bios_reset_timeout": _between(1, _DAY, 1800),
    "sriov_bmc_address": Rule(
        "a host, or https://HOST:PORT", "192.0.2.11", lambda value: wire.ADDRESS.fullmatch(value) is not None
    ),
    "sriov_bmc_fingerprint": _text(
        "the SHA-256 of a certificate, 64 hexadecimal digits", "AB:CD:..", _DIGEST, empty=True
    ),
    "sriov_bmc_from": _text("the name of a host of the inventory", "localhost", _HOST_NAME),
    "sriov_bmc_timeout": _between(1, _DAY, 30),
    "sriov_batch_pause": _between(0, _DAY, 300),
    "sriov_drain_timeout": _between(1, _DAY, 600),
    "sriov_adopt_timeout": _between(1, _DAY, 120),
    "sriov_gate_timeout": _between(0, _DAY, 900),
    "sriov_lease_namespace": _text("the name of a namespace", "default", NAMESPACE_NAME),
    "sriov_max_unavailable": _SHARES,
    "sriov_stop_after": Rule("HH:MM, or a date and time of ISO 8601", "06:00", _is_moment),
    "sriov_summary_junit": _OUTPUT,
    "sriov_summary_output": _OUTPUT,
    "sriov_approved_plan": Rule("the path of a file that exists on the controller", "plan.json", _is_file),
    "sriov_cni_bin_dir": _text("auto, or the absolute path of a folder", "/opt/cni/bin", re.compile("auto"), _FOLDER),
    "sriov_cni_log_dir": Rule(
        "the absolute path of a folder other than /, without '..'", "/var/log", _is_log_folder
    ),
    "sriov_cni_plugins_source": Rule("a folder or an archive that exists on the controller", "/srv/cni", _is_there),
    "sriov_configure_serial": _SHARES,
    "sriov_device_plugin_wheels": Rule("a folder that exists on the controller", "/srv/wheels", _is_there),
    "sriov_drift_interval": _text("a time span of systemd's", "5min", _TIME_SPAN, empty=True),
    "sriov_hosts": Rule("a pattern of hosts, or a list of these", "sriov_nodes", _is_pattern),
    "sriov_kubeconfig": Rule("the path of a file that exists on the controller", "~/.kube/config", _are_there),
    "sriov_kube_host": Rule("the URL of an API server", "https://api.example.org:6443", _is_url),
    "sriov_kubelet_unit": _text(
        "auto, or the names of services", "kubelet.service", re.compile("auto"), _UNIT
    ),
    "sriov_injector_image": _text(_AN_IMAGE, "registry.example.org/nri:v1", _IMAGE, empty=True),
    "sriov_injector_namespace": _text("the name of a namespace", "kube-system", NAMESPACE_NAME),
    "sriov_injector_renew_days": _between(1, 366, 30),
    "sriov_injector_replicas": _between(1, 10, 2),
    "sriov_multus_bin_dir": _text("the absolute path of a folder", "/opt/cni/bin", _FOLDER, empty=True),
    "sriov_multus_conf_dir": _text("the absolute path of a folder", "/etc/cni/net.d", _FOLDER, empty=True),
    "sriov_multus_default_network": _text(
        "the name of a file in the folder of CNI configurations", "10-flannel.conflist", _FILE_NAME, empty=True
    ),
    "sriov_multus_image": _text(_AN_IMAGE, "registry.example.org/multus:v4", _IMAGE, empty=True),
    "sriov_multus_namespace": _text("the name of a namespace", "kube-system", NAMESPACE_NAME),
    "sriov_namespace_timeout": _between(0, _DAY, 60),
    "sriov_node_name": _text("the name of a Kubernetes node", "node1.example.org", OBJECT_NAME),
    "sriov_plan_markdown": _OUTPUT,
    "sriov_plan_output": _OUTPUT,
    "sriov_provision_delay": _between(0, _DAY, 30),
    "sriov_provision_timeout": _between(1, _DAY, 3600),
    "sriov_ready_timeout": _between(1, _DAY, 900),
    "sriov_record_namespace": _text("the name of a namespace", "kube-system", NAMESPACE_NAME),
    "sriov_reboot_timeout": _between(1, _DAY, 1200),
    "sriov_serial": _SHARES,
    "sriov_smoke_junit": _OUTPUT,
    "sriov_smoke_max_latency": _between(0, 100_000, 100),
    "sriov_smoke_min_share": _between(0, 100, 50),
    "sriov_smoke_namespace": _text("the name of a namespace", "baremetal-sriov-smoke", NAMESPACE_NAME),
    "sriov_smoke_seconds": _between(1, 3600, 5),
    "sriov_smoke_timeout": _between(1, _DAY, 180),
    "sriov_target_root": _text("/, or the absolute path of a folder", "/mnt/image", re.compile("/"), _PATH),
    "sriov_verify_junit": _OUTPUT,
    "sriov_verify_output": _OUTPUT,
}
_ANY_TEXT = Rule("a text", "", lambda value: True)
_ANY_NUMBER = Rule("a whole number", 1, lambda value: True)
_ANY_BOOLEAN = Rule("true or false", True, lambda value: True)
_SECRETS = ("sriov_kube_token", "sriov_bmc_password")
_EXPECTED_OF_TYPE = {"sriov_kubeconfig": "the path of a file"}  # where the rule is about what is found there


def mistakes(option: Option, value: Any) -> list[Mistake]:
    """What is wrong with the value of a variable that is no list and no mapping."""
    if value is False and "off" in (option.choices or ()):
        return []  # how YAML reads a bare `off`
    rule = _rule(option)
    if _is_of_type(option, value):
        if (value == "" and option.default == "") or rule.fits(value):
            return []
        what = rule.what
    else:
        what = _EXPECTED_OF_TYPE.get(option.name, rule.what)
    told = f"a {kind_of(value)} that is not shown" if option.name in _SECRETS else found_value(value)
    return [Mistake(option.name, f"expected {what}, found {told}. {_instead(option, rule, value)}")]


def _rule(option: Option) -> Rule:
    if option.name in RULES:
        return RULES[option.name]
    if option.choices:
        named = [one for one in option.choices if one]
        none = ", or empty for none" if len(named) < len(option.choices) else ""
        return Rule(f"one of {', '.join(named)}{none}", named[0], lambda value: value in option.choices)
    return {"bool": _ANY_BOOLEAN, "int": _ANY_NUMBER}.get(option.type, _ANY_TEXT)


def _is_of_type(option: Option, value: Any) -> bool:
    if option.type == "bool":
        return as_boolean(value) is not None
    if option.type == "int":
        return as_number(value) is not None
    if option.type == "raw":
        return kind_of(value) in (TEXT, NUMBER, LIST)
    return kind_of(value) == TEXT


def _instead(option: Option, rule: Rule, value: Any) -> str:
    """What to write in the place of a value that is wrong."""
    name = option.name
    if kind_of(value) == NULL or value == "":
        usual = option.default if option.default is not None else rule.example
        for_none = ' for none' if option.default == "" else ""
        null = "; a key without a value is null" if value is None else ""
        return f"Write {name}: {_yaml(usual)}{for_none}, or leave the variable out{null}."
    if option.type == "bool":
        return f"Write {name}: true, or {name}: false."
    if option.type in ("str", "path") and kind_of(value) in (NUMBER, BOOLEAN) and rule.fits(str(value)):
        return _QUOTES
    if rule is _ANY_TEXT:
        return f"Write {name}: TEXT, or leave the variable out."
    return f"Correct it, as in {name}: {_yaml(rule.example)}."


def _yaml(value: Any) -> str:
    """A value as it is written in YAML."""
    if isinstance(value, bool):
        return str(value).lower()
    return '""' if value == "" else str(value)
