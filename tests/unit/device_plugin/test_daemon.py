# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real daemon as a process: what it offers and gives, while devices and its configuration change."""

from __future__ import annotations

import json
import shutil
import signal

import grpc
import pytest

from support.dp_daemon import KERNEL, PF2, POOLS, VFIO, Daemon
from support.dp_host import FakeHost
from support.fake_kubelet import FakeKubelet, next_ids
from support.processes import eventually
from support.vector_ids import vectors


@vectors("dp", 88, differs=True)
def test_registers_and_lists_and_allocates(node: Daemon, kubelet: FakeKubelet) -> None:
    node.start()
    request = kubelet.registered()
    assert (request.version, request.resource_name) == ("v1beta1", "intel.com/kernel")
    assert request.endpoint == "intel.com_kernel.sock"
    assert request.options.get_preferred_allocation_available and not request.options.pre_start_required
    kubelet.registered()
    node.told("READY=1")
    with kubelet.plugin("intel.com_vfio.sock") as plugin:
        assert [(d.ID, d.health, [n.ID for n in d.topology.nodes]) for d in next(plugin.watch()).devices] == [
            (address, "Healthy", [1]) for address in VFIO
        ]
        first, second = plugin.allocate([VFIO[2], VFIO[0]], [VFIO[1]])
        assert first.envs["PCIDEVICE_INTEL_COM_VFIO"] == f"{VFIO[2]},{VFIO[0]}"
        assert [d.host_path for d in first.devices] == ["/dev/vfio/vfio", "/dev/vfio/22", "/dev/vfio/20"]
        assert {d.permissions for d in first.devices} == {"rw"}
        assert sorted(second.envs) == ["PCIDEVICE_INTEL_COM_VFIO", "PCIDEVICE_INTEL_COM_VFIO_INFO"]
        assert not first.mounts and not first.annotations and not first.cdi_devices
        assert plugin.preferred(VFIO[::-1], [VFIO[3]], 2) == [VFIO[3], VFIO[0]]
        info = node.devinfo / f"intel.com-vfio-{VFIO[2]}-device.json"
        assert json.loads(info.read_text())["pci"] == {"pci-address": VFIO[2], "pf-pci-address": PF2}
    assert node.stop() == 0
    assert [entry.name for entry in kubelet.folder.iterdir()] == ["kubelet.sock"]
    assert info.exists(), "a running pod's file must outlive us"


@pytest.mark.parametrize("ids", [["nope"], ["0000:01:10.0", ""], ["\u2603" * 9], [f"x{n}" for n in range(10_000)]])
@vectors("dp", 90)
def test_unknown_ids_are_refused_and_named(node: Daemon, kubelet: FakeKubelet, ids: list[str]) -> None:
    """The Go plugin has this as a pending test."""
    node.start()
    with kubelet.plugin(kubelet.both_registered()["intel.com/kernel"]) as plugin:
        with pytest.raises(grpc.RpcError) as caught:
            plugin.allocate([KERNEL[1]], ids)
        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        unknown = next(i for i in ids if i not in KERNEL)
        assert f"pool intel.com/kernel has no device {unknown!r}" in caught.value.details()
        assert len(caught.value.details()) < 600
        assert len(plugin.allocate([KERNEL[0]])) == 1  # one id, one response
        assert len(plugin.allocate()) == 0  # an empty request is no error


def test_a_device_that_changed_since_the_scan_is_refused(node: Daemon, kubelet: FakeKubelet) -> None:
    node.start("--rescan-interval", "3600")
    with kubelet.plugin(kubelet.both_registered()["intel.com/vfio"]) as plugin:
        node.host.group(VFIO[0], None)
        node.host.bind(VFIO[1], "igbvf")
        node.host.remove(VFIO[2])
        node.host.group(VFIO[3], 99)
        for address, words in (
            (VFIO[0], "is bound to vfio-pci but in no IOMMU group"),
            (VFIO[1], "no longer fits the pool: selector drivers"),
            (VFIO[2], "is gone from the PCI bus"),
        ):
            with pytest.raises(grpc.RpcError) as caught:
                plugin.allocate([address])
            assert caught.value.code() == grpc.StatusCode.FAILED_PRECONDITION
            assert address in caught.value.details() and words in caught.value.details()
        (granted,) = plugin.allocate([VFIO[3]])
        assert granted.devices[1].host_path == "/dev/vfio/99"


