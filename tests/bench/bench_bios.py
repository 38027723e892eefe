# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures of the client for BMCs, at simulated ones behind TLS, which have a process of their own.

bios.plan_500_ratio: the plan for 500 of them, in one call of the module sriov_bios, half of which have to change
something, over 500 bare requests, each a connection and a GET of a BIOS; both with as many threads.
bios.rss_mib: the most memory of the process that asked.
"""

from __future__ import annotations

import base64
import http.client
import multiprocessing
import resource
import ssl
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from figures import Figure, figure, main

from ansible_collections.baremetal.sriov.plugins.module_utils.bmc import bios_module
from ansible_collections.baremetal.sriov.plugins.module_utils.bmc.fleet import PARALLEL
from support.bmc import resources
from support.bmc.expected import ALL_ON, SENT
from support.bmc.fake import PASSWORD, USER, FakeBmc
from support.bmc.runs import module
from support.bmc.server import Farm, certificate

COUNT = 500
TURNS = 3
VENDORS = ("dell", "hpe", "lenovo", "supermicro", "ami")


def serve(pem: Path, ready: Connection) -> None:
    """The other process: BMCs, of which every second one has what is asked for."""
    with Farm(pem) as farm:
        addresses = []
        for number in range(COUNT):
            bmc = FakeBmc(VENDORS[number // 2 % len(VENDORS)])
            if number % 2:
                bmc.current.update(SENT[VENDORS[number // 2 % len(VENDORS)]])
            addresses.append((farm.add(bmc), resources.bios_path(bmc.shape)))
        ready.send(addresses)
        ready.recv()


@contextmanager
def bmcs(pem: Path) -> Iterator[list[tuple[str, str]]]:
    """Address and BIOS of each."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=serve, args=(pem, there), daemon=True)
    process.start()
    try:
        yield here.recv()
    finally:
        here.send("end")
        process.join()


def bare(pem: Path, found: list[tuple[str, str]]) -> float:
    """Seconds for one GET of each."""
    word = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

    def one(place: tuple[str, str]) -> None:
        context = ssl.create_default_context(cafile=str(pem))
        connection = http.client.HTTPSConnection(place[0].removeprefix("https://"), context=context, timeout=60)
        connection.request("GET", place[1], headers={"Authorization": f"Basic {word}"})
        reply = connection.getresponse()
        assert reply.status == 200 and reply.read()
        connection.close()

    start = time.monotonic()
    with ThreadPoolExecutor(PARALLEL) as pool:
        list(pool.map(one, found))
    return time.monotonic() - start


def planned(pem: Path, found: list[tuple[str, str]], folder: Path) -> float:
    """Seconds for the plans of all."""
    items: list[dict[str, Any]] = [
        {"name": f"node{number}", "address": address, "username": USER, "password": PASSWORD, "ca_path": str(pem),
         "settings": ALL_ON}
        for number, (address, _path) in enumerate(found)
    ]  # fmt: skip
    start = time.monotonic()
    ended = module(bios_module.SPEC, bios_module.main, True, bmcs=items, record=str(folder / "record"))
    seconds = time.monotonic() - start
    assert not ended.failed, ended.result["msg"]
    assert sum(one["changed"] for one in ended.result["answers"].values()) == COUNT // 2
    return seconds


def figures() -> list[Figure]:
    """In turn, so that a busy moment meets both."""
    with tempfile.TemporaryDirectory(prefix="bios-") as name:
        folder = Path(name)
        pem = certificate(folder)[0]
        with bmcs(pem) as found:
            pairs = [(bare(pem, found), planned(pem, found, folder)) for _turn in range(TURNS)]
    ratios = [plan / gets for gets, plan in pairs]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [
        figure("bios.plan_500_ratio", "ratio", ratios, "500 bare GETs over TLS", limit=3),
        figure("bios.rss_mib", "MiB", [memory], limit=1024),
    ]


if __name__ == "__main__":
    sys.exit(main(__doc__, figures))
