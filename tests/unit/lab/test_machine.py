# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The emulated machine: its command line, its boot sector, its process."""

from __future__ import annotations

import dataclasses
import os
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sriovlab import image, qemu, qmp
from sriovlab.definition import Definition
from sriovlab.progress import LabError

MACHINE = qemu.Machine(Path("/tmp/run/node1"), Path("/tmp/run/node1/a,b.qcow2"), "qcow2", 2201, 6401, "tcg")
SECOND = dataclasses.replace(
    MACHINE, run_dir=Path("/tmp/run/node2"), api_port=0, number=2, wires=Path("/tmp/run")
)


def values(argv: list[str], option: str) -> list[str]:
    return [argv[at + 1] for at, word in enumerate(argv) if word == option]


def test_the_iommu_comes_before_every_device_that_it_covers() -> None:
    devices = values(qemu.argv(MACHINE), "-device")
    assert devices[0] == "intel-iommu,intremap=on,eim=on,device-iotlb=on,caching-mode=on"
    cards = ["pcie-root-port", "igb", "pcie-root-port", "igb", "pcie-root-port", "nvme-subsys"]
    assert [device.partition(",")[0] for device in devices[-6:]] == cards
    with_disk = dataclasses.replace(MACHINE, definition=Definition(nvme=True))
    devices = values(qemu.argv(with_disk), "-device")
    assert [device.partition(",")[0] for device in devices[-7:]] == [*cards, "driver=nvme"]


def test_the_management_network_leads_nowhere_and_listens_on_loopback_only() -> None:
    networks = values(qemu.argv(MACHINE), "-netdev")
    assert networks[0].startswith("user,id=management,restrict=on,")
    assert "hostfwd=tcp:127.0.0.1:2201-:22,hostfwd=tcp:127.0.0.1:6401-:6443" in networks[0]
    assert networks[1:] == ["hubport,id=cluster,hubid=1", "hubport,id=wire1,hubid=0", "hubport,id=wire2,hubid=0"]


def test_nodes_are_joined_by_sockets_of_files_that_no_other_machine_reaches() -> None:
    assert values(qemu.argv(SECOND), "-netdev")[1:] == [
        "dgram,id=cluster,local.type=unix,local.path=/tmp/run/node2/cluster.sock,"
        "remote.type=unix,remote.path=/tmp/run/cluster.sock",
        "hubport,id=wire1,hubid=0",
        "hubport,id=wire2,hubid=0",
        "dgram,id=cards,local.type=unix,local.path=/tmp/run/node2/cards.sock,"
        "remote.type=unix,remote.path=/tmp/run/cards.sock",
        "hubport,id=wire3,hubid=0,netdev=cards",
    ]


def test_only_the_first_nodes_api_server_is_forwarded() -> None:
    management = values(qemu.argv(SECOND), "-netdev")[0]
    assert management.startswith("user,id=management,restrict=on,")
    assert management.count("hostfwd=") == 1 and ":2201-:22" in management


def test_a_node_is_told_who_it_is() -> None:
    for machine, number in ((MACHINE, "1"), (SECOND, "2")):
        argv = qemu.argv(machine)
        assert values(argv, "-fw_cfg") == [f"name=opt/lab/node,string={number}"]
        assert values(argv, "-name") == [f"sriov-lab-node{number}"]


def test_no_two_nodes_share_an_address_on_a_wire() -> None:
    def macs(machine: qemu.Machine) -> list[str]:
        devices = values(qemu.argv(machine), "-device")
        return [device.partition("mac=")[2].partition(",")[0] for device in devices if "mac=" in device]

    third = dataclasses.replace(SECOND, number=3)
    management, *first = macs(MACHINE)
    assert first == ["52:54:00:5a:02:01", "52:54:00:5a:00:01", "52:54:00:5a:00:02"]
    for machine in (SECOND, third):
        number = machine.number
        assert macs(machine) == [management, f"52:54:00:5a:02:0{number}",
                                 f"52:54:00:5a:1{number}:01", f"52:54:00:5a:1{number}:02"]  # fmt: skip


