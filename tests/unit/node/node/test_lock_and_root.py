# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that have to wait for another one, and runs of somebody who is not root."""

from __future__ import annotations

import os

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import HostError
from ansible_collections.baremetal.sriov.plugins.module_utils.node import boot
from ansible_collections.baremetal.sriov.plugins.module_utils.record import record
from support.fake_host import FakeHost
from support.node_runs import KERNEL, PF1, present


@pytest.mark.parametrize("seconds", [pytest.param(600, id="finding-node-32")])
def test_a_lock_is_waited_for_as_long_as_work_under_it_may_take(host: FakeHost, seconds: float) -> None:
    """The hot-plug unit of a PF waits for a run that makes many VFs elsewhere; nothing starts it again."""
    present(host, [KERNEL])
    host._set_numvfs(PF1, "0")
    held = host.lock(record.LOCK)
    held.__enter__()
    sleep = host.sleep

    def let_go(pause: float) -> None:
        sleep(pause)
        if host.clock > seconds:
            held.__exit__(None, None, None)

    host.sleep = let_go  # type: ignore[method-assign]
    assert boot.main(host, [boot.ONE_PF, PF1]) == 0 and host.numvfs(PF1) == 4


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user to become")
@pytest.mark.parametrize("check", [
    pytest.param(False, id="finding-node-31-run"), pytest.param(True, id="finding-node-31-check"),
])  # fmt: skip
def test_without_root_it_ends_in_words(host: FakeHost, check: bool) -> None:
    """Whatever is read or written first; no traceback."""
    if check:
        host.put("var/lib/baremetal-sriov/original.json", "{}")
        host.real("var/lib/baremetal-sriov").chmod(0o700)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            for folder in (host.base, *host.base.parents):
                if "pytest-" in str(folder):
                    folder.chmod(0o755)
            os.setgid(65534)
            os.setuid(65534)
            present(host, [KERNEL], check=check)
            os.write(writer, b"no error")
        except HostError as error:
            os.write(writer, str(error).encode())
        except BaseException as error:  # what a module would end with
            os.write(writer, f"{error!r}".encode())
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    text = os.read(reader, 65536).decode()
    os.close(reader)
    assert "become: true" in text
