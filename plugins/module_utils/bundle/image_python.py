# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Python of an image, which may be for another processor: what its files tell, since it can't be run."""

from __future__ import annotations

import re

from ..host.host import Host
from .interpreter import FIRST, LOWEST, Interpreter

MACHINES = {62: "x86_64", 183: "aarch64", 21: "ppc64le", 22: "s390x", 243: "riscv64"}  # e_machine of elf.h
LIMIT = 64 << 20  # bytes of a program or library
_NAME = re.compile(r"^python3\.([0-9]{1,2})$")
_GLIBC = re.compile(rb"stable release version ([0-9]+\.[0-9]+)")


def find(host: Host) -> Interpreter | None:
    """The newest /usr/bin/python3.N, or the one that /usr/bin/python3 leads to; None where the image does not tell."""
    link = host.read_link(FIRST) or ""
    names = [link.rpartition("/")[2], *sorted(host.list_dir("/usr/bin"), key=_minor, reverse=True)]
    minor = next((_minor(name) for name in names if _minor(name) >= LOWEST[1]), 0)
    if not minor:
        return None
    program = host.read_bytes(f"/usr/bin/python3.{minor}", LIMIT) or b""
    machine = MACHINES.get(_machine(program), "")
    libc = _libc(host, machine)
    if not machine or not libc:
        return None
    path = FIRST if link.rpartition("/")[2] == f"python3.{minor}" else f"/usr/bin/python3.{minor}"
    version, tag = f"3.{minor}", f"cpython-3{minor}"
    return Interpreter(path, version, version, f"cp3{minor}", tag, machine, libc)


def unknown() -> Interpreter:
    """Where the image has none yet: the usual place. Services look for another one where there is none."""
    return Interpreter(FIRST, "", "", "", "", "", "")


def _minor(name: str) -> int:
    found = _NAME.match(name)
    return int(found.group(1)) if found else 0


def _machine(program: bytes) -> int:
    """e_machine, in the byte order that the header names; 0 (EM_NONE) for what is no program."""
    if program[:4] != b"\x7fELF":
        return 0
    return int.from_bytes(program[18:20], "big" if program[5:6] == b"\x02" else "little")


def _libc(host: Host, machine: str) -> str:
    """As Interpreter.libc. glibc says its version in itself (its csu/version.c)."""
    if host.exists(f"/lib/ld-musl-{machine}.so.1"):
        return "musl"
    folders = [f"/usr/lib/{machine}-linux-gnu", f"/lib/{machine}-linux-gnu", "/usr/lib64", "/lib64", "/usr/lib", "/lib"]
    for folder in folders:
        found = _GLIBC.search(host.read_bytes(f"{folder}/libc.so.6", LIMIT) or b"")
        if found:
            return f"glibc {found.group(1).decode()}"
    return ""
