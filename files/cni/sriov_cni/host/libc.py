# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Functions of the C library that Python 3.9 has no name for; through _ctypes alone, since ctypes costs 2.5 ms more."""

from __future__ import annotations

import os
from _collections_abc import Callable

_PIDFD_GETFD = 438  # asm-generic/unistd.h, since Linux 5.6


def function(name: str) -> Callable[..., int]:
    """The function `name`, for integers as arguments; it raises OSError where the C one gives -1."""
    import _ctypes

    class Function(_ctypes.CFuncPtr):
        _flags_ = _ctypes.FUNCFLAG_CDECL | _ctypes.FUNCFLAG_USE_ERRNO

    class Word(_ctypes._SimpleCData):  # type: ignore[type-arg]
        _type_ = "l"  # as wide as a pointer; a plain number is passed as an int

    found = Function(_ctypes.dlsym(_ctypes.dlopen(None, 2), name))  # type: ignore[arg-type]

    def call(*arguments: int) -> int:
        answer = int(found(*[Word(argument) for argument in arguments]))
        if answer == -1:
            number = _ctypes.get_errno()
            raise OSError(number, f"{name}: {os.strerror(number)}")
        return answer

    return call


class Memory:
    """Some bytes at an address, for calls whose arguments hold pointers."""

    def __init__(self, raw: bytes) -> None:
        import _ctypes

        class Byte(_ctypes._SimpleCData):  # type: ignore[type-arg]
            _type_ = "B"

        self._array = (Byte * len(raw))()
        self._view = memoryview(self._array).cast("B")
        self._view[:] = raw
        self.address: int = _ctypes.addressof(self._array)

    def __bytes__(self) -> bytes:
        """What is there by now."""
        return bytes(self._view)


def pidfd_getfd() -> Callable[[int, int], int]:
    """pidfd_getfd(2): a copy of another process' open file, by its pidfd and number there."""
    syscall = function("syscall")
    return lambda pidfd, fd: syscall(_PIDFD_GETFD, pidfd, fd, 0)
