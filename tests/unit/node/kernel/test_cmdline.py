# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line as the kernel reads it."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ansible_collections.baremetal.sriov.plugins.module_utils.kernel import cmdline

KEYS = st.sampled_from(["intel_iommu", "iommu", "vfio-pci.ids", "vfio_pci.ids", "quiet", "console", "isolcpus"])
VALUES = st.sampled_from(["on", "off", "pt", "on,sm_on", "ttyS0", "2-7", "8086:10ca", "8086:10ca,8086:1572"])
TOKENS = st.one_of(KEYS, st.builds("{}={}".format, KEYS, VALUES))
LINES = st.lists(TOKENS, max_size=12).map(tuple)


@pytest.mark.parametrize(
    ("line", "tokens"),
    [
        ("", ()),
        ("  quiet \t ro\n", ("quiet", "ro")),
        ('a="b c" d', ('a="b c"', "d")),
        ('"a=b c" d', ('"a=b c"', "d")),
        ('a=b" c"d e', ('a=b" c"d', "e")),
        ('a="b c', ('a="b c',)),
    ],
)
def test_quotes_group_and_an_unclosed_one_reaches_to_the_end(line: str, tokens: tuple[str, ...]) -> None:
    assert cmdline.split(line) == tokens


@pytest.mark.parametrize(
    ("token", "key", "value"),
    [
        ("quiet", "quiet", None),
        ("vfio-pci.ids=8086:10ca", "vfio_pci.ids", "8086:10ca"),
        ('dyndbg="file a-b.c +p"', "dyndbg", "file a-b.c +p"),
        ('"dyndbg=file a-b.c +p"', "dyndbg", "file a-b.c +p"),
        ("a=b=c", "a", "b=c"),
        ("a=", "a", ""),
    ],
)
def test_a_token_is_a_key_with_dashes_as_underscores_and_a_value(
    token: str, key: str, value: str | None
) -> None:
    assert (cmdline.key(token), cmdline.value(token)) == (key, value)


@pytest.mark.parametrize(
    ("line", "wanted", "there"),
    [
        ("intel_iommu=on", "intel_iommu=on", True),
        ("intel_iommu=on,sm_on", "intel_iommu=on", True),
        ("intel_iommu=on", "intel_iommu=on,sm_on", False),
        ("intel_iommu=off intel_iommu=on", "intel_iommu=on", True),
        ("intel_iommu=on intel_iommu=off", "intel_iommu=on", False),
        ("intel_iommu=only", "intel_iommu=on", False),
        ("vfio_pci.ids=a", "vfio-pci.ids=a", True),
        ("quiet -- intel_iommu=on", "intel_iommu=on", False),
        ("iommu=off iommu=pt", "iommu=pt", False),
        ("amd_iommu=off iommu=pt", "iommu=pt", False),
        ("iommu=off", "iommu=off", True),
        ("console=ttyS0 console=tty0", "console=ttyS0", True),
        ("console=tty0", "console=ttyS0", False),
        ("quiet", "quiet", True),
        ("quiet=1", "quiet", False),
        ("", "quiet", False),
    ],
)
def test_what_a_line_amounts_to(line: str, wanted: str, there: bool) -> None:
    assert cmdline.satisfied(cmdline.split(line), wanted) is there


@pytest.mark.parametrize(
    ("line", "wanted", "there"),
    [
        pytest.param(line, wanted, there, id=f"finding-node-23-{line}-{wanted}")
        for line, wanted, there in [
            ("isolcpus=2-15,18-31", "isolcpus=2-15", False),
            ("isolcpus=2-15", "isolcpus=2-15", True),
            ("isolcpus=managed_irq,domain,2-15", "isolcpus=2-15", False),
            ("nohz_full=1,2,3", "nohz_full=1,2", False),
            ("rcu_nocbs=2-5,8", "rcu_nocbs=8", False),
            ("irqaffinity=0,1", "irqaffinity=0", False),
            ("vfio-pci.ids=8086:154c,8086:1889", "vfio-pci.ids=8086:154c", False),
            ("crashkernel=1G-4G:192M,4G-:256M", "crashkernel=4G-:256M", False),
            ("pci=realloc,noaer", "pci=realloc", True),
            ("iommu=pt,strict", "iommu=pt", True),
            ("amd_iommu=on,fullflush", "amd_iommu=on", True),
            ("mitigations=auto,nosmt", "mitigations=auto", True),
        ]
    ],
)
def test_more_of_a_list_is_another_value_and_of_switches_is_not(line: str, wanted: str, there: bool) -> None:
    assert cmdline.satisfied(cmdline.split(line), wanted) is there


@given(LINES)
def test_tokens_survive_being_joined_and_split(tokens: tuple[str, ...]) -> None:
    assert cmdline.split(" ".join(tokens)) == tokens


@given(LINES, LINES)
@example((), ("intel_iommu=on,sm_on", "intel_iommu=on"))
@example((), ("intel_iommu=on", "intel_iommu=on,sm_on"))
def test_what_is_appended_takes_effect_whatever_stands_before(
    foreign: tuple[str, ...], ours: tuple[str, ...]
) -> None:
    if cmdline.mistakes(ours, "arguments"):
        return
    final = any(cmdline.is_final_against(token, one) for token in foreign + ours for one in ours)
    assert (cmdline.lacking(foreign + ours, ours) == ()) is not final


@given(LINES, TOKENS)
def test_a_lacking_token_is_one_that_is_contradicted_or_missing(line: tuple[str, ...], wanted: str) -> None:
    same = [token for token in line if cmdline.key(token) == cmdline.key(wanted)]
    if not cmdline.satisfied(line, wanted) and not cmdline.is_additive(wanted) and same:
        final = any(cmdline.is_final_against(token, wanted) for token in line)
        assert final or cmdline.contradicts(same[-1], (wanted,))


@pytest.mark.parametrize(
    ("tokens", "paths"),
    [
        (("intel_iommu=on", "iommu=pt"), []),
        (("a b",), ["arguments[0]"]),
        (("a=$(reboot)",), ["arguments[0]"]),
        (('a="b"', "", "-x", "=x"), [f"arguments[{n}]" for n in range(4)]),
        (("a=" + "b" * 300,), ["arguments[0]"]),
        (("iommu=pt", "iommu=nopt"), ["arguments[1]"]),
        (("console=tty0", "console=ttyS0", "hugepagesz=1G", "hugepagesz=2M"), []),
        (tuple(f"a{n}" for n in range(65)), ["arguments"]),
    ],
)
def test_every_mistake_is_named(tokens: tuple[str, ...], paths: list[str]) -> None:
    assert [mistake.path for mistake in cmdline.mistakes(tokens, "arguments")] == paths


def test_of_two_for_one_key_the_later_must_hold_what_the_earlier_asks() -> None:
    found = [
        [mistake.path for mistake in cmdline.mistakes(tokens, "a")]
        for tokens in (("intel_iommu=on,sm_on", "intel_iommu=on"), ("intel_iommu=on", "intel_iommu=on,sm_on"))
    ]
    assert found == [["a[1]"], []]
