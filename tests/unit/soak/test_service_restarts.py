# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The loop of restarts sees a device that is lost, given twice, or taken from a pod; `make soak` runs it."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from support.checkout import ROOT

PROGRAM = ROOT / "tests" / "soak" / "service_restarts.py"
KERNEL, DPDK = "baremetal.sriov/kernel", "baremetal.sriov/dpdk"
KNOWN = {KERNEL: ["k0", "k1"], DPDK: ["d0"]}
HOLDS = {"PodUID": "u", "ContainerName": "main", "ResourceName": DPDK, "DeviceIDs": {"-1": ["d0"]}}
HELD = [["u", "main", DPDK, ["d0"]]]


@pytest.fixture
def soak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The program, with a checkpoint of ours, and little patience."""
    spec = importlib.util.spec_from_file_location("service_restarts", PROGRAM)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)  # dataclasses look there
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "CHECKPOINT", str(tmp_path / "checkpoint"))
    monkeypatch.setattr(module, "SECONDS", 0.2)
    monkeypatch.setattr(module, "shown", lambda _unit: ("1", "running", "fine"))
    return module


def write(soak: ModuleType, known: dict[str, Any], entries: list[Any] | None, age: float = 0.0) -> None:
    """A checkpoint as the kubelet writes it, so many seconds ago."""
    path = Path(soak.CHECKPOINT)
    path.write_text(json.dumps({"Data": {"PodDeviceEntries": entries, "RegisteredDevices": known}, "Checksum": 1}))
    stamp = time.time() - age
    os.utime(path, (stamp, stamp))


def hears(soak: ModuleType, wanted: dict[str, list[str]]) -> None:
    soak.Round(KNOWN, HELD, "fine", ("0000:02:00.0", DPDK), ("0000:01:00.0", KERNEL)).hears(0, wanted)


@pytest.mark.parametrize("ids", [{"-1": ["d0"]}, ["d0"]], ids=["by-numa-node", "as-before-1.20"])
def test_reads_the_checkpoint_of_old_and_new_kubelets(soak: ModuleType, ids: Any) -> None:
    write(soak, {KERNEL: ["k1", "k0"], DPDK: ["d0"], "baremetal.sriov/gone": None}, [{**HOLDS, "DeviceIDs": ids}])
    assert soak.checkpoint()[1:] == (KNOWN, HELD)
    write(soak, {}, None)
    assert soak.checkpoint()[1:] == ({}, [])


def test_all_is_there(soak: ModuleType) -> None:
    write(soak, KNOWN, [HOLDS])
    hears(soak, KNOWN)


@pytest.mark.parametrize(
    ("known", "entries", "said"),
    [
        ({KERNEL: ["k0"], DPDK: ["d0"]}, [HOLDS], "lost ['k1']"),
        ({KERNEL: ["k0", "k1"], DPDK: ["d0", "k1"]}, [HOLDS], "doubled ['k1']"),
        (KNOWN, [], "hold []"),
        (KNOWN, [{**HOLDS, "DeviceIDs": {"-1": ["k0"]}}], "['k0']"),
    ],
    ids=["lost", "doubled", "taken-from-the-pod", "exchanged-under-the-pod"],
)
def test_what_is_wrong_is_said(soak: ModuleType, known: Any, entries: list[Any], said: str) -> None:
    write(soak, known, entries, age=60.0)
    with pytest.raises(soak.Wrong) as caught:
        hears(soak, KNOWN)
    assert said in str(caught.value)


def test_an_old_checkpoint_proves_nothing(soak: ModuleType) -> None:
    write(soak, KNOWN, [HOLDS])
    with pytest.raises(soak.Wrong):
        soak.Round(KNOWN, HELD, "fine", ("", DPDK), ("", KERNEL)).hears(time.time_ns() + 10**9, KNOWN)


@pytest.mark.parametrize(
    ("age", "offered", "fine"),
    [(60.0, {KERNEL: 2, DPDK: 1}, True), (60.0, {KERNEL: 2}, False), (0.0, {KERNEL: 2, DPDK: 1}, False)],
    ids=["the-api-server-has-all", "it-has-not", "it-may-not-have-been-told-yet"],
)
def test_of_two_lists_at_once_the_older_was_written_last(
    soak: ModuleType, monkeypatch: pytest.MonkeyPatch, age: float, offered: dict[str, int], fine: bool
) -> None:
    monkeypatch.setattr(soak, "offered", lambda: offered)
    write(soak, {KERNEL: ["k0", "k1"]}, [HOLDS], age)
    if fine:
        hears(soak, KNOWN)
    else:
        with pytest.raises(soak.Wrong, match="lost \\['d0'\\]"):
            hears(soak, KNOWN)
