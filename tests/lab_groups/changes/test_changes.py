# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A configured node that is changed: counts, drivers, policies that go, reboots, VFs of others, NetworkManager.

The tests stand in the order in which they run: each begins where the one before it ended.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import chain
import pytest
from changing import COUNT, DPDK, NODE, drivers, identities, policies, set_count, site, words

from sriovlab.guest import Lab

# A function that is no NIC: the node makes its VFs, and nobody offers them.
DISK = {"name": "disk", "resource_name": "disk", "nic_selector": {"root_devices": ["0000:03:00.0"]}, "num_vfs": 2,
        "device_type": "vfio-pci"}  # fmt: skip
HAND = "chain-by-hand.service"
FIRST_PF = ("address", "num_vfs", "externally_managed", "exact", "given_back", "policies", "vfs", "mtu", "up",
            "autoprobe", "eswitch_mode", "allow_in_use")  # fmt: skip


def test_huge_pages_above_the_floor_are_refused_in_words(lab: Lab) -> None:
    plan = chain.playbook("plan", {"sriov_hugepages": [{"size": "2M", "count": 900, "at": "runtime"}]})
    assert plan.status != 0
    assert "1768 MiB needed, 512 MiB to be left" in words(plan)
    assert chain.huge_pages(lab) == 16


def test_seven_to_three_vfs_and_kernel_to_vfio(lab: Lab) -> None:
    pages = {"sriov_hugepages": [{"size": "2M", "nodes": {"0": 24}}]}
    wanted = policies({"name": "dpdk", "num_vfs": 3}, {"name": "kernel", "device_type": "vfio-pci"})
    run = site({**wanted, **pages}, *NODE)
    assert chain.huge_pages(lab) == 24
    assert "needs a reboot" not in words(run)
    assert drivers(lab) == {"enp1s0": ["vfio-pci"] * 4, "enp2s0": ["vfio-pci"] * 3}
    chain.wait_offered(lab, {"kernel": 4, "dpdk": 3})


def test_three_to_seven_vfs_vfio_to_uio_and_a_function_that_is_no_nic(lab: Lab) -> None:
    run = site(policies({"name": "kernel", "device_type": "uio_pci_generic"}, DISK), *NODE)
    assert drivers(lab) == {"enp1s0": ["uio_pci_generic"] * 4, "enp2s0": ["vfio-pci"] * 7}
    assert chain.huge_pages(lab) == 16
    assert len(lab.run(["ls", "/sys/class/uio"]).stdout.split()) == 4
    disk = lab.run(["sh", "-c", "readlink -f /sys/bus/pci/devices/0000:03:00.0/virtfn*/driver"]).stdout.split()
    assert [path.rpartition("/")[2] for path in disk] == ["vfio-pci"] * 2
    assert "0000:03:00.0 is no NIC" in words(run)
    chain.wait_offered(lab, {"kernel": 4, "dpdk": 7})


def test_uio_back_to_the_kernel(lab: Lab) -> None:
    site()
    assert drivers(lab) == {"enp1s0": ["igbvf"] * 4, "enp2s0": ["vfio-pci"] * 7}
    assert all(vf["net"] for vf in chain.vfs(lab, "enp1s0"))
    assert lab.read(COUNT.format("0000:03:00.0")).strip() == "0"
    chain.wait_offered(lab, {"kernel": 4, "dpdk": 7})


def test_a_node_outside_the_limit_is_not_asked(lab: Lab) -> None:
    """The other node can't be reached at all: without the limit the run would fail."""
    other = chain.folder() / "other-node.yml"
    other.write_text('{"sriov_nodes": {"hosts": {"node2": {"ansible_host": "127.0.0.1", "ansible_port": 1}}}}')
    options = (f"--inventory={other}",)
    assert chain.playbook("plan", {}, *options).status != 0
    run = site({}, *options, *NODE, "--limit", "node1")
    assert run.recap.keys() - {"localhost"} == {"node1"}
    assert run.recap["node1"]["changed"] == 0, run.output


