# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What works with the patches of this folder: from the user's value to what is restored.

A test's name, or the id of its case, holds the name of its patch.
"""

from __future__ import annotations

import contextlib
import json
import runpy
from collections.abc import Iterator
from pathlib import Path
from struct import pack
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.baremetal.sriov.plugins.filter.filters import node_spec as filter_node_spec
from ansible_collections.baremetal.sriov.plugins.module_utils.node.run import Outcome
from ansible_collections.baremetal.sriov.plugins.module_utils.policy.node_spec import node_spec
from sriov_cni.spec import config as cni_config
from sriov_cni.vf.settings import SETTINGS
from sriov_device_plugin.errors import ConfigError
from sriov_device_plugin.host.discovery import Scanner
from sriov_device_plugin.pool import allocation, config, pools
from support.cni_world import Refusal, World
from support.dp_host import FakeHost as PluginHost
from support.fake_boot import ID, RHEL9_ENTRY, EntryHost
from support.fake_host import FakeHost
from support.node_runs import KERNEL, PF1, absent, actions, drivers, make_host, present, snapshot

# The node library.


@contextlib.contextmanager
def applied(host: FakeHost, policy: dict[str, Any]) -> Iterator[Outcome]:
    """A run with this policy; after it, a second one has nothing to do, and a teardown gives back what was there."""
    before = snapshot(host)
    yield present(host, [policy])
    assert not present(host, [policy]).plan.steps
    absent(host)
    assert snapshot(host) == before


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    """An administrator made the first PF's VFs."""
    made = make_host(tmp_path)
    made.nets["enp1s0"].up = True
    made.write_attribute(f"/sys/bus/pci/devices/{PF1}/sriov_numvfs", "4")
    return made


@pytest.mark.parametrize(
    ("policy", "options", "words"),
    [
        pytest.param({}, {"boot_loader": "lilo"}, "expected one of auto, .*zipl; found 'lilo'", id="boot_loader"),
        pytest.param({}, {"pci_realloc": 7}, "pci_realloc: expected true or false, found 7", id="node_option"),
        pytest.param({"trusted": 7}, {}, "trusted: expected true or false, found 7", id="policy_field"),
        pytest.param(
            {"vfs": [{"indices": 0, "query_rss": 7}]},
            {},
            "query_rss: expected true or false, found 7",
            id="vf_attribute",
        ),
    ],
)
def test_a_wrong_value(policy: dict[str, Any], options: dict[str, Any], words: str) -> None:
    with pytest.raises(AnsibleFilterError, match=words):
        filter_node_spec([{**KERNEL, **policy}], **options)


def test_vf_attribute(host: FakeHost) -> None:
    """Asked for by a policy, made on the host, and read back."""
    with applied(host, {**KERNEL, "vfs": [{"indices": 0, "query_rss": True}]}) as outcome:
        assert f"{PF1} vf 0: set query_rss on" in actions(outcome)
        for vfs in (host.pfs[PF1].settings.values(), outcome.facts()["pfs"][0]["vfs"]):
            assert [vf["query_rss"] for vf in vfs] == [True, False, False, False]


def test_policy_field(host: FakeHost) -> None:
    with applied(host, {**KERNEL, "trusted": True, "vfs": [{"indices": 3, "trust": False}]}):
        assert [vf["trust"] for vf in host.pfs[PF1].settings.values()] == [True, True, True, False]


class AcmeHost(FakeHost):
    """Its PFs' driver refuses another eswitch mode while there are VFs."""

    mode_before_vfs = frozenset({"acme"})


def test_nic_quirk(tmp_path: Path) -> None:
    """Switchdev mode on a driver that takes it without VFs alone."""
    host = make_host(tmp_path, driver="acme", kind=AcmeHost)
    with applied(host, {**KERNEL, "eswitch_mode": "switchdev"}):
        assert (host.pfs[PF1].eswitch, drivers(host, PF1)) == ("switchdev", ["igbvf"] * 4)


def test_node_option(tmp_path: Path) -> None:
    """Through the filter to the boot loader, and taken back."""
    host = make_host(tmp_path)
    before = snapshot(host)
    asked = {"pci_realloc": "yes"}
    assert filter_node_spec([KERNEL], **asked) == node_spec([KERNEL], **asked)
    outcome = present(host, [KERNEL], **asked)
    assert outcome.plan.reboot_required and "pci=realloc" in host.grub_line().split()
    host.reboot()
    assert not present(host, [KERNEL], **asked).plan.reboot_required
    absent(host)
    assert "pci=realloc" not in host.grub_line().split()
    host.reboot()
    assert snapshot(host) == before


ENTRIES = "/boot/loader/entries"


