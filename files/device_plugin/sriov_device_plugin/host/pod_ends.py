# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pods have finished, by their control groups and logs: the kubelet keeps its note of one until it is deleted."""

from __future__ import annotations

from collections.abc import Set

from shared import pci

GROUPS = "/sys/fs/cgroup"
LOGS = "/var/log/pods"  # NAMESPACE_NAME_UID, from a container's start to the pod's deletion
DEPTH = 6
MOST = 20_000  # folders that are looked at
# Beside those with "kube" in their names: groups that pods may be below.
OUTER = ("systemd", "pids", "unified", "system.slice", "besteffort", "burstable", "guaranteed")


def finished(root: str, uids: Set[str]) -> set[str]:
    """Those that ran once and run no more. A pod without a control group and without logs is about to start."""
    logged = {name.rpartition("_")[2] for name in pci.list_dir(root + LOGS)} if uids else set()
    candidates = uids & logged
    # Where no pod's group is seen at all, as in a container, nothing can be told.
    running = _running(root) if candidates else set()
    return {uid for uid in candidates if _flat(uid) not in running} if running else set()


def _running(root: str) -> set[str]:
    """The UIDs (see `_flat`) of pods with a control group: pod<uid>, or kubepods-...-pod<uid>.slice with systemd; and
    "" where there is the group that pods are below. Empty where there are too many groups to look at.
    """
    found, level, looked_at = set(), [root + GROUPS], 0
    for _depth in range(DEPTH):
        below = []
        for folder in level:
            names = pci.list_dir(folder)
            looked_at += len(names)
            if looked_at > MOST:
                return set()
            for name in names:
                stem = name[:-6] if name.endswith(".slice") else name
                uid = _flat(stem.rpartition("pod")[2])
                if stem.startswith(("pod", "kube")) and len(uid) >= 32:
                    # Linux Documentation/admin-guide/cgroup-v2.rst; version 1 has no such file.
                    if "populated 0" not in (pci.read_text(f"{folder}/{name}/cgroup.events") or ""):
                        found.add(uid)
                elif "kube" in name or name in OUTER:
                    below.append(f"{folder}/{name}")
                    found |= {""} if stem.startswith("kubepods") else set()
        level = below
    return found


def _flat(uid: str) -> str:
    """systemd's names have _ for the - of a UID; static pods have UIDs without either."""
    return uid.replace("-", "").replace("_", "")
