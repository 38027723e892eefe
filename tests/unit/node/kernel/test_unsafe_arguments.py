# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel arguments that boot something else are taken on request only, by the node library itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.entry import kernel_modules
from ansible_collections.baremetal.sriov.plugins.module_utils.kernel import unsafe_arguments
from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import InvalidSpecError
from ansible_collections.baremetal.sriov.plugins.module_utils.policy.node_spec import node_spec, parse_spec
from support.expected_kernel_words import SAFE, UNSAFE
from support.fake_boot import GrubHost
from support.node_runs import ran

ID = "finding-people-01-word"


@pytest.mark.parametrize("word", [pytest.param(word, id=f"{ID}-{word.strip()}") for word, _source in UNSAFE])
def test_words_that_boot_something_else_need_a_yes(word: str) -> None:
    (mistake,) = unsafe_arguments.mistakes(("quiet", word), "x", "the_option")
    assert mistake.path == "x[1]"
    assert repr(word) in mistake.problem and "set the_option: true" in mistake.problem


@pytest.mark.parametrize("word", [pytest.param(word, id=f"{ID}-{word}") for word, _source in SAFE])
def test_others_need_none(word: str) -> None:
    assert unsafe_arguments.what(word) == ""


@pytest.mark.parametrize("word", ["systemd.confirm_spawn=no", "systemd.volatile=0", "systemd.volatile=False"])
def test_a_switch_that_is_off_needs_none(word: str) -> None:
    assert unsafe_arguments.what(word) == ""


def mistakes(value: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(InvalidSpecError) as caught:
        parse_spec({"format": 1, **value})
    return {mistake.path: mistake.problem for mistake in caught.value.mistakes}


def test_the_specification_is_refused_on_the_node_too() -> None:
    """The module may be called without the playbooks' check."""
    found = mistakes({"kernel_arguments": ["nosmt", "s", "init=/bin/sh"], "kernel_arguments_unsafe": False})
    assert list(found) == ["spec.kernel_arguments[1]", "spec.kernel_arguments[2]"]
    assert "sriov_kernel_arguments_unsafe" in found["spec.kernel_arguments[1]"]
    spec = parse_spec({"format": 1, "kernel_arguments": ["single"], "kernel_arguments_unsafe": True})
    assert spec.options.kernel_arguments == ("single",)


@pytest.mark.parametrize("field", ["kernel_arguments", "kernel_modules", "hugepages", "policies"])
@pytest.mark.parametrize("value", ["nosmt", "", {}, {"a": 1}, 0, False], ids=repr)
def test_no_list_is_made_of_what_is_none(field: str, value: Any) -> None:
    """Neither of a text's letters nor of a mapping's keys, and what is empty is not passed over."""
    assert any("expected a list" in problem for problem in mistakes({field: value}).values())
    arguments = {"policies": []} if field != "policies" else {}
    with pytest.raises(InvalidSpecError, match="expected a list"):
        node_spec(**{**arguments, field: value})


@pytest.mark.parametrize(
    "given", [{"groups": "rack1"}, {"labels": "a=b"}, {"labels": ["a"]}, {"variables": "a"}], ids=repr
)
def test_what_a_selector_is_compared_with_has_its_kind(given: dict[str, Any]) -> None:
    """In a text, `in` would find letters."""
    with pytest.raises(InvalidSpecError, match=r"expected a (list|mapping)"):
        node_spec([], **given)


def test_the_narrow_module_asks_for_the_same_yes(tmp_path: Path) -> None:
    host = GrubHost(tmp_path)
    before = host.tree()
    refused = ran(host, kernel_modules.kernel_arguments, ("quiet", "single", "-b")).result
    assert refused["failed"] and host.tree() == before
    assert [mistake["path"] for mistake in refused["mistakes"]] == ["arguments[2]", "arguments[1]"]
    assert "set arguments_unsafe: true" in refused["msg"]
    taken = ran(host, kernel_modules.kernel_arguments, ("single",), unsafe=True).result
    assert taken["changed"] and taken["plan"]["steps"][0]["action"] == "append single"