def test_a_machine_without_an_iommu_has_all_else() -> None:
    with_it, without = (values(qemu.argv(dataclasses.replace(MACHINE, definition=Definition(iommu=found))), "-device")
                        for found in (True, False))  # fmt: skip
    assert without == with_it[1:]


def test_a_card_that_boots_has_a_network_of_its_own_that_leads_nowhere() -> None:
    definition = Definition(boot="network", pxe="/srv/tftp,1", bootfile="boot.ipxe", memory_mib=1024, cpus=1)
    argv = qemu.argv(dataclasses.replace(SECOND, definition=definition))
    network = next(value for value in values(argv, "-netdev") if "tftp=" in value)
    assert network == "user,id=pxe,restrict=on,ipv6=off,net=10.0.3.0/24,tftp=/srv/tftp,,1,bootfile=boot.ipxe"
    (card,) = [value for value in values(argv, "-device") if "netdev=pxe" in value]
    assert "bootindex=0" in card and "mac=52:54:00:5a:03:02" in card
    assert (values(argv, "-m"), values(argv, "-smp")) == (["1024"], ["1"])
    from_disk = qemu.argv(dataclasses.replace(SECOND, definition=dataclasses.replace(definition, boot="disk")))
    (card,) = [value for value in values(from_disk, "-device") if "netdev=pxe" in value]
    assert "bootindex" not in card


def test_each_card_has_an_address_of_its_own() -> None:
    cards = [device for device in values(qemu.argv(MACHINE), "-device") if device.startswith("igb")]
    assert cards == [
        "igb,bus=rp1,netdev=wire1,mac=52:54:00:5a:00:01",
        "igb,bus=rp2,netdev=wire2,mac=52:54:00:5a:00:02",
    ]


def test_the_background_process_keeps_its_last_words() -> None:
    assert values(qemu.argv(MACHINE), "-D") == ["/tmp/run/node1/qemu.log"]


def test_a_comma_in_the_disks_path_is_not_an_option() -> None:
    (drive,) = values(qemu.argv(MACHINE), "-drive")
    assert "file=/tmp/run/node1/a,,b.qcow2,format=qcow2," in drive


@pytest.mark.parametrize(("accel", "cpu"), [("tcg", "max"), ("kvm", "host")])
def test_the_processor_follows_the_accelerator(accel: str, cpu: str) -> None:
    argv = qemu.argv(dataclasses.replace(MACHINE, accel=accel))
    assert values(argv, "-cpu") == [cpu]
    assert values(argv, "-accel")[0].partition(",")[0] == accel


def test_too_much_memory_is_refused_before_it_breaks_vf_registers() -> None:
    with pytest.raises(LabError, match="must be below 2816"):
        qemu.argv(dataclasses.replace(MACHINE, definition=Definition(memory_mib=2816)))


def test_a_run_folder_too_long_for_a_socket_is_refused() -> None:
    with pytest.raises(LabError, match="TMPDIR"):
        qemu.argv(dataclasses.replace(MACHINE, run_dir=Path("/tmp/" + "x" * 80)))


def test_qemus_version() -> None:
    assert qemu.parse_version("QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds)\n") == (10, 0)
    with pytest.raises(LabError):
        qemu.parse_version("no number")


def test_a_free_port_can_be_bound_and_is_not_a_taken_one() -> None:
    port = qemu.free_port()
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", port))
    assert qemu.free_port((port,)) != port


def waiting_process(*arguments: str) -> subprocess.Popen[bytes]:
    """A process with these arguments that ends with its stdin; it runs for sure when this returns."""
    argv = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()", *arguments]
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    return process


