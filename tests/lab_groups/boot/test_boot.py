# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the emulated node is: what other groups build on."""

from __future__ import annotations

from sriovlab.guest import Lab


def test_runs_linux_on_this_machine_type(lab: Lab) -> None:
    assert lab.run(["uname", "-sm"]).stdout.split() == ["Linux", "x86_64"]


def test_has_a_python_for_node_code(lab: Lab) -> None:
    lab.run(["python3", "-I", "-c", "import sys; sys.exit(sys.version_info < (3, 9))"])


def test_has_two_pfs_without_vfs(lab: Lab) -> None:
    counts = [lab.read(f"/sys/class/net/{pf}/device/sriov_numvfs").strip() for pf in ("enp1s0", "enp2s0")]
    assert counts == ["0", "0"]
