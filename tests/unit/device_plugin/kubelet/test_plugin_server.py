# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ListAndWatch of many devices: what a message takes, how often it is made, and how many there are in a burst."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

import pytest

from sriov_device_plugin.api import deviceplugin_pb2 as api
from sriov_device_plugin.host.discovery import Device, Scanner
from sriov_device_plugin.kubelet import plugin_server
from sriov_device_plugin.kubelet.plugin_server import PoolService
from sriov_device_plugin.kubelet.renamed_allocations import RenamedAllocations
from sriov_device_plugin.pool import config
from sriov_device_plugin.pool.pools import Member, Pool

MANY = 4096
MOST_BYTES = 128 << 10


class Call:
    """gRPC's side of a call."""

    def __init__(self) -> None:
        self.ended: list[Callable[[], None]] = []

    def add_callback(self, ended: Callable[[], None]) -> bool:
        self.ended.append(ended)
        return True

    def end(self) -> None:
        for ended in self.ended:
            ended()


@pytest.fixture
def service(tmp_path: Path) -> PoolService:
    text = b'{"resourceList": [{"resourceName": "vf", "selectors": {"drivers": ["iavf"]}}]}'
    (loaded,) = config.parse(text, "a.b").pools
    renamed = RenamedAllocations(str(tmp_path), str(tmp_path))
    made = PoolService(Pool(loaded), Scanner(str(tmp_path)), str(tmp_path), "", renamed)
    members = {}
    for number in range(MANY):
        address = f"0000:{number >> 8:02x}:{number >> 3 & 31:02x}.{number & 7}"
        members[address] = Member(Device(id=address, class_id="020000", numa_node=1), loaded.selectors[0])
    made.pool.update(loaded, members)
    return made


def sick(service: PoolService, number: int) -> None:
    pool = service.pool
    pool.update(pool.config, pool.members, dict.fromkeys(list(pool.members)[:number], "x"))


def test_the_list_of_all_devices_is_small(service: PoolService) -> None:
    data = next(service.list_and_watch(None, Call()))
    assert len(data) <= MOST_BYTES
    devices = api.ListAndWatchResponse.FromString(data).devices
    assert [device.ID for device in devices] == list(service.pool.members)
    assert {(device.health, device.topology.nodes[0].ID) for device in devices} == {("Healthy", 1)}


def test_it_is_made_once_for_all_streams(service: PoolService, monkeypatch: pytest.MonkeyPatch) -> None:
    streams = [service.list_and_watch(None, Call()) for _turn in range(plugin_server.MAX_STREAMS)]
    first = [next(stream) for stream in streams]
    assert all(data is first[0] for data in first)
    sick(service, 1)
    second = [next(stream) for stream in streams]
    assert all(data is second[0] for data in second)
    assert second[0] != first[0]


def test_a_burst_is_few_messages_and_the_last_one_is_true(service: PoolService) -> None:
    call = Call()
    came: list[tuple[float, bytes]] = []

    def listen(stream: Iterator[bytes]) -> None:
        came.extend((time.monotonic(), data) for data in stream)

    thread = threading.Thread(target=listen, args=[service.list_and_watch(None, call)])
    thread.start()
    began = time.monotonic()
    number = 0
    while time.monotonic() < began + 4 * plugin_server.BURST:
        number += 1
        sick(service, number)
    wanted = number

    def told() -> int:
        devices = api.ListAndWatchResponse.FromString(came[-1][1]).devices if came else []
        return sum(device.health != "Healthy" for device in devices)

    limit = time.monotonic() + 60
    while told() != wanted and time.monotonic() < limit:
        time.sleep(0.01)
    call.end()
    thread.join(60)
    assert not thread.is_alive() and told() == wanted
    pauses = [later - sooner for (sooner, _first), (later, _second) in zip(came, came[1:])]
    assert pauses and min(pauses) >= plugin_server.BURST * 0.9
    assert len(came) < number


def test_the_end_does_not_wait_for_a_burst(service: PoolService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin_server, "BURST", 3600.0)
    call: Any = Call()
    stream = service.list_and_watch(None, call)
    next(stream)
    sick(service, 1)
    threading.Timer(0.05, call.end).start()
    assert list(stream) == []