def test_the_machine_goes_before_other_sessions_where_the_kernel_groups_by_session() -> None:
    """sched(7): each session is a group. Without groups, or for a machine that has ended, nothing happens."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True) as process:
        group = Path(f"/proc/{process.pid}/autogroup")
        wanted = group.read_text().split()[0] + f" nice {qemu.AUTOGROUP_NICE}\n" if group.exists() else ""
        if os.geteuid() != 0 and wanted:
            wanted = group.read_text()  # only root may raise it
        qemu._go_before_others(process.pid)
        assert (group.read_text() if group.exists() else "") == wanted
    qemu._go_before_others(process.pid)


def test_only_the_process_of_this_run_folder_is_ours(tmp_path: Path) -> None:
    with waiting_process(str(tmp_path / "qemu.pid")) as process:
        assert qemu.alive(process.pid, tmp_path)
        assert not qemu.alive(process.pid, tmp_path / "other")
        assert process.stdin is not None
        process.stdin.close()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not qemu.alive(process.pid, tmp_path), "a zombie is not alive"
    assert not qemu.alive(process.pid, tmp_path)


def test_stop_leaves_a_process_that_is_not_ours_alone(tmp_path: Path) -> None:
    with waiting_process() as process:
        qemu.stop(process.pid, tmp_path, grace=1)
        assert process.poll() is None
        process.communicate()
    assert process.returncode == 0


def test_stop_kills_what_does_not_listen(tmp_path: Path) -> None:
    with waiting_process(str(tmp_path / "qemu.pid")) as process:
        # The process is reaped beside, as init reaps a QEMU that runs in the background.
        reaper = threading.Thread(target=process.wait)
        reaper.start()
        qemu.stop(process.pid, tmp_path, grace=0)
        reaper.join(10)
        assert process.returncode == -9


def test_a_boot_sector_has_one_active_partition_to_the_end_of_the_disk() -> None:
    code = bytes(range(256)) * 2
    sector = image.boot_sector(code, sectors=100_000)
    assert len(sector) == 512
    assert sector[:440] == code[:440]
    assert sector[510:] == b"\x55\xaa"
    active, kind, start, count = struct.unpack("<B3xB3xII", sector[446:462])
    assert (active, kind, start, count) == (0x80, 0x83, 2048, 100_000 - 2048)
    assert sector[462:510] == bytes(48)


def test_the_boot_loader_must_not_overwrite_the_partition_table() -> None:
    with pytest.raises(LabError):
        image.boot_sector(b"short", sectors=100_000)


class FakeQemu:
    """Speaks QMP to one client: a greeting, then the given answers, one per line that it reads."""

    def __init__(self, path: Path, answers: list[bytes]) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen(1)
        self._answers = answers
        self.lines: list[bytes] = []
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        connection, _address = self._socket.accept()
        with connection, connection.makefile("rwb") as stream:
            stream.write(b'{"QMP": {}}\n')
            for answer in self._answers:
                stream.flush()
                self.lines.append(stream.readline())
                stream.write(answer)
        self._socket.close()


def test_a_qmp_answer_is_found_among_events(tmp_path: Path) -> None:
    answers = [b'{"return": {}}\n', b'{"event": "POWERDOWN"}\n{"return": {"status": "running"}}\n']
    server = FakeQemu(tmp_path / "qmp", answers)
    assert qmp.command(tmp_path / "qmp", "query-status") == {"status": "running"}
    server.thread.join(10)
    assert server.lines[1] == b'{"execute": "query-status"}\n'


@pytest.mark.parametrize("answer", [b'{"error": {"desc": "no such command"}}\n', b"", b"nonsense\n"])
def test_a_qmp_refusal_is_an_error(tmp_path: Path, answer: bytes) -> None:
    server = FakeQemu(tmp_path / "qmp", [b'{"return": {}}\n', answer])
    with pytest.raises(LabError, match="QMP"):
        qmp.command(tmp_path / "qmp", "no-such")
    server.thread.join(10)