def test_vfs_appear_and_vanish(node: Daemon, kubelet: FakeKubelet) -> None:
    node.start()
    with kubelet.plugin(kubelet.both_registered()["intel.com/kernel"]) as plugin:
        one, two = plugin.watch(), plugin.watch()
        assert next_ids(one) == next_ids(two) == KERNEL
        node.host.remove(KERNEL[1])
        left = [k for k in KERNEL if k != KERNEL[1]]
        assert next_ids(one) == next_ids(two) == left  # each stream has a queue of its own
        two.cancel()
        node.host.bind(KERNEL[0], "")
        assert next_ids(one) == left[1:]
        node.host.bind(KERNEL[0], "igbvf")
        assert next_ids(one) == left
    assert node.stop() == 0
    with pytest.raises((StopIteration, grpc.RpcError)):
        next(one)


@pytest.mark.parametrize("case", ["finding-cni-16-address-comes-and-goes"])
def test_a_vf_that_gets_an_address_leaves_the_list(node: Daemon, kubelet: FakeKubelet, case: str) -> None:
    """Such as by DHCP, after it was registered; the kernel's own address is none."""
    left = [k for k in KERNEL if k != KERNEL[1]]
    use = f"3 devices {' '.join(left)}; 1 withheld: {KERNEL[1]}, since the host uses its interface enp1s0v1"
    node.start()
    with kubelet.plugin(kubelet.both_registered()["intel.com/kernel"]) as plugin:
        stream = plugin.watch()
        assert next_ids(stream) == KERNEL
        node.host.addresses(("enp1s0v0", "fe80::7"), ("enp1s0v1", "2001:db8::7"))
        assert next_ids(stream) == left
        eventually(lambda: f"{use} (the address 2001:db8::7/64)" in node.logged(), "the reason in the log")
        node.host.addresses(("enp1s0v0", "fe80::7"), ("enp1s0v1", "2001:db8::8"))
        eventually(lambda: f"{use} (the address 2001:db8::8/64)" in node.logged(), "the new reason")
        node.host.addresses(("enp1s0v0", "fe80::7"), ("enp1s0v1", "fe80::8"))
        assert next_ids(stream) == KERNEL
    assert node.stop() == 0


def test_a_vf_that_moves_to_a_pod_stays_healthy(node: Daemon, kubelet: FakeKubelet) -> None:
    node.configure({"resourceName": "kernel", "selectors": {"linkTypes": ["ether"], "pfNames": ["enp1s0"]}})
    node.start()
    with kubelet.plugin(kubelet.registered().endpoint) as plugin:
        stream = plugin.watch()
        assert next_ids(stream) == KERNEL
        node.host.netdev_to_pod(KERNEL[0])
        node.host.remove(KERNEL[3])
        assert next_ids(stream) == KERNEL[:3]
        assert {d.health for d in next(plugin.watch()).devices} == {"Healthy"}
    node.stop()
    node.start()  # and after our own restart, which has not seen the interface before
    with kubelet.plugin(kubelet.registered().endpoint) as plugin:
        assert next_ids(plugin.watch()) == KERNEL[:3]


@vectors("dp", 89, differs=True)
def test_leftover_streams_end_and_do_not_block(node: Daemon, kubelet: FakeKubelet) -> None:
    node.start()
    with kubelet.plugin(kubelet.both_registered()["intel.com/kernel"]) as plugin:
        streams = [plugin.watch() for _turn in range(12)]
        for stream in streams:
            assert next_ids(stream) == KERNEL
        eventually(lambda: [stream.is_active() for stream in streams].count(True) == 3, "all but three have ended")
        assert len(plugin.allocate([KERNEL[0]])) == 1
        node.host.remove(KERNEL[1])
        left = [k for k in KERNEL if k != KERNEL[1]]
        assert [next_ids(stream) for stream in streams if stream.is_active()] == [left] * 3