class ZiplHost(EntryHost):
    """IBM Z: zipl makes the boot record from the entries; `boot_record` is what it wrote last."""

    boot_record: tuple[str, ...] = ()

    def show(self, argv: tuple[str, ...]) -> str | None:
        return None if argv[0] == "zipl" else "[]" if argv[0] == "ip" else ""

    def act(self, argv: tuple[str, ...]) -> int:
        self.boot_record = tuple(self.read_text(f"{ENTRIES}/{name}") or "" for name in self.list_dir(ENTRIES))
        return 0


@pytest.mark.parametrize("name", ["zipl", "auto"])
def test_boot_loader(tmp_path: Path, name: str) -> None:
    """Found, named by the user, written, read back, and restored to every byte."""
    host: Any = ZiplHost(tmp_path)
    host.put(f"{ENTRIES}/{ID}-5.14.0-362.el9.s390x.conf", RHEL9_ENTRY.format(version="5.14.0-362"))
    host.put("/etc/zipl.conf", "[defaultboot]\ndefaultauto\n")
    host.reboot()
    before = host.tree()
    asked = {"boot_loader": name, "kernel_arguments": ["nosmt"]}
    outcome = present(host, [], **asked)
    assert actions(outcome)[0].startswith("zipl: ") and outcome.plan.reboot_required
    assert ["nosmt" in text for text in host.boot_record] == [True]
    host.reboot()
    assert not present(host, [], **asked).plan.steps
    absent(host)
    assert ["nosmt" in text for text in host.boot_record] == [False]
    assert host.tree() == before


# The device plugin.

NVME = "0000:05:00.0"


def parsed(kind: str) -> config.Config:
    entry = {"resourceName": "p", "deviceType": kind, "selectors": {"vendors": ["144d"]}}
    return config.parse(json.dumps({"resourceList": [entry]}).encode(), "intel.com")


def test_device_type(tmp_path: Path) -> None:
    """Named by a configuration, found on the host, given to a container."""
    host = PluginHost(tmp_path)
    host.add(NVME, driver="", ids="144d:a824", klass="0x010802")
    host.bind(NVME, "vfio-pci", group=7)
    host.add("0000:06:00.0", name="ens6", ids="144d:a824")
    loaded = parsed("storageDevice")
    devices = pools.scan(loaded.pools, Scanner(str(host.root)))
    members = pools.assign(loaded.pools, devices)["intel.com/p"].members
    assert list(members) == [NVME]
    grant = allocation.grant(loaded.pools[0], [members[NVME]], str(host.root))
    assert grant.envs["PCIDEVICE_INTEL_COM_P"] == NVME
    assert "/dev/vfio/7" in [node.host_path for node in grant.nodes]


def test_a_wrong_device_type() -> None:
    with pytest.raises(ConfigError, match="storageDevice"):
        parsed("tapeDevice")


# The CNI plugin: a network can ask for query_rss, as `ip link set PF vf N query_rss on` does.

DOCS = Path(__file__).resolve().parents[1] / "cni" / "test_docs.py"
KEY = "query_rss"
# source: linux/if_link.h, IFLA_VF_RSS_QUERY_EN = 7, struct ifla_vf_rss_query_en: the VF's index, the setting
ATTRIBUTE = pack("=HHII", 12, 7, 3, 1)


def test_cni_key_over_add_and_check_to_del(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.set_pf(vfs=[{**vf, KEY: 0} for vf in world.pf["vfs"]])  # its driver keeps the setting
        before, conf = world.snapshot(), {**world.conf, KEY.upper(): "on"}
        with pytest.raises(Refusal, match=f"{KEY}: expected off or on, found 'maybe'"):
            world.call("ADD", {**world.conf, KEY: "maybe"})
        result = world.call("ADD", conf)
        assert world.pf["vfs"][0][KEY] == 1
        world.call("CHECK", {**conf, "prevResult": result})
        first, *others = world.pf["vfs"]
        world.set_pf(vfs=[{**first, KEY: 0}, *others])
        with pytest.raises(Refusal, match=f"{KEY}: expected 1, found 0"):
            world.call("CHECK", {**conf, "prevResult": result})
        world.set_pf(vfs=[first, *others])
        world.call("DEL", conf)
        assert world.snapshot() == before


def test_cni_key_on_the_wire() -> None:
    assert SETTINGS[KEY].encode(3, {KEY: 1}) == ATTRIBUTE


def test_cni_key_is_documented() -> None:
    assert KEY in cni_config.KEYS
    tests = runpy.run_path(str(DOCS))
    tests["test_table_has_every_key"]()
    tests["test_example_of_a_configuration_has_every_key"]()
