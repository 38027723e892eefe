# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pool that is renamed, or a VF that moves to another pool, while pods hold VFs: nothing is handed out twice."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sriov_device_plugin.kubelet import pod_resources
from sriov_device_plugin.kubelet.pod_resources import Holder, known_holders
from sriov_device_plugin.kubelet.renamed_allocations import RenamedAllocations
from support.dp_daemon import Daemon
from support.fake_kubelet import FakeKubelet, next_ids
from support.processes import eventually

PF = "0000:01:00.0"
VFS = [f"0000:01:10.{n}" for n in (0, 2, 4, 6)]
OLD, NEW = {"resourceName": "old", "selectors": {}}, {"resourceName": "new", "selectors": {}}


@pytest.fixture
def node(daemon: Daemon) -> Daemon:
    """Four VFs in one pool."""
    daemon.host.add(PF, name="enp1s0", totalvfs=7)
    daemon.host.add_vfs(PF, 4)
    daemon.configure(OLD)
    return daemon


def hold(answer: Any, resource: str, *ids: str) -> None:
    """A pod p in namespace n has these."""
    answer.pod_resources.add(name="p", namespace="n").containers.add(name="c").devices.add(
        resource_name=resource, device_ids=ids
    )


def reload(node: Daemon, *resources: dict[str, Any]) -> None:
    node.configure(*resources)
    node.process.send_signal(signal.SIGHUP)


def test_a_renamed_pool_waits_for_the_pods_of_its_old_name(
    node: Daemon, kubelet: FakeKubelet, pod_resources: Any
) -> None:
    node.start()
    kubelet.registered()
    hold(pod_resources, "intel.com/old", VFS[1], VFS[2])
    reload(node, NEW)
    with kubelet.plugin(kubelet.registered().endpoint) as plugin:
        stream = plugin.watch()
        assert next_ids(stream) == [VFS[0], VFS[3]]
        assert f"intel.com/new: {VFS[1]} is not offered: pod n/p holds it as intel.com/old" in node.logged()
        with pytest.raises(grpc.RpcError, match="has no device"):
            plugin.allocate([VFS[1]])
        pod_resources.Clear()
        assert next_ids(stream) == VFS
    assert f"{VFS[1]} is free now" in node.logged()


def test_a_vf_that_moves_to_another_pool_waits(node: Daemon, kubelet: FakeKubelet, pod_resources: Any) -> None:
    part = {"resourceName": "part", "selectors": {"pfNames": ["enp1s0#0-1"]}}
    node.configure(part, OLD)
    node.start()
    kubelet.registered(), kubelet.registered()
    hold(pod_resources, "intel.com/old", VFS[2])
    with kubelet.plugin("intel.com_part.sock") as plugin, kubelet.plugin("intel.com_old.sock") as old:
        stream, left = plugin.watch(), old.watch()
        assert (next_ids(stream), next_ids(left)) == (VFS[:2], VFS[2:])
        reload(node, {"resourceName": "part", "selectors": {"pfNames": ["enp1s0#0-2"]}}, OLD)
        assert next_ids(left) == VFS[3:]
        eventually(lambda: f"{VFS[2]} is not offered" in node.logged(), "the reason in the log")
        pod_resources.Clear()
        assert next_ids(stream) == VFS[:3]


def test_after_our_restart_and_for_another_plugins_name(
    node: Daemon, kubelet: FakeKubelet, pod_resources: Any
) -> None:
    """As when this plugin takes another one's place."""
    hold(pod_resources, "example.com/vf", VFS[0])
    hold(pod_resources, "intel.com/old", VFS[1])
    node.start()
    with kubelet.plugin(kubelet.registered().endpoint) as plugin:
        assert next_ids(plugin.watch()) == VFS[1:]


def test_what_was_just_given_is_held_before_the_kubelet_says_so(
    node: Daemon, kubelet: FakeKubelet, pod_resources: Any
) -> None:
    node.start()
    with kubelet.plugin(kubelet.registered().endpoint) as plugin:
        plugin.allocate([VFS[3]])
    reload(node, NEW)
    with kubelet.plugin(kubelet.registered().endpoint) as plugin:
        stream = plugin.watch()
        assert next_ids(stream) == VFS[:3]
        assert "it was given to a pod as intel.com/old a moment ago" in node.logged()
        assert next_ids(stream) == VFS


def checkpoint(folder: Path, *entries: Any) -> None:
    path = folder / pod_resources.CHECKPOINT
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"Data": {"PodDeviceEntries": entries}, "Checksum": 1}))


def entry(uid: str, resource: str, ids: Any) -> dict[str, Any]:
    return {"PodUID": uid, "ContainerName": "c", "ResourceName": resource, "DeviceIDs": ids, "AllocResp": ""}


def test_the_checkpoint_is_asked_while_the_kubelet_is_away(tmp_path: Path) -> None:
    checkpoint(
        tmp_path,
        entry("u1", "a/b", {"0": ["x", 3], "-1": ["y"], "2": None}),
        entry("u2", "a/old", ["z"]),
        entry("u3", 5, ["z"]),
        entry("../u", "a/b", ["z"]),
        "junk",
    )
    assert known_holders(str(tmp_path)) == {
        ("a/b", "x"): Holder(pod="u1"),
        ("a/b", "y"): Holder(pod="u1"),
        ("a/old", "z"): Holder(pod="u2"),
    }
    (tmp_path / "pods" / "u2").mkdir(parents=True)
    assert list(known_holders(str(tmp_path))) == [("a/old", "z")], "the pod u1 is gone, its entry is not yet"


def test_a_kubelet_that_knows_no_pods_yet(daemon: Daemon, pod_resources: Any) -> None:
    """It answers, with nothing, before it has heard of its pods."""
    checkpoint(daemon.kubelet_root, entry("u1", "a/old", {"0": ["x"]}))
    assert list(known_holders(str(daemon.kubelet_root))) == [("a/old", "x")]
    pod_resources.pod_resources.add(name="p", namespace="n")
    assert known_holders(str(daemon.kubelet_root)) == {}
    (daemon.kubelet_root / "pods" / "u1").mkdir(parents=True)
    found = RenamedAllocations(str(daemon.kubelet_root)).allocated_under_other_name({"x": "a/new", "y": "a/new"})
    assert found == {"x": "pod u1 holds it as a/old"}


ANY = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(ANY | st.builds(entry, st.text(max_size=4), ANY, ANY), max_size=4) | ANY)
def test_any_checkpoint_is_read_or_passed_over(tmp_path_factory: pytest.TempPathFactory, entries: Any) -> None:
    folder = tmp_path_factory.getbasetemp() / "checkpoints"
    folder.mkdir(exist_ok=True)
    checkpoint(folder, *(entries if isinstance(entries, list) else [entries]))
    assert all(isinstance(text, str) for key in known_holders(str(folder)) for text in key)


def test_only_a_new_name_makes_us_ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(pod_resources, "known_holders", lambda folder: asked.append(folder) or {})
    known = RenamedAllocations(str(tmp_path))
    for wanted in ({"x": "a/b"}, {"x": "a/b"}, {}, {"x": "a/b"}, {"x": "a/c"}):
        assert known.allocated_under_other_name(wanted) == {}
    assert len(asked) == 3
