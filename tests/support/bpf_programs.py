# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""eBPF programs that drop every packet, on an interface in each way that there is, by bpf(2) itself (linux/bpf.h)."""

from __future__ import annotations

import ctypes
import os
import struct

from support.needs import missing

_SYSCALL = {"x86_64": 321, "aarch64": 280}
_LOAD, _ATTACH, _QUERY, _LINK_CREATE = 5, 8, 16, 28
XDP, SCHED_CLS = 6, 3  # BPF_PROG_TYPE_*
XDP_PLACE, TCX_INGRESS, TCX_EGRESS = 37, 46, 47  # BPF_*
SKB_MODE, DRV_MODE = 1 << 1, 1 << 2  # XDP_FLAGS_*

_libc = ctypes.CDLL(None, use_errno=True)


def _bpf(command: int, attributes: bytes) -> tuple[int, bytes]:
    raw = ctypes.create_string_buffer(attributes.ljust(128, b"\0"), 128)
    answer = _libc.syscall(_SYSCALL[os.uname().machine], command, raw, 128)
    if answer < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return answer, raw.raw


def load(kind: int) -> int:
    """A program that returns "drop" (XDP_DROP 1, TC_ACT_SHOT 2); ends the test as `missing` does without eBPF."""
    verdict = {XDP: 1, SCHED_CLS: 2}[kind]
    code = ctypes.create_string_buffer(struct.pack("=BBhiBBhi", 0xB7, 0, 0, verdict, 0x95, 0, 0, 0), 16)
    licence = ctypes.create_string_buffer(b"GPL")
    words = struct.pack("=IIQQ", kind, 2, ctypes.addressof(code), ctypes.addressof(licence))
    try:
        return _bpf(_LOAD, words)[0]
    except OSError as error:
        missing(f"eBPF: {error.strerror}")


def attach_tcx(index: int, place: int) -> None:
    """A program beside tc, that stays once its file is closed."""
    program = load(SCHED_CLS)
    _bpf(_ATTACH, struct.pack("=III", index, program, place))
    os.close(program)


def link(index: int, place: int) -> int:
    """A program held by a link, which stays as long as the returned file is open, as one that is pinned does."""
    program = load(XDP if place == XDP_PLACE else SCHED_CLS)
    flags = SKB_MODE if place == XDP_PLACE else 0
    held = _bpf(_LINK_CREATE, struct.pack("=IIII", program, index, place, flags))[0]
    os.close(program)
    return held


def tcx_programs(index: int) -> int:
    """How many are beside tc."""
    count = 0
    for place in (TCX_INGRESS, TCX_EGRESS):
        try:
            count += struct.unpack_from("=I", _bpf(_QUERY, struct.pack("=II", index, place))[1], 24)[0]
        except FileNotFoundError:
            continue
    return count
