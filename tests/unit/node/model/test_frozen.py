# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The frozen classes of the node library against the standard library's, made of the same text."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from typing import Any, Callable

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.model import frozen, goal


def _make(dataclass: Any) -> Any:
    @dataclass(frozen=True)
    class Sample:
        """Two without a default, two with."""

        name: str
        size: int
        tags: tuple[str, ...] = ()
        more: dict[str, int] = dataclasses.field(default_factory=dict)

        @property
        def double(self) -> int:
            return self.size * 2

    return Sample


OURS, THEIRS = _make(frozen.dataclass), _make(dataclasses.dataclass)
CALLS: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    (("a", 1), {}),
    (("a",), {"size": 1}),
    ((), {"size": 1, "name": "a", "tags": ("x",)}),
    (("a", 1, ("x",), {"y": 2}), {}),
    ((), {}),
    (("a",), {}),
    (("a",), {"tags": ()}),
    (("a", 1), {"other": 1}),
    (("a",), {"other": 1}),
    (("a", 1), {"name": "b"}),
    (("a", 1, (), {}, 5), {}),
]


def _told(call: Callable[[], Any]) -> Any:
    """What a call gives, or the kind of its error."""
    try:
        return call()
    except (TypeError, AttributeError) as error:
        return type(error)


@pytest.mark.parametrize(("args", "kwargs"), CALLS)
def test_made_and_shown_alike(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    ours, theirs = (_told(lambda made=made: repr(made(*args, **kwargs))) for made in (OURS, THEIRS))
    assert ours == theirs


@pytest.mark.parametrize(
    "look",
    [
        lambda made: made("a", 1) == made("a", 1),
        lambda made: made("a", 1) == made("a", 2),
        lambda made: made("a", 1) != made("a", 1, ("x",)),
        lambda made: made("a", 1) == ("a", 1, (), {}),
        lambda made: made("a", 1, more=()).__hash__() == made("a", 1, more=()).__hash__(),
        lambda made: hash(made("a", 1, more=())) == hash(("a", 1, (), ())),
        lambda made: hash(made("a", 1)),
        lambda made: dataclasses.asdict(made("a", 1, more={"b": 2})),
        lambda made: [(field.name, field.type) for field in dataclasses.fields(made)],
        lambda made: dataclasses.replace(made("a", 1), size=3).double,
        lambda made: dataclasses.replace(made("a", 1), other=3),
        lambda made: setattr(made("a", 1), "size", 2),
        lambda made: setattr(made("a", 1), "new", 2),
        lambda made: delattr(made("a", 1), "size"),
        lambda made: made("a", 1).more is made("a", 1).more,
        lambda made: vars(copy.deepcopy(made("a", 1, more={"b": 2}))),
        lambda made: made.__match_args__,
    ],
)
def test_the_same_in_all_that_it_does(look: Callable[[Any], Any]) -> None:
    assert _told(lambda: look(OURS)) == _told(lambda: look(THEIRS))


def test_the_error_names_what_is_missing() -> None:
    words = "Sample: expected each of name, size, tags, more once; given 2 values: other, name"
    with pytest.raises(TypeError, match=words):
        OURS("a", other=1)


def test_those_of_the_library_go_through_pickle() -> None:
    pf = goal.PfGoal("0000:01:00.0", 2, vfs=((0, goal.VfSettings(goal.VfAttributes(vlan=3))),))
    assert pickle.loads(pickle.dumps(pf)) == pf


def _derive(dataclass: Any) -> Any:
    """A class that is based on the sample, with a field more, and one on that without a field of its own."""

    @dataclass(frozen=True)
    class Longer(_make(dataclass)):
        """One more."""

        last: str = "z"

    class Same(Longer):
        """None more."""

    return Longer, Same


@pytest.mark.parametrize(
    "look",
    [
        lambda longer, same: repr(longer("a", 1, last="b")),
        lambda longer, same: repr(same("a", 1)),
        lambda longer, same: same("a", 1) == same("a", 1),
        lambda longer, same: same("a", 1) == longer("a", 1),
        lambda longer, same: vars(dataclasses.replace(same("a", 1), last="c")),
        lambda longer, same: setattr(same("a", 1), "last", "d"),
        lambda longer, same: same("a", other=1),
    ],
)
def test_classes_that_are_based_on_another(look: Callable[[Any, Any], Any]) -> None:
    assert _told(lambda: look(*_derive(frozen.dataclass))) == _told(lambda: look(*_derive(dataclasses.dataclass)))