def test_a_reboot_that_is_not_allowed_is_told_and_waited_for(lab: Lab) -> None:
    wanted = {"sriov_kernel_arguments": ["chain.waits=1"]}
    boot = lab.boot_id()
    for changes in (True, False):
        run = site(wanted)
        assert "node1 needs a reboot before its configuration takes effect" in words(run)
        assert (run.recap["node1"]["changed"] > 0) is changes, run.output
    assert lab.boot_id() == boot
    assert "chain.waits=1" not in lab.read("/proc/cmdline")
    assert "chain.waits=1" in lab.read("/boot/grub/grub.cfg")
    assert not lab.api("GET", "/api/v1/nodes/node1")["spec"].get("unschedulable")


def test_an_argument_that_is_taken_back_in_time_needs_no_reboot(lab: Lab) -> None:
    run = site()
    assert "needs a reboot" not in words(run)
    assert "chain.waits=1" not in lab.read("/boot/grub/grub.cfg")


def test_a_policy_that_is_gone_gives_its_pf_back(lab: Lab) -> None:
    before = identities(lab, "enp2s0")
    site({"sriov_policies": [DPDK], "sriov_networks": []}, *NODE)
    assert chain.num_vfs(lab) == {"enp1s0": 0, "enp2s0": 7}
    assert identities(lab, "enp2s0") == before
    chain.wait_offered(lab, {"dpdk": 7})


def test_an_inventory_without_policies_takes_no_vfs(lab: Lab, untouched: None) -> None:
    """As group_vars that were not found, or policies that are all for other hosts."""
    elsewhere = [{**DPDK, "node_selector": {"groups": ["elsewhere"]}}]
    for found in ([], elsewhere):
        refused = chain.playbook("site", {"sriov_policies": found, "sriov_networks": []}, *NODE)
        assert refused.status != 0
        assert "sriov_policies_may_be_empty" in words(refused)
        assert "0000:02:00.0" in words(refused)


def test_first_vfs_on_a_pf_that_is_in_use_need_the_users_word(lab: Lab) -> None:
    route = ["ip", "route", "add", "default", "via", "192.0.2.254", "dev", "enp1s0"]
    lab.run(["ip", "link", "set", "enp1s0", "up"])
    lab.run(["ip", "address", "add", "192.0.2.1/24", "dev", "enp1s0"])
    lab.run(route)
    try:
        refused = chain.playbook("site", {"sriov_reboot_ok": False})
        assert refused.status != 0
        assert "allow_in_use" in words(refused)
        assert chain.num_vfs(lab)["enp1s0"] == 0
        site(policies({"name": "kernel", "allow_in_use": True}), *NODE)
        assert chain.num_vfs(lab)["enp1s0"] == 4
        assert "192.0.2.1/24" in lab.run(["ip", "address", "show", "dev", "enp1s0"]).stdout
        assert "enp1s0" in lab.run(["ip", "route", "show", "default"]).stdout
    finally:
        lab.run(["ip", "route", "del", *route[3:]], check=False)
        lab.run(["ip", "address", "del", "192.0.2.1/24", "dev", "enp1s0"], check=False)


def test_vfs_of_a_hand_written_unit_are_adopted_as_they_are(lab: Lab) -> None:
    site({"sriov_policies": [DPDK], "sriov_networks": []}, *NODE)
    assert chain.num_vfs(lab)["enp1s0"] == 0
    text = f"[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo 4 > {COUNT.format(chain.PFS['enp1s0'])}'\n"
    lab.put(text.encode(), f"/run/systemd/system/{HAND}")
    lab.run(["systemctl", "daemon-reload"])
    lab.run(["systemctl", "start", HAND])
    made = identities(lab, "enp1s0")
    run = site({}, *NODE)
    assert identities(lab, "enp1s0") == made
    assert HAND in run.output, "the other hand is named"
    chain.wait_offered(lab, {"kernel": 4, "dpdk": 7})


def test_adopted_vfs_are_given_back_and_not_removed(lab: Lab) -> None:
    made = identities(lab, "enp1s0")
    site({"sriov_policies": [DPDK], "sriov_networks": []}, *NODE)
    assert identities(lab, "enp1s0") == made
    lab.run(["rm", f"/run/systemd/system/{HAND}"])
    lab.run(["systemctl", "daemon-reload"])
    set_count(lab, "enp1s0", 0)
    site({}, *NODE)
    chain.wait_offered(lab, {"kernel": 4, "dpdk": 7})


