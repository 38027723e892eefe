# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NodeSpec: what the controller asks of one node, and its JSON form (the `spec` of the module sriov_node).

Its selectors are not yet resolved: names and PCI addresses are known on the node alone. See `resolve`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..kernel import unsafe_arguments
from ..kernel.bootloaders import table
from ..model.errors import Mistake, mistakes_of, raise_if
from ..model.frozen import dataclass
from ..model.goal import (
    AT_AUTO,
    AT_BOOT,
    AT_RUNTIME,
    DRIFT_MODES,
    DRIFT_OFF,
    FORMAT,
    HugePages,
    ModuleGoal,
    NodeOptions,
)
from .policy import Policy, collect, merge_host, why_not
from .validation import Fields, show

PREFIX = r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$"  # a DNS subdomain, as extended resources need
ARGUMENT = r"^[^\s\"]+(\"[^\"]*\")?\Z"  # one token of the kernel command line
MODULE_NAME = r"^[A-Za-z0-9_-]{1,64}$"
PAGE_SIZE = r"^[1-9][0-9]{0,4}[KMGkmg]$"
HIGHEST_COUNT = 1 << 24  # 32 TiB in pages of 2 MiB
FOLDER = r"^(/[A-Za-z0-9_][A-Za-z0-9._-]*)+\Z"
FILE = r"^(/(?!\.\.?(/|\Z))[^/\x00-\x1f]+)+\Z"
OPTION_NAME = r"^[A-Za-z0-9_.-]{1,64}$"


