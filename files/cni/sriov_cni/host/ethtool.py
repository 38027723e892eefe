# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ethtool(8) by ioctl: what of an interface netlink's links do not tell. Numbers and layouts: linux/ethtool.h."""

from __future__ import annotations

import fcntl
from errno import ENODEV
from struct import pack, unpack

from ..netlink.socket import Socket
from .libc import Memory

_SIOCGIFNAME, _SIOCETHTOOL = 0x8910, 0x8946  # linux/sockios.h
_GDRVINFO, _GRINGPARAM, _SRINGPARAM, _GFEATURES, _SFEATURES = 0x03, 0x10, 0x11, 0x3A, 0x3B
_GCHANNELS, _SCHANNELS = 0x3C, 0x3D
_BUS_INFO, _BUS_INFO_SIZE, _DRVINFO_SIZE = 100, 32, 196
_FEATURE_BLOCKS = 8  # of 32 features, more than any kernel has
_AVAILABLE, _REQUESTED, _BLOCK = 0, 1, 4  # words of a block
# Numbers of which the first half, behind the command, is what there may be, and the second what there is.
_COUNTED = {"rings": (_GRINGPARAM, _SRINGPARAM), "channels": (_GCHANNELS, _SCHANNELS)}
COUNTS = 4
_TURNS = 5  # for an interface that is being renamed
KINDS = ("features", *_COUNTED)


def name_of(socket: Socket, index: int) -> str:
    """What the interface is called at this moment, for what the kernel knows by its name alone. Raises OSError."""
    found = fcntl.ioctl(socket.fileno(), _SIOCGIFNAME, pack("@16si20x", b"", index))
    return found[:16].split(b"\0", 1)[0].decode("utf-8", "surrogateescape")


def _ask(socket: Socket, index: int, request: list[int]) -> list[int]:
    """The answer, as long as the request, of numbers of 32 bits. Raises OSError."""
    memory = Memory(pack(f"={len(request)}I", *request))
    for turn in range(_TURNS):
        name = name_of(socket, index).encode("utf-8", "surrogateescape")
        try:
            fcntl.ioctl(socket.fileno(), _SIOCETHTOOL, pack("@16sP16x", name, memory.address))
            break
        except OSError as error:
            if error.errno != ENODEV or turn == _TURNS - 1:  # else it was renamed just now
                raise
    return list(unpack(f"={len(request)}I", bytes(memory)))


def read(socket: Socket, index: int, kind: str) -> list[int]:
    """The numbers of `kind`, one of KINDS, as write() takes them; none where the driver has no such thing."""
    try:
        if kind == "features":
            return [requested for _available, requested in _features(socket, index)]
        return _ask(socket, index, [_COUNTED[kind][0]] + [0] * 2 * COUNTS)[1 + COUNTS :]
    except OSError:
        return []


def write(socket: Socket, index: int, kind: str, wanted: list[int]) -> None:
    """Set what differs from `wanted`. Raises OSError for what the driver refuses."""
    if kind == "features":
        blocks = []
        for (available, requested), before in zip(_features(socket, index), wanted):
            differing = (requested ^ before) & available
            blocks += [differing, before & differing]
        _ask(socket, index, [_SFEATURES, len(blocks) // 2, *blocks])
        return
    get, put = _COUNTED[kind]
    most = _ask(socket, index, [get] + [0] * 2 * COUNTS)[1 : 1 + COUNTS]
    _ask(socket, index, [put, *most, *wanted[:COUNTS]])


def bus_info(socket: Socket, index: int) -> str:
    """The PCI address that the interface's driver tells, "" for none."""
    try:
        answer = _ask(socket, index, [_GDRVINFO] + [0] * (_DRVINFO_SIZE // 4))
    except OSError:
        return ""
    raw = pack(f"={len(answer)}I", *answer)
    return raw[_BUS_INFO : _BUS_INFO + _BUS_INFO_SIZE].split(b"\0", 1)[0].decode("ascii", "replace")


def _features(socket: Socket, index: int) -> list[tuple[int, int]]:
    """What can be changed, and what is asked for, of each block of 32 features."""
    words = _ask(socket, index, [_GFEATURES, _FEATURE_BLOCKS] + [0] * _FEATURE_BLOCKS * _BLOCK)
    starts = range(2, 2 + _BLOCK * min(words[1], _FEATURE_BLOCKS), _BLOCK)
    return [(words[at + _AVAILABLE], words[at + _REQUESTED]) for at in starts]
