# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles that install services and the CNI plugin will refuse, known before anything is touched."""

from __future__ import annotations

from ..bundle import cni_dirs
from ..bundle.locations import library
from ..bundle.read_only import read_only_problem
from ..host.host import Host
from ..model.errors import HostError, Problem
from ..model.goal import Goal
from ..model.state import NodeState
from ..usage import other_managers
from .plan import Concern, Draft

SYSTEMD = "/run/systemd/system"  # source: sd_booted(3)
CNI_NAME = "sriov"
AUTO = "auto"
_OURS = "baremetal-sriov"  # a word of each form of our plugin
_HEAD = 1 << 16  # bytes in which it stands


class Installation(Concern):
    """Whether the roles can install what they ship: systemd runs, and no other CNI plugin has our name.

    Subclasses say what is asked: see `asked`.
    """

    systemd = False
    cni_bin_dir = ""

    def __init__(self, host: Host, goal: Goal, state: NodeState) -> None:
        self.problems: list[Problem] = []
        if goal.absent or not host.is_running:
            return
        if self.systemd and not host.exists(SYSTEMD):
            self.problems.append(
                Problem(
                    "systemd",
                    f"systemd as the running init, with {SYSTEMD}",
                    "no such folder",
                    "The roles install services of systemd; use a node that runs it, or the module sriov_node alone.",
                )
            )
        if self.systemd and host.is_read_only(place := library(host)):
            self.problems.append(read_only_problem(place))
        if self.cni_bin_dir:
            self.problems += _foreign_plugin(host, self.cni_bin_dir, goal.options.adopt)

    def plan(self, draft: Draft) -> None:
        draft.problems += self.problems


def asked(systemd: bool, cni_bin_dir: str) -> type[Installation]:
    """The concern for a run. cni_bin_dir: the folder of CNI plugins, `auto` for the runtime's, "" for none."""
    return type("AskedInstallation", (Installation,), {"systemd": systemd, "cni_bin_dir": cni_bin_dir})


def _foreign_plugin(host: Host, folder: str, adopt: bool) -> list[Problem]:
    try:
        where = cni_dirs.bin_dir(host) if folder == AUTO else folder.rstrip("/")
    except HostError as error:
        return [error.problem]
    path = f"{where}/{CNI_NAME}"
    if adopt or not host.exists(path) or _OURS in _head(host, path):
        return []
    return [
        Problem(
            path,
            "no CNI plugin of this name, or ours",
            f"a file that somebody else put there{_suspects(host)}",
            "Set sriov_adopt: true to replace it (teardown puts it back), or sriov_cni: false to leave it alone.",
        )
    ]


def _suspects(host: Host) -> str:
    """The operator installs its own at each start of its pod, in the place of ours as well."""
    return "".join(f"; {words}" for words in other_managers.pods(host))


def _head(host: Host, path: str) -> str:
    """The beginning of a file; "" for what can't be read, which is not ours."""
    try:
        return host.read_text(path, _HEAD) or ""
    except HostError:
        return ""
