# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""config.json: the format of the SR-IOV network device plugin, read as its users have it.

Keys match without regard to case. Every mistake is reported with its JSON path, all at once, and then nothing
of the file is used; what can be meant but does nothing (an unknown key, a vendor id that can't match) is a
warning.
"""

from __future__ import annotations

import errno
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared import pci

from .. import files
from ..errors import ConfigError
from .device_types import DEFAULT, TYPES, DeviceType
from .preference import POLICIES
from .selectors import Selector, Test

MAX_BYTES = 1 << 20  # a ConfigMap holds no more
# Kubernetes: an extended resource is a DNS subdomain, "/", and a qualified name of at most 63 characters.
_NAME = re.compile("[a-zA-Z0-9]([a-zA-Z0-9_-]{0,61}[a-zA-Z0-9])?")
_PREFIX = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_MAX_PREFIX = 244  # 253, less "requests." that quotas put in front

_RESOURCE_KEYS = (
    "resourceName",
    "resourcePrefix",
    "deviceType",
    "excludeTopology",
    "selectors",
    "additionalInfo",
    "preferredAllocation",
    "linkHealth",
)
_NOTHING: tuple[Any, ...] = (None, False, "", [], {})  # values of a selector's key that would take nothing away
_SILENT_KEYS = ("selectorobj", "selectorobjs")  # the SR-IOV operator writes these as null


@dataclass(frozen=True)
class PoolConfig:
    """One entry of resourceList."""

    name: str
    prefix: str
    device_type: DeviceType
    selectors: tuple[Selector, ...]
    exclude_topology: bool = False
    additional_info: Mapping[str, Mapping[str, str]] | None = None
    preference: str = ""  # our own key preferredAllocation: packed, spread, or "" for the pool's order
    link_health: bool = True  # our own key linkHealth: whether a device without a link is Unhealthy

    @property
    def resource_name(self) -> str:
        """The extended resource that pods ask for: prefix/name."""
        return f"{self.prefix}/{self.name}"

    @property
    def env_name(self) -> str:
        """The environment variable that names the devices. Hyphens stay, as KubeVirt expects."""
        return "_".join(("PCIDEVICE", self.prefix, self.name)).replace(".", "_").upper()


@dataclass(frozen=True)
class Config:
    """A configuration file without mistakes, or what is sound of one; problems: the mistakes of the rest."""

    pools: tuple[PoolConfig, ...]
    warnings: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def emptied(resource_name: str) -> PoolConfig:
    """A pool that is no longer configured, and takes nothing."""
    prefix, _slash, name = resource_name.partition("/")
    return PoolConfig(name, prefix, TYPES[DEFAULT], ())


def load(path: str, default_prefix: str) -> Config:
    """Read the file. Raises ConfigError with every mistake in it."""
    return parse(read(path), default_prefix, path)


def load_sound(path: str, default_prefix: str) -> Config:
    """The pools of the file that have no mistake. Raises ConfigError where there is none, or it is no JSON object."""
    reader = _Reader(default_prefix)
    pools = reader.document(_json(read(path), path))
    sound = [pool for number, pool in enumerate(pools) if pool is not None and number not in reader.wrong]
    if reader.problems and not sound:
        raise ConfigError(path, reader.problems)
    return Config(tuple(sound), tuple(reader.warnings), tuple(reader.problems))


def read(path: str) -> bytes:
    """The file's content. Raises ConfigError where it can't be read or is too large."""
    try:
        return files.read(path, MAX_BYTES)
    except OSError as error:
        words = str(error.strerror)
        raise ConfigError(path, [words if error.errno == errno.EFBIG else f"can't be read: {words}"]) from None


def parse(content: bytes, default_prefix: str, path: str = "config.json") -> Config:
    """The configuration in `content` (UTF-8 JSON). Raises ConfigError with every mistake in it."""
    reader = _Reader(default_prefix)
    pools = reader.document(_json(content, path))
    if reader.problems:
        raise ConfigError(path, reader.problems)
    return Config(tuple(pool for pool in pools if pool is not None), tuple(reader.warnings))


def _json(content: bytes, path: str) -> Any:
    try:
        return json.loads(content.decode("utf-8"), parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise ConfigError(path, [f"not UTF-8 at byte {error.start}"]) from None
    except RecursionError:
        raise ConfigError(path, ["not usable JSON: nested too deeply"]) from None
    except ValueError as error:
        raise ConfigError(path, [f"not valid JSON: {error}"]) from None


def _refuse_constant(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


class _Reader:
    """Walks the document and gathers problems and warnings; a value with a problem becomes its default."""

    def __init__(self, default_prefix: str) -> None:
        self.default_prefix = default_prefix
        self.problems: list[str] = []
        self.warnings: list[str] = []
        self.wrong: set[int] = set()  # numbers of entries with mistakes

    def document(self, value: Any) -> list[PoolConfig | None]:
        """The pools by their numbers, None for what is no object; `wrong` has the numbers of those with mistakes."""
        if not self.fits(value, dict, "expected an object with resourceList"):
            return []
        resources: Any = self.keys(value, "", ("resourceList",)).get("resourceList")
        if not self.fits(resources, list, "resourceList: expected a list"):
            return []
        pools = []
        for number, entry in enumerate(resources):
            before = len(self.problems)
            pools.append(self.pool(entry, f"resourceList[{number}]"))
            self.wrong |= {number} if len(self.problems) > before else set()
        self.unique(pools)
        if not resources:
            self.warnings.append("resourceList: empty, so there is nothing to offer")
        return pools

    def unique(self, pools: list[PoolConfig | None]) -> None:
        names: dict[str, int] = {}
        variables: dict[str, int] = {}
        for number, pool in enumerate(pools):
            if pool is None:
                continue
            first = names.setdefault(pool.resource_name, number)
            if first != number:
                self.wrong.add(number)
                self.problems.append(
                    f"resourceList[{number}]: resourceList[{first}] already has the name {pool.resource_name}"
                )
            elif variables.setdefault(pool.env_name, number) != number:
                other = variables[pool.env_name]
                self.warnings.append(
                    f"resourceList[{number}]: has the same environment variable {pool.env_name} as "
                    f"resourceList[{other}]; a container with devices of both sees only one"
                )

    def pool(self, value: Any, path: str) -> PoolConfig | None:
        if not self.fits(value, dict, f"{path}: expected an object"):
            return None
        entry = self.keys(value, path, _RESOURCE_KEYS)
        name = self.text(entry, "resourceName", path)
        if not _NAME.fullmatch(name):
            self.problems.append(
                f"{path}.resourceName: {name!r} is no resource name; expected at most 63 letters, "
                "digits, - and _, the first and the last a letter or digit"
            )
        prefix = self.text(entry, "resourcePrefix", path) or self.default_prefix
        problem = prefix_problem(prefix)
        if problem:
            self.problems.append(f"{path}.resourcePrefix: {problem}")
        type_name = self.text(entry, "deviceType", path) or DEFAULT
        device_type = TYPES.get(type_name)
        if device_type is None:
            self.problems.append(f"{path}.deviceType: {type_name!r} is not known; known: {', '.join(TYPES)}")
        return PoolConfig(
            name=name,
            prefix=prefix,
            device_type=device_type or TYPES[DEFAULT],
            selectors=self.selectors(entry.get("selectors"), f"{path}.selectors", device_type),
            exclude_topology=self.flag(entry, "excludeTopology", path),
            link_health=self.flag(entry, "linkHealth", path, True),
            additional_info=self.additional_info(entry.get("additionalInfo"), f"{path}.additionalInfo"),
            preference=self.choice(entry, "preferredAllocation", path, POLICIES),
        )

    def selectors(self, value: Any, path: str, device_type: DeviceType | None) -> tuple[Selector, ...]:
        if isinstance(value, dict):
            return (self.selector(value, path, device_type),)
        if not isinstance(value, list) or not value:
            found = "an empty list" if isinstance(value, list) else _kind(value)
            self.problems.append(f"{path}: expected an object or a list of objects, found {found}")
            return ()
        found_ones = []
        for number, entry in enumerate(value):
            if self.fits(entry, dict, f"{path}[{number}]: expected an object"):
                found_ones.append(self.selector(entry, f"{path}[{number}]", device_type))
        return tuple(found_ones)

    def selector(self, value: dict[str, Any], path: str, device_type: DeviceType | None) -> Selector:
        if device_type is None:  # already a problem, and nothing can be said about the fields
            return Selector()
        fields = device_type.fields
        entry = self.keys(value, path, (*(f.key for f in fields), *device_type.flags, *device_type.choices), True)
        tests: list[tuple[str, Test]] = []
        for field in fields:
            values = self.strings(entry, field.key, path)
            if not values:
                continue
            for number, text in enumerate(values):
                doubt = field.doubt(text)
                if doubt:
                    self.warnings.append(f"{path}.{field.key}[{number}]: {text!r} matches nothing; {doubt}")
            try:
                tests.append((field.key, field.compile(field.read, values)))
            except ValueError as error:
                self.problems.append(f"{path}.{field.key}{error}")
        for key in device_type.required:
            if not entry.get(key):
                self.problems.append(f"{path}.{key}: missing or empty; {device_type.name} needs it")
        chosen = set()
        for key, flag_test in device_type.flags.items():
            if self.flag(entry, key, path):
                chosen.add(key)
                if flag_test is not None:
                    tests.append((key, flag_test))
        for key, values_of_key in device_type.choices.items():
            choice = self.choice(entry, key, path, tuple(values_of_key))
            if choice:
                chosen.add(key)
                tests.append((key, values_of_key[choice]))
        for one, other in device_type.exclusive:
            if one in chosen and other in chosen:
                self.problems.append(f"{path}: {one} and {other} exclude each other in one selector object")
        return Selector(tuple(tests), frozenset(chosen))

    def additional_info(self, value: Any, path: str) -> Mapping[str, Mapping[str, str]] | None:
        if value is None or not self.fits(value, dict, f"{path}: expected an object"):
            return None
        for target, texts in value.items():
            if target != "*" and not pci.is_address(target):
                self.warnings.append(f"{path}.{target}: expected * or a full PCI address; no device has it")
            if self.fits(texts, dict, f"{path}.{target}: expected an object of strings"):
                for key, text in texts.items():
                    self.fits(text, str, f"{path}.{target}.{key}: expected a string")
        return dict(value)

    def keys(self, value: dict[str, Any], path: str, known: tuple[str, ...], narrows: bool = False) -> dict[str, Any]:
        """The entries under their known names; an exact spelling wins over another one of the same key.

        narrows: without a key that has a value more would be taken than is meant, so an unknown one is a mistake.
        """
        spelling = {key.lower(): key for key in known}
        found: dict[str, Any] = {}
        for key, content in value.items():
            name = spelling.get(key.lower())
            where = f"{path}.{key}" if path else key
            if name is None and narrows and content not in _NOTHING:
                self.problems.append(f"{where}: unknown key{_meant(key, known)}; known: {', '.join(known)}")
            elif name is None:
                if content is not None or key.lower() not in _SILENT_KEYS:
                    self.warnings.append(f"{where}: unknown key, ignored{_hint(key, known)}")
            elif key == name or name not in value:
                found[name] = content
        return found

    def fits(self, value: Any, kind: type, expected: str) -> bool:
        """True for a value of this kind; any other is a problem. expected: its path, and what to write."""
        fits = isinstance(value, kind)
        if not fits:
            self.problems.append(f"{expected}, found {_kind(value)}")
        return fits

    def text(self, entry: Mapping[str, Any], key: str, path: str) -> str:
        value = entry.get(key)
        return "" if value is None or not self.fits(value, str, f"{path}.{key}: expected a string") else str(value)

    def choice(self, entry: Mapping[str, Any], key: str, path: str, known: tuple[str, ...]) -> str:
        value = self.text(entry, key, path)
        if not value or value in known:
            return value
        self.problems.append(f"{path}.{key}: {value!r} is not known; known: {', '.join(known)}")
        return ""

    def flag(self, entry: Mapping[str, Any], key: str, path: str, otherwise: bool = False) -> bool:
        value = entry.get(key)
        if value is None or not self.fits(value, bool, f"{path}.{key}: expected true or false"):
            return otherwise
        return bool(value)

    def strings(self, entry: Mapping[str, Any], key: str, path: str) -> list[str]:
        value = entry.get(key)
        if value is None or not self.fits(value, list, f"{path}.{key}: expected a list of strings"):
            return []
        numbered = enumerate(value)
        return [text for n, text in numbered if self.fits(text, str, f"{path}.{key}[{n}]: expected a string")]


def prefix_problem(prefix: str) -> str | None:
    """What makes `prefix` unfit for an extended resource; None where it is fit."""
    if len(prefix) > _MAX_PREFIX or not _PREFIX.fullmatch(prefix):
        return f"{prefix!r} is no domain in lower case, like example.com"
    if prefix == "kubernetes.io" or prefix.endswith(".kubernetes.io"):
        return f"{prefix!r} is reserved; the kubelet refuses extended resources of kubernetes.io"
    return None


def _meant(key: str, known: tuple[str, ...]) -> str:
    """The known key that is nearest to a misspelt one; "" where none is near."""
    import difflib  # a mistake is seldom

    near = difflib.get_close_matches(key[:64].lower(), [name.lower() for name in known], 1)
    return f", did you mean {next(name for name in known if name.lower() == near[0])}?" if near else ""


def _hint(key: str, known: tuple[str, ...]) -> str:
    in_selectors = {f.key.lower() for t in TYPES.values() for f in t.fields}
    return "; it belongs into selectors" if "selectors" in known and key.lower() in in_selectors else ""


def _kind(value: Any) -> str:
    if value is None:
        return "nothing"
    names = {dict: "an object", list: "a list", str: "the string", bool: "the boolean"}
    name = names.get(type(value), "the number")
    return name if isinstance(value, (dict, list)) else f"{name} {json.dumps(value)[:60]}"