@pytest.fixture
def network_manager(lab: Lab) -> Iterator[None]:
    """NetworkManager, which looks after every interface but the one that the tests come in through."""
    settings = "/run/NetworkManager/conf.d/chain.conf"
    lab.run(["mkdir", "-p", "/run/NetworkManager/conf.d"])
    lab.put(b"[main]\ndns=none\n[keyfile]\nunmanaged-devices=driver:virtio_net\n", settings)
    lab.run(["systemctl", "start", "NetworkManager.service"])
    try:
        yield
    finally:
        lab.run(["systemctl", "stop", "NetworkManager.service"])
        lab.run(["rm", settings])


def managed(lab: Lab) -> set[str]:
    """The interfaces of VFs that NetworkManager looks after."""
    lines = lab.run(["nmcli", "--terse", "--fields=DEVICE,STATE", "device"]).stdout.split()
    devices = {line.partition(":")[0] for line in lines if not line.endswith(":unmanaged")}
    return devices & {vf["net"] for pf in chain.PFS for vf in chain.vfs(lab, pf)}


def as_after_a_boot(lab: Lab) -> None:
    """Start NetworkManager without its memory of the interfaces that it had: it outlives a restart."""
    lab.run(["systemctl", "stop", "NetworkManager.service"])
    lab.run(["rm", "-r", "/run/NetworkManager/devices"])
    lab.run(["systemctl", "start", "NetworkManager.service"])


def test_network_manager_leaves_the_vfs_alone_unless_asked(lab: Lab, network_manager: None) -> None:
    names = {vf["net"] for vf in chain.vfs(lab, "enp1s0")}
    site({"sriov_vfs_unmanaged": False}, *NODE)
    as_after_a_boot(lab)
    lab.wait_for("NetworkManager to look after the VFs", lambda: managed(lab) == names)
    site({}, *NODE)
    as_after_a_boot(lab)
    lab.wait_for("NetworkManager to leave the VFs alone", lambda: managed(lab) == set())
    # A VF that comes back from a pod is left alone, too.
    name = min(names)
    lab.run(["ip", "netns", "add", "chain-away"])
    lab.run(["ip", "link", "set", name, "netns", "chain-away"])
    lab.run(["ip", "-n", "chain-away", "link", "set", name, "netns", "1"])
    lab.run(["ip", "netns", "del", "chain-away"])
    lab.run(["udevadm", "settle"])
    assert managed(lab) == set()


def test_a_record_of_the_first_version_is_still_understood(lab: Lab) -> None:
    """It had texts in the place of whole files, and nothing about whose a PF is."""
    path = "/var/lib/baremetal-sriov/original.json"
    now = json.loads(lab.read(path))
    first = {"format": 1, "objects": now["objects"],
             "pfs": {address: {key: value for key, value in pf.items() if key in FIRST_PF}
                     for address, pf in now["pfs"].items()},
             "files": dict.fromkeys(now["files"])}  # fmt: skip
    assert all(kept is None for kept in now["files"].values()), "nothing of ours stood in the place of another's"
    lab.put(json.dumps(first).encode(), path, 0o600)
    run = site({}, *NODE)
    assert run.recap["node1"]["changed"] == 0, run.output


def test_the_kubelet_starts_though_our_unit_fails(lab: Lab) -> None:
    spec = "/etc/baremetal-sriov/node.json"
    kept = lab.read(spec)
    lab.put(b"not our JSON", spec)
    try:
        lab.reboot_and_wait()
        assert chain.unit(lab, "baremetal-sriov-node.service", "Result") == {"Result": "exit-code"}
        assert chain.unit(lab, "kubelet.service", "ActiveState") == {"ActiveState": "active"}
        assert spec in lab.run(["journalctl", "--boot", "--unit=baremetal-sriov-node.service", "--output=cat"]).stdout
    finally:
        lab.put(kept.encode(), spec)
    site()
    chain.wait_offered(lab, {"kernel": 4, "dpdk": 7})