@dataclass(frozen=True)
class NodeSpec:
    """What one node should be, selectors unresolved."""

    policies: tuple[Policy, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()  # policies that are not for it, and why
    options: NodeOptions = NodeOptions()


def parse_spec(value: Any, path: str = "spec") -> NodeSpec:
    """Read the JSON form. Raises InvalidSpecError with every mistake."""
    mistakes: list[Mistake] = []
    fields = Fields(value, path, mistakes)
    fields.number("format", FORMAT, FORMAT, required=True)
    policies = fields.get("policies")
    spec = NodeSpec(
        # Nothing is an empty list; what is empty and no list stays, so that it is told of.
        policies=collect([] if policies is None else policies, "sriov_policies", mistakes),
        skipped=tuple(
            (str(name), str(reason))
            for name, reason in fields.mapping("skipped", "a mapping of policies to reasons").items()
        ),
        options=_options(fields, mistakes),
    )
    fields.finish()
    raise_if(mistakes)
    return spec


def _options(fields: Fields, mistakes: list[Mistake]) -> NodeOptions:
    usual = NodeOptions()
    options = NodeOptions(
        resource_prefix=fields.text(
            "resource_prefix", usual.resource_prefix, pattern=PREFIX, meaning="a DNS name such as baremetal.sriov"
        ),
        kernel_arguments=fields.texts("kernel_arguments", ARGUMENT, "one kernel argument such as hugepages=64"),
        boot_loader=fields.choice("boot_loader", table.NAMES, usual.boot_loader),
        hugepages=fields.items("hugepages", lambda item, where: _hugepages(item, where, mistakes)),
        hugepages_floor=fields.number("hugepages_floor", 0, 1 << 30, usual.hugepages_floor) or 0,
        iommu=fields.flag("iommu", None),
        kernel_modules=fields.items("kernel_modules", lambda item, where: _module(item, where, mistakes)),
        take_over=fields.texts("take_over", FILE, "the absolute path of a file, as a plan prints it"),
        drift=fields.choice("drift", DRIFT_MODES, usual.drift),
        kubelet_root_dir=fields.text(
            "kubelet_root_dir", usual.kubelet_root_dir, pattern=FOLDER, meaning="an absolute path"
        ),
        **fields.flags(NodeOptions),
    )
    if not options.kernel_arguments_unsafe:
        mistakes += unsafe_arguments.mistakes(
            options.kernel_arguments,
            f"{fields.path}.kernel_arguments",
            "kernel_arguments_unsafe (in the inventory sriov_kernel_arguments_unsafe)",
        )
    sizes = [pages.size.upper() for pages in options.hugepages]
    for size in sorted({size for size in sizes if sizes.count(size) > 1}):
        fields.wrong("hugepages", f"pages of {size} are there twice")
    twice = options.hugepages and any(re.match(r"hugepagesz?=", one) for one in options.kernel_arguments)
    fields.check(
        (twice, "hugepages", "kernel_arguments asks for huge pages as well; use one of both"),
        (options.no_iommu and options.iommu, "no_iommu", "contradicts iommu: true; choose one"),
    )
    return options


def _hugepages(value: Any, path: str, mistakes: list[Mistake]) -> HugePages:
    fields = Fields(value, path, mistakes)
    size = fields.text("size", "2M", required=True, pattern=PAGE_SIZE, meaning="a size such as 2M or 1G")
    count = fields.number("count", 1, HIGHEST_COUNT)
    at = fields.choice("at", (AT_AUTO, AT_BOOT, AT_RUNTIME), AT_AUTO)
    nodes: list[tuple[int, int]] = []
    if fields.has("nodes"):
        inner = Fields(fields.get("nodes"), f"{path}.nodes", mistakes)
        for key in inner.value:
            number = inner.number(key, 1, HIGHEST_COUNT)
            if not re.match(r"^\d{1,4}$", str(key)):
                inner.wrong(str(key), "expected the number of a NUMA node")
            elif number is not None:
                nodes.append((int(key), number))
    if fields.value and (count is None) == (not fields.has("nodes")):
        fields.wrong("", "expected either count or nodes (NUMA node: count)")
    fields.finish()
    return HugePages(size, count or 0, tuple(sorted(nodes)), at)


def _module(value: Any, path: str, mistakes: list[Mistake]) -> ModuleGoal:
    fields = Fields({"name": value} if isinstance(value, str) else value, path, mistakes)
    name = fields.text("name", required=True, pattern=MODULE_NAME, meaning="a kernel module's name")
    blacklist = bool(fields.flag("blacklist"))
    load = bool(fields.flag("load", not blacklist))
    around = [fields.texts(key, MODULE_NAME, "a kernel module's name") for key in ("softdep_pre", "softdep_post")]
    if blacklist and load:
        fields.wrong("blacklist", "contradicts load: true; choose one")
    options = fields.get("options")
    found: list[tuple[str, str]] = []
    if options is not None:
        inner = Fields(options, f"{path}.options", mistakes)
        for key in inner.value:
            option = inner.get(key)
            text = str(int(option)) if isinstance(option, bool) else str(option)
            if not isinstance(option, (str, int)) or not text or any(c.isspace() for c in text):
                inner.wrong(str(key), f"expected a value without blanks, found {show(option)}")
            elif Fields({"name": str(key)}, path, mistakes).text(
                "name", pattern=OPTION_NAME, meaning="an option's name"
            ):
                found.append((str(key), text))
    fields.finish()
    return ModuleGoal(name, tuple(sorted(found)), load, blacklist, *around)


def node_spec(
    policies: Any,
    *,
    places: Mapping[int, str] | None = None,
    overrides: Any = (),
    groups: Sequence[str] = (),
    variables: Mapping[str, Any] | None = None,
    labels: Mapping[str, Any] | None = None,
    **options: Any,
) -> dict[str, Any]:
    """On the controller: the JSON form for one host, from the user's lists and what the inventory says of
    the host.

    places: number -> the path of a policy that comes from elsewhere. options: raw values for NodeOptions.
    Raises InvalidSpecError with every mistake in all policies, also in those that are not for this host.
    """
    mistakes = _inventory_mistakes(groups, variables, labels)
    usual = vars(NodeOptions())
    known = ", ".join(sorted(usual))
    mistakes += [Mistake(name, f"is not a known option; known are {known}") for name in options if name not in usual]
    raise_if(mistakes)
    if options.get("drift") is False:  # how YAML reads a bare `off`
        options["drift"] = DRIFT_OFF
    merged = merge_host(policies, overrides)
    parsed = collect(merged, "sriov_policies", mistakes, places)
    raise_if(mistakes)
    reasons = {policy.name: why_not(policy, groups, variables or {}, labels or {}) for policy in parsed}
    chosen = [dict(policy.source) for policy in parsed if not reasons[policy.name]]
    for policy in chosen:
        policy.pop("node_selector", None)
    value = {
        "format": FORMAT,
        "policies": chosen,
        "skipped": {name: reason for name, reason in reasons.items() if reason},
        **usual,
        **options,
    }
    parse_spec(value)
    plain: dict[str, Any] = json.loads(json.dumps(value))
    return plain


def _inventory_mistakes(groups: Any, variables: Any, labels: Any) -> list[Mistake]:
    """What is compared with a node_selector must be what it is compared as: in a text, `in` finds letters."""
    named = (("host_variables", variables), ("labels", labels))
    return mistakes_of(
        (not isinstance(groups, (list, tuple)), "group_names", f"expected a list of groups, found {show(groups)}"),
        *(
            (
                value is not None and not isinstance(value, Mapping),
                name,
                f"expected a mapping of names to values, found {show(value)}",
            )
            for name, value in named
        ),
    )
