# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""sriov_kernel_args and sriov_iommu on one host, and the words of a change of kernel arguments."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.entry import kernel_modules
from ansible_collections.baremetal.sriov.plugins.module_utils.kernel import argument_shares
from ansible_collections.baremetal.sriov.plugins.module_utils.kernel.bootloaders.grub_d import OURS, appended_tokens
from ansible_collections.baremetal.sriov.plugins.module_utils.policy.rendered_files import NODE_PATH
from ansible_collections.baremetal.sriov.plugins.module_utils.record.record import ARGUMENTS
from support.fake_boot import GrubHost
from support.node_runs import ran

IOMMU = ("intel_iommu=on", "iommu=pt")
# Runs, one after the other: the arguments that are asked for, or whether the IOMMU is; what the boot loader has then.
TURNS: dict[str, list[tuple[Any, Sequence[str]]]] = {
    "arguments-then-iommu": [(("a=1",), ["a=1"]), (True, [*IOMMU, "a=1"]), (("a=1",), [*IOMMU, "a=1"])],
    "iommu-then-arguments": [(True, IOMMU), (("a=1", "bb"), [*IOMMU, "a=1", "bb"]), (True, [*IOMMU, "a=1", "bb"])],
    "each-takes-its-own": [(True, IOMMU), (("a=1",), [*IOMMU, "a=1"]), ((), IOMMU), (False, [])],
    "iommu-goes-first": [(True, IOMMU), (("a=1",), [*IOMMU, "a=1"]), (False, ["a=1"]), ((), [])],
    "both-ask": [(("iommu=pt", "aa"), ["iommu=pt", "aa"]), (True, [*IOMMU, "aa"]), (("aa",), [*IOMMU, "aa"]),
                 (False, ["aa"])],
    "both-asked-iommu-goes": [(("iommu=pt",), ["iommu=pt"]), (True, IOMMU), (False, ["iommu=pt"]), ((), [])],
    "the-users-value-counts": [
        (True, IOMMU), (("iommu=nopt",), ["intel_iommu=on", "iommu=nopt"]), (True, ["intel_iommu=on", "iommu=nopt"]),
        ((), IOMMU),
    ],
    "a-value-changes": [(("a=1",), ["a=1"]), (True, [*IOMMU, "a=1"]), (("a=2",), [*IOMMU, "a=2"])],
}  # fmt: skip


@pytest.fixture
def host(tmp_path: Path) -> GrubHost:
    made = GrubHost(tmp_path)
    made.put("/proc/cpuinfo", "vendor_id\t: GenuineIntel\n")
    return made


def turn(host: GrubHost, asked: Any) -> dict[str, Any]:
    """A run of the one module or the other; a check before it says the same, and a second run has nothing to do."""
    call = kernel_modules.iommu_arguments if isinstance(asked, bool) else kernel_modules.kernel_arguments
    check = ran(host, call, asked, check=True).result
    found: dict[str, Any] = ran(host, call, asked).result
    assert "plan" in found, found["msg"]
    assert check.get("plan") == found.get("plan")
    assert not ran(host, call, asked).result["changed"]
    return found


def appended(host: GrubHost) -> list[str]:
    return list(appended_tokens(host.read_text(OURS) or ""))


@pytest.mark.parametrize("turns", [pytest.param(t, id=f"finding-node-24-{name}") for name, t in TURNS.items()])
def test_neither_takes_what_the_other_asked_for(host: GrubHost, turns: list[tuple[Any, Sequence[str]]]) -> None:
    for asked, expected in turns:
        turn(host, asked)
        assert appended(host) == list(expected)
    if not turns[-1][1]:
        assert not host.exists(ARGUMENTS)


@pytest.mark.parametrize("asked", [pytest.param(("a=1",), id="finding-node-24-node")])
def test_what_the_role_node_set_stays(host: GrubHost, asked: tuple[str, ...]) -> None:
    turn(host, ("hugepages=4",))
    host.put(NODE_PATH, "{}")
    turn(host, asked)
    assert appended(host) == ["hugepages=4", "a=1"]
    turn(host, ())
    assert appended(host) == ["hugepages=4"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 2}', '{"format": 1, "sriov_iommu": "x"}'])
def test_a_damaged_note_is_none(host: GrubHost, text: str) -> None:
    host.put(ARGUMENTS, text)
    assert argument_shares.read(host) == {}
    turn(host, True)
    turn(host, ("aa",))
    assert appended(host) == [*IOMMU, "aa"]


# What was there, what is asked, and the words.
WORDS: dict[str, tuple[tuple[str, ...], tuple[str, ...], str]] = {
    "first": ((), ("a=1", "bb"), "append a=1 bb"),
    "add": (("a=1",), ("a=1", "bb"), "append bb"),
    "remove": (("a=1", "bb"), ("a=1",), "remove bb"),
    "change": (("a=1",), ("a=2",), "change a=1 to a=2"),
    "all-three": (
        ("isolcpus=2", "x=1", "yy"), ("x=2", "yy", "pages=8"), "append pages=8; change x=1 to x=2; remove isolcpus=2"
    ),
    "order": (("aa", "bb"), ("bb", "aa"), "put our arguments in the order bb aa"),
    "all-go": (("aa", "bb"), (), "remove our arguments (aa bb) and make the boot menu again"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("before", "asked", "words"), [pytest.param(*row, id=f"finding-node-24-{name}") for name, row in WORDS.items()]
)
def test_words_name_the_difference(
    host: GrubHost, before: tuple[str, ...], asked: tuple[str, ...], words: str
) -> None:
    if before:
        turn(host, before)
    assert turn(host, asked)["plan"]["steps"][0]["action"] == words
