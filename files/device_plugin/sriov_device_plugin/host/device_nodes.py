# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Device nodes of the host: which are there, and what makes one that is missing.

sysfs tells of devices whose nodes the kernel was built without, or whose module is not loaded. A runtime refuses the
whole container over a node that is not there, so each is looked at before it is named.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass

from shared import pci

from .. import files
from . import network

# Class folder, and what the device nodes are called that an RDMA device has there; in the order they are given.
RDMA_NODES = (("infiniband_cm", "ucm"), ("infiniband_mad", "issm"), ("infiniband_mad", "umad"),
              ("infiniband_verbs", "uverbs"))  # fmt: skip
NOTHING, DANGLING = "nothing", "a dangling link"
UNSEEN = "no answer of the host"


@dataclass(frozen=True)
class Need:
    """A node that something depends on, and what to do where it is missing."""

    path: str
    remedy: str


class Nodes:
    """The nodes below `root` ("" for the running host) as one pass sees them: each is looked at once."""

    def __init__(self, root: str) -> None:
        self.root = root
        self._found: dict[str, str] = {}
        self._rdma: dict[str, list[tuple[str, str]]] | None = None
        self._looks = True

    def as_seen(self) -> Nodes:
        """The same without any further look, for when the host does not answer."""
        seen = Nodes(self.root)
        seen._found, seen._rdma, seen._looks = dict(self._found), self._rdma or {}, False
        return seen

    def has(self, path: str) -> bool:
        """True where the node can be given to a container."""
        return not self.found(path)

    def found(self, path: str) -> str:
        """What is there in a character device's place, in words; "" where it is one."""
        if path not in self._found:
            self._found[path] = _found(self.root + path) if self._looks else UNSEEN
        return self._found[path]

    def real(self, path: str) -> str:
        """The node itself where `path` is a link to it; CDI libraries do not follow links."""
        base = os.path.realpath(self.root or "/").rstrip("/")
        target = os.path.realpath(self.root + path)
        return target[len(base) :] if target.startswith(f"{base}/") else path

    def lacking(self, needs: Iterable[Need]) -> str:
        """Those that are missing, each with what was expected and found, and what to do; "" where all are there."""
        texts = [
            f"{need.path} (expected a character device, found {self.found(need.path)}; {need.remedy})"
            for need in needs
            if not self.has(need.path)
        ]
        return " and ".join(texts)

    def rdma(self, rdma_device: str) -> list[tuple[str, str]]:
        """(kind, path) of the nodes that sysfs has of one RDMA device, whether they are there or not."""
        if self._rdma is None:
            self._rdma = {}
            for folder, kind in RDMA_NODES:
                base = f"{self.root}/sys/class/{folder}"
                for name in pci.list_dir(base):
                    owner = pci.read_text(f"{base}/{name}/ibdev") if name.startswith(kind) else None
                    if owner:
                        self._rdma.setdefault(owner, []).append((kind, f"/dev/infiniband/{name}"))
        return self._rdma.get(rdma_device, [])

    def hint(self) -> str:
        """What else may be the matter with every node: a container's /dev of its own shows none of them."""
        if not self._looks:
            return ""
        kind = ""
        for line in network.lines(f"{self.root}/proc/self/mountinfo"):  # proc_pid_mountinfo(5)
            if len(line) > 4 and line[4] == "/dev" and "-" in line[5:-1]:
                kind = line[line.index("-", 5) + 1]
        return f"; /dev is a {kind} here, in a container mount the host's /dev" if kind not in ("", "devtmpfs") else ""


def _found(path: str) -> str:
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return DANGLING if os.path.islink(path) else NOTHING
    except OSError as error:
        return str(error.strerror)
    return "" if stat.S_ISCHR(mode) else files.kind(mode)