@vectors("dp", 86)
def test_hup_reads_the_configuration_again(node: Daemon, kubelet: FakeKubelet) -> None:
    node.start("--rescan-interval", "3600")
    endpoint = kubelet.both_registered()["intel.com/kernel"]
    with kubelet.plugin(endpoint) as plugin:
        stream = plugin.watch()
        assert next_ids(stream) == KERNEL
        node.config.write_text("{")
        node.process.send_signal(signal.SIGHUP)
        eventually(lambda: "The configuration from before stays in use" in node.logged(), "the mistake in the log")
        node.configure(
            {"resourceName": "kernel", "selectors": {"pfNames": ["enp1s0#1"]}, "excludeTopology": True},
            {"resourceName": "new", "resourcePrefix": "example.com", "selectors": {}},
        )
        node.process.send_signal(signal.SIGHUP)
        assert [(d.ID, len(d.topology.nodes)) for d in next(stream).devices] == [(KERNEL[1], 0)]
    request = kubelet.registered()
    assert (request.resource_name, request.endpoint) == ("example.com/new", "example.com_new.sock")
    names = {"kubelet.sock", endpoint, "example.com_new.sock"}
    eventually(lambda: {e.name for e in kubelet.folder.iterdir()} == names, "the removed pool's socket is gone")


def test_a_changed_configuration_is_seen_where_asked(node: Daemon, kubelet: FakeKubelet) -> None:
    """As a ConfigMap's volume changes: the file is a link to one in a folder that a link names, and that one moves."""
    content = node.config.read_text()
    node.config.unlink()
    for version, text in (("1", content), ("2", "{"), ("3", json.dumps({"resourceList": [POOLS[1]]}))):
        (node.folder / version).mkdir()
        (node.folder / version / "config.json").write_text(text)
    data = node.folder / "data"

    def show(version: str) -> None:
        (node.folder / "new").symlink_to(version)
        (node.folder / "new").rename(data)

    show("1")
    node.config.symlink_to("data/config.json")
    node.start("--watch-config")
    kubelet.both_registered()
    show("2")
    eventually(lambda: "The configuration from before stays in use" in node.logged(), "the mistake in the log")
    show("3")
    eventually(lambda: "intel.com/kernel: no longer configured" in node.logged(), "the new configuration")
    assert node.logged().count("stays in use") == 1


@vectors("dp", 92, differs=True)
def test_nothing_matches_yet(node: Daemon, kubelet: FakeKubelet) -> None:
    """No device, no server, no error; ours goes on looking, and says why there is none."""
    node.configure({"resourceName": "late", "selectors": {"pfNames": ["enp3s0"]}})
    node.start()
    node.told("READY=1")
    assert [e.name for e in kubelet.folder.iterdir()] == ["kubelet.sock"]
    assert "intel.com/late: 0 devices; not taken: 8 x selector pfNames; 2 x it is a PF with 4 VFs" in node.logged()
    node.host.add("0000:03:00.0", name="enp3s0", totalvfs=7)
    node.host.add_vfs("0000:03:00.0", 2)
    with kubelet.plugin(kubelet.registered().endpoint) as plugin:
        assert next_ids(plugin.watch()) == ["0000:03:10.0", "0000:03:10.2"]


def test_our_own_sudden_end_loses_nothing(node: Daemon, kubelet: FakeKubelet) -> None:
    node.start()
    before = kubelet.both_registered()
    info = node.devinfo / f"intel.com-kernel-{KERNEL[0]}-device.json"
    with kubelet.plugin(before["intel.com/kernel"]) as plugin:
        plugin.allocate([KERNEL[0]])
    node.process.send_signal(signal.SIGKILL)
    assert node.process.wait(10) == -signal.SIGKILL
    assert info.exists()
    node.start()  # over the stale sockets
    assert kubelet.both_registered() == before
    with kubelet.plugin(before["intel.com/kernel"]) as plugin:
        assert next_ids(plugin.watch()) == KERNEL


def test_device_info_files_return_after_a_reboot(node: Daemon, kubelet: FakeKubelet) -> None:
    """Their folder is a tmpfs, and for pods that it knows the kubelet calls no Allocate."""
    node.start()
    kubelet.both_registered()
    eventually(lambda: len(list(node.devinfo.glob("[!.]*.json"))) == 8, "a file for each device")


def test_an_ended_host_folder_does_not_end_us(host: FakeHost, node: Daemon, kubelet: FakeKubelet) -> None:
    node.start()
    with kubelet.plugin(kubelet.both_registered()["intel.com/kernel"]) as plugin:
        stream = plugin.watch()
        assert next_ids(stream) == KERNEL
        shutil.rmtree(host.root)
        assert next_ids(stream) == []
    assert node.stop() == 0
