# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`dataclass(frozen=True)` without its cost at each start.

Kept for what it saves of each call that changes nothing (`node.nochange_cpu_ms`, the medians of five runs in turn): 246
ms of CPU time with it, 276 ms with the standard one; of the quickest calls of each run, 183 ms and 197 ms.

The standard one writes and compiles six methods for each class, which no compiled file keeps: with the forty classes
of a run, that takes longer than to read a host with 128 VFs. Here all classes share methods that go by the fields.
`fields`, `replace` and `asdict` are the standard library's. `field()` with more than a default is not served. For mypy
it is the standard one.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Callable

__all__ = ["dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(*, frozen):
        """A decorator for a class. `frozen` is for the reader and for mypy: there is no other kind here."""
        return _made


def _made(cls: type) -> type:
    made: Any = dataclasses.dataclass(init=False, repr=False, eq=False)(cls)
    methods = (_init(made), _repr, _eq, _hash, _setattr, _delattr)
    for name, method in zip(("init", "repr", "eq", "hash", "setattr", "delattr"), methods):
        setattr(made, f"__{name}__", method)
    return cls


def _init(made: Any) -> Callable[..., None]:
    fields = dataclasses.fields(made)
    names = [field.name for field in fields]
    known = set(names)
    defaults = {field.name: field.default for field in fields if field.default is not dataclasses.MISSING}
    factories = {field.name: field.default_factory for field in fields
                 if field.default_factory is not dataclasses.MISSING}  # fmt: skip

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        count = len(args) + len(kwargs)
        if args:
            kwargs.update(zip(names, args))
        values = self.__dict__  # past __setattr__, which refuses
        values.update(defaults)
        for name, factory in factories.items():
            values[name] = factory()
        values.update(kwargs)
        if len(kwargs) != count or values.keys() != known:
            raise TypeError(f"{made.__name__}: expected each of {', '.join(names)} once; "
                            f"given {count} values: {', '.join(kwargs)}")  # fmt: skip

    return __init__


def _repr(self: Any) -> str:
    values = ", ".join(f"{field.name}={getattr(self, field.name)!r}" for field in dataclasses.fields(self))
    return f"{type(self).__qualname__}({values})"


def _eq(self: Any, other: object) -> bool:
    return bool(self.__dict__ == other.__dict__) if type(other) is type(self) else NotImplemented


def _hash(self: Any) -> int:
    return hash(tuple(getattr(self, field.name) for field in dataclasses.fields(self)))


def _setattr(self: Any, name: str, value: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _delattr(self: Any, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")
