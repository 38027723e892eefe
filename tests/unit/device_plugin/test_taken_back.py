# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What other programs take from the pools: VFs that the CNI plugin withholds, and what the node library withdraws."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import places
from sriov_device_plugin.host.discovery import Device
from sriov_device_plugin.pool.withdrawn import Withdrawn
from sriov_device_plugin.pool.withheld import Withheld
from support.dp_daemon import KERNEL, PF2, VFIO, Daemon
from support.fake_kubelet import FakeKubelet, next_ids
from support.processes import eventually

WITHIN = 1.0  # seconds; the best of three, since other work may run here


def health(stream: Any) -> str:
    """One letter for each device of the next message."""
    return "".join(device.health[0] for device in next(stream).devices)


def withhold(node: Daemon, address: str, content: str) -> Path:
    folder = node.host.root / places.WITHHELD.lstrip("/")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / address
    path.with_suffix(".new").write_text(content)
    path.with_suffix(".new").rename(path)
    return path


GOOD = json.dumps({"format": 1, "time": "2026-11-28T12:00:00Z", "cause": "the PF refused its MAC", "attempts": 3})


def test_a_withheld_vf_is_unhealthy_within_a_second(node: Daemon, kubelet: FakeKubelet) -> None:
    node.start("--rescan-interval", "3600")
    with kubelet.plugin(kubelet.both_registered()["intel.com/kernel"]) as plugin:
        stream = plugin.watch()
        assert health(stream) == "HHHH"
        seconds = []
        for _turn in range(3):
            began = time.monotonic()
            path = withhold(node, KERNEL[1], GOOD)
            assert health(stream) == "HUHH"
            path.unlink()
            assert health(stream) == "HHHH"
            seconds.append((time.monotonic() - began) / 2)
        assert min(seconds) < WITHIN
    words = "1 unhealthy: withheld: the PF refused its MAC (2026-11-28T12:00:00Z)"
    eventually(lambda: words in node.logged(), "the cause in the log")


def test_one_that_is_withheld_before_the_start(node: Daemon, kubelet: FakeKubelet) -> None:
    withhold(node, KERNEL[0], GOOD)
    node.start()
    with kubelet.plugin(kubelet.both_registered()["intel.com/kernel"]) as plugin:
        assert health(plugin.watch()) == "UHHH"


def test_a_function_of_the_same_iommu_group(node: Daemon, kubelet: FakeKubelet) -> None:
    node.host.group(VFIO[1], 20)
    withhold(node, VFIO[1], GOOD)
    node.start()
    with kubelet.plugin(kubelet.both_registered()["intel.com/vfio"]) as plugin:
        assert health(plugin.watch()) == "UHH"
    assert f"{VFIO[1]} of its IOMMU group is withheld" in node.logged()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "its file can't be read"), ("junk", "its file can't be read"), ("[]", "of another form than format 1"),
        ('{"format": 2, "cause": "x"}', "of another form than format 1"), ('{"format": 1}', "no cause is told"),
        ('{"format": 1, "cause": 5, "time": {}}', "no cause is told"), ("[" * 60_000, "its file can't be read"),
        (" " * 100_000, "its file can't be read: [Errno 27] larger than 65536 bytes"),
        (json.dumps({"format": 1, "cause": "a\nb\0\u202e" + "c" * 999}), "a b  ccc"),
    ],
)  # fmt: skip
def test_whatever_a_file_holds_its_vf_is_withheld(tmp_path: Path, content: str, words: str) -> None:
    folder = tmp_path / places.WITHHELD.lstrip("/")
    folder.mkdir(parents=True)
    (folder / KERNEL[0]).write_text(content)
    (folder / "junk").write_text(GOOD)
    (folder / f".{KERNEL[1]}.new").write_text(GOOD)
    (folder / KERNEL[2]).mkdir()
    os.mkfifo(folder / KERNEL[3])
    found = Withheld(str(tmp_path)).look()
    assert set(found) == {KERNEL[0], KERNEL[2], KERNEL[3]}
    assert words in found[KERNEL[0]] and all(len(text) < 500 and text.isprintable() for text in found.values())


def withdraw(node: Daemon, *entries: dict[str, str]) -> Path:
    path = node.host.root / places.DEVICE_PLUGIN_STATE.lstrip("/") / places.WITHDRAWN
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text(json.dumps({"format": 1, "withdrawn": entries}))
    new.rename(path)
    return path


@pytest.mark.parametrize(
    ("entry", "left"),
    [
        ({"resource": "intel.com/vfio"}, []), ({"pf": PF2}, []), ({"device": VFIO[1]}, [VFIO[0], *VFIO[2:]]),
    ],
    ids=["resource", "pf", "device"],
)  # fmt: skip
def test_what_is_withdrawn_is_refused_and_offered_no_more(
    node: Daemon, kubelet: FakeKubelet, entry: dict[str, str], left: list[str]
) -> None:
    node.start("--rescan-interval", "3600")
    with kubelet.plugin(kubelet.both_registered()["intel.com/vfio"]) as plugin:
        stream = plugin.watch()
        assert next_ids(stream) == VFIO
        path = withdraw(node, {**entry, "reason": "16 VFs are made"})
        for _turn in range(2):  # before the list is another one, and after
            with pytest.raises(grpc.RpcError) as caught:
                plugin.allocate([VFIO[1]])
            assert caught.value.code() == grpc.StatusCode.FAILED_PRECONDITION
            assert caught.value.details() == (
                f"pool intel.com/vfio: {VFIO[1]} is not given: it is withdrawn: 16 VFs are made"
            )
            if not _turn:
                assert next_ids(stream) == left
        assert node.stop() == 0
    node.start("--rescan-interval", "3600")  # it survives a restart
    registered = {kubelet.registered().resource_name for _turn in range(2 if left else 1)}
    assert registered == {"intel.com/kernel", *(["intel.com/vfio"] if left else [])}
    path.unlink()
    if not left:
        assert kubelet.registered().resource_name == "intel.com/vfio"
    with kubelet.plugin("intel.com_vfio.sock") as plugin:
        stream = plugin.watch()
        eventually(lambda: next_ids(stream) == VFIO if left else True, "all of it again")
        assert len(plugin.allocate([VFIO[1]])) == 1


@given(st.binary(max_size=60) | st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["format", "withdrawn", "pf", "device", "resource", "reason"]), inner, max_size=4),
    max_leaves=8,
).map(lambda value: json.dumps(value).encode()))  # fmt: skip
def test_a_file_of_another_form_withdraws_everything(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.getbasetemp() / "withdrawn"
    folder.mkdir(exist_ok=True)
    (folder / places.WITHDRAWN).write_bytes(content)
    found = Withdrawn(str(folder)).reasons("a/b", [Device(id=KERNEL[0], class_id="020000")])
    document = document_of(content)
    if not isinstance(document, dict) or document.get("format") != 1 or not isinstance(document.get("withdrawn"), list):
        assert "so everything counts as withdrawn" in found[KERNEL[0]]


def document_of(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return None
