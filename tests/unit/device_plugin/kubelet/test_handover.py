# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Another device plugin that is to leave: never two at once, and ours is there as soon as it has gone."""

from __future__ import annotations

import json
import queue
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from shared import places
from support.dp_daemon import Daemon
from support.fake_kubelet import FakeKubelet
from support.processes import DEADLINE

RESOURCE = "intel.com_kernel.sock"  # as the Go plugin names it


@contextmanager
def other_plugin(node: Daemon) -> Iterator[socket.socket]:
    """Somebody else listens for one of the two resources."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(node.kubelet_root / "device-plugins" / RESOURCE))
        listener.listen()
        yield listener


def to_leave(node: Daemon) -> None:
    folder = node.host.root / places.DEVICE_PLUGIN_STATE.lstrip("/")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / places.HANDOVER).write_text(json.dumps({"format": places.FORMAT}))


def test_ready_beside_another_plugin_and_there_when_it_leaves(node: Daemon, kubelet: FakeKubelet) -> None:
    to_leave(node)
    with other_plugin(node):
        node.start()
        node.told("waiting for the other device plugin to leave")
        with pytest.raises(queue.Empty):
            kubelet.registered(0.3)
    assert set(kubelet.both_registered()) == {"intel.com/kernel", "intel.com/vfio"}
    assert node.stop() == 0


def test_a_stop_ends_the_wait(node: Daemon, kubelet: FakeKubelet) -> None:
    to_leave(node)
    with other_plugin(node):
        node.start()
        node.told("READY=1")
        assert node.stop() == 0
    assert kubelet.requests.empty() and "Traceback" not in node.logged()


def test_nobody_is_waited_for_without_the_word(node: Daemon, kubelet: FakeKubelet) -> None:
    """As before: who starts last serves."""
    with other_plugin(node):
        node.start()
        assert kubelet.registered(DEADLINE)
