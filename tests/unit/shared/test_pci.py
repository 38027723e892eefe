# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The readers of sysfs, one by one, with entries that are missing, wrong, or of another kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared import pci
from support.dp_host import FakeHost
from support.vector_ids import vectors

PF, VF = "0000:01:00.0", "0000:01:10.0"


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    """A PF without an interface, and one VF."""
    made = FakeHost(tmp_path / "host")
    made.add(PF, totalvfs=7)
    made.add_vfs(PF, 1)
    return made


@pytest.fixture
def root(host: FakeHost) -> str:
    return str(host.root)


@vectors("dp", 40)
def test_a_pf_is_what_has_sriov_totalvfs_also_when_it_is_0(host: FakeHost, root: str) -> None:
    (host.pci(PF) / "sriov_totalvfs").write_text("0\n")
    assert pci.total_vfs(root, PF) == 0
    assert pci.total_vfs(root, VF) == -1


@vectors("dp", 41)
def test_a_vf_is_what_has_physfn(root: str) -> None:
    assert (pci.physfn(root, VF), pci.physfn(root, PF)) == (PF, None)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        pytest.param("32", 32, id="dp-vector-43-32"),
        # The Go plugin says 0; ours tells "no SR-IOV" from "no VFs allowed".
        pytest.param(None, -1, id="dp-vector-43-absent-differs"),
        pytest.param("junk", -1, id="dp-vector-43-junk-differs"),
    ],
)
def test_capacity(host: FakeHost, root: str, text: str | None, wanted: int) -> None:
    (host.pci(PF) / "sriov_totalvfs").unlink()
    if text is not None:
        (host.pci(PF) / "sriov_totalvfs").write_text(text)
    assert pci.total_vfs(root, PF) == wanted


@pytest.mark.parametrize("case", ["dp-vector-44-no-pf-differs", "dp-vector-44-one", "dp-vector-44-none"])
def test_lists_of_vfs(host: FakeHost, root: str, case: str) -> None:
    """A PF that is not there has none: the Go plugin calls that an error, ours lets no function hide another."""
    if case == "dp-vector-44-none":
        (host.pci(PF) / "virtfn0").unlink()
    address = "0000:77:00.0" if case == "dp-vector-44-no-pf-differs" else PF
    assert pci.virtfns(root, address) == ({0: VF} if case == "dp-vector-44-one" else {})


@pytest.mark.parametrize("case", ["dp-vector-45-link", "dp-vector-45-missing", "dp-vector-45-file"])
def test_addresses_by_index(host: FakeHost, root: str, case: str) -> None:
    link = host.pci(PF) / "virtfn0"
    if case != "dp-vector-45-link":
        link.unlink()
    if case == "dp-vector-45-file":
        link.write_text(VF)
    assert pci.virtfns(root, PF).get(0) == (VF if case == "dp-vector-45-link" else None)


@pytest.mark.parametrize(
    ("text", "good"),
    [
        pytest.param("0000:01:10.0", True, id="dp-vector-49-long"),
        # The Go plugin completes it; ours wants what sysfs has, and the configuration's reader says so.
        pytest.param("01:10.0", False, id="dp-vector-49-short-differs"),
        pytest.param("junk", False, id="dp-vector-49-junk"),
        pytest.param("10000:e1:00.0", True, id="vmd"),
        pytest.param("0000:01:20.0", False, id="device-above-31"),
        pytest.param("0000:01:10.8", False, id="function-above-7"),
    ],
)
def test_texts_of_addresses(text: str, good: bool) -> None:
    assert pci.is_address(text) is good


@pytest.mark.parametrize(
    ("group", "wanted"),
    [pytest.param("none", None, id="dp-vector-50-none"), pytest.param("folder", None, id="dp-vector-50-folder"),
     pytest.param("link", "1", id="dp-vector-50-link")],
)  # fmt: skip
def test_iommu_groups(host: FakeHost, root: str, group: str, wanted: str | None) -> None:
    if group == "folder":
        (host.pci(VF) / "iommu_group").mkdir()
    if group == "link":
        host.group(VF, 1)
    assert pci.iommu_group(root, VF) == wanted
    assert pci.iommu_group(root, "0000:77:00.0") is None


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        pytest.param(None, [], id="dp-vector-53-missing"),
        pytest.param("file", [], id="dp-vector-53-file"),
        pytest.param(("eth1",), ["eth1"], id="dp-vector-53-one"),
        pytest.param(("eth1", "eth0"), ["eth0", "eth1"], id="dp-vector-53-two"),
    ],
)
def test_names_of_interfaces(host: FakeHost, root: str, names: object, wanted: list[str]) -> None:
    if names == "file":
        (host.pci(PF) / "net").write_text("eth0")
    elif isinstance(names, tuple):
        for name in names:
            host.netdev(PF, name)
    assert pci.net_names(root, PF) == wanted


@pytest.mark.parametrize("case", ["no-device", "one", "empty", "file"], ids=lambda c: f"dp-vector-54-{c}")
def test_names_of_pfs_without_switchdev(host: FakeHost, root: str, case: str) -> None:
    if case == "one":
        host.netdev(PF, "fakePF")
    if case == "empty":
        (host.pci(PF) / "net").mkdir()
    if case == "file":
        (host.pci(PF) / "net").write_text("fakePF")
    address = "0000:77:00.0" if case == "no-device" else PF
    assert pci.uplink_name(root, address) == ("fakePF" if case == "one" else None)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("0x02c0fe", "02c0fe"), ("", ""), ("text", ""), ("0x02", "")],
    ids=["dp-vector-58-hex", "dp-vector-58-empty", "dp-vector-58-text", "dp-vector-58-short"],
)
def test_classes(host: FakeHost, root: str, text: str, wanted: str) -> None:
    (host.pci(VF) / "class").write_text(text)
    assert pci.class_id(root, VF) == wanted
