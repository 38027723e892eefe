# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in for Multus: its protobuf decoder, its HTTP/2 call, its plugin configurations."""

from __future__ import annotations

import socket
import struct
import threading
from pathlib import Path
from typing import Any

import multus_standin
import pytest
from multus_standin import StandinError, device_ids, fields, plugin_configs, unary_call


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number: int, content: bytes | str) -> bytes:
    data = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(data)) + data


def pod(name: str, namespace: str, *devices: tuple[str, list[str]]) -> bytes:
    """One PodResources entry; each resource is in a container of its own, with a topology beside its ids."""
    containers = b""
    for resource, ids in devices:
        topology = field(3, b"\x08\x00")
        entry = field(1, resource) + b"".join(field(2, device) for device in ids) + topology
        containers += field(3, field(1, "container") + field(2, entry))
    return field(1, field(1, name) + field(2, namespace) + containers)


RESPONSE = (
    pod("other", "default", ("example/pool", ["0000:01:10.6"]))
    + pod("pod", "elsewhere", ("example/pool", ["0000:01:10.4"]))
    + pod(
        "pod", "default",
        ("example/pool", ["0000:01:10.0", "0000:01:10.2"]), ("example/two", ["0000:02:10.0"]),
        ("example/pool", ["0000:01:11.0"]),
    )
)  # fmt: skip


def test_the_ids_of_one_pod_and_resource_over_all_its_containers() -> None:
    ids = device_ids(RESPONSE, "default", "pod", "example/pool")
    assert ids == ["0000:01:10.0", "0000:01:10.2", "0000:01:11.0"]


@pytest.mark.parametrize(
    ("namespace", "name", "resource", "expected"),
    [
        ("elsewhere", "pod", "example/pool", ["0000:01:10.4"]),
        ("default", "pod", "example/two", ["0000:02:10.0"]),
        ("default", "pod", "example/three", []),
        ("default", "gone", "example/pool", []),
    ],
)
def test_ids_are_those_of_exactly_this_pod(
    namespace: str, name: str, resource: str, expected: list[str]
) -> None:
    assert device_ids(RESPONSE, namespace, name, resource) == expected


def test_fields_skip_numbers_and_fixed_widths() -> None:
    data = b"\x08\x96\x01" + b"\x11" + bytes(8) + b"\x1d" + bytes(4) + field(300, "x" * 200)
    assert list(fields(data)) == [(300, b"x" * 200)]


@pytest.mark.parametrize("data", [b"\x0a", b"\x0a\x05abc", b"\x80" * 12, b"\x0b"])
def test_a_broken_message_is_an_error(data: bytes) -> None:
    with pytest.raises(StandinError):
        list(fields(data))


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + struct.pack(">I", stream) + payload


class Server:
    """Answers one connection with prepared frames and keeps what it was sent."""

    def __init__(self, path: Path, answer: bytes) -> None:
        self.received = b""
        self._answer = answer
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen(1)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        connection, _address = self._socket.accept()
        with connection:
            connection.settimeout(10)
            self.received += connection.recv(65536)
            connection.sendall(self._answer)
            while data := connection.recv(65536):
                self.received += data

    def finish(self) -> bytes:
        self._thread.join(10)
        self._socket.close()
        return self.received


def test_a_call_joins_the_parts_of_its_answer(tmp_path: Path) -> None:
    message = b"answer" * 10
    body = b"\0" + len(message).to_bytes(4, "big") + message
    answer = (
        frame(4, 0, 0) + frame(4, 1, 0) + frame(6, 0, 0, b"pingpong") + frame(1, 4, 1, b"\x88")
        + frame(0, 0, 1, body[:20]) + frame(0, 0, 1, body[20:]) + frame(1, 5, 1, b"\x88")
    )  # fmt: skip
    server = Server(tmp_path / "socket", answer)
    assert unary_call(str(tmp_path / "socket"), "/v1.Some/Call") == message
    received = server.finish()
    assert received.startswith(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    assert b"/v1.Some/Call" in received
    assert frame(6, 1, 0, b"pingpong") in received
    assert frame(8, 0, 1, struct.pack(">I", 20)) in received


@pytest.mark.parametrize(
    "answer",
    [
        frame(4, 0, 0) + frame(1, 5, 1, b"\x88"),  # trailers alone: the server's handler failed
        frame(7, 0, 0, bytes(8)),  # it goes away
        frame(4, 0, 0) + frame(0, 1, 1, b"\0\0\0\0\x09short"),
    ],
)
def test_a_call_without_a_whole_message_is_an_error(tmp_path: Path, answer: bytes) -> None:
    server = Server(tmp_path / "socket", answer)
    with pytest.raises(StandinError):
        unary_call(str(tmp_path / "socket"), "/v1.Some/Call")
    server.finish()


def test_the_device_id_goes_into_each_plugin_under_both_names() -> None:
    network = {
        "cniVersion": "1.0.0",
        "name": "net",
        "plugins": [{"type": "sriov", "vlan": 5}, {"type": "tuning"}],
    }
    shared = {
        "cniVersion": "1.0.0",
        "name": "net",
        "deviceID": "0000:01:10.0",
        "pciBusID": "0000:01:10.0",
    }
    assert plugin_configs(network, "0000:01:10.0") == [
        {"type": "sriov", "vlan": 5, **shared},
        {"type": "tuning", **shared},
    ]


def test_without_a_device_nothing_is_injected() -> None:
    network = {"cniVersion": "1.0.0", "name": "net", "type": "sriov"}
    assert plugin_configs(network, "") == [network]


def fake_plugin(folder: Path, name: str) -> None:
    """A plugin that notes its command, network namespace and configuration, and answers ADD."""
    program = folder / name
    program.write_text(
        f"#!/bin/sh\necho \"{name} $CNI_COMMAND '$CNI_NETNS' $(cat)\" >> {folder}/calls\n"
        '[ "$CNI_COMMAND" != ADD ] || echo \'{"cniVersion": "1.0.0", "from": "' + name + "\"}'\n"
    )
    program.chmod(0o755)


def test_a_chain_runs_forwards_on_add_and_backwards_on_del(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(multus_standin, "CNI_PATH", str(tmp_path))
    fake_plugin(tmp_path, "one")
    fake_plugin(tmp_path, "two")
    network = {
        "cniVersion": "1.0.0",
        "name": "net",
        "plugins": [{"type": "one", "capabilities": {"mac": True}}, {"type": "two"}],
    }
    saved: dict[str, Any] = {
        "network": network, "device": "", "container": "c", "netns": str(tmp_path / "gone"), "ifname": "net1",
        "args": "", "runtime": {"mac": "02:00:00:00:00:01", "ips": ["192.0.2.1/24"]},
    }  # fmt: skip
    saved["result"] = multus_standin.run_network("ADD", saved)
    assert saved["result"] == {"cniVersion": "1.0.0", "from": "two"}
    assert multus_standin.run_network("DEL", saved) is None
    calls = (tmp_path / "calls").read_text().splitlines()
    assert [call.split()[:3] for call in calls] == [
        ["one", "ADD", "''"],
        ["two", "ADD", "''"],
        ["two", "DEL", "''"],
        ["one", "DEL", "''"],
    ]
    assert '"runtimeConfig": {"mac": "02:00:00:00:00:01"}' in calls[0]
    assert "runtimeConfig" not in calls[1]
    assert '"prevResult": {"cniVersion": "1.0.0", "from": "one"}' in calls[1]
    assert all('"prevResult": {"cniVersion": "1.0.0", "from": "two"}' in call for call in calls[2:])
