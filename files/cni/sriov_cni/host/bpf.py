# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""bpf(2): programs that stay on an interface and that rtnetlink cannot take away. Layouts: linux/bpf.h."""

from __future__ import annotations

import errno
import os
from struct import pack, unpack, unpack_from

from .libc import Memory, function

# asm/unistd.h of the machines that the plugin is made for
_NUMBERS = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "ppc64le": 361, "s390x": 351}
_PROG_DETACH, _PROG_GET_FD, _INFO, _PROG_QUERY = 9, 13, 15, 16
_LINK_GET_FD, _LINK_NEXT, _LINK_DETACH = 30, 31, 34
_TCX = (46, 47)  # BPF_TCX_INGRESS, BPF_TCX_EGRESS
_LINK_XDP = 6  # BPF_LINK_TYPE_XDP
# Before Linux 6.6, without eBPF, where it is not allowed; or nothing was ever there.
_NOTHING = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM, errno.ENOENT, errno.ENODEV)
_MOST = 64  # programs at one place (BPF_MPROG_MAX)
_LINKS = 100000  # of the whole node, before the search ends
_ATTRIBUTE_SIZE = 128


class Bpf:
    """Raises OSError where this machine or kernel has none of it."""

    def __init__(self) -> None:
        number = _NUMBERS.get(os.uname().machine)
        if number is None:
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
        self._number = number
        self._syscall = function("syscall")

    def _call(self, command: int, attributes: bytes) -> tuple[int, bytes]:
        """What it returns, and the attributes as the kernel left them. Raises OSError."""
        memory = Memory(attributes.ljust(_ATTRIBUTE_SIZE, b"\0"))
        answer = self._syscall(self._number, command, memory.address, _ATTRIBUTE_SIZE)
        return answer, bytes(memory)

    def has_tcx(self, index: int) -> bool:
        """Whether anything is beside tc of the interface. Raises OSError."""
        return any(self._at(index, place) for place in _TCX)

    def take_off_tcx(self, index: int) -> int:
        """Detach what a pod has put beside tc of the interface. Returns how many programs that were. Raises OSError."""
        count = 0
        for place in _TCX:
            for program, link in self._at(index, place):
                count += 1
                if link:
                    self._detach_link(link)
                    continue
                fd = self._call(_PROG_GET_FD, pack("=I", program))[0]
                try:
                    self._call(_PROG_DETACH, pack("=III", index, fd, place))
                finally:
                    os.close(fd)
        return count

    def _at(self, index: int, place: int) -> list[tuple[int, int]]:
        """The ids of programs and of the links that hold them, 0 for none."""
        programs, links = Memory(bytes(4 * _MOST)), Memory(bytes(4 * _MOST))
        query = pack("=IIIIQIIQQQQ", index, place, 0, 0, programs.address, _MOST, 0, 0, links.address, 0, 0)
        try:
            answer = self._call(_PROG_QUERY, query)[1]
        except OSError as error:
            if error.errno in _NOTHING:
                return []
            raise
        pairs = [unpack(f"={_MOST}I", bytes(memory)) for memory in (programs, links)]
        return list(zip(*pairs))[: unpack_from("=I", answer, 24)[0]]

    def _detach_link(self, link: int) -> None:
        fd = self._call(_LINK_GET_FD, pack("=I", link))[0]
        try:
            self._call(_LINK_DETACH, pack("=I", fd))
        finally:
            os.close(fd)

    def take_off_xdp_link(self, index: int) -> None:
        """Detach the links that hold XDP programs on the interface; the kernel lets nobody else do so by rtnetlink.
        Raises OSError.
        """
        link = 0
        for _turn in range(_LINKS):
            try:
                link = unpack_from("=II", self._call(_LINK_NEXT, pack("=I", link))[1])[1]
            except FileNotFoundError:
                return
            if self._is_xdp_on(link, index):
                self._detach_link(link)

    def _is_xdp_on(self, link: int, index: int) -> bool:
        try:
            fd = self._call(_LINK_GET_FD, pack("=I", link))[0]
        except FileNotFoundError:  # it is gone meanwhile
            return False
        info = Memory(bytes(_ATTRIBUTE_SIZE))
        try:
            self._call(_INFO, pack("=IIQ", fd, _ATTRIBUTE_SIZE, info.address))
        finally:
            os.close(fd)
        kind, _id, _program, _pad, ifindex = unpack_from("=IIIII", bytes(info))
        return (kind, ifindex) == (_LINK_XDP, index)
