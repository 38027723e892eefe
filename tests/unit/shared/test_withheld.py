# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CNI plugin withholds a VF, and the device plugin reads why: one folder, one format."""

from __future__ import annotations

from pathlib import Path

from shared import places
from sriov_cni.host.host import NodeHost
from sriov_cni.vf import withheld
from sriov_device_plugin.pool.withheld import Withheld

VF = "0000:01:10.0"


def test_both_programs_mean_the_same_folder_and_format() -> None:
    assert f"{NodeHost().state}/withheld" == places.WITHHELD
    assert withheld.FORMAT == places.FORMAT


def test_what_one_writes_the_other_reads_until_it_is_released(tmp_path: Path) -> None:
    host, reader = NodeHost(), Withheld(str(tmp_path))
    host.state = str(tmp_path) + NodeHost().state
    Path(host.state).mkdir(parents=True)
    assert reader.look() == {}
    withheld.keep(host, VF, ("c1", "net1"), "the PF refuses its MAC")
    (told,) = reader.look().items()
    assert told[0] == VF and told[1].startswith("the PF refuses its MAC (")
    withheld.release(host, VF)
    assert reader.look() == {}
